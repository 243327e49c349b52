const VARINT = 0
const LENGTH_DELIMITED = 2
const FIXED_32 = 5

const utf8 = new TextEncoder()

/**
 * Writes one protobuf message, field by field, in the order of the calls. Covers the wire types ONNX needs:
 * varint, 32-bit float and length-delimited (strings, bytes, nested messages, packed numbers).
 */
export class ProtobufWriter {
  private readonly chunks: Uint8Array[] = []
  private sizeBytes = 0

  /** A 64-bit integer; a negative one takes ten bytes of two's complement, as protobuf's int64 does. */
  int (field: number, value: number | bigint): this {
    return this.tag(field, VARINT).push(varint(value))
  }

  float (field: number, value: number): this {
    return this.tag(field, FIXED_32).push(new Uint8Array(littleEndianFloats([value])))
  }

  string (field: number, value: string): this {
    return this.bytes(field, utf8.encode(value))
  }

  bytes (field: number, value: Uint8Array): this {
    return this.tag(field, LENGTH_DELIMITED).push(varint(value.length)).push(value)
  }

  message (field: number, value: ProtobufWriter): this {
    return this.bytes(field, value.finish())
  }

  packedInts (field: number, values: readonly (number | bigint)[]): this {
    const packed = new ProtobufWriter()
    for (const value of values) packed.push(varint(value))
    return this.message(field, packed)
  }

  packedFloats (field: number, values: readonly number[]): this {
    return this.bytes(field, new Uint8Array(littleEndianFloats(values)))
  }

  finish (): Uint8Array {
    const message = new Uint8Array(this.sizeBytes)
    let offset = 0
    for (const chunk of this.chunks) {
      message.set(chunk, offset)
      offset += chunk.length
    }
    return message
  }

  private tag (field: number, wireType: number): this {
    return this.push(varint(field * 8 + wireType))
  }

  private push (chunk: Uint8Array): this {
    this.chunks.push(chunk)
    this.sizeBytes += chunk.length
    return this
  }
}

function varint (value: number | bigint): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest > 0x7Fn) {
    bytes.push(Number(rest & 0x7Fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}

function littleEndianFloats (values: readonly number[]): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(values.length * 4))
  values.forEach((value, index) => view.setFloat32(index * 4, value, true))
  return view.buffer
}
