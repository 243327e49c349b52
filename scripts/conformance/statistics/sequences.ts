import { adjustForCovariate } from '../../../evaluators/statistics/cuped.js'
import { empiricalBernsteinInterval } from '../../../evaluators/statistics/empirical-bernstein.js'
import { compareEventShares, eventShareAt } from '../../../evaluators/statistics/event-share.js'
import { pairMoments } from '../../../evaluators/statistics/pair-moments.js'
import { quantileEstimate, quantileType1, quantileType7, ranked } from '../../../evaluators/statistics/quantiles.js'
import { ratioEstimate } from '../../../evaluators/statistics/ratio.js'
import { chiSquareSampleRatio, sampleRatioEvidence, testSampleRatio } from '../../../evaluators/statistics/sample-ratio.js'
import { anytimeP, oneSidedHalfWidth, tuning, twoSidedHalfWidth } from '../../../evaluators/statistics/sequences.js'
import { difference, relativeLift, stratifiedMeans, type ArmMean } from '../../../evaluators/statistics/strata.js'
import type { Compute } from '../format.js'

type Numbers = Readonly<Record<string, number>>
type Lists = Readonly<Record<string, readonly number[]>>

/** Quantiles at which the files state a standard error, beside those of the case. */
const LEVELS = [0.5, 0.9, 0.95, 0.99]

/** Prior weights for which the files state a Bayes factor. */
const CONCENTRATIONS = [100, 10_000]

/** Sequential statistics and estimators, as the statistics files call them. */
export const sequenceStatistics: Readonly<Record<string, Compute>> = {
  quantiles: (input) => quantiles(input as Lists),
  srm: (input) => 'rows' in input ? sampleRatioRun(input) : sampleRatio(input as Lists),
  asymptotic_confidence_sequence: (input) => 'nA' in input ? twoSamples(input as Numbers) : oneSample(input as Numbers),
  bounded_confidence_sequence: boundedSequence,
  event_rate_ratio: (input) => eventRateRatio(input as Numbers),
  stratified_cuped_ratio (input) {
    if ('stages' in input) return stages(input)
    return 'numerator_by_unit' in input ? ratio(input as Lists) : cuped(input as Lists)
  }
}

function quantiles ({ x, p }: Lists): Record<string, unknown> {
  const ascending = Float64Array.from(x!).sort()
  const levels = [...new Set([...LEVELS, ...p!])].filter((level) => level > 0 && level < 1)
  return {
    type7: p!.map((level) => quantileType7(ascending, level)),
    type1: p!.map((level) => quantileType1(ascending, level)),
    orderstat_se: Object.fromEntries(levels.map((level) => [level, quantileEstimate(ranked(x!), level).se]))
  }
}

function sampleRatio ({ counts, weights }: Lists): Record<string, unknown> {
  const stage = { counts: counts!, weights: weights! }
  const fit = chiSquareSampleRatio(stage)
  const figures: Record<string, unknown> = { chi2: fit.statistic, p: fit.p, dof: fit.dof }
  for (const concentration of CONCENTRATIONS) {
    const { logBayesFactor, pThisLook, p } = testSampleRatio([stage], { concentration })
    figures[`log_bf_conc${concentration}`] = logBayesFactor
    figures[`anytime_p_conc${concentration}_this_look`] = pThisLook
    figures[`anytime_p_conc${concentration}`] = p
  }
  return figures
}

/** Rows are the counts of one look each; the test looks at their running totals. */
function sampleRatioRun (input: Record<string, unknown>): Record<string, unknown> {
  const { rows, weights, concentration } = input as { rows: number[][], weights: number[], concentration: number }
  const counts = weights.map(() => 0)
  const [logBayesFactors, anytimeP]: [number[], number[]] = [[], []]
  let p = 1
  for (const row of rows) {
    row.forEach((count, arm) => { counts[arm]! += count })
    p = testSampleRatio([{ counts, weights }], { concentration, pBefore: p }).p
    anytimeP.push(p)
    logBayesFactors.push(sampleRatioEvidence({ counts, weights }, concentration))
  }
  return { anytime_p: anytimeP, log_bf: logBayesFactors }
}

function oneSample ({ n, mean, sd, alpha, n_star: planned }: Numbers): Record<string, unknown> {
  const input = { se: sd! / Math.sqrt(n!), n: n!, alpha: alpha!, plannedSamples: planned! }
  const half = twoSidedHalfWidth(input)
  const margin = oneSidedHalfWidth(input)
  const { logE, p } = anytimeP(input, mean!, 0)
  return {
    rho2_two_sided: tuning(alpha!, planned!),
    rho2_one_sided: tuning(2 * alpha!, planned!),
    half_width: half,
    ci: [mean! - half, mean! + half],
    lower_one_sided: mean! - margin,
    upper_one_sided: mean! + margin,
    log_e_value: logE,
    p_anytime: p
  }
}

function twoSamples (input: Numbers): Record<string, unknown> {
  const arms = armsOf(input)
  const sequence = { n: input['nA']! + input['nB']!, alpha: input['alpha']!, plannedSamples: input['n_star']! }
  const { estimate, se } = difference(arms)
  const lift = relativeLift(arms)
  const half = twoSidedHalfWidth({ se, ...sequence })
  const margin = oneSidedHalfWidth({ se, ...sequence })
  const { logE, p } = anytimeP({ se, ...sequence }, estimate, 0)
  return {
    diff: estimate,
    se,
    half_width: half,
    ci: [estimate - half, estimate + half],
    lower_one_sided: estimate - margin,
    upper_one_sided: estimate + margin,
    log_e_value: logE,
    p_anytime: p,
    // The files divide by the champion's mean itself, the project by its magnitude.
    relative_lift: lift.estimate * Math.sign(arms.champion.mean),
    relative_se_delta: lift.se,
    relative_half_width: twoSidedHalfWidth({ se: lift.se, ...sequence })
  }
}

function boundedSequence (input: Record<string, unknown>): Record<string, unknown> {
  const { x, alpha, lambda_cap: lambdaCap } = input as { x: number[], alpha: number, lambda_cap: number }
  const interval = empiricalBernsteinInterval(x, { alpha, lambdaCap })
  return {
    center: interval.center,
    half_width: interval.halfWidth,
    lower: interval.lower,
    upper: interval.upper,
    sum_lambda: interval.sumLambda
  }
}

function eventRateRatio (input: Numbers): Record<string, unknown> {
  const share = input['challenger_traffic_share']!
  const stratum = { champion: input['events_champion']!, challenger: input['events_challenger']!, share }
  const options = { alpha: input['alpha']!, concentration: input['concentration']! }
  const { logE, p, interval } = compareEventShares([stratum], options)
  return {
    log_e_equal: logE,
    p_anytime: p,
    share_lower: interval === null ? null : eventShareAt(interval.lower, share),
    share_upper: interval === null ? null : eventShareAt(interval.upper, share),
    rate_ratio_lower: interval?.lower ?? null,
    rate_ratio_upper: interval?.upper ?? null
  }
}

function stages (input: Record<string, unknown>): Record<string, unknown> {
  const { stages, alpha, n_star: plannedSamples } = input as { stages: Numbers[], alpha: number, n_star: number }
  const strata = stages.map(armsOf)
  const means = stratifiedMeans(strata)
  if (means === null) return { diff: null, se: null, N: null, half_width: null }
  const { estimate, se } = difference(means)
  return {
    diff: estimate,
    se,
    N: means.n,
    half_width: twoSidedHalfWidth({ se, n: means.n, alpha, plannedSamples }),
    pooled_diff_do_not_use: pooled(strata.map(({ challenger }) => challenger)) -
      pooled(strata.map(({ champion }) => champion))
  }
}

function cuped (input: Lists): Record<string, unknown> {
  const adjustment = adjustForCovariate({
    champion: pairMoments(input['champion']!, input['champion_pre']!),
    challenger: pairMoments(input['challenger']!, input['challenger_pre']!)
  })
  if (adjustment === null) return { theta: null, diff: null, se: null, raw_diff: null, raw_se: null }
  const { theta, estimate, se, raw } = adjustment
  return { theta, diff: estimate, se, raw_diff: raw.estimate, raw_se: raw.se }
}

function ratio (input: Lists): Record<string, unknown> {
  const denominators = input['denominator_by_unit']!
  const ratio = ratioEstimate(input['numerator_by_unit']!, denominators)
  if (ratio === null) return { ratio: null, se: null, naive_iid_se: null }
  const total = denominators.reduce((sum, each) => sum + each, 0)
  const { estimate, se } = ratio
  return { ratio: estimate, se, naive_iid_se: Math.sqrt(estimate * (1 - estimate) / total) }
}

function armsOf ({ nA, meanA, sdA, nB, meanB, sdB }: Numbers): { champion: ArmMean, challenger: ArmMean } {
  return {
    champion: { n: nA!, mean: meanA!, varianceOfMean: sdA! ** 2 / nA! },
    challenger: { n: nB!, mean: meanB!, varianceOfMean: sdB! ** 2 / nB! }
  }
}

/** The mean over all units, which follows a trend over a ramp: shown beside the stratified one as a warning. */
function pooled (arms: readonly ArmMean[]): number {
  return arms.reduce((sum, { n, mean }) => sum + n * mean, 0) / arms.reduce((sum, { n }) => sum + n, 0)
}
