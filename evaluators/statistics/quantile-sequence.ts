import { EvaluatorError, requireFinite, requireSameLength } from '../errors.js'
import type { MomentsSummary } from './moments.js'
import { requireInside } from './open-interval.js'
import type { Ranked } from './quantiles.js'
import { lnBeta } from './special.js'
import { designEffect } from './strata.js'

/** Bounds of a quantile in the sample's unit; null where the sample cannot bound it on that side yet. */
export interface QuantileBounds { readonly lower: number | null, readonly upper: number | null }

/**
 * Exact confidence sequence of a quantile, for samples too small for the standard error of `quantileEstimate`. The
 * number of values up to the quantile is binomial(n, p), so the ranks that the beta(½, ½) mixture of Robbins (1970),
 * Ann. Math. Stat. 41:1397-1409, has not refuted at level alpha bound it. The bounds hold at every n at once with
 * probability 1 − alpha, whatever the distribution, ties included. Two rank queries and O(log n) steps.
 *
 * @param sample any ranked sample, an array or a histogram, of independent values
 * @param p which quantile, 0 < p < 1
 * @param alpha error level, 0 < alpha < 1; half of it per arm when two arms are compared by these bounds
 * @throws EvaluatorError OUT_OF_RANGE when p or alpha is out of range
 */
export function quantileSequence (sample: Ranked, p: number, alpha: number): QuantileBounds {
  requireInside('p', p, 0, 1)
  requireInside('alpha', alpha, 0, 1)
  const n = sample.count
  if (n === 0) return { lower: null, upper: null }
  const isRefuted = (x: number): boolean => lnBeta(0.5 + x, 0.5 + n - x) - lnBeta(0.5, 0.5) -
    x * Math.log(p) - (n - x) * Math.log1p(-p) >= -Math.log(alpha)
  // The count with the least evidence against it: its e-value is at most 1, the mean over all counts.
  const likely = Math.max(0, Math.ceil(n * p - 0.5))
  const fewest = least(0, likely, (x) => !isRefuted(x))
  const most = least(likely, n + 1, (x) => x > n || isRefuted(x)) - 1
  return {
    lower: fewest === 0 ? null : sample.valueAtRank(fewest),
    upper: most >= n ? null : sample.valueAtRank(most + 1)
  }
}

/**
 * How much wider than `quantileEstimate` says the standard error of a quantile is when requests come in sessions:
 * √(cluster-robust variance / independent variance) of the indicator "value <= quantile", never below 1. Multiply the
 * standard error by it. Deng, Knoblich, Lu (2018), KDD, section 4.2. O(n).
 *
 * @param values finite, any unit
 * @param clusters who made each value (session or user), same order
 * @param quantile the estimated quantile, in the unit of the values
 * @returns null with fewer than two clusters, or when every value lies on one side of the quantile
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH, NOT_FINITE or OUT_OF_RANGE
 */
export function quantileInflation (
  values: ArrayLike<number>, clusters: ArrayLike<string | number>, quantile: number
): number | null {
  requireFinite('values', values)
  requireSameLength(['values', values], ['clusters', clusters])
  if (!Number.isFinite(quantile)) {
    throw new EvaluatorError('NOT_FINITE', 'quantile', `expected a finite number, got ${quantile}`)
  }
  const indicator = indicatorMoments(values, clusters, quantile)
  if (indicator.clusters < 2 || indicator.m2 === 0) return null
  return Math.sqrt(designEffect([indicator], [1]))
}

function indicatorMoments (
  values: ArrayLike<number>, clusters: ArrayLike<string | number>, limit: number
): MomentsSummary {
  const tallies = new Map<string | number, { below: number, count: number }>()
  let sum = 0
  for (let i = 0; i < values.length; i++) {
    let tally = tallies.get(clusters[i]!)
    if (tally === undefined) tallies.set(clusters[i]!, tally = { below: 0, count: 0 })
    const isBelow = Number(values[i]! <= limit)
    tally.below += isBelow
    tally.count += 1
    sum += isBelow
  }
  const n = values.length
  let [clusterSumSquares, clusterSumProducts, clusterCountSquares] = [0, 0, 0]
  for (const { below, count } of tallies.values()) {
    clusterSumSquares += below * below
    clusterSumProducts += below * count
    clusterCountSquares += count * count
  }
  return {
    n,
    mean: sum / n,
    m2: sum * (n - sum) / n,
    sum,
    isBinary: true,
    clusters: tallies.size,
    clusterSumSquares,
    clusterSumProducts,
    clusterCountSquares
  }
}

/** The least integer from low to high for which a predicate holds that stays true once it is; it holds at `high`. */
function least (low: number, high: number, holds: (x: number) => boolean): number {
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
