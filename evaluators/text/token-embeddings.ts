import { EvaluatorError, requireCount, requireFinite, requireList } from '../errors.js'

/** The vectors of a text's tokens, as an encoder gives them. */
export interface TokenEmbeddings {
  /** Row-major: token t has the numbers [t · width, (t + 1) · width). Any finite numbers; lengths do not matter. */
  readonly values: ArrayLike<number>
  /** Numbers per token, at least 1. */
  readonly width: number
  /** Per token: 1 for those that frame every text (CLS and SEP of BERT), else 0; all 0 when it is not given. */
  readonly isSpecial?: ArrayLike<number>
  /** Per token, finite and >= 0; when it is not given 1 for all but special tokens, and 0 for those. */
  readonly weights?: ArrayLike<number>
}

/** Below and above these the sum of squares has lost digits, or is not a number at all. */
const SQUARES = { min: 1e-200, max: 1e300 }

/**
 * Token embeddings out of one list of numbers per token. O(tokens · width).
 * @throws EvaluatorError EMPTY when there is no token or no number, LENGTH_MISMATCH when the vectors differ in length
 */
export function packRows (rows: readonly ArrayLike<number>[]): TokenEmbeddings {
  requireCount('rows', rows)
  requireCount('rows[0]', rows[0]!)
  const width = rows[0]!.length
  const values = new Float64Array(rows.length * width)
  rows.forEach((row, i) => {
    requireNumberTypes(`rows[${i}]`, row)
    if (row.length !== width) {
      throw new EvaluatorError('LENGTH_MISMATCH', `rows[${i}]`, `expected ${width} numbers as in rows[0], got ${row.length}`)
    }
    values.set(row, i * width)
  })
  return { values, width }
}

/**
 * How many tokens there are. O(1).
 * @throws EvaluatorError OUT_OF_RANGE for the width, LENGTH_MISMATCH when `values` has no whole number of rows or
 * `isSpecial` or `weights` not one number per row
 */
export function countTokens (argument: string, { values, width, isSpecial, weights }: TokenEmbeddings): number {
  if (!(Number.isSafeInteger(width) && width >= 1)) {
    throw new EvaluatorError('OUT_OF_RANGE', `${argument}.width`, `expected a whole number of at least 1, got ${width}`)
  }
  requireNumbers(`${argument}.values`, values)
  const count = values.length / width
  if (!Number.isInteger(count)) {
    throw new EvaluatorError('LENGTH_MISMATCH', `${argument}.values`, `expected a multiple of the width ${width}, got ${values.length} numbers`)
  }
  for (const [field, list] of [['isSpecial', isSpecial], ['weights', weights]] as const) {
    if (list === undefined) continue
    requireNumbers(`${argument}.${field}`, list)
    if (list.length === count) continue
    throw new EvaluatorError('LENGTH_MISMATCH', `${argument}.${field}`, `expected one number for each of ${count} tokens, got ${list.length}`)
  }
  return count
}

/**
 * The weights of the tokens, those given or those that hold when none are given, divided by the greatest so that their
 * sum is finite. O(tokens).
 * @throws EvaluatorError NOT_FINITE or OUT_OF_RANGE for a weight that is negative
 */
export function relativeWeights (argument: string, tokens: TokenEmbeddings): Float64Array {
  const count = countTokens(argument, tokens)
  const { isSpecial, weights } = tokens
  if (weights === undefined) return Float64Array.from({ length: count }, (_, t) => isSpecial?.[t] ? 0 : 1)
  requireFinite(`${argument}.weights`, weights, 0)
  let greatest = 0
  for (let t = 0; t < count; t++) {
    if (weights[t]! < 0) throw new EvaluatorError('OUT_OF_RANGE', `${argument}.weights[${t}]`, `expected a number of at least 0, got ${weights[t]}`)
    if (weights[t]! > greatest) greatest = weights[t]!
  }
  return Float64Array.from(weights, (weight) => greatest === 0 ? 0 : weight / greatest)
}

/**
 * Refuses what is not a list of numbers. What a typed array holds is a number, finite or not, and is seen to later: an
 * ordinary list may hold null or a flag, which arithmetic takes for 0 or 1. O(1) for typed arrays, else O(n).
 * @throws EvaluatorError MALFORMED or NOT_FINITE, naming the place
 */
export function requireNumbers (argument: string, values: ArrayLike<number>): void {
  requireList(argument, values)
  if (!ArrayBuffer.isView(values)) requireFinite(argument, values, 0)
}

/**
 * Refuses a list with anything but numbers, which `set` would take for 0 or NaN. O(n).
 * @throws EvaluatorError MALFORMED
 */
function requireNumberTypes (argument: string, row: ArrayLike<number>): void {
  requireList(argument, row)
  for (let k = 0; k < row.length; k++) {
    if (typeof row[k] === 'number') continue
    throw new EvaluatorError('MALFORMED', `${argument}[${k}]`, `expected a number, got ${String(row[k])}`)
  }
}

/** Where a vector goes: number k to `values[from + k · step]`. */
export interface VectorPlace { readonly values: Float64Array, readonly from: number, readonly step: number }

/**
 * Writes `values[from … from + width)`, divided by their Euclidean length, to `target`; a vector of zeros stays one.
 * Numbers of any size keep their digits. O(width).
 * @returns whether the vector has a direction
 * @throws EvaluatorError NOT_FINITE naming `argument` and the place
 */
export function writeUnitVector (
  argument: string, values: ArrayLike<number>, from: number, width: number, target: VectorPlace
): boolean {
  const squares = sumOfSquares(values, from, from + width)
  if (squares >= SQUARES.min && squares <= SQUARES.max) {
    writeScaled(values, from, width, 1 / Math.sqrt(squares), target)
    return true
  }
  const greatest = greatestMagnitude(argument, values, from, width)
  if (greatest === 0) {
    writeScaled(values, from, width, 0, target)
    return false
  }
  const scaled = Float64Array.from({ length: width }, (_, k) => values[from + k]! / greatest)
  return writeUnitVector(argument, scaled, 0, width, target)
}

function writeScaled (
  source: ArrayLike<number>, from: number, width: number, factor: number, { values, from: to, step }: VectorPlace
): void {
  for (let k = 0; k < width; k++) values[to + k * step] = source[from + k]! * factor
}

/** Four sums side by side: one alone would wait for each addition. */
function sumOfSquares (values: ArrayLike<number>, from: number, to: number): number {
  let s0 = 0; let s1 = 0; let s2 = 0; let s3 = 0
  let k = from
  for (; k + 3 < to; k += 4) {
    s0 += values[k]! * values[k]!
    s1 += values[k + 1]! * values[k + 1]!
    s2 += values[k + 2]! * values[k + 2]!
    s3 += values[k + 3]! * values[k + 3]!
  }
  for (; k < to; k++) s0 += values[k]! * values[k]!
  return s0 + s1 + s2 + s3
}

function greatestMagnitude (argument: string, values: ArrayLike<number>, from: number, width: number): number {
  let greatest = 0
  for (let k = 0; k < width; k++) {
    const value = values[from + k]
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new EvaluatorError('NOT_FINITE', `${argument}[${from + k}]`, `expected a finite number, got ${String(value)}`)
    }
    greatest = Math.max(greatest, Math.abs(value))
  }
  return greatest
}
