import betaln from '@stdlib/math-base-special-betaln'

/**
 * Natural logarithm of the beta function, ln B(a, b) = ln Γ(a) + ln Γ(b) − ln Γ(a + b). This module is the one door to
 * special functions: whoever swaps the library swaps it here. Relative error about 1e-13. O(1).
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
