import { EvaluatorError, requireBetween, requireCount, requireFinite, requireSameLength } from '../errors.js'
import { quantileType7 } from '../statistics/quantiles.js'
import type { Random } from '../statistics/random.js'

/**
 * Which rows are drawn: by a generator, `resamples` times (default 1,000) as many as there are rows, with replacement;
 * or explicit lists, each with as many row numbers (from 0) as there are rows.
 */
export type Resampling =
  { readonly random: Random, readonly resamples?: number } | { readonly indices: readonly ArrayLike<number>[] }

/** Percentiles of the resampled means of one score, and its plain mean over the rows, all in the unit of the score. */
export interface BootstrapInterval {
  readonly low: number
  /** The median of the resampled means. */
  readonly mid: number
  readonly high: number
  readonly mean: number
}

const RESAMPLES = 1_000
const RESAMPLES_MAX = 1_000_000

/**
 * Percentile bootstrap of the mean: Efron (1979), "Bootstrap methods: another look at the jackknife", Ann. Statist.
 * 7:1-26, as rouge_score's aggregator does it. Rows are drawn with replacement, the same rows for every column; of each
 * column's resampled means the percentiles (1 − confidence)/2, 1/2 and (1 + confidence)/2 are reported, interpolated
 * linearly (type 7), so that the interval of an F is independent of those of its precision and recall. For any score
 * that rows have, not only ROUGE. With one row the interval is that row's score: it says nothing about others. The same
 * generator state gives the same result. O(resamples · rows · columns + resamples log resamples · columns) time.
 *
 * @param columns one list of finite scores for each name, all equally long, at least one row
 * @param confidence between 0 and 1, default 0.95
 * @throws EvaluatorError EMPTY without a column, a row or a resample; LENGTH_MISMATCH; NOT_FINITE; OUT_OF_RANGE for a
 *   row number, the confidence or the number of resamples
 */
export function bootstrapMeans<K extends string> (
  columns: Readonly<Record<K, ArrayLike<number>>>, resampling: Resampling, confidence = 0.95
): Record<K, BootstrapInterval> {
  const names = Object.keys(columns) as K[]
  requireCount('columns', names)
  requireConfidence(confidence)
  const first = names[0]!
  for (const name of names) {
    requireFinite(`columns.${name}`, columns[name])
    requireSameLength([`columns.${first}`, columns[first]], [`columns.${name}`, columns[name]])
  }
  const draws = drawsOf(resampling, columns[first].length)
  const means = names.map(() => new Float64Array(draws.count))
  for (let draw = 0; draw < draws.count; draw++) {
    const rows = draws.next(draw)
    names.forEach((name, column) => { means[column]![draw] = meanOf(columns[name], rows) })
  }
  const all = Int32Array.from({ length: columns[first].length }, (_, row) => row)
  const intervals = {} as Record<K, BootstrapInterval>
  names.forEach((name, column) => {
    intervals[name] = { ...percentiles(means[column]!.sort(), confidence), mean: meanOf(columns[name], all) }
  })
  return intervals
}

interface Draws { readonly count: number, next (draw: number): ArrayLike<number> }

function drawsOf (resampling: Resampling, rows: number): Draws {
  if ('indices' in resampling) {
    const { indices } = resampling
    requireCount('indices', indices)
    indices.forEach((list, draw) => requireRowNumbers(`indices[${draw}]`, list, rows))
    return { count: indices.length, next: (draw) => indices[draw]! }
  }
  const { random, resamples = RESAMPLES } = resampling
  requireBetween('resamples', resamples, 1, RESAMPLES_MAX)
  if (!Number.isInteger(resamples)) throw new EvaluatorError('OUT_OF_RANGE', 'resamples', `expected an integer, got ${resamples}`)
  const drawn = new Int32Array(rows)
  return {
    count: resamples,
    next () {
      for (let i = 0; i < rows; i++) drawn[i] = random.below(rows)
      return drawn
    }
  }
}

function requireRowNumbers (argument: string, list: ArrayLike<number>, rows: number): void {
  if (list.length !== rows) {
    throw new EvaluatorError('LENGTH_MISMATCH', argument, `expected ${rows} row numbers, as many as rows, got ${list.length}`)
  }
  for (let i = 0; i < rows; i++) {
    const row = list[i]!
    if (Number.isInteger(row) && row >= 0 && row < rows) continue
    throw new EvaluatorError('OUT_OF_RANGE', `${argument}[${i}]`, `expected a row number from 0 to ${rows - 1}, got ${row}`)
  }
}

function requireConfidence (confidence: number): void {
  if (typeof confidence === 'number' && confidence > 0 && confidence < 1) return
  throw new EvaluatorError('OUT_OF_RANGE', 'confidence', `expected a number between 0 and 1, got ${confidence}`)
}

/** The mean over the rows drawn; scores whose sum leaves the range of numbers are divided before they are added. */
function meanOf (scores: ArrayLike<number>, rows: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < rows.length; i++) sum += scores[rows[i]!]!
  if (Number.isFinite(sum)) return sum / rows.length
  let mean = 0
  for (let i = 0; i < rows.length; i++) mean += scores[rows[i]!]! / rows.length
  return mean
}

function percentiles (ascending: Float64Array, confidence: number): { low: number, mid: number, high: number } {
  return {
    low: quantileType7(ascending, (1 - confidence) / 2),
    mid: quantileType7(ascending, 0.5),
    high: quantileType7(ascending, (1 + confidence) / 2)
  }
}
