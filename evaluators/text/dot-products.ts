/** Rows and columns of the product that are computed at once: a panel is this many vectors, number by number. */
export const PANEL = 4

/** Numbers of either side that lie in the kernel's memory at once, if a panel is not larger: half a megabyte. */
const SIDE_NUMBERS = 64 * 1024
const NUMBER_BYTES = 8
const PAGE_BYTES = 64 * 1024
/** The sixteen dot products, row by row, lie at the start of the memory. */
const PRODUCTS = PANEL * PANEL
const STEP_BYTES = PANEL * NUMBER_BYTES

/** Takes the sixteen dot products of row panel `row` and column panel `column`, valid until the next are given. */
type Take = (products: Float64Array, row: number, column: number) => void

/**
 * All dot products of the vectors in `a` with those in `b`, in double precision, sixteen at a time. Both are in panels:
 * number k of vector v stands at (v - v % 4) · width + 4 · k + v % 4. JavaScript has no vector instructions, and no
 * sixteen sums fit its registers; this WebAssembly loop has both and is four times as fast. `take` must not come back
 * here. O(rows · columns · width) time; the memory it works in is fixed, but for a width above 16,384.
 */
export function forEachDotProduct (a: Float64Array, b: Float64Array, width: number, take: Take): void {
  const panel = PANEL * width
  const side = Math.max(1, Math.floor(SIDE_NUMBERS / panel)) * panel
  const numbers = memoryOf(PRODUCTS + 2 * side)
  const products = numbers.subarray(0, PRODUCTS)
  const [firstAt, secondAt] = [PRODUCTS, PRODUCTS + side]
  for (let aFrom = 0; aFrom < a.length; aFrom += side) {
    const rows = a.subarray(aFrom, aFrom + side)
    numbers.set(rows, firstAt)
    for (let bFrom = 0; bFrom < b.length; bFrom += side) {
      const columns = b.subarray(bFrom, bFrom + side)
      numbers.set(columns, secondAt)
      for (let row = 0; row < rows.length; row += panel) {
        const rowAt = (firstAt + row) * NUMBER_BYTES
        for (let column = 0; column < columns.length; column += panel) {
          multiply(rowAt, (secondAt + column) * NUMBER_BYTES, rowAt + panel * NUMBER_BYTES)
          take(products, (aFrom + row) / panel, (bFrom + column) / panel)
        }
      }
    }
  }
}

/** Little-endian base 128, as WebAssembly writes its numbers. */
function leb (value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...leb(Math.floor(value / 128))]
}

const VOID_BLOCK = 0x40
const I32 = 0x7f
const V128 = 0x7b
const ALIGNED_8 = 3
const LOOP = [0x03, VOID_BLOCK]
const BRANCH_IF = [0x0d, 0]
const END = [0x0b]
const I32_ADD = [0x6a]
const I32_LESS = [0x49]
const ZERO = [0x41, 0]
const get = (local: number): number[] => [0x20, local]
const set = (local: number): number[] => [0x21, local]
const constant = (value: number): number[] => [0x41, ...leb(value)]
const vector = (operation: number, ...immediates: number[]): number[] => [0xfd, ...leb(operation), ...immediates]
const load = (offset: number): number[] => vector(0x00, ALIGNED_8, ...leb(offset))
const loadTwice = (offset: number): number[] => vector(0x0a, ALIGNED_8, ...leb(offset))
const store = (offset: number): number[] => vector(0x0b, ALIGNED_8, ...leb(offset))
const MULTIPLY = vector(0xf2)
const ADD = vector(0xf0)

/** Parameters of the kernel: byte addresses of the row panel, of the column panel, and of the row panel's end. */
const ROW = 0
const COLUMN = 1
const ROW_END = 2
/** Its locals: two sums of two columns for each of four rows, the four columns' numbers, and one row's number twice. */
const SUMS = 3
const LEFT = SUMS + 2 * PANEL
const RIGHT = LEFT + 1
const NUMBER = RIGHT + 1
const LOCALS = 2 * PANEL + 3

/** For each of the panels' numbers: every row's number times those of all columns, added to the sums. */
function kernelBody (): number[] {
  const accumulate = (sum: number, columns: number): number[] =>
    [...get(sum), ...get(NUMBER), ...get(columns), ...MULTIPLY, ...ADD, ...set(sum)]
  const rows = [0, 1, 2, 3].flatMap((row) => [
    ...get(ROW), ...loadTwice(row * NUMBER_BYTES), ...set(NUMBER),
    ...accumulate(SUMS + 2 * row, LEFT),
    ...accumulate(SUMS + 2 * row + 1, RIGHT)
  ])
  const advance = (address: number): number[] => [...get(address), ...constant(STEP_BYTES), ...I32_ADD, ...set(address)]
  const storeSums = Array.from({ length: 2 * PANEL }, (_, pair) =>
    [...ZERO, ...get(SUMS + pair), ...store(2 * pair * NUMBER_BYTES)]).flat()
  return [
    ...LOOP,
    ...get(COLUMN), ...load(0), ...set(LEFT),
    ...get(COLUMN), ...load(2 * NUMBER_BYTES), ...set(RIGHT),
    ...rows,
    ...advance(COLUMN),
    ...advance(ROW),
    ...get(ROW), ...get(ROW_END), ...I32_LESS, ...BRANCH_IF,
    ...END,
    ...storeSums,
    ...END
  ]
}

/** Imports a memory as `m.m` and exports the kernel as `f`. WebAssembly core specification 2.0, chapter 5. */
function kernelModule (): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: number[]): number[] => [id, ...leb(content.length), ...content]
  const name = (text: string): number[] => [text.length, ...Array.from(text, (character) => character.charCodeAt(0))]
  const code = [1, LOCALS, V128, ...kernelBody()]
  return Uint8Array.from([
    ...name('\0asm').slice(1), 1, 0, 0, 0,
    ...section(1, [1, 0x60, 3, I32, I32, I32, 0]),
    ...section(2, [1, ...name('m'), ...name('m'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('f'), 0, 0]),
    ...section(10, [1, ...leb(code.length), ...code])
  ])
}

/** The part of the WebAssembly interface that is used here; the ECMAScript library's types do not include it. */
interface WebAssemblyInterface {
  readonly Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer, grow (pages: number): number }
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> }
}

const { Memory, Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyInterface }).WebAssembly
const memory = new Memory({ initial: 1 })
const instance = new Instance(new Module(kernelModule()), { m: { m: memory } })
const multiply = instance.exports['f'] as (row: number, column: number, rowEnd: number) => void

/** The kernel's memory, with room for so many numbers. */
function memoryOf (numbers: number): Float64Array {
  const missingBytes = numbers * NUMBER_BYTES - memory.buffer.byteLength
  if (missingBytes > 0) memory.grow(Math.ceil(missingBytes / PAGE_BYTES))
  return new Float64Array(memory.buffer)
}
