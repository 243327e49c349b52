import { EvaluatorError } from '../errors.js'
import { adjustedMean, pooledTheta } from '../statistics/cuped.js'
import { ratioMean } from '../statistics/ratio.js'
import type { MeanStratum } from '../statistics/strata.js'
import type { Evidence, MetricSpec } from '../verdict/spec.js'
import {
  gateOf, isRelative, type Counts, type Effect, type EffectOptions, type Gate, type MomentsStratum, type Unmet
} from './effect.js'
import { currentHistograms, latenciesCounted, quantileEffect } from './latency.js'
import { armMeans, meanEffect } from './means.js'
import { pairCount, pairEffect } from './pairs.js'
import { eventShareEffect } from './events.js'
import { rateEffect } from './rates.js'
import { currentCounts, kindOf, momentsStrata, pairMomentsStrata, totals, type PairMomentsStratum } from './reading.js'

/** Samples per arm that a mean of unbounded, heavy-tailed values needs at least. */
const HEAVY_TAIL_MIN = 1_000

/**
 * A metric before its effect: `n` units per arm at the current stage, `total` units of both arms since the beginning
 * (pairs count once), `gates` that need no estimate, and the effect or what is unmet.
 */
export interface Measured {
  readonly n: Counts
  readonly total: number
  readonly gates: readonly Gate[]
  readonly effect: () => Effect | Unmet
}

/**
 * Measures one metric. Picks the estimator by the kind of evidence and of margin:
 *
 * | evidence | margin | estimator | rests on |
 * | --- | --- | --- | --- |
 * | shadow pairs | absolute or none | mean difference; exact empirical Bernstein for few bounded values | all pairs |
 * | shadow pairs with the champion's values | relative | lift, delta method | all pairs |
 * | 0/1 (also: latency over a limit) | relative | event share, exact; δ = s·(rate ratio − 1) | all stages |
 * | 0/1, fewer than 10 expected events in the smaller arm | absolute or none | exact sequences | current stage |
 * | 0/1, else | absolute or none | Agresti-Caffo, asymptotic sequence | all strata |
 * | numbers, units with a covariate, ratios of sums | absolute or none | difference of stratified means | all strata |
 * | the same | relative | lift of stratified means | all strata |
 * | logarithms | relative | ratio of geometric means − 1 | all strata |
 * | latency quantile | absolute or none | order statistics, same | current stage |
 * | latency quantile | relative | the same on ln q; δ = s·(q_B/q_A − 1) | current stage |
 *
 * s is −1 for errors and latency, whatever the spec says, and follows `direction` for feedback. O(strata).
 *
 * @throws EvaluatorError when the evidence is malformed or of the wrong kind
 */
export function measure (metric: MetricSpec, evidence: Evidence, options: EffectOptions): Measured {
  const pairs = evidence.pairs?.[metric.name]
  if (pairs !== undefined) {
    const n = pairCount(metric.name, pairs)
    const gate = gateOf('pairs', n, samplesMin(metric, options))
    return gated({ champion: n, challenger: n }, n, [gate], () => pairEffect(metric, pairs, options))
  }
  const kind = kindOf(metric.name, evidence)
  if (isQuantile(metric)) {
    const arms = currentHistograms(metric.name, evidence)
    const n = { champion: arms.champion.count, challenger: arms.challenger.count }
    const total = latenciesCounted(metric.name, evidence)
    return gated(n, total, sampleGates(n, metric, options), () => quantileEffect(metric, arms, options))
  }
  if (kind === 'covariate' || kind === 'ratio') {
    const strata = pairMomentsStrata(metric.name, kind, evidence)
    const means = (): MeanStratum[] => kind === 'ratio' ? ratios(strata) : adjusted(strata)
    const effect = (): Effect | Unmet => meanEffect(metric, means(), kind === 'ratio' ? 'stratified' : 'adjusted', options)
    return measured(strata, evidence, metric, options, effect)
  }
  const strata = momentsStrata(metric.name, evidence)
  return measured(strata, evidence, metric, options, () => momentsEffect(metric, strata, evidence.stage, options))
}

function measured (
  strata: readonly (MomentsStratum | PairMomentsStratum)[], evidence: Evidence, metric: MetricSpec,
  options: EffectOptions, effect: () => Effect | Unmet
): Measured {
  const n = currentCounts(strata, evidence.stage)
  const { champion, challenger } = totals(strata)
  return gated(n, champion + challenger, sampleGates(n, metric, options), effect)
}

/** No effect is looked at before there are enough samples; every gate is reported either way. */
function gated (
  n: Counts, total: number, gates: readonly Gate[], effect: () => Effect | Unmet
): Measured {
  const unmet = gates.find(({ met }) => !met)
  if (unmet === undefined) return { n, total, gates, effect }
  return { n, total, gates, effect: () => ({ unmet: `${unmet.have} of ${unmet.need} ${unmet.gate}`, gates: [] }) }
}

function sampleGates (n: Counts, metric: MetricSpec, options: EffectOptions): Gate[] {
  const need = samplesMin(metric, options)
  return (['challenger', 'champion'] as const).map((arm) => gateOf(`${arm} samples at this weight`, n[arm], need))
}

/**
 * Even with a minimum of 0 one sample is needed: nothing can be said of an arm that has shown nothing. A minimum that
 * is no number (null in a stored spec) is NaN, which is never met.
 */
function samplesMin (metric: MetricSpec, options: EffectOptions): number {
  const { heavyTailed = false, minSamples = options.minSamples } = metric
  return typeof minSamples === 'number' ? Math.max(1, minSamples, heavyTailed ? HEAVY_TAIL_MIN : 0) : NaN
}

function isQuantile ({ source, limitMs, transform }: MetricSpec): boolean {
  return source === 'latency' && limitMs === undefined && transform === undefined
}

function momentsEffect (
  metric: MetricSpec, strata: readonly MomentsStratum[], stage: number, options: EffectOptions
): Effect | Unmet {
  const isBinary = metric.transform === undefined &&
    strata.every(({ champion, challenger }) => champion.isBinary && challenger.isBinary)
  if (!isBinary) {
    if (metric.source === 'errors' || metric.limitMs !== undefined) {
      throw new EvaluatorError('MALFORMED', metric.name, 'values of errors and of latency over a limit must be 0 or 1')
    }
    return meanEffect(metric, armMeans(strata), 'stratified', options)
  }
  const compare = isRelative(metric) ? eventShareEffect : rateEffect
  return compare(metric, strata, stage, options)
}

/** y − θ(x − x̄) with θ and x̄ over all arms and strata; as they are when the covariate says nothing. */
function adjusted (strata: readonly PairMomentsStratum[]): MeanStratum[] {
  const groups = strata.flatMap(({ champion, challenger }) => [champion, challenger])
  const n = groups.reduce((sum, group) => sum + group.n, 0)
  const centre = groups.reduce((sum, group) => sum + (n === 0 ? 0 : group.meanX * (group.n / n)), 0)
  const theta = pooledTheta(groups) ?? 0
  return strata.map(({ champion, challenger }) => ({
    champion: adjustedMean(champion, theta, centre), challenger: adjustedMean(challenger, theta, centre)
  }))
}

function ratios (strata: readonly PairMomentsStratum[]): MeanStratum[] {
  const mean = (group: PairMomentsStratum['champion']) => ratioMean(group) ?? { n: 0, mean: 0, varianceOfMean: NaN }
  return strata.map(({ champion, challenger }) => ({ champion: mean(champion), challenger: mean(challenger) }))
}
