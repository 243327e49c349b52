import type { ArmEvidence, Evidence, MetricSpec } from '../spec.js'
import { NO_MOMENTS, type MomentsSummary } from '../statistics/moments.js'
import { signOf, type Counts, type Effect, type EffectOptions, type MomentsStratum, type Unmet } from './effect.js'
import { currentHistograms, quantileEffect } from './latency.js'
import { meanEffect } from './means.js'
import { eventShareEffect, rateEffect } from './rates.js'

/**
 * Measures one metric: its count per arm at the current stage, and its effect or the gate that is unmet. Picks the
 * estimator by the kind of values and margin:
 *
 * | values | margin | estimator | rests on |
 * | --- | --- | --- | --- |
 * | 0/1 | relative | event share, exact; δ = s·(rate ratio − 1) | all stages |
 * | 0/1, fewer than 10 expected events in the smaller arm | absolute or none | exact sequence per arm | current stage |
 * | 0/1, else | absolute or none | Agresti-Caffo, asymptotic sequence | all strata |
 * | other numbers | absolute or none | difference of stratified means, same | all strata |
 * | other numbers | relative | lift of stratified means, same | all strata |
 * | latency quantile | absolute or none | order statistics, same | current stage |
 * | latency quantile | relative | the same on ln q; δ = s·(q_B/q_A − 1) | current stage |
 *
 * s is −1 for errors and latency, whatever the spec says, and follows `direction` for feedback. O(strata).
 *
 * @throws RangeError when the evidence is malformed or of the wrong kind
 */
export function measure (metric: MetricSpec, evidence: Evidence, options: EffectOptions): {
  n: Counts
  effect: () => Effect | Unmet
} {
  if (metric.source === 'latency') {
    const arms = currentHistograms(metric.name, evidence)
    const n = { champion: arms.champion.count, challenger: arms.challenger.count }
    return { n, effect: () => sampleGate(n, options) ?? quantileEffect(metric, arms, options) }
  }
  const strata = momentsStrata(metric.name, evidence)
  const n = currentCounts(strata, evidence.stage)
  return { n, effect: () => sampleGate(n, options) ?? momentsEffect(metric, strata, evidence.stage, options) }
}

function sampleGate (n: Counts, { minSamples }: EffectOptions): Unmet | null {
  for (const arm of ['challenger', 'champion'] as const) {
    if (!(n[arm] >= minSamples)) return { unmet: `${n[arm]} of ${minSamples} ${arm} samples at this weight` }
  }
  return null
}

function momentsEffect (
  metric: MetricSpec, strata: readonly MomentsStratum[], stage: number, options: EffectOptions
): Effect | Unmet {
  const isBinary = strata.every(({ champion, challenger }) => champion.isBinary && challenger.isBinary)
  const isRelative = metric.margin !== undefined && 'relative' in metric.margin
  const sign = signOf(metric)
  if (!isBinary) {
    if (metric.source === 'errors') throw new RangeError('errors must be 0 or 1')
    return meanEffect(strata, sign, isRelative, options)
  }
  if (isRelative) return eventShareEffect(strata, sign, options)
  return rateEffect(strata, stage, sign, options)
}

function momentsStrata (name: string, { strata }: Evidence): MomentsStratum[] {
  return strata.map((stratum) => ({
    stratum,
    champion: momentsOf(stratum.champion[name]),
    challenger: momentsOf(stratum.challenger[name])
  }))
}

function momentsOf (evidence: ArmEvidence | undefined): MomentsSummary {
  if (evidence === undefined) return NO_MOMENTS
  if (!('moments' in evidence)) throw new RangeError('expected moments, got a histogram')
  return evidence.moments
}

function currentCounts (strata: readonly MomentsStratum[], stage: number): Counts {
  const current = strata.filter(({ stratum }) => stratum.stage === stage)
  return {
    champion: current.reduce((sum, { champion }) => sum + champion.n, 0),
    challenger: current.reduce((sum, { challenger }) => sum + challenger.n, 0)
  }
}
