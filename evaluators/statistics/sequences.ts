import { EvaluatorError, finiteOr, requireBetween } from '../errors.js'
import { requireInside } from './open-interval.js'

/**
 * What a confidence sequence is built from: an estimate's standard error `se` (in the estimate's own unit, > 0), the
 * number `n` of units it rests on (both arms together; pairs when paired; > 0), the error level `alpha`, and
 * `plannedSamples`, the N* at which the sequence is tightest (units, > 0, fixed before the first look).
 */
export interface SequenceInput {
  readonly se: number
  readonly n: number
  readonly alpha: number
  readonly plannedSamples: number
}

/**
 * Half width of the two-sided asymptotic confidence sequence: estimate ± half width covers the truth at every look at
 * once with probability 1 − alpha, asymptotically. Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2024), "Time-uniform
 * central limit theory and asymptotic confidence sequences", Ann. Statist. 52(6), with ρ² tuned for N*:
 * L = −2 ln α, ρ² = (L + ln(L + 1)) / N*, u = nρ², h = se √(2(u+1)/u · ln(√(u+1)/α)). O(1).
 *
 * @returns the half width, in the unit of `se`
 * @throws EvaluatorError OUT_OF_RANGE when alpha is outside (0, 1), or n, se or plannedSamples is not finite and
 * > 0, or the half width leaves the range of a number
 */
export function twoSidedHalfWidth (input: SequenceInput): number {
  checkInput(input, 1)
  const u = input.n * tuning(input.alpha, input.plannedSamples)
  return finiteOr('se', input.se * Math.sqrt(2 * (u + 1) / u * lnRatio(Math.sqrt(u + 1), input.alpha)))
}

/**
 * Margin of the one-sided asymptotic confidence sequence: estimate − margin is a lower (estimate + margin an upper)
 * confidence bound that holds at every look at once with probability 1 − alpha, asymptotically. Same source,
 * one-sided: ρ² is tuned at 2α, h = se √(2(u+1)/u · ln(1 + √(u+1)/(2α))). O(1).
 *
 * @returns the margin, in the unit of `se`
 * @throws EvaluatorError OUT_OF_RANGE when alpha is outside (0, 0.5), otherwise as {@link twoSidedHalfWidth}
 */
export function oneSidedHalfWidth (input: SequenceInput): number {
  checkInput(input, 0.5)
  const u = input.n * tuning(2 * input.alpha, input.plannedSamples)
  const ratio = Math.sqrt(u + 1) / (2 * input.alpha)
  const penalty = Number.isFinite(ratio) ? Math.log(1 + ratio) : lnRatio(Math.sqrt(u + 1), 2 * input.alpha)
  return finiteOr('se', input.se * Math.sqrt(2 * (u + 1) / u * penalty))
}

/**
 * Evidence against the hypothesis that the truth is `reference`, as a log e-value and the p-value it gives at this
 * look: ln E = u z² / (2(u+1)) − ½ ln(u+1) with z = (estimate − reference)/se, p = min(1, 1/E). The smallest p over
 * the looks so far is valid at any stopping time. Same source. O(1).
 *
 * @param input as for the two-sided sequence; alpha only tunes ρ²
 * @param estimate the estimate, in the unit of `se`
 * @param reference the hypothesised truth, same unit
 * @throws EvaluatorError as {@link twoSidedHalfWidth}
 */
export function anytimeP (input: SequenceInput, estimate: number, reference: number): { logE: number, p: number } {
  checkInput(input, 1)
  const u = input.n * tuning(input.alpha, input.plannedSamples)
  requireBetween('estimate', estimate, -Number.MAX_VALUE, Number.MAX_VALUE)
  requireBetween('reference', reference, -Number.MAX_VALUE, Number.MAX_VALUE)
  const z = (estimate - reference) / input.se
  // Evidence beyond what a number can hold stays the greatest number: p is 0 either way.
  const logE = Math.min(Number.MAX_VALUE, u / (u + 1) / 2 * z * z) - Math.log1p(u) / 2
  return { logE, p: Math.min(1, Math.exp(-logE)) }
}

/**
 * ρ² of the sequences above: the mixture variance that makes the two-sided interval at level `alpha` tightest at
 * `plannedSamples` units (a one-sided sequence is tuned at twice its level). No unit, > 0. O(1).
 *
 * @param alpha error level, 0 < alpha < 1
 * @param plannedSamples N*, units, finite and > 0
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function tuning (alpha: number, plannedSamples: number): number {
  requireInside('alpha', alpha, 0, 1)
  requirePositive('plannedSamples', plannedSamples)
  const level = -2 * Math.log(alpha)
  return finiteOr('plannedSamples', (level + Math.log1p(level)) / plannedSamples)
}

/** ln(a/b), also where the ratio leaves the range of a number. */
function lnRatio (a: number, b: number): number {
  const ratio = a / b
  return Number.isFinite(ratio) ? Math.log(ratio) : Math.log(a) - Math.log(b)
}

function checkInput ({ se, n, alpha, plannedSamples }: SequenceInput, alphaMax: number): void {
  requireInside('alpha', alpha, 0, alphaMax)
  requirePositive('se', se)
  requirePositive('n', n)
  requirePositive('plannedSamples', plannedSamples)
}

function requirePositive (argument: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return
  throw new EvaluatorError('OUT_OF_RANGE', argument, `must be finite and above 0, got ${value}`)
}
