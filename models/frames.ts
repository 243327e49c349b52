/**
 * The frames a gateway and a model host exchange. One frame on the wire, all integers little-endian:
 *
 *   u32 length of what follows | u8 kind | u32 id | u32 length of meta | meta, JSON | payload
 *
 * Meta is filled up with spaces so that the payload starts 8-byte aligned within its frame, and payloads are multiples
 * of 8 bytes, so typed arrays can be laid over a received frame without copying.
 */
export const FRAME_KINDS = {
  hello: 1,
  load: 2,
  ready: 3,
  loadFailed: 4,
  run: 5,
  result: 6,
  runFailed: 7,
  stats: 8,
  inspect: 9,
  inspected: 10
} as const

export type FrameKind = keyof typeof FRAME_KINDS

/** A received frame; `payload` may be a view of the chunk it came in. */
export interface Frame {
  readonly kind: FrameKind
  readonly id: number
  readonly meta: string
  readonly payload: Uint8Array
}

/** Longest frame either side sends or accepts. */
export const FRAME_BYTES_MAX = 256 * 1024 * 1024

const LENGTH_BYTES = 4
const HEADER_BYTES = 13
const ALIGNMENT = 8
/** Below this a payload is copied behind its header, which is cheaper than one more part in the write. */
const COPY_BYTES_MAX = 64 * 1024

const KIND_OF_BYTE = new Map(Object.entries(FRAME_KINDS).map(([kind, byte]) => [byte as number, kind as FrameKind]))

/** What `frame` needs to become a multiple of 8. */
export function paddingAfter (bytes: number): number {
  return (ALIGNMENT - bytes % ALIGNMENT) % ALIGNMENT
}

/**
 * The parts of one frame, to be written in order. Small payloads are copied into the first part, large ones are handed
 * on as they are and must not change until they are written.
 * @throws RangeError when the frame would be longer than `bytesMax`
 */
export function encodeFrame (
  kind: FrameKind, id: number, meta: string, payload: readonly Uint8Array[] = [], bytesMax = FRAME_BYTES_MAX
): Uint8Array[] {
  const metaBytes = Buffer.byteLength(meta)
  const metaPadding = paddingAfter(HEADER_BYTES + metaBytes)
  const headBytes = HEADER_BYTES + metaBytes + metaPadding
  let payloadBytes = 0
  for (const part of payload) payloadBytes += part.byteLength
  const tailPadding = paddingAfter(payloadBytes)
  const totalBytes = headBytes + payloadBytes + tailPadding
  if (totalBytes > bytesMax) throw new RangeError(`a frame of ${totalBytes} bytes is over the limit of ${bytesMax}`)

  const isCopied = payloadBytes <= COPY_BYTES_MAX
  const head = Buffer.allocUnsafe(isCopied ? totalBytes : headBytes)
  head.writeUInt32LE(totalBytes - LENGTH_BYTES, 0)
  head[4] = FRAME_KINDS[kind]
  head.writeUInt32LE(id, 5)
  head.writeUInt32LE(metaBytes + metaPadding, 9)
  head.write(meta, HEADER_BYTES)
  head.fill(0x20, HEADER_BYTES + metaBytes, headBytes)
  if (!isCopied) return tailPadding === 0 ? [head, ...payload] : [head, ...payload, new Uint8Array(tailPadding)]
  let at = headBytes
  for (const part of payload) {
    head.set(part, at)
    at += part.byteLength
  }
  head.fill(0, at)
  return [head]
}

/** Cuts a byte stream, however it is chunked, into frames. */
export class FrameDecoder {
  readonly #onFrame: (frame: Frame) => void
  readonly #bytesMax: number
  readonly #isChunkReused: boolean
  readonly #prefix = Buffer.alloc(LENGTH_BYTES)
  #prefixBytes = 0
  #partial: Buffer | null = null
  #partialBytes = 0

  /** `isChunkReused`: the memory of a chunk is overwritten after `push`, so nothing may point into it. */
  constructor (onFrame: (frame: Frame) => void, options: { bytesMax?: number, isChunkReused?: boolean } = {}) {
    this.#onFrame = onFrame
    this.#bytesMax = options.bytesMax ?? FRAME_BYTES_MAX
    this.#isChunkReused = options.isChunkReused ?? false
  }

  /** @throws RangeError when a frame is too long or malformed; the stream cannot be read any further then */
  push (chunk: Uint8Array): void {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let at = 0
    while (at < buffer.length) {
      at = this.#partial === null ? this.#begin(buffer, at) : this.#fill(this.#partial, buffer, at)
    }
  }

  #begin (chunk: Buffer, at: number): number {
    if (this.#prefixBytes === 0 && chunk.length - at >= LENGTH_BYTES) {
      const totalBytes = this.#totalBytes(chunk.readUInt32LE(at))
      const isAligned = (chunk.byteOffset + at) % ALIGNMENT === 0
      if (!this.#isChunkReused && isAligned && chunk.length - at >= totalBytes) {
        this.#onFrame(parseFrame(chunk.subarray(at, at + totalBytes)))
        return at + totalBytes
      }
      this.#partial = Buffer.allocUnsafeSlow(totalBytes)
      this.#partialBytes = 0
      return at
    }
    this.#prefix[this.#prefixBytes++] = chunk[at] as number
    if (this.#prefixBytes === LENGTH_BYTES) {
      this.#partial = Buffer.allocUnsafeSlow(this.#totalBytes(this.#prefix.readUInt32LE(0)))
      this.#prefix.copy(this.#partial)
      this.#partialBytes = LENGTH_BYTES
      this.#prefixBytes = 0
    }
    return at + 1
  }

  #fill (partial: Buffer, chunk: Buffer, at: number): number {
    const copied = chunk.copy(partial, this.#partialBytes, at)
    this.#partialBytes += copied
    if (this.#partialBytes === partial.length) {
      this.#partial = null
      this.#onFrame(parseFrame(partial))
    }
    return at + copied
  }

  #totalBytes (length: number): number {
    const totalBytes = LENGTH_BYTES + length
    if (totalBytes < HEADER_BYTES) throw new RangeError(`a frame of ${totalBytes} bytes is shorter than its header`)
    if (totalBytes > this.#bytesMax) {
      throw new RangeError(`a frame of ${totalBytes} bytes is over the limit of ${this.#bytesMax}`)
    }
    return totalBytes
  }
}

function parseFrame (frame: Buffer): Frame {
  const kind = KIND_OF_BYTE.get(frame[4] as number)
  if (kind === undefined) throw new RangeError(`unknown frame kind ${frame[4]}`)
  const payloadAt = HEADER_BYTES + frame.readUInt32LE(9)
  if (payloadAt > frame.length) throw new RangeError(`frame meta of ${payloadAt - HEADER_BYTES} bytes passes the frame's end`)
  return {
    kind,
    id: frame.readUInt32LE(5),
    meta: frame.toString('utf8', HEADER_BYTES, payloadAt),
    payload: frame.subarray(payloadAt)
  }
}
