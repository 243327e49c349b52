import { EvaluatorError, requireBetween } from '../errors.js'
import { incompleteBeta, lnGamma, normalUpper } from './special.js'

/** Greatest noncentrality: beyond, the logarithms of the weights lose too many digits. */
const NONCENTRALITY_MAX = 2_000

/** A Poisson weight below this, relative to the greatest one, changes no digit of the sum. */
const NEGLIGIBLE = 1e-18

/** Below this t²/df the incomplete beta function is taken from its other end. */
const SMALL_SQUARE = 1e-4

/**
 * P(T > t) of the noncentral t distribution: T = (Z + delta)/√(X/df), Z standard normal, X chi-square with df degrees
 * of freedom. For t >= 0 it is ½ Σ p_j I(df/2, j+½) + q_j I(df/2, j+1), where I(a, b) is the regularised incomplete
 * beta function at df/(df + t²), p_j = e^(−λ) λ^j/j!, q_j = delta/√2 · e^(−λ) λ^j/Γ(j+3/2), λ = delta²/2; for t < 0
 * one minus the mirror image. Guenther (1978), J. Stat. Comput. Simul. 6:199-206, summed from the greatest weight
 * outwards as Benton, Krishnamoorthy (2003), Comput. Stat. Data Anal. 43:249-267, so that a large delta does not
 * underflow. Absolute error below 1e-10 for |delta| <= 30 and df <= 1e5, 1e-8 at |delta| = 2,000. O(1 + |delta|)
 * incomplete beta functions.
 *
 * @param t finite, no unit
 * @param df 1e-100..1e100, not necessarily whole
 * @param delta noncentrality, −2,000..2,000
 * @returns 0..1
 * @throws EvaluatorError NOT_FINITE or OUT_OF_RANGE
 */
export function noncentralTUpper (t: number, df: number, delta: number): number {
  requireArguments(t, df, delta)
  if (t < 0) return 1 - noncentralTUpper(-t, df, -delta)
  if (t === 0) return normalUpper(-delta)
  const lambda = delta * delta / 2
  const tails = poissonMean(lambda, 0, (j) => betaAtLeast(t, df, j + 0.5))
  const difference = poissonMean(lambda, 0.5, (j) => betaAtLeast(t, df, j + 1))
  return Math.min(1, Math.max(0, (tails + Math.sign(delta) * difference) / 2))
}

/**
 * P(|T| > t) for t >= 0: Σ p_j I(df/2, j+½), where the terms that differ in sign between the tails have cancelled.
 * Source, parameters, errors and accuracy as {@link noncentralTUpper}, at half its cost.
 */
export function noncentralTOutside (t: number, df: number, delta: number): number {
  requireArguments(t, df, delta)
  requireBetween('t', t, 0, Number.MAX_VALUE)
  if (t === 0) return 1
  return Math.min(1, poissonMean(delta * delta / 2, 0, (j) => betaAtLeast(t, df, j + 0.5)))
}

/** I(df/2, b) at df/(df + t²); for a small t from the other end, where df/(df + t²) would round to 1. */
function betaAtLeast (t: number, df: number, b: number): number {
  const square = t * t
  return square < SMALL_SQUARE * df
    ? 1 - incompleteBeta(square / (df + square), b, df / 2)
    : incompleteBeta(df / (df + square), df / 2, b)
}

/** Σ_j e^(−λ) λ^(j+shift)/Γ(j+1+shift) · value(j) over j >= 0, from the greatest weight outwards. */
function poissonMean (lambda: number, shift: number, value: (j: number) => number): number {
  if (lambda === 0) return shift === 0 ? value(0) : 0
  const mode = Math.floor(lambda)
  const peak = Math.exp((mode + shift) * Math.log(lambda) - lambda - lnGamma(mode + 1 + shift))
  let sum = peak * value(mode)
  for (let j = mode + 1, weight = peak; weight > NEGLIGIBLE * peak; j++) {
    weight *= lambda / (j + shift)
    sum += weight * value(j)
  }
  for (let j = mode, weight = peak; j > 0 && weight > NEGLIGIBLE * peak; j--) {
    weight *= (j + shift) / lambda
    sum += weight * value(j - 1)
  }
  return sum
}

function requireArguments (t: number, df: number, delta: number): void {
  if (!Number.isFinite(t)) throw new EvaluatorError('NOT_FINITE', 't', `expected a finite number, got ${t}`)
  requireBetween('df', df, 1e-100, 1e100)
  requireBetween('delta', delta, -NONCENTRALITY_MAX, NONCENTRALITY_MAX)
}
