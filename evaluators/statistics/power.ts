import { EvaluatorError, requireBetween } from '../errors.js'
import { oneSidedHalfWidth, twoSidedHalfWidth, type SequenceInput } from './sequences.js'
import { normalQuantile } from './special.js'

/** Beyond this many units a plan is as good as endless. */
const SAMPLES_MAX = 1e12

/** What {@link samplesToDecide} plans for. */
export interface SequentialPlan {
  /** Distance g > 0 from the assumed truth to the bound that is to be excluded, in the metric's unit. */
  readonly gap: number
  /** V = N·SE², the variance of the estimate times the units it rests on (both arms together, or pairs); unit², > 0. */
  readonly variance: number
  /** One-sided error level, 0 < alpha < ½ (two-sided where a function says so: 0 < alpha < 1). */
  readonly alpha: number
  /** N*, the units at which the sequence is tightest, > 0. */
  readonly plannedSamples: number
  /** Probability of having decided by then, ½ <= power < 1; absent: the median, like ½. */
  readonly power?: number
  /** Greatest answer, default 1e12 units. */
  readonly samplesMax?: number
}

/**
 * How many units until a one-sided asymptotic confidence sequence excludes a bound: the smallest whole N with
 * g − h₁(N) >= z·√(V/N), where h₁ is {@link oneSidedHalfWidth} with SE = √(V/N) and z the `power` quantile of the
 * normal distribution (0 for the median). Both √(V/N) and h₁ fall strictly in N (the logarithm under the root of h₁
 * grows slower than N), hence N is found by doubling and bisection. O(log N).
 *
 * @returns N in units of both arms together (or pairs), null when it exceeds `samplesMax`
 * @throws EvaluatorError OUT_OF_RANGE when a field is outside its range
 */
export function samplesToDecide (plan: SequentialPlan): number | null {
  return smallestSample(plan, oneSidedHalfWidth)
}

/**
 * As {@link samplesToDecide} for the two-sided sequence at level `alpha`: until `gap` lies outside the interval around
 * an estimate that equals the truth. O(log N).
 *
 * @returns N in units of both arms together (or pairs), null when it exceeds `samplesMax`
 * @throws EvaluatorError OUT_OF_RANGE when a field is outside its range
 */
export function samplesToDistinguish (plan: SequentialPlan): number | null {
  return smallestSample(plan, twoSidedHalfWidth)
}

function smallestSample (plan: SequentialPlan, halfWidth: (input: SequenceInput) => number): number | null {
  const { gap, variance, alpha, plannedSamples, power = 0.5, samplesMax = SAMPLES_MAX } = plan
  requirePositive('gap', gap)
  requirePositive('variance', variance)
  requirePositive('plannedSamples', plannedSamples)
  requireBetween('samplesMax', samplesMax, 1, Number.MAX_SAFE_INTEGER)
  requireBetween('power', power, 0.5, 1 - Number.EPSILON)
  const z = power === 0.5 ? 0 : normalQuantile(power)
  const isDecided = (n: number): boolean => {
    const se = Math.sqrt(variance / n)
    return gap - halfWidth({ se, n, alpha, plannedSamples }) >= z * se
  }
  const most = Math.floor(samplesMax)
  let decided = 1
  while (!isDecided(decided)) {
    if (decided === most) return null
    decided = Math.min(most, 2 * decided)
  }
  let undecided = Math.floor(decided / 2)
  while (decided - undecided > 1) {
    const middle = Math.floor((decided + undecided) / 2)
    if (isDecided(middle)) decided = middle
    else undecided = middle
  }
  return decided
}

function requirePositive (argument: string, value: number): void {
  if (value > 0 && Number.isFinite(value)) return
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected a finite number above 0, got ${value}`)
}
