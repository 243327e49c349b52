import type { FileCursor } from './cursor.js'

/** The longest tag, length and varint value together. */
const HEADER_BYTES_MAX = 32
const VARINT_BYTES_MAX = 10

const WIRE_TYPES = ['a varint', '64 bits', 'length-delimited', 'a group', 'the end of a group', '32 bits'] as const
const VARINT = 0
const FIXED_64 = 1
const DELIMITED = 2
const FIXED_32 = 5

/** How a field is written: one or many: varint, 32 or 64 bits, bytes (texts, messages). Many numbers can be packed. */
export type FieldKind = 'varint' | 'varints' | 'fixed32' | 'fixed32s' | 'fixed64s' | 'bytes' | 'bytesMany'

/** The fields of a message that are read, by number (at most 30); others are skipped. */
export interface MessageShape { readonly name: string, readonly fields: Readonly<Record<number, FieldKind>> }

const EXPECTED: Readonly<Record<FieldKind, readonly number[]>> = {
  varint: [VARINT],
  varints: [VARINT, DELIMITED],
  fixed32: [FIXED_32],
  fixed32s: [FIXED_32, DELIMITED],
  fixed64s: [FIXED_64, DELIMITED],
  bytes: [DELIMITED],
  bytesMany: [DELIMITED]
}

const REPEATED: ReadonlySet<FieldKind> = new Set(['varints', 'fixed32s', 'fixed64s', 'bytesMany'])

export interface ProtobufLimits {
  /** Messages within messages; protobuf itself stops at 100. */
  readonly depthMax: number
  /** Bytes of everything that is read rather than skipped. */
  readonly headerBytesMax: number
}

/** A message that is being read, and where its present field is. */
export interface Frame {
  readonly shape: MessageShape
  readonly depth: number
  readonly end: number
  /** Bits of the fields that were there, so that one that may occur once does. */
  seen: number
  /** Where the next field begins. */
  next: number
  /** The value of a varint field. */
  value: number
  /** Of a length-delimited field, else 0. */
  lengthBytes: number
  /** Whether the present field is length-delimited. */
  isDelimited: boolean
}

const FRESH = { seen: 0, value: 0, lengthBytes: 0, isDelimited: false }

/**
 * Walks the field headers of a protobuf file without building anything: the caller enters the messages it wants, reads
 * the numbers and strings it wants, and whatever it leaves is skipped. A field that may occur once and occurs twice is
 * refused, since parsers differ in what they make of that.
 */
export class ProtobufReader {
  readonly #cursor: FileCursor
  readonly #limits: ProtobufLimits
  #headerBytes = 0

  constructor (cursor: FileCursor, limits: ProtobufLimits) {
    this.#cursor = cursor
    this.#limits = limits
  }

  /** The whole file as a message. */
  root (shape: MessageShape): Frame {
    return { ...FRESH, shape, depth: 1, end: this.#cursor.sizeBytes, next: 0 }
  }

  /** The present field of a frame as a message of its own. */
  enter (parent: Frame, shape: MessageShape): Frame {
    const depth = parent.depth + 1
    if (depth > this.#limits.depthMax) throw this.#cursor.fault(`messages are nested deeper than ${this.#limits.depthMax}`)
    return { ...FRESH, shape, depth, end: parent.next, next: this.#cursor.position }
  }

  /** The number of the next field; 0 at the end of the message. Unknown fields and what was left unread are skipped. */
  async next (frame: Frame): Promise<number> {
    const cursor = this.#cursor
    for (;;) {
      cursor.moveTo(frame.next)
      if (frame.next === frame.end) return 0
      await cursor.fill(HEADER_BYTES_MAX)
      const tag = this.#varint(frame)
      const number = Math.floor(tag / 8)
      if (number < 1 || tag > 0xffff_ffff) throw cursor.fault(`a ${frame.shape.name} has the field number ${number}`, frame.next)
      const kind = frame.shape.fields[number]
      this.#checkWireType(frame, number, tag % 8, kind)
      this.#readHeader(frame, tag % 8)
      this.#count(cursor.position - frame.next)
      frame.next = cursor.position + frame.lengthBytes
      if (tag % 8 === FIXED_32 || tag % 8 === FIXED_64) {
        frame.next += tag % 8 === FIXED_32 ? 4 : 8
        if (frame.next > frame.end) throw this.#tooLong(frame, frame.next - cursor.position)
      }
      if (kind !== undefined) return number
    }
  }

  /** The bytes of the present field. @param bytesMax more are refused, as `what` */
  async bytes (frame: Frame, bytesMax: number, what: string): Promise<Buffer> {
    if (frame.lengthBytes > bytesMax) {
      throw this.#cursor.fault(`${what} has ${frame.lengthBytes} bytes, more than the ${bytesMax} allowed`)
    }
    this.#count(frame.lengthBytes)
    return await this.#cursor.bytes(frame.lengthBytes)
  }

  async text (frame: Frame, bytesMax: number, what: string): Promise<string> {
    return (await this.bytes(frame, bytesMax, what)).toString('utf8')
  }

  /** The numbers of the present field, packed or not. */
  async numbers (frame: Frame, countMax: number, what: string): Promise<number[]> {
    if (!frame.isDelimited) return [frame.value]
    const values: number[] = []
    while (this.#cursor.position < frame.next) {
      if (values.length === countMax) throw this.#cursor.fault(`${what} has more than ${countMax} numbers`)
      await this.#cursor.fill(HEADER_BYTES_MAX)
      const from = this.#cursor.position
      values.push(this.#varint({ ...frame, end: frame.next }))
      this.#count(this.#cursor.position - from)
    }
    return values
  }

  #checkWireType (frame: Frame, number: number, wireType: number, kind: FieldKind | undefined): void {
    const cursor = this.#cursor
    const name = `field ${number} of a ${frame.shape.name}`
    const found = WIRE_TYPES[wireType]
    if (found === undefined) throw cursor.fault(`${name} has the wire type ${wireType}, which does not exist`, frame.next)
    if (wireType === 3 || wireType === 4) throw cursor.fault(`${name} is ${found}, which ONNX has not`, frame.next)
    if (kind === undefined) return
    if (!EXPECTED[kind].includes(wireType)) {
      const expected = EXPECTED[kind].map((type) => WIRE_TYPES[type]).join(' or ')
      throw cursor.fault(`${name} is ${found} and must be ${expected}`, frame.next)
    }
    if (REPEATED.has(kind)) return
    if ((frame.seen >>> number & 1) === 1) throw cursor.fault(`${name} occurs twice`, frame.next)
    frame.seen |= 1 << number
  }

  #readHeader (frame: Frame, wireType: number): void {
    frame.lengthBytes = 0
    frame.isDelimited = wireType === DELIMITED
    if (wireType !== VARINT && wireType !== DELIMITED) return
    const value = this.#varint(frame)
    if (wireType === VARINT) {
      frame.value = value
    } else if (value < 0 || value > frame.end - this.#cursor.position) {
      throw this.#tooLong(frame, value)
    } else {
      frame.lengthBytes = value
    }
  }

  #tooLong (frame: Frame, bytes: number): Error {
    const left = frame.end - this.#cursor.position
    return this.#cursor.fault(`a field of a ${frame.shape.name} is to have ${bytes} bytes where ${left} are left`, frame.next)
  }

  /** A signed 64-bit number, exact up to 53 bits. */
  #varint (frame: Frame): number {
    const cursor = this.#cursor
    let value = 0
    let unit = 1
    let high = 0n
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      if (cursor.position >= frame.end) throw cursor.fault(`a ${frame.shape.name} ends in the middle of a number`)
      const byte = cursor.byte()
      if (index < 7) {
        value += (byte & 0x7f) * unit
        unit *= 128
      } else {
        high |= BigInt(byte & 0x7f) << BigInt(7 * index)
      }
      if (byte < 0x80) {
        if (index < 7) return value
        if (index === VARINT_BYTES_MAX - 1 && byte > 1) break
        return Number(BigInt.asIntN(64, high + BigInt(value)))
      }
    }
    throw cursor.fault('a number takes more than 64 bits')
  }

  #count (bytes: number): void {
    this.#headerBytes += bytes
    if (this.#headerBytes > this.#limits.headerBytesMax) {
      throw this.#cursor.fault(`its structure, without the weights, takes more than ${this.#limits.headerBytesMax} bytes`)
    }
  }
}
