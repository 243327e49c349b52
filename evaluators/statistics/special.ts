import betaincFn from '@stdlib/math-base-special-betainc'
import betaln from '@stdlib/math-base-special-betaln'
import gammainc from '@stdlib/math-base-special-gammainc'
import gammaln from '@stdlib/math-base-special-gammaln'
import betaQuantileFn from '@stdlib/stats-base-dists-beta-quantile'
import normalCdfFn from '@stdlib/stats-base-dists-normal-cdf'
import normalQuantileFn from '@stdlib/stats-base-dists-normal-quantile'
import tCdfFn from '@stdlib/stats-base-dists-t-cdf'
import tQuantileFn from '@stdlib/stats-base-dists-t-quantile'
import { EvaluatorError } from '../errors.js'

// This module is the one door to special functions: whoever swaps the library swaps it here. Upper tails are taken
// directly, because 1 − cdf loses every digit of a small tail.

/**
 * Natural logarithm of the beta function, ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b). Relative error about 1e-13.
 * O(1).
 *
 * @param a first shape, finite and > 0, no unit
 * @param b second shape, finite and > 0, no unit
 * @throws RangeError when a shape is not a finite number above 0
 */
export function lnBeta (a: number, b: number): number {
  if (!(a > 0 && b > 0 && Number.isFinite(a + b))) {
    throw new RangeError(`beta function needs finite shapes above 0, got ${a} and ${b}`)
  }
  return betaln(a, b)
}

/** ln Γ(x) for finite x > 0. O(1). @throws EvaluatorError OUT_OF_RANGE */
export function lnGamma (x: number): number {
  requirePositive('x', x)
  return gammaln(x)
}

/** Regularised incomplete beta function I_x(a, b), 0 <= x <= 1, shapes > 0. O(1). @throws EvaluatorError */
export function incompleteBeta (x: number, a: number, b: number): number {
  requirePositive('a', a)
  requirePositive('b', b)
  if (!(x >= 0 && x <= 1)) throw new EvaluatorError('OUT_OF_RANGE', 'x', `expected a number from 0 to 1, got ${x}`)
  return betaincFn(x, a, b)
}

/** The p-quantile of the beta(a, b) distribution, 0 <= p <= 1. O(1). @throws EvaluatorError OUT_OF_RANGE */
export function betaQuantile (p: number, a: number, b: number): number {
  requirePositive('a', a)
  requirePositive('b', b)
  if (!(p >= 0 && p <= 1)) throw new EvaluatorError('OUT_OF_RANGE', 'p', `expected a number from 0 to 1, got ${p}`)
  return betaQuantileFn(p, a, b)
}

/** P(Z > z) of the standard normal distribution, relative error about 1e-14 even far in the tail. O(1). */
export function normalUpper (z: number): number {
  return normalCdfFn(-z, 0, 1)
}

/** The p-quantile of the standard normal distribution, 0 < p < 1. O(1). @throws EvaluatorError OUT_OF_RANGE */
export function normalQuantile (p: number): number {
  if (!(p > 0 && p < 1)) throw new EvaluatorError('OUT_OF_RANGE', 'p', `expected a number between 0 and 1, got ${p}`)
  return normalQuantileFn(p, 0, 1)
}

/** P(T <= t) of Student's t with `df` > 0 degrees of freedom, not necessarily whole. O(1). @throws EvaluatorError */
export function studentCdf (t: number, df: number): number {
  requirePositive('df', df)
  return tCdfFn(t, df)
}

/** P(T > t) of Student's t, exact in the upper tail. O(1). @throws EvaluatorError OUT_OF_RANGE */
export function studentUpper (t: number, df: number): number {
  return studentCdf(-t, df)
}

/** The p-quantile of Student's t, 0 < p < 1; absolute error up to 3e-9. O(1). @throws EvaluatorError OUT_OF_RANGE */
export function studentQuantile (p: number, df: number): number {
  requirePositive('df', df)
  if (!(p > 0 && p < 1)) throw new EvaluatorError('OUT_OF_RANGE', 'p', `expected a number between 0 and 1, got ${p}`)
  return tQuantileFn(p, df)
}

/** P(X > x) of the chi-square distribution, `df` > 0 degrees of freedom. O(1). @throws EvaluatorError OUT_OF_RANGE */
export function chiSquareUpper (x: number, df: number): number {
  requirePositive('df', df)
  return x <= 0 ? 1 : gammainc(x / 2, df / 2, true, true)
}

function requirePositive (argument: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected a finite number above 0, got ${value}`)
}
