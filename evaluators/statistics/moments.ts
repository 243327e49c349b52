import { EvaluatorError, finiteOr, requireBetween } from '../errors.js'
import { requireFiniteField, requireWhole } from './summary-fields.js'

/** Greatest magnitude of a value: squares of larger ones, summed over clusters, leave the range of a number. */
const MAGNITUDE_MAX = 1e140

/** Cluster ids are the session buckets of the router, 0..9999; that bounds what an accumulator can hold. */
export const CLUSTERS_MAX = 10_000

/**
 * Everything the tests need to know about one arm's observations of one metric: plain JSON, mergeable.
 *
 * `n` observations with `mean`, `sum` (value unit) and `m2` = Σ(x − mean)² (unit squared); `isBinary` says that every
 * value was 0 or 1 (true of none). Over the `clusters` that have observations, with S the cluster's sum of (x −
 * `clusterShift`) and c its count: `clusterSumSquares` = ΣS², `clusterSumProducts` = ΣSc, `clusterCountSquares` = Σc².
 * A missing `clusterShift` is 0; it exists so that a large offset (values near 1e6) costs no digits.
 */
export interface MomentsSummary {
  readonly n: number
  readonly mean: number
  readonly m2: number
  readonly sum: number
  readonly isBinary: boolean
  readonly clusters: number
  readonly clusterSumSquares: number
  readonly clusterSumProducts: number
  readonly clusterCountSquares: number
  readonly clusterShift?: number
}

interface ClusterTally { count: number, sum: number }

/**
 * Running mean, variance and cluster sums of one metric in one arm. Welford (1962), Technometrics 4:419-420, for mean
 * and m2; the cluster sums of {@link MomentsSummary} are kept up to date with every value. Memory is bounded by
 * {@link CLUSTERS_MAX} tallies. O(1) per value.
 */
export class Moments {
  private n = 0
  private mean = 0
  private m2 = 0
  private sum = 0
  private isBinary = true
  private shift = 0
  private clusterSumSquares = 0
  private clusterSumProducts = 0
  private clusterCountSquares = 0
  private readonly tallies = new Map<number, ClusterTally>()

  /**
   * Takes in one observation. O(1).
   *
   * @param value the measurement, magnitude at most 1e140
   * @param cluster who made it: the session's bucket, an integer 0..9999
   * @throws EvaluatorError NOT_FINITE or OUT_OF_RANGE for the value or the cluster; nothing is changed then
   */
  add (value: number, cluster: number): void {
    if (!Number.isFinite(value)) {
      throw new EvaluatorError('NOT_FINITE', 'value', `an observation must be finite, got ${value}`)
    }
    if (Math.abs(value) > MAGNITUDE_MAX) requireBetween('value', value, -MAGNITUDE_MAX, MAGNITUDE_MAX)
    if (!(Number.isInteger(cluster) && cluster >= 0 && cluster < CLUSTERS_MAX)) {
      throw new EvaluatorError('OUT_OF_RANGE', 'cluster', `must be an integer from 0 to ${CLUSTERS_MAX - 1}, got ${cluster}`)
    }
    if (this.n === 0) this.shift = value
    this.n += 1
    const delta = value - this.mean
    this.mean += delta / this.n
    this.m2 += delta * (value - this.mean)
    this.sum += value
    this.isBinary &&= value === 0 || value === 1
    this.addToCluster(value - this.shift, cluster)
  }

  /** The state so far, as JSON. O(1). */
  summary (): MomentsSummary {
    return {
      n: this.n,
      mean: this.mean,
      m2: this.m2,
      sum: this.sum,
      isBinary: this.isBinary,
      clusters: this.tallies.size,
      clusterSumSquares: this.clusterSumSquares,
      clusterSumProducts: this.clusterSumProducts,
      clusterCountSquares: this.clusterCountSquares,
      clusterShift: this.shift
    }
  }

  private addToCluster (value: number, cluster: number): void {
    const tally = this.tallies.get(cluster) ?? { count: 0, sum: 0 }
    this.clusterSumSquares += value * (2 * tally.sum + value)
    this.clusterSumProducts += tally.sum + value * (tally.count + 1)
    this.clusterCountSquares += 2 * tally.count + 1
    tally.count += 1
    tally.sum += value
    this.tallies.set(cluster, tally)
  }
}

/** The summary of no observation. */
export const NO_MOMENTS: MomentsSummary = new Moments().summary()

/**
 * The summary of two sets of observations together. Chan, Golub, LeVeque (1983), Am. Stat. 37:242-247. Clusters are
 * taken as different ones: exact when the two sets share none, otherwise a session seen in both counts as two. O(1).
 * @throws EvaluatorError NOT_FINITE, MALFORMED or OUT_OF_RANGE for a summary that no sample gives
 */
export function mergeMoments (a: MomentsSummary, b: MomentsSummary): MomentsSummary {
  requireMoments('a', a)
  requireMoments('b', b)
  if (a.n === 0) return b
  if (b.n === 0) return a
  const n = a.n + b.n
  const delta = b.mean - a.mean
  const shift = a.clusterShift ?? 0
  const moved = shiftClusters(b, shift)
  return {
    n,
    mean: a.mean + delta * (b.n / n),
    m2: finiteOr('a and b', a.m2 + b.m2 + delta * delta * (a.n * (b.n / n))),
    sum: finiteOr('a and b', a.sum + b.sum),
    isBinary: a.isBinary && b.isBinary,
    clusters: a.clusters + b.clusters,
    clusterSumSquares: finiteOr('a and b', a.clusterSumSquares + moved.sumSquares),
    clusterSumProducts: finiteOr('a and b', a.clusterSumProducts + moved.sumProducts),
    clusterCountSquares: a.clusterCountSquares + b.clusterCountSquares,
    clusterShift: shift
  }
}

/**
 * Variance of the mean as if the observations were independent, m2 / (n − 1) / n, in the value's unit squared; NaN
 * below two observations. O(1).
 */
export function requestVariance ({ n, m2 }: MomentsSummary): number {
  return n < 2 ? NaN : m2 / (n - 1) / n
}

/**
 * Variance of the mean, which is the ratio ΣS/Σc over k independent clusters, by the delta method:
 * Σ(S − Rc)² · k/(k − 1) / n² with R the mean. Deng, Knoblich, Lu (2018), "Applying the delta method in metric
 * analytics", KDD. In the value's unit squared; NaN below two clusters (one session says nothing about the
 * next). O(1).
 */
export function clusterVariance (summary: MomentsSummary): number {
  const { n, clusters } = summary
  if (clusters < 2) return NaN
  const centred = shiftClusters(summary, summary.mean).sumSquares
  return Math.max(0, centred) * clusters / (clusters - 1) / (n * n)
}

/**
 * Variance of the mean that the tests use: cluster-robust, and never below the one of independent observations, because
 * few clusters make the robust estimate erratic. Unit squared; NaN, "cannot be told", below two observations or two
 * clusters, or for a summary that no sample gives: estimators skip it or refuse to answer. O(1).
 */
export function varianceOfMean (summary: MomentsSummary): number {
  return Math.max(requestVariance(summary), clusterVariance(summary))
}

function shiftClusters (summary: MomentsSummary, shift: number): { sumSquares: number, sumProducts: number } {
  const { clusterSumSquares, clusterSumProducts, clusterCountSquares, clusterShift = 0 } = summary
  const by = clusterShift - shift
  return {
    sumSquares: clusterSumSquares + by * (2 * clusterSumProducts + by * clusterCountSquares),
    sumProducts: clusterSumProducts + by * clusterCountSquares
  }
}

/** @throws EvaluatorError MALFORMED or NOT_FINITE when the summary is not what a sample can have */
export function requireMoments (argument: string, summary: MomentsSummary): void {
  const { n, mean, m2, sum, clusters } = summary
  const { clusterSumSquares, clusterSumProducts, clusterCountSquares, clusterShift = 0 } = summary
  requireFiniteField(argument, 'n', n)
  requireFiniteField(argument, 'mean', mean)
  requireFiniteField(argument, 'm2', m2)
  requireFiniteField(argument, 'sum', sum)
  requireFiniteField(argument, 'clusters', clusters)
  requireFiniteField(argument, 'clusterSumSquares', clusterSumSquares)
  requireFiniteField(argument, 'clusterSumProducts', clusterSumProducts)
  requireFiniteField(argument, 'clusterCountSquares', clusterCountSquares)
  requireFiniteField(argument, 'clusterShift', clusterShift)
  requireWhole(argument, 'n', n)
  requireWhole(argument, 'clusters', clusters)
  if (typeof summary.isBinary !== 'boolean') {
    throw new EvaluatorError('MALFORMED', `${argument} isBinary`, `expected true or false, got ${String(summary.isBinary)}`)
  }
  if (m2 < 0) throw new EvaluatorError('MALFORMED', `${argument} m2`, `expected at least 0, got ${m2}`)
}
