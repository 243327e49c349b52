import { joinInputs, splitOutputs } from '../batcher.js'
import { createData, elementCount, type Datatype, type Tensor, type TensorSpec } from '../tensor.js'
import { isFloat, valueAt } from './golden.js'
import type { Runner } from './onnx.js'

const SEED = 20_201
/** Sizes that free dimensions other than the first are given, one after the other. */
const FREE_SIZES = [4, 9]
const ROWS = 3
const INTEGERS_BELOW = [100, 4]
const RELATIVE_TOLERANCE = 1e-4
const BUDGET_MS = 20_000
const WORDS = ['the', 'card', 'was', 'charged', 'twice', 'please', 'help', 'me', 'Übung', 'free', 'entry', '42']

/**
 * Whether rows may be run together: every input and output has a free first dimension, and rows run together answer as
 * they do alone. Anything that goes wrong, or takes long, means no.
 */
export async function isBatchable (runner: Runner): Promise<boolean> {
  const specs = [...runner.inputs, ...runner.outputs]
  if (runner.inputs.length === 0 || specs.some((spec) => spec.shape[0] !== -1)) return false
  const stopAt = performance.now() + BUDGET_MS
  for (const integersBelow of INTEGERS_BELOW) {
    try {
      return await answersAlike(runner, integersBelow, stopAt)
    } catch {
      // Whole numbers may be places in a table: a smaller table next.
    }
  }
  return false
}

async function answersAlike (runner: Runner, integersBelow: number, stopAt: number): Promise<boolean> {
  const random = seededRandom(SEED)
  for (const freeSize of FREE_SIZES) {
    const newRow = () => ({ inputs: randomRow(runner.inputs, freeSize, integersBelow, random) })
    const rows = Array.from({ length: ROWS }, newRow)
    const together = splitOutputs(await runner.run(joinInputs(rows), null), rows.map(() => 1))
    if (together === null) return false
    for (const [index, { inputs }] of rows.entries()) {
      if (performance.now() > stopAt) return false
      const alone = await runner.run(inputs, null)
      if (!alone.every((tensor, at) => isSame(tensor, together[index]?.[at] as Tensor))) return false
    }
  }
  return true
}

function randomRow (
  specs: readonly TensorSpec[], freeSize: number, integersBelow: number, random: () => number
): Tensor[] {
  return specs.map(({ name, datatype, shape }) => {
    const sizes = shape.map((size, axis) => size !== -1 ? size : axis === 0 ? 1 : freeSize)
    const data = createData(datatype, elementCount(sizes))
    for (let index = 0; index < data.length; index++) {
      data[index] = randomElement(datatype, integersBelow, random) as never
    }
    return { name, datatype, shape: sizes, data }
  })
}

/** Whole numbers from 0, real ones around it, texts of very different lengths. */
function randomElement (datatype: Datatype, integersBelow: number, random: () => number): number | bigint | string {
  if (datatype === 'BYTES') {
    const length = 1 + Math.floor(random() ** 2 * 40)
    return Array.from({ length }, () => WORDS[Math.floor(random() * WORDS.length)]).join(' ')
  }
  if (datatype === 'INT64' || datatype === 'UINT64') return BigInt(Math.floor(random() * integersBelow))
  if (datatype === 'FP32' || datatype === 'FP64') return 2 * random() - 1
  // Half-precision numbers between 0.5 and 1, by their bits.
  if (datatype === 'FP16') return 0x3800 + Math.floor(random() * 0x400)
  return Math.floor(random() * (datatype === 'BOOL' ? 2 : integersBelow))
}

/** Equal; real numbers may differ by a small part of the tensor's largest, for sums are rounded differently. */
function isSame (alone: Tensor, together: Tensor): boolean {
  if (alone.shape.join() !== together.shape.join()) return false
  const allowed = isFloat(alone) ? RELATIVE_TOLERANCE * largestMagnitude(alone) : 0
  for (let at = 0; at < alone.data.length; at++) {
    const [a, b] = [valueAt(alone, at), valueAt(together, at)]
    const isClose = a === b || Object.is(a, b) || (allowed > 0 && Math.abs(Number(a) - Number(b)) <= allowed)
    if (!isClose) return false
  }
  return true
}

function largestMagnitude (tensor: Tensor): number {
  let largest = 0
  for (let at = 0; at < tensor.data.length; at++) {
    const magnitude = Math.abs(Number(valueAt(tensor, at)))
    if (Number.isFinite(magnitude)) largest = Math.max(largest, magnitude)
  }
  return largest
}

/** Marsaglia (2003), Xorshift RNGs: the 32-bit triple (13, 17, 5). */
function seededRandom (seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}
