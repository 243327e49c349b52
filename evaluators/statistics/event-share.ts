import { EvaluatorError, requireBetween, requireList } from '../errors.js'
import { requireInside } from './open-interval.js'
import { boundary } from './roots.js'
import { lnBeta } from './special.js'

/**
 * Weight of the prior, in events, unless another is given: the mixture starts at beta(share·c, (1 − share)·c), centred
 * on "no difference".
 */
const CONCENTRATION = 10

/** Beyond, the prior is one that no number can tell from none, or from certainty. */
const CONCENTRATION_RANGE = { min: 1e-6, max: 1e12 } as const

/** Greatest |ln ratio| that is asked about: a ratio of 10^±300. */
const LN_RATIO_MAX = 700

/** Events of both arms while the challenger's share of the traffic was `share` (0 < share < 1). */
export interface EventStratum { readonly champion: number, readonly challenger: number, readonly share: number }

/**
 * Rates' ratio r = challenger / champion: the estimate (null without any event; Infinity when all fell on the
 * challenger), and the interval of ratios not refuted; upper may be Infinity.
 */
export interface RatioInterval { readonly estimate: number | null, readonly lower: number, readonly upper: number }

export interface EventShareOptions {
  /** Error level of the two-sided interval, 0 < alpha < 1; 0.05 unless given. */
  readonly alpha?: number
  /** Weight of the prior in events, 1e-6..1e12; 10 unless given. */
  readonly concentration?: number
  /** Smallest p so far, 0..1; 1 at the first look. */
  readonly pBefore?: number
}

/**
 * Event rates compared: `logE` against equal rates, `pThisLook` = min(1, 1/E), `p` the running minimum, valid at any
 * stopping time; `ratio` the rates' ratio that the events point to (null without any event), `lower` and `upper` its
 * interval, or null when no single ratio agrees with all strata.
 */
export interface EventShareResult {
  readonly logE: number
  readonly pThisLook: number
  readonly p: number
  readonly ratio: number | null
  readonly interval: { readonly lower: number, readonly upper: number } | null
}

/**
 * Log e-value against the hypothesis that the challenger's event rate is e^lnRatio times the champion's. With
 * assignment at share θ each event falls on the challenger with probability s = θr/(θr + 1 − θ), whatever the rate;
 * against that stands the beta mixture: ln E = ln B(cθ+e_B, c(1−θ)+e_A) − ln B(cθ, c(1−θ)) − e_B ln s − e_A ln(1−s).
 * Strata with different shares add up (a product of e-processes). Exact and anytime-valid: P(ln E ever >= ln
 * 1/α) <= α under the hypothesis. Lindon and Malek (2022), "Anytime-valid inference for multinomial count data",
 * NeurIPS. O(strata).
 *
 * @param strata counts and shares; events are integers >= 0
 * @param lnRatio natural logarithm of the hypothesised ratio, −700..700
 * @param concentration weight c of the prior in events, 1e-6..1e12
 * @throws EvaluatorError OUT_OF_RANGE when a count is not an integer >= 0, a share is not strictly between 0 and 1, or
 * another argument is out of range
 */
export function logEvidence (
  strata: readonly EventStratum[], lnRatio: number, concentration: number = CONCENTRATION
): number {
  requireBetween('lnRatio', lnRatio, -LN_RATIO_MAX, LN_RATIO_MAX)
  return mixture(strata, concentration) + cost(splitsOf(strata), lnRatio)
}

/**
 * All ratios r whose log e-value is below ln(1/alpha): a two-sided interval at level alpha, valid at every look. A
 * one-sided bound at level a is the bound of the interval at alpha = 2a. By bisection on ln r, in which the log
 * e-value is convex. O(strata · 100).
 *
 * @param strata counts and shares; without any event the interval is [0, Infinity] and the estimate null
 * @param alpha 0 < alpha < 1
 * @param concentration weight c of the prior in events, 1e-6..1e12
 * @returns null when no single ratio agrees with all strata
 * @throws EvaluatorError as {@link logEvidence}, or OUT_OF_RANGE when alpha is outside (0, 1)
 */
export function ratioInterval (
  strata: readonly EventStratum[], alpha: number, concentration: number = CONCENTRATION
): RatioInterval | null {
  requireInside('alpha', alpha, 0, 1)
  const limit = -Math.log(alpha) - mixture(strata, concentration)
  const champion = strata.reduce((sum, stratum) => sum + stratum.champion, 0)
  const challenger = strata.reduce((sum, stratum) => sum + stratum.challenger, 0)
  if (champion + challenger === 0) return { estimate: null, lower: 0, upper: Infinity }
  const splits = splitsOf(strata)
  const isInside = (lnRatio: number): boolean => cost(splits, lnRatio) < limit
  if (challenger === 0) {
    return { estimate: 0, lower: 0, upper: Math.exp(outward(isInside, someInside(isInside, -1), 1)) }
  }
  if (champion === 0) {
    return { estimate: Infinity, lower: Math.exp(outward(isInside, someInside(isInside, 1), -1)), upper: Infinity }
  }
  const isTooLow = (lnRatio: number): boolean => slope(splits, lnRatio) < 0
  const best = isTooLow(0) ? outward(isTooLow, 0, 1) : outward((x) => !isTooLow(x), 0, -1)
  if (!isInside(best)) return null
  return {
    estimate: Math.exp(best),
    lower: Math.exp(outward(isInside, best, -1)),
    upper: Math.exp(outward(isInside, best, 1))
  }
}

/**
 * Exact comparison of two event rates from where the events fell, valid at every look: is the challenger's rate another
 * one than the champion's? See {@link logEvidence} and {@link ratioInterval}. For a one-sided reading at level a, take
 * one bound of the interval at alpha = 2a. O(strata · 100).
 *
 * @param strata events of both arms (integers >= 0) and the challenger's share (0..1, exclusive) per constant split
 * @param options error level, prior weight, and the smallest p of the looks before
 * @throws EvaluatorError OUT_OF_RANGE, naming the argument
 */
export function compareEventShares (
  strata: readonly EventStratum[], { alpha = 0.05, concentration = CONCENTRATION, pBefore = 1 }: EventShareOptions = {}
): EventShareResult {
  requireBetween('pBefore', pBefore, 0, 1)
  const logE = logEvidence(strata, 0, concentration)
  const pThisLook = Math.min(1, Math.exp(-logE))
  const found = ratioInterval(strata, alpha, concentration)
  return {
    logE,
    pThisLook,
    p: Math.min(pBefore, pThisLook),
    ratio: found === null ? null : found.estimate,
    interval: found === null ? null : { lower: found.lower, upper: found.upper }
  }
}

/**
 * The share of all events that falls on the challenger when its rate is `ratio` times the champion's and it gets
 * `share` of the traffic: θr/(θr + 1 − θ), 0..1. O(1).
 *
 * @param ratio 0..Infinity
 * @param share the challenger's share of the traffic, between 0 and 1
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function eventShareAt (ratio: number, share: number): number {
  requireBetween('ratio', ratio, 0, Infinity)
  requireInside('share', share, 0, 1)
  return ratio === Infinity ? 1 : ratio / (ratio + (1 - share) / share)
}

/** The part of the log e-value that does not depend on the ratio. */
function mixture (strata: readonly EventStratum[], concentration: number): number {
  requireBetween('concentration', concentration, CONCENTRATION_RANGE.min, CONCENTRATION_RANGE.max)
  requireList('strata', strata)
  return strata.reduce((sum, { champion, challenger, share }, g) => {
    requireInside(`strata[${g}].share`, share, 0, 1)
    if (!(Number.isSafeInteger(champion) && champion >= 0 && Number.isSafeInteger(challenger) && challenger >= 0)) {
      throw new EvaluatorError('OUT_OF_RANGE', `strata[${g}]`, `events must be integers >= 0, got ${champion} and ${challenger}`)
    }
    const prior = { challenger: share * concentration, champion: (1 - share) * concentration }
    return sum + lnBeta(prior.challenger + challenger, prior.champion + champion) -
      lnBeta(prior.challenger, prior.champion)
  }, 0)
}

/** The events of a stratum beside ln(θ/(1 − θ)), which no bisection has to compute again. */
interface Split { readonly champion: number, readonly challenger: number, readonly logit: number }

function splitsOf (strata: readonly EventStratum[]): Split[] {
  return strata.map(({ champion, challenger, share }) =>
    ({ champion, challenger, logit: Math.log(share) - Math.log1p(-share) }))
}

/**
 * Minus the log likelihood of where the events fell, −Σ (e_B ln s + e_A ln(1−s)); convex in ln r. With x = logit s,
 * ln s is min(x, 0) − ln(1 + e^−|x|), which does not overflow, and ln(1 − s) the same at −x.
 */
function cost (splits: readonly Split[], lnRatio: number): number {
  let sum = 0
  for (let i = 0; i < splits.length; i++) {
    const { champion, challenger, logit } = splits[i]!
    const x = lnRatio + logit
    const tail = Math.log1p(Math.exp(-Math.abs(x)))
    sum = sum - challenger * (x < 0 ? x - tail : -tail) - champion * (x > 0 ? -x - tail : -tail)
  }
  return sum
}

/** The derivative of {@link cost} by ln r: events expected on the challenger minus those seen. */
function slope (splits: readonly Split[], lnRatio: number): number {
  let sum = 0
  for (let i = 0; i < splits.length; i++) {
    const { champion, challenger, logit } = splits[i]!
    const x = lnRatio + logit
    const tail = Math.log1p(Math.exp(-Math.abs(x)))
    sum = sum + (champion + challenger) * Math.exp(x < 0 ? x - tail : -tail) - challenger
  }
  return sum
}

/**
 * From a point where the predicate holds, the point in the given direction where it stops: doubled steps, then
 * bisection.
 */
function outward (holds: (x: number) => boolean, from: number, direction: 1 | -1): number {
  let step = 1
  while (holds(from + direction * step)) step *= 2
  return boundary(holds, from, from + direction * step)
}

/** With events in one arm only, every ratio far enough in that arm's direction is inside. */
function someInside (isInside: (x: number) => boolean, direction: 1 | -1): number {
  let x = direction
  while (!isInside(x)) x *= 2
  return x
}
