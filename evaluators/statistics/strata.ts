import { EvaluatorError, finiteOr, requireBetween, requireList } from '../errors.js'
import { clusterVariance, requestVariance, type MomentsSummary } from './moments.js'

/** One arm in one stratum: `n` units with `mean`, and the variance of that mean (`varianceOfMean`, unit squared). */
export interface ArmMean { readonly n: number, readonly mean: number, readonly varianceOfMean: number }

/** Both arms over a span in which the split and the model versions were constant. */
export interface MeanStratum { readonly champion: ArmMean, readonly challenger: ArmMean }

/** Fewest units for a stratum to be used, per arm. */
export const STRATUM_MIN = { champion: 2, challenger: 5 } as const

/** Stratified means of both arms over the strata `used`; `n` counts the units in them. */
export interface StratifiedMeans {
  readonly champion: ArmMean
  readonly challenger: ArmMean
  readonly n: number
  readonly used: number
  readonly skipped: number
}

/** An estimate with its standard error, both in the estimate's unit. */
export interface Estimate { readonly estimate: number, readonly se: number }

/**
 * The strata that carry information about the difference: at least 2 champion and 5 challenger units; the rest are
 * skipped and must be mentioned in the verdict.
 */
export function usableStrata<T extends Record<'champion' | 'challenger', { n: number }>> (strata: readonly T[]): T[] {
  return strata.filter(({ champion, challenger }) =>
    champion.n >= STRATUM_MIN.champion && challenger.n >= STRATUM_MIN.challenger)
}

/**
 * Means of both arms, weighted over strata by the units of both arms together (w = n_A + n_B), so that a trend over a
 * ramp touches both arms alike: mean = Σ w·mean_g / Σ w, variance = Σ w²·variance_g / (Σ w)². Strata without enough
 * units ({@link STRATUM_MIN}), or whose variance cannot be told (NaN: a single session), are skipped.
 * Post-stratification, Miratrix, Sekhon, Yu (2013), J. R. Stat. Soc. B 75:369-396, with total-size weights. O(strata).
 *
 * @returns null when no stratum is left
 * @throws EvaluatorError OUT_OF_RANGE for a mean or variance in use that no sample gives
 */
export function stratifiedMeans (strata: readonly MeanStratum[]): StratifiedMeans | null {
  requireList('strata', strata)
  const usable = usableStrata(strata)
    .filter(({ champion, challenger }) => !Number.isNaN(champion.varianceOfMean + challenger.varianceOfMean))
  for (const { champion, challenger } of usable) {
    requireArm('champion', champion)
    requireArm('challenger', challenger)
  }
  if (usable.length === 0) return null
  const weights = usable.map(({ champion, challenger }) => champion.n + challenger.n)
  return {
    champion: weightedMean(usable.map(({ champion }) => champion), weights),
    challenger: weightedMean(usable.map(({ challenger }) => challenger), weights),
    n: weights.reduce((total, w) => total + w, 0),
    used: usable.length,
    skipped: strata.length - usable.length
  }
}

/**
 * Challenger minus champion with its standard error, in the metric's unit; the error is NaN where a variance cannot be
 * told. O(1).
 * @throws EvaluatorError OUT_OF_RANGE for a mean that is not finite, or means too far apart for a number
 */
export function difference ({ champion, challenger }: Pick<StratifiedMeans, 'champion' | 'challenger'>): Estimate {
  requireArm('champion', champion)
  requireArm('challenger', challenger)
  return {
    estimate: finiteOr('champion.mean and challenger.mean', challenger.mean - champion.mean),
    se: Math.sqrt(challenger.varianceOfMean + champion.varianceOfMean)
  }
}

/**
 * Relative lift (challenger − champion) / |champion| with its delta-method standard error √(V_B/m_A² + V_A·m_B²/m_A⁴),
 * where V is the variance of an arm's mean; both without unit. Dividing by the magnitude keeps the sign of the lift
 * that of the difference for a negative mean too. Only meaningful when the champion's mean is clearly not 0: the
 * caller checks. O(1).
 *
 * @throws EvaluatorError OUT_OF_RANGE when the champion's mean is 0, or so near to it that no number can hold the lift
 */
export function relativeLift ({ champion, challenger }: Pick<StratifiedMeans, 'champion' | 'challenger'>): Estimate {
  requireArm('champion', champion)
  requireArm('challenger', challenger)
  if (champion.mean === 0) {
    throw new EvaluatorError('OUT_OF_RANGE', 'champion.mean', 'a lift needs a mean other than 0, got 0')
  }
  const ratio = challenger.mean / champion.mean
  return {
    estimate: finiteOr('champion.mean', (challenger.mean - champion.mean) / Math.abs(champion.mean)),
    se: Math.sqrt(challenger.varianceOfMean + champion.varianceOfMean * ratio * ratio) / Math.abs(champion.mean)
  }
}

/**
 * How much clustering inflates the variance of an arm's stratified mean: Σ w²·cluster-robust variance / Σ w²·variance
 * of independent requests, never below 1; over the strata with two clusters or more. 1 when nothing varies. O(strata).
 *
 * @param arms the arm's moments per stratum
 * @param weights the strata's weights, same order
 * @returns NaN when no stratum has two clusters, so that the inflation cannot be told
 */
export function designEffect (arms: readonly MomentsSummary[], weights: readonly number[]): number {
  let [clustered, independent, told] = [0, 0, 0]
  arms.forEach((arm, g) => {
    if (arm.clusters < 2) return
    told += 1
    clustered += weights[g]! ** 2 * clusterVariance(arm)
    independent += weights[g]! ** 2 * requestVariance(arm)
  })
  if (told === 0) return NaN
  return independent === 0 ? 1 : Math.max(1, clustered / independent)
}

/**
 * Refuses an arm that no sample gives; a variance that is NaN (cannot be told) passes. O(1).
 * @throws EvaluatorError OUT_OF_RANGE, naming the field
 */
export function requireArm (argument: string, { n, mean, varianceOfMean }: ArmMean): void {
  if (!(Number.isFinite(n) && n >= 0)) requireBetween(`${argument}.n`, n, 0, Number.MAX_VALUE)
  if (!Number.isFinite(mean)) requireBetween(`${argument}.mean`, mean, -Number.MAX_VALUE, Number.MAX_VALUE)
  if (Number.isNaN(varianceOfMean) || (Number.isFinite(varianceOfMean) && varianceOfMean >= 0)) return
  requireBetween(`${argument}.varianceOfMean`, varianceOfMean, 0, Number.MAX_VALUE)
}

function weightedMean (arms: readonly ArmMean[], weights: readonly number[]): ArmMean {
  let n = 0
  let mean = 0
  let varianceOfMean = 0
  const total = weights.reduce((sum, w) => sum + w, 0)
  arms.forEach((arm, g) => {
    const share = weights[g]! / total
    n += arm.n
    mean += share * arm.mean
    varianceOfMean += share * share * arm.varianceOfMean
  })
  return { n, mean, varianceOfMean }
}
