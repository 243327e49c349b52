import { EvaluatorError, finiteOr, requireBetween, requireCount, requireFinite } from '../errors.js'
import { requireInside } from './open-interval.js'

/** 97.5 % point of the standard normal distribution: the width at which the standard error is read off. */
const Z = 1.959963984540054

/** Slack for ranks that floating point leaves a hair above an integer. */
const RANK_GUARD = 1e-9

/**
 * A sample seen through its ranks: `valueAtRank(1)` is the least of `count` values, `valueAtRank(count)` the greatest.
 */
export interface Ranked { readonly count: number, valueAtRank (rank: number): number }

/** A quantile in the sample's unit; `se` is null when it cannot be told. */
export interface QuantileEstimate { readonly value: number, readonly se: number | null }

/**
 * Quantile with its standard error from order statistics alone: the value is the order statistic of rank ⌈np⌉, and se
 * = (Y_⌈n(p+w)⌉ − Y_⌈n(p−w)⌉) / (2z), w = z√(p(1−p)/n), z = 1.96; null when one of these ranks leaves 1..n or both
 * hold the same value. Ranks are guarded by 1e-9. Deng, Knoblich, Lu (2018), KDD. Three rank queries.
 *
 * @param sample any ranked sample, an array or a histogram
 * @param p which quantile, 0 < p < 1
 * @throws EvaluatorError OUT_OF_RANGE when p is outside (0, 1), EMPTY when the sample is
 */
export function quantileEstimate (sample: Ranked, p: number): QuantileEstimate {
  requireInside('p', p, 0, 1)
  if (sample.count < 1) throw new EvaluatorError('EMPTY', 'sample', 'a quantile needs at least one value')
  const n = sample.count
  const w = Z * Math.sqrt(p * (1 - p) / n)
  const [low, high] = [rankOf(n * (p - w)), rankOf(n * (p + w))]
  const value = sample.valueAtRank(Math.max(1, rankOf(n * p)))
  const spread = low < 1 || high > n ? 0 : sample.valueAtRank(high) - sample.valueAtRank(low)
  return { value, se: spread > 0 ? finiteOr('sample', spread / (2 * Z)) : null }
}

/**
 * Whether at least `tailMin` of n values are expected beyond the quantile, n(1 − p) >= tailMin, with the same guard.
 * O(1).
 * @throws EvaluatorError OUT_OF_RANGE for a count below 0 or a p outside 0..1
 */
export function hasTail (n: number, p: number, tailMin: number): boolean {
  requireBetween('n', n, 0, Number.MAX_VALUE)
  requireBetween('p', p, 0, 1)
  requireBetween('tailMin', tailMin, 0, Number.MAX_VALUE)
  return n * (1 - p) >= tailMin - RANK_GUARD
}

/**
 * The p-quantile of type 7 (Hyndman and Fan, 1996, Am. Stat. 50:361-365; the default of NumPy and R): linear between
 * the order statistics around position (n − 1)p, so that p = 0 gives the least value and p = 1 the greatest. It never
 * leaves the two values it lies between and never falls as p rises. O(1): only the values that are read are checked.
 *
 * @param ascending at least one finite value, in ascending order (the order is the caller's promise)
 * @param p which quantile, 0 <= p <= 1
 * @returns the quantile, in the unit of the values
 * @throws EvaluatorError EMPTY without a value, OUT_OF_RANGE for p, NOT_FINITE for a value that is read
 */
export function quantileType7 (ascending: ArrayLike<number>, p: number): number {
  checkLevel(ascending, p)
  const position = (ascending.length - 1) * p
  const below = Math.floor(position)
  const low = finiteAt(ascending, below)
  const high = finiteAt(ascending, Math.min(below + 1, ascending.length - 1))
  return between(low, high, position - below)
}

/**
 * The p-quantile of type 1 (same source), the inverse of the empirical distribution: the order statistic of rank ⌈np⌉,
 * for p = 0 the least value. A rank that floating point leaves less than 1e-9 above an integer is that integer. O(1):
 * only the value that is read is checked.
 *
 * @param ascending at least one finite value, in ascending order (the order is the caller's promise)
 * @param p which quantile, 0 <= p <= 1
 * @returns one of the values
 * @throws EvaluatorError EMPTY without a value, OUT_OF_RANGE for p, NOT_FINITE for the value that is read
 */
export function quantileType1 (ascending: ArrayLike<number>, p: number): number {
  checkLevel(ascending, p)
  return finiteAt(ascending, Math.max(1, rankOf(ascending.length * p)) - 1)
}

/**
 * The values of an array as a ranked sample; the array is copied and sorted. O(n log n).
 * @throws EvaluatorError MALFORMED for no list, NOT_FINITE with the place
 */
export function ranked (values: ArrayLike<number>): Ranked {
  requireFinite('values', values, 0)
  const ascending = Float64Array.from(values).sort()
  return {
    count: ascending.length,
    valueAtRank (rank: number): number {
      const value = ascending[rank - 1]
      if (value === undefined) {
        throw new EvaluatorError('OUT_OF_RANGE', 'rank', `rank must be an integer from 1 to ${ascending.length}, got ${rank}`)
      }
      return value
    }
  }
}

function rankOf (x: number): number {
  return Math.ceil(x - RANK_GUARD)
}

function checkLevel (ascending: ArrayLike<number>, p: number): void {
  requireCount('ascending', ascending)
  requireBetween('p', p, 0, 1)
}

function finiteAt (values: ArrayLike<number>, place: number): number {
  const value = values[place]
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new EvaluatorError('NOT_FINITE', `ascending[${place}]`, `expected a finite number, got ${String(value)}`)
}

/** The point a fraction of the way from low to high; a distance too great for a number does not overflow. */
function between (low: number, high: number, fraction: number): number {
  const distance = high - low
  const point = Number.isFinite(distance) ? low + distance * fraction : low * (1 - fraction) + high * fraction
  return Math.min(high, Math.max(low, point))
}
