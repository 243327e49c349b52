import { ascendingCopy, meanAndDeviation } from './ascending.js'

/** Least standard deviation that a distance is divided by, in the unit of the values. */
const DEVIATION_MIN = 0.001

/**
 * Wasserstein-1 (earth mover's) distance ∫ |F_x − F_y|: the mean distance, in the unit of the values, by which the one
 * sample must be moved to become the other; from 0 on, a metric. Infinity only where the distance itself exceeds the
 * greatest number. Vallender (1974), Theory Probab. Appl. 18. O(n log n + m log m).
 *
 * @param x finite numbers of any unit, at least one
 * @param y same unit, at least one
 * @throws EvaluatorError EMPTY or NOT_FINITE
 */
export function wasserstein1 (x: ArrayLike<number>, y: ArrayLike<number>): number {
  return wasserstein1Ascending(ascendingCopy('x', x), ascendingCopy('y', y))
}

/** {@link wasserstein1} of samples that are known to be finite, ascending and not empty. O(n + m). */
export function wasserstein1Ascending (x: Float64Array, y: Float64Array): number {
  return integrate(x, y, false)
}

/**
 * Wasserstein-1 distance in standard deviations of the reference (population, divisor n), which are taken as at least
 * 0.001 so that a constant reference gives a large but finite figure; no unit. O(n log n + m log m).
 *
 * @param reference finite numbers of any unit, at least one
 * @param current same unit, at least one
 * @throws EvaluatorError EMPTY or NOT_FINITE
 */
export function wasserstein1Normed (reference: ArrayLike<number>, current: ArrayLike<number>): number {
  const ascending = ascendingCopy('reference', reference)
  const distance = wasserstein1Ascending(ascending, ascendingCopy('current', current))
  return normWasserstein1(distance, meanAndDeviation(ascending).deviation)
}

/** A distance in units of the reference's standard deviation (at least 0.001); at most the greatest number. O(1). */
export function normWasserstein1 (distance: number, deviation: number): number {
  return Math.min(Number.MAX_VALUE, distance / Math.max(deviation, DEVIATION_MIN))
}

/**
 * Energy distance √(2 ∫ (F_x − F_y)²), in the square root of the unit of the values; 0 exactly when the samples have
 * one distribution function. Székely, Rizzo (2013), J. Stat. Plan. Inference 143. O(n log n + m log m).
 *
 * @param x finite numbers of any unit, at least one
 * @param y same unit, at least one
 * @throws EvaluatorError EMPTY or NOT_FINITE
 */
export function energyDistance (x: ArrayLike<number>, y: ArrayLike<number>): number {
  const squares = integrate(ascendingCopy('x', x), ascendingCopy('y', y), true)
  return Number.isFinite(2 * squares) ? Math.sqrt(2 * squares) : Math.SQRT2 * Math.sqrt(squares)
}

/** ∫ |F − G| or ∫ (F − G)² in one merge; halves are subtracted, for the whole difference may overflow. */
function integrate (x: Float64Array, y: Float64Array, isSquared: boolean): number {
  const [n, m] = [x.length, y.length]
  let [i, j, sum] = [0, 0, 0]
  let at = Math.min(x[0]!, y[0]!)
  while (i < n || j < m) {
    while (i < n && x[i]! <= at) i++
    while (j < m && y[j]! <= at) j++
    const next = i >= n ? (j >= m ? at : y[j]!) : j >= m ? x[i]! : Math.min(x[i]!, y[j]!)
    const height = Math.abs(i * m - j * n) / (n * m)
    if (height > 0) sum += (next / 2 - at / 2) * (isSquared ? height * height : height) * 2
    at = next
  }
  return sum
}
