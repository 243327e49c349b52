import { EvaluatorError } from '../errors.js'
import { countTokens, writeUnitVector, type TokenEmbeddings } from './token-embeddings.js'

/** Rows and columns of the similarity matrix that are computed together, in registers. */
const BLOCK = 4

/** Token vectors made ready for matching. */
export interface UnitVectors {
  readonly count: number
  readonly width: number
  /** Row-major, each row of length 1 or 0; rows of zeros fill the last block. */
  readonly values: Float64Array
  /** Added to every cosine with the row: 0, or -Infinity for a row that nothing may be matched with. */
  readonly bias: Float64Array
}

/** The greatest cosine of each token with a token of the other side, in [-1, 1]; -Infinity where there is none. */
export interface BestCosines {
  readonly first: Float64Array
  readonly second: Float64Array
}

/**
 * Divides every token's vector by its length; a vector of zeros keeps cosine 0 with everything. Unless
 * `areSpecialsMatchable`, no token can be matched with one that is marked as special. O(tokens · width).
 * @throws EvaluatorError as `countTokens` does, and NOT_FINITE naming the place
 */
export function unitVectors (argument: string, tokens: TokenEmbeddings, areSpecialsMatchable: boolean): UnitVectors {
  const count = countTokens(argument, tokens)
  const { width, isSpecial } = tokens
  const rows = Math.ceil(count / BLOCK) * BLOCK
  const values = new Float64Array(rows * width)
  const bias = new Float64Array(rows).fill(-Infinity, count)
  for (let row = 0; row < count; row++) {
    writeUnitVector(`${argument}.values`, tokens.values, row * width, width, values, row * width)
    if (!areSpecialsMatchable && isSpecial?.[row]) bias[row] = -Infinity
  }
  return { count, width, values, bias }
}

/**
 * The whole matrix of cosines, of which only the greatest of each row and of each column is kept: the greedy matching
 * of Zhang et al. (2020), "BERTScore", ICLR, section 3. Sums are in double precision.
 * O(tokens · tokens · width) time, O(tokens + tokens) memory.
 * @throws EvaluatorError LENGTH_MISMATCH when the vectors of the two sides differ in width
 */
export function bestCosines (
  [nameA, a]: readonly [string, UnitVectors], [nameB, b]: readonly [string, UnitVectors]
): BestCosines {
  if (a.width !== b.width) {
    throw new EvaluatorError('LENGTH_MISMATCH', `${nameB}.width`, `expected ${a.width} as in ${nameA}, got ${b.width}`)
  }
  const first = new Float64Array(a.bias.length).fill(-Infinity)
  const second = new Float64Array(b.bias.length).fill(-Infinity)
  for (let row = 0; row < first.length; row += BLOCK) {
    for (let column = 0; column < second.length; column += BLOCK) matchBlock(a, b, row, column, first, second)
  }
  return { first: clip(first, a.count), second: clip(second, b.count) }
}

/** The 4 × 4 cosines at (row, column), written out so that the sixteen sums stay in registers. */
function matchBlock (
  a: UnitVectors, b: UnitVectors, row: number, column: number, first: Float64Array, second: Float64Array
): void {
  const { width, values: x } = a
  const y = b.values
  const x0 = row * width
  const x1 = x0 + width
  const x2 = x1 + width
  const x3 = x2 + width
  const y0 = column * width
  const y1 = y0 + width
  const y2 = y1 + width
  const y3 = y2 + width
  let s00 = 0; let s01 = 0; let s02 = 0; let s03 = 0
  let s10 = 0; let s11 = 0; let s12 = 0; let s13 = 0
  let s20 = 0; let s21 = 0; let s22 = 0; let s23 = 0
  let s30 = 0; let s31 = 0; let s32 = 0; let s33 = 0
  for (let k = 0; k < width; k++) {
    const p = y[y0 + k]!
    const q = y[y1 + k]!
    const r = y[y2 + k]!
    const s = y[y3 + k]!
    let value = x[x0 + k]!
    s00 += value * p
    s01 += value * q
    s02 += value * r
    s03 += value * s
    value = x[x1 + k]!
    s10 += value * p
    s11 += value * q
    s12 += value * r
    s13 += value * s
    value = x[x2 + k]!
    s20 += value * p
    s21 += value * q
    s22 += value * r
    s23 += value * s
    value = x[x3 + k]!
    s30 += value * p
    s31 += value * q
    s32 += value * r
    s33 += value * s
  }
  raise(first, row, b.bias, column, s00, s01, s02, s03)
  raise(first, row + 1, b.bias, column, s10, s11, s12, s13)
  raise(first, row + 2, b.bias, column, s20, s21, s22, s23)
  raise(first, row + 3, b.bias, column, s30, s31, s32, s33)
  raise(second, column, a.bias, row, s00, s10, s20, s30)
  raise(second, column + 1, a.bias, row, s01, s11, s21, s31)
  raise(second, column + 2, a.bias, row, s02, s12, s22, s32)
  raise(second, column + 3, a.bias, row, s03, s13, s23, s33)
}

/** best[at] = max(best[at], the four cosines with the other side's rows from `from` on). */
function raise (
  best: Float64Array, at: number, bias: Float64Array, from: number, s0: number, s1: number, s2: number, s3: number
): void {
  const left = Math.max(s0 + bias[from]!, s1 + bias[from + 1]!)
  const right = Math.max(s2 + bias[from + 2]!, s3 + bias[from + 3]!)
  best[at] = Math.max(best[at]!, left, right)
}

/** Rounding can lift a cosine above 1, or press it below -1. */
function clip (best: Float64Array, count: number): Float64Array {
  const clipped = best.subarray(0, count)
  for (let i = 0; i < count; i++) if (clipped[i] !== -Infinity) clipped[i] = Math.min(1, Math.max(-1, clipped[i]!))
  return clipped
}

/**
 * The weighted mean of the cosines; null when no token has a weight, or one that has a weight has nothing to be matched
 * with. O(tokens).
 */
export function weightedMean (cosines: Float64Array, weights: Float64Array): number | null {
  let [sum, total] = [0, 0]
  for (let t = 0; t < cosines.length; t++) {
    if (weights[t] === 0) continue
    sum += weights[t]! * cosines[t]!
    total += weights[t]!
  }
  return total > 0 && sum !== -Infinity ? sum / total : null
}
