import { EvaluatorError, requireBetween, requireFinite } from '../errors.js'
import { normalQuantile } from '../statistics/special.js'
import { type Point, zeroin } from './zeroin.js'

/** The two samples of one metric: what runs now, and what is on trial. Finite values of one unit, in any order. */
export interface Sides { readonly control: ArrayLike<number>, readonly experiment: ArrayLike<number> }

/** How far the experiment lies above the control, in the values' unit. */
export interface ShiftEstimate {
  /** Lower end of the confidence interval; with heavy ties it may lie a solver's tolerance above `ciHigh`. */
  readonly ciLow: number
  readonly ciHigh: number
  readonly estimate: number
}

/** Greatest magnitude of a value: beyond it sums of squares leave the range of doubles. */
export const MAGNITUDE_MAX = 1e150

/** The spread to which small values are scaled up, and the greatest power of two for it. */
const SPREAD_MIN = 1_024
const SCALE_POWER_MAX = 1_000

/** How the solver of Kayenta is set: the tolerance is absolute, in the values' unit, whatever their scale. */
const SOLVER = { tolerance: 1e-4, stepsMax: 1_000 }

/**
 * Mann-Whitney statistic of the experiment against the control after moving the experiment down by `shift`, minus
 * `quantile`: with mid-ranks r of the pooled values (equal doubles tie), n and m values, dz = Σ r(experiment) −
 * n(n+1)/2 − nm/2, it is (dz − sign(dz)/2)/σ − quantile, where σ² = nm/12 · ((n+m+1) − Σ(t³−t)/((n+m)(n+m−1))) over
 * groups of t ties. Standard deviations, positive where the experiment is higher; falls in steps as the shift grows.
 * O((n + m) log(n + m)).
 *
 * Mann, Whitney (1947), Ann. Math. Statist. 18:50-60, with the tie and continuity corrections of R's `wilcox.test`.
 *
 * @param sides at least one finite value each, magnitudes up to {@link MAGNITUDE_MAX}
 * @param shift in the values' unit
 * @param quantile no unit
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE; also OUT_OF_RANGE when all shifted values tie, so that σ is 0
 */
export function shiftStatistic (sides: Sides, shift: number, quantile = 0): number {
  requireBetween('shift', shift, -Number.MAX_VALUE, Number.MAX_VALUE)
  requireBetween('quantile', quantile, -Number.MAX_VALUE, Number.MAX_VALUE)
  return statisticAt(ascending('experiment', sides.experiment), ascending('control', sides.control), shift) - quantile
}

/**
 * Confidence interval and point estimate of the shift of the experiment against the control, by inverting
 * {@link shiftStatistic}: an end is where the statistic crosses the normal quantile ±z, or the least (greatest)
 * difference of two values when it never does; the estimate, of the kind of Hodges and Lehmann, is where it crosses 0,
 * with the continuity correction still on. Roots are sought by `zeroin` with an absolute tolerance of 1e-4: values
 * whose spread is of that order must be scaled up first. O((n + m)(log(n + m) + steps)), about 20 to 60 steps.
 *
 * Bauer (1972), J. Am. Stat. Assoc. 67:687-690, in the asymptotic form of R's `wilcox.test(exact = FALSE)`; the
 * estimate differs from R's, which drops the continuity correction there.
 *
 * @param sides as for {@link shiftStatistic}
 * @param confidenceLevel of the two-sided interval, between 0 and 1
 * @throws EvaluatorError as {@link shiftStatistic}
 */
export function estimateShift (sides: Sides, confidenceLevel: number): ShiftEstimate {
  const experiment = ascending('experiment', sides.experiment)
  const control = ascending('control', sides.control)
  if (!(typeof confidenceLevel === 'number' && confidenceLevel > 0 && confidenceLevel < 1)) {
    throw new EvaluatorError('OUT_OF_RANGE', 'confidenceLevel', `expected between 0 and 1, got ${confidenceLevel}`)
  }
  const z = normalQuantile((1 - confidenceLevel) / 2)
  const statistic = (shift: number): number => statisticAt(experiment, control, shift)
  const least = at(statistic, experiment[0]! - control.at(-1)!)
  const greatest = at(statistic, experiment.at(-1)! - control[0]!)
  const crossing = (quantile: number): number => {
    const [low, high] = [below(least, quantile), below(greatest, quantile)]
    return zeroin((shift) => statistic(shift) - quantile, low, high, SOLVER)
  }
  const end = (quantile: number): number => {
    if (least.value - quantile <= 0) return least.at
    return greatest.value - quantile >= 0 ? greatest.at : crossing(quantile)
  }
  return { ciLow: end(-z), ciHigh: end(z), estimate: crossing(0) }
}

/**
 * {@link estimateShift} for values of any scale: they are multiplied by a power of two, which is exact, until their
 * pooled interquartile range (their range, where that is 0) is at least 1024, so that the solver's tolerance is below
 * a ten-millionth of it; the figures are in the values' own unit again. Same cost.
 *
 * @throws EvaluatorError as {@link estimateShift}
 */
export function estimateScaledShift (sides: Sides, confidenceLevel: number): ShiftEstimate {
  const experiment = ascending('experiment', sides.experiment)
  const control = ascending('control', sides.control)
  const scale = scaleOf(experiment, control)
  const { ciLow, ciHigh, estimate } = estimateShift({
    experiment: experiment.map((value) => value * scale), control: control.map((value) => value * scale)
  }, confidenceLevel)
  return { ciLow: ciLow / scale, ciHigh: ciHigh / scale, estimate: estimate / scale }
}

/** A power of two, from 1 up to what keeps every magnitude in range. */
function scaleOf (experiment: Float64Array, control: Float64Array): number {
  const pooled = new Float64Array(experiment.length + control.length)
  pooled.set(experiment)
  pooled.set(control, experiment.length)
  pooled.sort()
  const [least, greatest] = [pooled[0]!, pooled.at(-1)!]
  const quarter = Math.floor((pooled.length - 1) / 4)
  const quartileRange = pooled[pooled.length - 1 - quarter]! - pooled[quarter]!
  const spread = quartileRange > 0 ? quartileRange : greatest - least
  if (!(spread > 0 && spread < SPREAD_MIN)) return 1
  const room = MAGNITUDE_MAX / Math.max(Math.abs(least), Math.abs(greatest))
  const power = Math.min(Math.ceil(Math.log2(SPREAD_MIN / spread)), Math.floor(Math.log2(room)), SCALE_POWER_MAX)
  return 2 ** Math.max(0, power)
}

/**
 * The values in ascending order, as a copy. O(n log n).
 * @throws EvaluatorError EMPTY, NOT_FINITE, or OUT_OF_RANGE beyond {@link MAGNITUDE_MAX}
 */
export function ascending (argument: string, values: ArrayLike<number>): Float64Array {
  requireMeasurable(argument, values, 1)
  return Float64Array.from(values).sort()
}

/** Refuses values that are not finite or beyond {@link MAGNITUDE_MAX}, and fewer than `countMin`. O(n). */
export function requireMeasurable (argument: string, values: ArrayLike<number>, countMin: number): void {
  requireFinite(argument, values, countMin)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (Math.abs(value) > MAGNITUDE_MAX) requireBetween(`${argument}[${i}]`, value, -MAGNITUDE_MAX, MAGNITUDE_MAX)
  }
}

const at = (f: (x: number) => number, x: number): Point => ({ at: x, value: f(x) })
const below = (point: Point, quantile: number): Point => ({ at: point.at, value: point.value - quantile })

/** The statistic of two ascending samples, the first moved down by `shift`. O(n + m). */
function statisticAt (experiment: Float64Array, control: Float64Array, shift: number): number {
  const [n, m] = [experiment.length, control.length]
  const { rankSum, tieSum } = rankFirst(experiment, control, shift)
  const dz = rankSum - n * (n + 1) / 2 - n * m / 2
  const variance = n * m / 12 * ((n + m + 1) - tieSum / ((n + m) * (n + m - 1)))
  if (!(variance > 0)) {
    throw new EvaluatorError('OUT_OF_RANGE', 'shift', `expected one at which not all values tie, got ${shift}`)
  }
  return (dz - 0.5 * Math.sign(dz)) / Math.sqrt(variance)
}

/**
 * Sum of the mid-ranks that the values of `first`, moved down by `shift`, take among both ascending samples, and
 * Σ(t³ − t) over the groups of t equal values. Rounding keeps the order, so a merge finds every tie. O(n + m).
 */
export function rankFirst (
  first: Float64Array, second: Float64Array, shift: number
): { rankSum: number, tieSum: number } {
  let [rankSum, tieSum, i, j] = [0, 0, 0, 0]
  while (i < first.length) {
    const moved = first[i]! - shift
    if (j < second.length && second[j]! < moved) {
      const start = j
      while (j < second.length && second[j] === second[start]) j++
      tieSum += excess(j - start)
      continue
    }
    const [startI, startJ] = [i, j]
    while (i < first.length && first[i]! - shift === moved) i++
    while (j < second.length && second[j] === moved) j++
    const size = i - startI + j - startJ
    rankSum += (i - startI) * (startI + startJ + (size + 1) / 2)
    tieSum += excess(size)
  }
  return { rankSum, tieSum: tieSum + tiesFrom(second, j) }
}

/** Σ(t³ − t) over the groups of equal values from a place of an ascending sample on. */
function tiesFrom (values: Float64Array, place: number): number {
  let sum = 0
  while (place < values.length) {
    const start = place
    while (place < values.length && values[place] === values[start]) place++
    sum += excess(place - start)
  }
  return sum
}

const excess = (size: number): number => size * size * size - size
