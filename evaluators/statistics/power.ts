import { EvaluatorError, finiteOr, requireBetween } from '../errors.js'
import { oneSidedHalfWidth, twoSidedHalfWidth, type SequenceInput } from './sequences.js'
import { normalQuantile } from './special.js'

/** Beyond this many units a plan is as good as endless. */
const SAMPLES_MAX = 1e12

type HalfWidth = (input: SequenceInput) => number

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

/**
 * The least margin that `samples` units can prove with the plan's power, the inverse of {@link samplesToDecide}:
 * h₁(N) + z·√(V/N), in the metric's unit. "In N units you can prove margins of this size or more." Falls in N. O(1).
 *
 * @param plan the plan without its gap; alpha one-sided
 * @param samples units of both arms together (or pairs), >= 1
 * @throws EvaluatorError OUT_OF_RANGE when a field is outside its range
 */
export function provableGap (plan: Omit<SequentialPlan, 'gap' | 'samplesMax'>, samples: number): number {
  requireBetween('samples', samples, 1, Number.MAX_SAFE_INTEGER)
  return reach(plan, samples, oneSidedHalfWidth)
}

/** Standard deviations of both arms (metric's unit, >= 0) and the challenger's share of the units, 0 < share < 1. */
export interface ArmSpread {
  readonly sdChampion: number
  readonly sdChallenger: number
  readonly challengerShare: number
}

/**
 * V = N·SE² of the difference of two independent means at a constant split: σ_B²/θ + σ_A²/(1 − θ) with challenger's
 * share θ; 4σ² at an even split of equally spread arms. (Pairs: the variance of the differences.) O(1).
 *
 * @returns unit²
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function differenceVariance ({ sdChampion, sdChallenger, challengerShare }: ArmSpread): number {
  requireBetween('sdChampion', sdChampion, 0, Number.MAX_VALUE)
  requireBetween('sdChallenger', sdChallenger, 0, Number.MAX_VALUE)
  requireBetween('challengerShare', challengerShare, Number.EPSILON, 1 - Number.EPSILON)
  return finiteOr('sdChampion and sdChallenger', sdChallenger ** 2 / challengerShare + sdChampion ** 2 / (1 - challengerShare))
}

/**
 * Days until `samples` units are in, of which `collected` are: (samples − collected) / samplesPerDay, 0 when they
 * already are. O(1).
 *
 * @param samplesPerDay traffic that enters the comparison, > 0
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function daysToCollect (samples: number, collected: number, samplesPerDay: number): number {
  requireBetween('samples', samples, 0, Number.MAX_VALUE)
  requireBetween('collected', collected, 0, Number.MAX_VALUE)
  requirePositive('samplesPerDay', samplesPerDay)
  return finiteOr('samplesPerDay', Math.max(0, samples - collected) / samplesPerDay)
}

function smallestSample (plan: SequentialPlan, halfWidth: HalfWidth): number | null {
  const { gap, samplesMax = SAMPLES_MAX } = plan
  requirePositive('gap', gap)
  requireBetween('samplesMax', samplesMax, 1, Number.MAX_SAFE_INTEGER)
  const isDecided = (n: number): boolean => gap >= reach(plan, n, halfWidth)
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

/** How far from the truth a bound must lie to be excluded after n units: half width plus z standard errors. */
function reach (plan: Omit<SequentialPlan, 'gap'>, n: number, halfWidth: HalfWidth): number {
  const { variance, alpha, plannedSamples, power = 0.5 } = plan
  requirePositive('variance', variance)
  requirePositive('plannedSamples', plannedSamples)
  requireBetween('power', power, 0.5, 1 - Number.EPSILON)
  const se = Math.sqrt(variance / n)
  const z = power === 0.5 ? 0 : normalQuantile(power)
  return halfWidth({ se, n, alpha, plannedSamples }) + z * se
}

function requirePositive (argument: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected a finite number above 0, got ${value}`)
}
