import { finiteOr, requireCount, requireSameLength } from '../errors.js'
import { spreadOf } from './descriptive.js'
import { requireMagnitudes } from './pair-moments.js'
import { anytimeP, oneSidedHalfWidth, twoSidedHalfWidth } from './sequences.js'
import { difference, relativeLift, requireArm, type ArmMean, type Estimate } from './strata.js'

export interface SequenceOptions {
  /** Error level, 0 < alpha < 0.5; 0.05 unless given. */
  readonly alpha?: number
  /** N*, the number of units at which the sequence is tightest, fixed before the first look; 5,000 unless given. */
  readonly plannedSamples?: number
}

/**
 * An estimate with its asymptotic confidence sequence at one look, all in the estimate's unit: the two-sided interval
 * [lower, upper] = estimate ± halfWidth at level alpha, and the two one-sided bounds at level alpha each. `p` is the
 * anytime p-value of "the truth is 0" at this look, with its log e-value `logE`; `n` the units behind it.
 */
export interface MeanSequence extends Estimate {
  readonly n: number
  readonly halfWidth: number
  readonly lower: number
  readonly upper: number
  readonly lowerOneSided: number
  readonly upperOneSided: number
  readonly logE: number
  readonly p: number
}

/** Both arms, each a mean with its variance. */
export interface TwoArms { readonly champion: ArmMean, readonly challenger: ArmMean }

/**
 * Mean of the values and the variance of that mean as if they were independent, s²/n with
 * divisor n − 1 in s². O(n).
 *
 * @param values at least two, magnitude at most 1e140, any unit
 * @throws EvaluatorError EMPTY below two values, NOT_FINITE or OUT_OF_RANGE, naming the place
 */
export function armMean (values: ArrayLike<number>): ArmMean {
  requireCount('values', values, 2)
  requireMagnitudes('values', values)
  const { n, mean, standardDeviation } = spreadOf('values', values)
  return { n, mean, varianceOfMean: standardDeviation! ** 2 / n }
}

/**
 * Confidence sequence of one mean, for instance of paired differences. It is asymptotic: trust it from about 200 units
 * on (1,000 for heavy tails). See `twoSidedHalfWidth` for the method. O(1).
 *
 * @param sample a mean of at least two units with the variance of that mean
 * @param options error level and N*
 * @returns null when the variance is 0 or cannot be told (NaN): a constant sample is no information, not certainty
 * @throws EvaluatorError OUT_OF_RANGE when an option is out of range
 */
export function meanSequence (sample: ArmMean, options: SequenceOptions = {}): MeanSequence | null {
  requireArm('sample', sample)
  return sequenceOf({ estimate: sample.mean, se: Math.sqrt(sample.varianceOfMean) }, sample.n, options)
}

/**
 * Confidence sequence of the mean difference challenger − champion of scores on the same inputs; N counts pairs.
 * Shadow traffic gives such pairs; what inputs have in common cancels. O(n).
 *
 * @param champion scores of the champion, one per input
 * @param challenger scores of the challenger, same order
 * @param options error level and N* (in pairs)
 * @returns null when all differences are equal
 * @throws EvaluatorError EMPTY below two pairs, LENGTH_MISMATCH, NOT_FINITE or OUT_OF_RANGE
 */
export function pairedSequence (
  champion: ArrayLike<number>, challenger: ArrayLike<number>, options: SequenceOptions = {}
): MeanSequence | null {
  requireSameLength(['champion', champion], ['challenger', challenger])
  requireCount('champion', champion, 2)
  requireMagnitudes('champion', champion)
  requireMagnitudes('challenger', challenger)
  return meanSequence(armMean(Float64Array.from(champion, (value, i) => challenger[i]! - value)), options)
}

/**
 * Confidence sequence of challenger − champion for independent arms; N counts the units of both. For a ramp give it the
 * result of `stratifiedMeans`: pooled means of a ramp follow any trend. O(1).
 *
 * @param arms both means with their variances
 * @param options error level and N* (units of both arms)
 * @returns null when neither arm varies or a variance cannot be told (NaN)
 * @throws EvaluatorError OUT_OF_RANGE when an option is out of range
 */
export function differenceSequence (arms: TwoArms, options: SequenceOptions = {}): MeanSequence | null {
  requireArm('champion', arms.champion)
  requireArm('challenger', arms.challenger)
  return sequenceOf(difference(arms), arms.champion.n + arms.challenger.n, options)
}

/**
 * Confidence sequence of the lift (challenger − champion)/|champion|, without unit, by the delta method. O(1).
 *
 * @param arms both means with their variances
 * @param options error level and N* (units of both arms)
 * @returns null when the champion's own two-sided sequence at the same level does not leave 0 out (a lift over nothing
 * is undefined: compare by difference then), when neither arm varies, or when a variance cannot be told (NaN)
 * @throws EvaluatorError OUT_OF_RANGE when an option is out of range
 */
export function relativeLiftSequence (arms: TwoArms, options: SequenceOptions = {}): MeanSequence | null {
  const { champion, challenger } = arms
  requireArm('champion', champion)
  requireArm('challenger', challenger)
  const own = meanSequence(champion, options)
  const isClear = own === null
    ? champion.varianceOfMean === 0 && champion.mean !== 0
    : Math.abs(own.estimate) > own.halfWidth
  return isClear ? sequenceOf(relativeLift(arms), champion.n + challenger.n, options) : null
}

function sequenceOf (
  { estimate, se }: Estimate, n: number, { alpha = 0.05, plannedSamples = 5_000 }: SequenceOptions
): MeanSequence | null {
  if (se === 0 || Number.isNaN(se)) return null
  const input = { se, n, alpha, plannedSamples }
  const oneSided = oneSidedHalfWidth(input)
  const halfWidth = twoSidedHalfWidth(input)
  return {
    estimate,
    se,
    n,
    halfWidth,
    lower: finiteOr('mean', estimate - halfWidth),
    upper: finiteOr('mean', estimate + halfWidth),
    lowerOneSided: estimate - oneSided,
    upperOneSided: estimate + oneSided,
    ...anytimeP(input, estimate, 0)
  }
}
