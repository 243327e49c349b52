import { finiteOr } from '../errors.js'
import { pairMoments, requirePairMoments, type PairMomentsSummary } from './pair-moments.js'
import type { ArmMean, Estimate } from './strata.js'

/**
 * Ratio Σy/Σx over n independent units with the variance that the delta method gives it: Var(R) = [Var(y) − 2R Cov(x,
 * y) + R² Var(x)] / (n·x̄²). For rates whose unit (requests) is not the one that was randomised (users or sessions).
 * Deng, Knoblich, Lu (2018), "Applying the delta method in metric analytics", KDD. The result counts units and is ready
 * for `stratifiedMeans`, `difference` and `relativeLift`. O(1).
 *
 * @param units moments over the units: y the numerator (clicks of a user), x the denominator (the user's requests)
 * @returns in units of y per unit of x; null when there are fewer than two units or the denominators' mean is 0
 * @throws EvaluatorError NOT_FINITE or MALFORMED for moments that no sample gives, OUT_OF_RANGE when the denominators
 * are so near to 0 that no number can hold the ratio
 */
export function ratioMean (units: PairMomentsSummary): ArmMean | null {
  requirePairMoments('units', units)
  const { n, meanY, meanX, m2Y, m2X, coXY } = units
  if (n < 2 || meanX === 0) return null
  const ratio = finiteOr('denominators', meanY / meanX)
  const centred = Math.max(0, m2Y - 2 * ratio * coXY + ratio * ratio * m2X)
  return { n, mean: ratio, varianceOfMean: finiteOr('denominators', centred / (n - 1) / n / meanX / meanX) }
}

/**
 * Ratio of two sums over units with its delta-method standard error; see {@link ratioMean}. O(n).
 *
 * @param numerators one per unit, magnitude at most 1e140
 * @param denominators one per unit, same order, magnitude at most 1e140
 * @returns in units of numerator per denominator; null when there is one unit or the denominators sum to 0
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH, NOT_FINITE or OUT_OF_RANGE
 */
export function ratioEstimate (numerators: ArrayLike<number>, denominators: ArrayLike<number>): Estimate | null {
  const mean = ratioMean(pairMoments(numerators, denominators, { y: 'numerators', x: 'denominators' }))
  return mean === null ? null : { estimate: mean.mean, se: Math.sqrt(mean.varianceOfMean) }
}
