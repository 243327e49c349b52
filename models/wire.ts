import { paddingAfter } from './frames.js'
import {
  DATA_CONSTRUCTORS, ELEMENT_BYTES, elementCount, type Datatype, type Tensor, type TensorData
} from './tensor.js'

/** A tensor's place in a frame's meta; its elements follow in the payload in the same order, each 8-byte aligned. */
export type TensorHeader = readonly [name: string, datatype: Datatype, shape: readonly number[]]

/** Tensors ready for `encodeFrame`. */
export interface EncodedTensors {
  readonly headers: TensorHeader[]
  readonly parts: Uint8Array[]
}

const PADDING = Array.from({ length: 8 }, (_, bytes) => new Uint8Array(bytes))
const STRING_LENGTH_BYTES = 4

/**
 * Tensors as headers and raw bytes in the order of this machine, which is little-endian on every platform that
 * onnxruntime-node supports. Numeric data is not copied; strings become u32 length and UTF-8 each.
 */
export function encodeTensors (tensors: readonly Tensor[]): EncodedTensors {
  const headers: TensorHeader[] = []
  const parts: Uint8Array[] = []
  for (const { name, datatype, shape, data } of tensors) {
    headers.push([name, datatype, shape])
    const bytes = Array.isArray(data)
      ? encodeStrings(data)
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    parts.push(bytes)
    const padding = paddingAfter(bytes.byteLength)
    if (padding > 0) parts.push(PADDING[padding] as Uint8Array)
  }
  return { headers, parts }
}

/**
 * The tensors of a frame as views of its payload, copied only where the payload is not aligned.
 * @throws RangeError when the payload is shorter than the headers say
 */
export function decodeTensors (headers: readonly TensorHeader[], payload: Uint8Array): Tensor[] {
  const tensors: Tensor[] = []
  let at = 0
  for (const [name, datatype, shape] of headers) {
    const count = elementCount(shape)
    if (datatype === 'BYTES') {
      const strings = decodeStrings(payload, at, count)
      tensors.push({ name, datatype, shape, data: strings.data })
      at = strings.end
    } else {
      const end = at + count * ELEMENT_BYTES[datatype]
      if (end > payload.byteLength) throw new RangeError(`tensor ${name} passes the end of its frame`)
      tensors.push({ name, datatype, shape, data: numericView(datatype, payload, at, count) })
      at = end
    }
    at += paddingAfter(at)
  }
  return tensors
}

function numericView (
  datatype: Exclude<Datatype, 'BYTES'>, payload: Uint8Array, at: number, count: number
): TensorData {
  const DataClass = DATA_CONSTRUCTORS[datatype]
  const byteOffset = payload.byteOffset + at
  if (byteOffset % ELEMENT_BYTES[datatype] === 0) return new DataClass(payload.buffer, byteOffset, count)
  // Not payload.slice, which for a Buffer is a view.
  const copy = Uint8Array.from(payload.subarray(at, at + count * ELEMENT_BYTES[datatype]))
  return new DataClass(copy.buffer, 0, count)
}

function encodeStrings (strings: readonly string[]): Uint8Array {
  let totalBytes = 0
  const lengths = strings.map((text) => {
    const bytes = Buffer.byteLength(text)
    totalBytes += STRING_LENGTH_BYTES + bytes
    return bytes
  })
  const buffer = Buffer.allocUnsafe(totalBytes)
  let at = 0
  strings.forEach((text, index) => {
    at = buffer.writeUInt32LE(lengths[index] as number, at)
    at += buffer.write(text, at)
  })
  return buffer
}

function decodeStrings (payload: Uint8Array, start: number, count: number): { data: string[], end: number } {
  const buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  const data: string[] = []
  let at = start
  for (let index = 0; index < count; index++) {
    const textAt = at + STRING_LENGTH_BYTES
    const end = textAt + buffer.readUInt32LE(at)
    if (end > buffer.length) throw new RangeError('a string passes the end of its frame')
    data.push(buffer.toString('utf8', textAt, end))
    at = end
  }
  return { data, end: at }
}
