import { quote } from '../names.js'
import { FileCursor } from './cursor.js'
import type { ModelFileLimits } from './limits.js'

const MAGIC = 'GGUF'
const VERSIONS: readonly number[] = [2, 3]
const NAME_BYTES_MAX = 65_535
const RANK_MAX = 4
const ALIGNMENT = 32
const ALIGNMENT_KEY = 'general.alignment'
const NESTING_MAX = 4
/** The shortest entry: an empty name, a type and one byte; an empty name, no dimensions, a type and an offset. */
const ENTRY_BYTES_MIN = 8 + 4 + 1
const TENSOR_BYTES_MIN = 8 + 4 + 4 + 8

const UINT32 = 4
const STRING = 8
const ARRAY = 9
/** Bytes of a value, by the number of its type. */
const VALUE_BYTES: Readonly<Record<number, number>> = {
  0: 1, 1: 1, 2: 2, 3: 2, [UINT32]: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8
}

/** Elements and bytes of one block, by the number of the tensor's type (ggml). */
const BLOCKS: Readonly<Record<number, readonly [elements: number, bytes: number]>> = {
  0: [1, 4],
  1: [1, 2],
  2: [32, 18],
  3: [32, 20],
  6: [32, 22],
  7: [32, 24],
  8: [32, 34],
  10: [256, 84],
  11: [256, 110],
  12: [256, 144],
  13: [256, 176],
  14: [256, 210],
  15: [256, 292],
  16: [256, 66],
  17: [256, 74],
  18: [256, 98],
  19: [256, 50],
  20: [32, 18],
  21: [256, 110],
  22: [256, 82],
  23: [256, 136],
  24: [1, 1],
  25: [1, 2],
  26: [1, 4],
  27: [1, 8],
  28: [1, 8],
  29: [256, 56],
  30: [1, 2],
  34: [256, 54],
  35: [256, 66],
  39: [32, 17]
}

type Limits = Pick<ModelFileLimits, 'ggufTensorsMax' | 'ggufMetadataMax' | 'ggufHeaderBytesMax'>

/** Of a type that is not known only the beginning is. */
interface Span { readonly name: string, readonly offset: number, readonly bytes: number }

/**
 * Reads a GGUF file up to its weights: every count is held against the bytes that are left before anything is made of
 * it, every tensor must lie in the file and in no other one.
 * @throws RegistryError SOURCE_INVALID naming the file, what is wrong and at which byte
 */
export async function checkGguf (location: string, path: string, limits: Limits): Promise<void> {
  await FileCursor.use(location, { path, format: 'GGUF' }, async (cursor) => { await new GgufWalk(cursor, limits).check() })
}

class GgufWalk {
  readonly #cursor: FileCursor
  readonly #limits: Limits
  #alignment = ALIGNMENT

  constructor (cursor: FileCursor, limits: Limits) {
    this.#cursor = cursor
    this.#limits = limits
  }

  async check (): Promise<void> {
    const cursor = this.#cursor
    if ((await cursor.bytes(Math.min(4, cursor.left))).toString('latin1') !== MAGIC) throw cursor.fault(`it does not begin with ${MAGIC}`, 0)
    const version = await this.#uint32()
    if (!VERSIONS.includes(version)) throw cursor.fault(`it has the version ${version}; known are ${VERSIONS.join(' and ')}, little-endian`, 4)
    const tensors = await this.#count('tensors', TENSOR_BYTES_MIN, this.#limits.ggufTensorsMax)
    const entries = await this.#count('entries of metadata', ENTRY_BYTES_MIN, this.#limits.ggufMetadataMax)
    for (let index = 0; index < entries; index++) await this.#entry()
    const spans: Span[] = []
    for (let index = 0; index < tensors; index++) spans.push(await this.#tensor())
    this.#checkSpans(spans)
  }

  async #entry (): Promise<void> {
    const key = await this.#name('a key of the metadata')
    const type = await this.#uint32()
    if (key === ALIGNMENT_KEY) {
      if (type !== UINT32) throw this.#cursor.fault(`${ALIGNMENT_KEY} is not a 32-bit number`)
      this.#alignment = await this.#uint32()
      if (this.#alignment === 0 || this.#alignment % 8 !== 0) throw this.#cursor.fault(`${ALIGNMENT_KEY} is ${this.#alignment} and must be a multiple of 8`)
    } else {
      await this.#value(type, 1)
    }
  }

  async #value (type: number, depth: number): Promise<void> {
    if (type === STRING) {
      const bytes = await this.#count('bytes of a text', 1, this.#limits.ggufHeaderBytesMax)
      this.#skip(bytes)
    } else if (type === ARRAY) {
      if (depth > NESTING_MAX) throw this.#cursor.fault(`arrays are nested deeper than ${NESTING_MAX}`)
      const inner = await this.#uint32()
      const width = VALUE_BYTES[inner] ?? (inner === STRING ? 8 : inner === ARRAY ? 12 : 0)
      if (width === 0) throw this.#cursor.fault(`an array has the value type ${inner}, which is not known`)
      const count = await this.#count('elements of an array', width, this.#limits.ggufHeaderBytesMax)
      if (inner in VALUE_BYTES) this.#skip(count * width)
      else for (let index = 0; index < count; index++) await this.#value(inner, depth + 1)
    } else {
      const width = VALUE_BYTES[type]
      if (width === undefined) throw this.#cursor.fault(`metadata has the value type ${type}, which is not known`)
      this.#skip(width)
    }
  }

  async #tensor (): Promise<Span> {
    const cursor = this.#cursor
    const name = await this.#name('the name of a tensor')
    const rank = await this.#uint32()
    if (rank > RANK_MAX) throw cursor.fault(`tensor ${quote(name)} has ${rank} dimensions, more than ${RANK_MAX}`)
    let elements = 1
    for (let axis = 0; axis < rank; axis++) elements *= await this.#uint64()
    const type = await this.#uint32()
    const offset = await this.#uint64()
    const [blockElements, blockBytes] = BLOCKS[type] ?? [1, 0]
    const bytes = elements / blockElements * blockBytes
    if (!Number.isSafeInteger(elements) || !Number.isSafeInteger(bytes) || !Number.isSafeInteger(offset)) {
      throw cursor.fault(`tensor ${quote(name)} has a size or offset that no file has`)
    }
    if (offset % this.#alignment !== 0) throw cursor.fault(`tensor ${quote(name)} has the offset ${offset}, not a multiple of ${this.#alignment}`)
    return { name, offset, bytes }
  }

  #checkSpans (spans: Span[]): void {
    const cursor = this.#cursor
    const start = Math.ceil(cursor.position / this.#alignment) * this.#alignment
    spans.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
    let end = 0
    for (const { name, offset, bytes } of spans) {
      if (offset < end) throw cursor.fault(`tensor ${quote(name)} overlaps another one`)
      end = offset + bytes
      if (start + end > cursor.sizeBytes) throw cursor.fault(`tensor ${quote(name)} ends at ${start + end}, where the file has ${cursor.sizeBytes} bytes`)
    }
  }

  async #name (what: string): Promise<string> {
    const bytes = await this.#count(`bytes of ${what}`, 1, NAME_BYTES_MAX)
    return (await this.#cursor.bytes(bytes)).toString('utf8')
  }

  /** A 64-bit count of things that take at least `bytesEach`, so that the file bounds it. */
  async #count (what: string, bytesEach: number, max: number): Promise<number> {
    const at = this.#cursor.position
    const count = await this.#uint64()
    const possible = Math.min(max, Math.floor(this.#cursor.left / bytesEach))
    if (count > possible) throw this.#cursor.fault(`it is to have ${count} ${what}, where at most ${possible} are possible or allowed`, at)
    return count
  }

  #skip (bytes: number): void {
    if (bytes > this.#cursor.left) throw this.#cursor.fault('it ends in the middle of its metadata')
    this.#cursor.moveTo(this.#cursor.position + bytes)
  }

  async #uint32 (): Promise<number> {
    return (await this.#read(4)).readUInt32LE()
  }

  /** Beyond 53 bits not exact, which is far beyond every bound. */
  async #uint64 (): Promise<number> {
    return Number((await this.#read(8)).readBigUInt64LE())
  }

  async #read (bytes: number): Promise<Buffer> {
    if (this.#cursor.position > this.#limits.ggufHeaderBytesMax) {
      throw this.#cursor.fault(`what comes before its weights takes more than ${this.#limits.ggufHeaderBytesMax} bytes`)
    }
    return await this.#cursor.bytes(bytes)
  }
}
