import { finiteOr, requireBetween, requireList } from '../errors.js'
import { requirePairMoments, type PairMomentsSummary } from './pair-moments.js'
import { difference, type ArmMean, type Estimate } from './strata.js'

/** Both arms' moments of the metric (y) and of a covariate known before the arm was chosen (x). */
export interface CovariateArms { readonly champion: PairMomentsSummary, readonly challenger: PairMomentsSummary }

/**
 * Both arms adjusted for a covariate: `theta` in units of y per unit of x; arms and difference in units of y;
 * `varianceRatio` = variance of the adjusted difference over that of the raw one, 0..1 up to noise (null when the
 * metric does not vary).
 */
export interface CovariateAdjustment extends Estimate {
  readonly theta: number
  readonly champion: ArmMean
  readonly challenger: ArmMean
  readonly raw: Estimate
  readonly varianceRatio: number | null
}

/**
 * θ of the covariate adjustment: Σ coXY / Σ m2X over all given groups, the covariance of metric and covariate within
 * groups over the variance of the covariate, pooled, so that a difference between groups does not enter. O(groups).
 *
 * @param groups arms, or arms of all strata
 * @returns units of y per unit of x; null when the covariate is constant within every group, so that it says nothing
 * @throws EvaluatorError NOT_FINITE, MALFORMED or OUT_OF_RANGE for moments that no sample gives
 */
export function pooledTheta (groups: readonly PairMomentsSummary[]): number | null {
  let [covariance, variance] = [0, 0]
  requireList('groups', groups)
  for (const group of groups) {
    requirePairMoments('groups', group)
    const { coXY, m2X } = group
    covariance += coXY
    variance += m2X
  }
  return variance > 0 ? finiteOr('groups', covariance / variance) : null
}

/**
 * Mean of y − θ(x − centre) over one group with the variance of that mean, ready for `stratifiedMeans`, `difference`
 * and `relativeLift`. O(1).
 *
 * @param group at least two units for a variance
 * @param theta units of y per unit of x, see {@link pooledTheta}
 * @param centre the same for all groups that are compared; the mean of x over all of them keeps the level of y
 * @returns variance NaN (cannot be told) below two units, as everywhere in strata
 * @throws EvaluatorError NOT_FINITE, MALFORMED or OUT_OF_RANGE, also when the result leaves the range of a number
 */
export function adjustedMean (group: PairMomentsSummary, theta: number, centre: number): ArmMean {
  const { n, meanY, meanX, m2Y, m2X, coXY } = group
  requirePairMoments('group', group)
  requireBetween('theta', theta, -Number.MAX_VALUE, Number.MAX_VALUE)
  requireBetween('centre', centre, -Number.MAX_VALUE, Number.MAX_VALUE)
  const m2 = Math.max(0, m2Y - 2 * theta * coXY + theta * theta * m2X)
  const mean = finiteOr('theta', meanY - theta * (meanX - centre))
  return { n, mean, varianceOfMean: n < 2 ? NaN : finiteOr('theta', m2 / (n - 1) / n) }
}

/**
 * Difference of two arms after removing what a covariate explains: y − θ(x − x̄), with θ pooled within arms. The
 * variance falls by the factor 1 − r². Deng, Xu, Kohavi, Walker (2013), "Improving the sensitivity of online controlled
 * experiments by utilizing pre-experiment data" (CUPED), WSDM. The covariate must not be affected by the arm: prompt
 * length or a mean from before the trial, never anything measured on the answer. O(1).
 *
 * @param arms moments of both arms, y the metric and x the covariate
 * @returns null when an arm has fewer than two units, or the covariate is constant: use the raw means then
 * @throws EvaluatorError as {@link adjustedMean}
 */
export function adjustForCovariate ({ champion, challenger }: CovariateArms): CovariateAdjustment | null {
  requirePairMoments('champion', champion)
  requirePairMoments('challenger', challenger)
  if (champion.n < 2 || challenger.n < 2) return null
  const theta = pooledTheta([champion, challenger])
  if (theta === null) return null
  const n = champion.n + challenger.n
  const centre = champion.meanX + (challenger.meanX - champion.meanX) * (challenger.n / n)
  const arms = {
    champion: adjustedMean(champion, theta, centre), challenger: adjustedMean(challenger, theta, centre)
  }
  const adjusted = difference(arms)
  const raw = difference({ champion: adjustedMean(champion, 0, 0), challenger: adjustedMean(challenger, 0, 0) })
  return { theta, ...arms, ...adjusted, raw, varianceRatio: raw.se > 0 ? (adjusted.se / raw.se) ** 2 : null }
}
