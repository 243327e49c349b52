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
 * @throws RangeError when p is outside (0, 1) or the sample is empty
 */
export function quantileEstimate (sample: Ranked, p: number): QuantileEstimate {
  if (!(p > 0 && p < 1)) throw new RangeError(`a quantile must lie between 0 and 1, got ${p}`)
  if (sample.count < 1) throw new RangeError('a quantile needs at least one value')
  const n = sample.count
  const w = Z * Math.sqrt(p * (1 - p) / n)
  const [low, high] = [rankOf(n * (p - w)), rankOf(n * (p + w))]
  const value = sample.valueAtRank(Math.max(1, rankOf(n * p)))
  const spread = low < 1 || high > n ? 0 : sample.valueAtRank(high) - sample.valueAtRank(low)
  return { value, se: spread > 0 ? spread / (2 * Z) : null }
}

/**
 * Whether at least `tailMin` of n values are expected beyond the quantile, n(1 − p) >= tailMin, with the same guard.
 */
export function hasTail (n: number, p: number, tailMin: number): boolean {
  return n * (1 - p) >= tailMin - RANK_GUARD
}

/** The values of an array as a ranked sample; the array is copied and sorted. O(n log n). */
export function ranked (values: readonly number[]): Ranked {
  const ascending = Float64Array.from(values).sort()
  return {
    count: ascending.length,
    valueAtRank (rank: number): number {
      const value = ascending[rank - 1]
      if (value === undefined) throw new RangeError(`rank must be an integer from 1 to ${ascending.length}, got ${rank}`)
      return value
    }
  }
}

function rankOf (x: number): number {
  return Math.ceil(x - RANK_GUARD)
}
