import { requireBetween } from '../errors.js'
import { ascending, rankFirst, requireMeasurable, type Sides } from './rank-shift.js'

/** What a judge's result tells of one side: the values' unit, `std` the sample one (n − 1); all 0 when empty. */
export interface SideSummary {
  readonly min: number
  readonly max: number
  readonly mean: number
  readonly std: number
  readonly count: number
}

/**
 * Minimum, maximum, mean, sample standard deviation and count of one side; `std` is 0 for a single value, everything
 * is 0 for none, as Kayenta reports them. Two passes. O(n).
 *
 * @throws EvaluatorError NOT_FINITE, or OUT_OF_RANGE beyond 1e150
 */
export function summariseSide (values: ArrayLike<number>): SideSummary {
  requireMeasurable('values', values, 0)
  const count = values.length
  if (count === 0) return { min: 0, max: 0, mean: 0, std: 0, count }
  let [min, max] = [values[0]!, values[0]!]
  for (let i = 1; i < count; i++) {
    if (values[i]! < min) min = values[i]!
    if (values[i]! > max) max = values[i]!
  }
  const { mean, sumSquares } = centre(values)
  return { min, max, mean, std: count === 1 ? 0 : Math.sqrt(sumSquares / (count - 1)), count }
}

/**
 * Mean, and sum of squared deviations from it, each corrected by a second pass; both 0 for no value. O(n). The values
 * are taken as checked.
 */
export function centre (values: ArrayLike<number>): { mean: number, sumSquares: number } {
  const n = values.length
  if (n === 0) return { mean: 0, sumSquares: 0 }
  let sum = 0
  for (let i = 0; i < n; i++) sum += values[i]!
  const rough = sum / n
  let [residue, sumSquares] = [0, 0]
  for (let i = 0; i < n; i++) {
    const deviation = values[i]! - rough
    residue += deviation
    sumSquares += deviation * deviation
  }
  return { mean: rough + residue / n, sumSquares: Math.max(0, sumSquares - residue * residue / n) }
}

/**
 * Percentile by linear interpolation at place (n − 1)·p/100 of the ordered values. Hyndman, Fan (1996), Am. Stat.
 * 50:361-365, definition 7 (the default of R and numpy). O(n log n).
 *
 * @param values at least one finite value, any order
 * @param percent from 0 to 100
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE
 */
export function percentileR7 (values: ArrayLike<number>, percent: number): number {
  requireBetween('percent', percent, 0, 100)
  return percentileOfOrdered(ascending('values', values), percent)
}

/** {@link percentileR7} of values that are ascending and not empty. O(1). */
export function percentileOfOrdered (ordered: Float64Array, percent: number): number {
  const place = (ordered.length - 1) * (percent / 100)
  const floor = Math.floor(place)
  const value = ordered[floor]!
  return floor === place ? value : value + (place - floor) * (ordered[floor + 1]! - value)
}

/**
 * Effect size of Kayenta's gate: mean of the experiment / mean of the control, no unit; null where either mean is 0 or
 * a side is empty. Infinity when the quotient is beyond the doubles. O(n + m).
 *
 * @throws EvaluatorError NOT_FINITE, or OUT_OF_RANGE beyond 1e150
 */
export function meanRatio ({ experiment, control }: Sides): number | null {
  requireMeasurable('experiment', experiment, 0)
  requireMeasurable('control', control, 0)
  const [above, below] = [centre(experiment).mean, centre(control).mean]
  const ratio = above / below
  return above === 0 || below === 0 || !Number.isFinite(ratio) ? null : ratio
}

/**
 * Common-language effect size: P(experiment > control) + P(tie)/2 for one value drawn from each side, 0 to 1, from
 * the rank sum R of the experiment as (2R − n(n+1)) / (2nm). McGraw, Wong (1992), Psychol. Bull. 111:361-365, with
 * ties as Vargha, Delaney (2000). O((n + m) log(n + m)).
 *
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE
 */
export function commonLanguageEffectSize (sides: Sides): number {
  const experiment = ascending('experiment', sides.experiment)
  const control = ascending('control', sides.control)
  const { rankSum } = rankFirst(experiment, control, 0)
  const n = experiment.length
  return (2 * rankSum - n * (n + 1)) / (2 * n * control.length)
}

/**
 * Cohen's d without its sign: |difference of means| / pooled sample standard deviation, no unit; null where that is 0
 * or there are fewer than three values in all. Cohen (1988), Statistical Power Analysis, eq. 2.5.1. O(n + m).
 *
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE
 */
export function cohensD ({ experiment, control }: Sides): number | null {
  requireMeasurable('experiment', experiment, 1)
  requireMeasurable('control', control, 1)
  const [a, b] = [centre(experiment), centre(control)]
  const pooled = (a.sumSquares + b.sumSquares) / (experiment.length + control.length - 2)
  return pooled > 0 ? Math.abs(a.mean - b.mean) / Math.sqrt(pooled) : null
}
