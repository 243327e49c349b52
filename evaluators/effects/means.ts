import { EvaluatorError } from '../errors.js'
import { varianceOfMean } from '../statistics/moments.js'
import { twoSidedHalfWidth } from '../statistics/sequences.js'
import {
  difference, relativeLift, stratifiedMeans, type ArmMean, type MeanStratum, type StratifiedMeans
} from '../statistics/strata.js'
import type { MetricSpec } from '../verdict/spec.js'
import { isRelative, signOf, type Effect, type EffectOptions, type MomentsStratum, type Unmet } from './effect.js'
import { sequenceEffect, type ArmPart, type SequenceParts } from './sequence.js'

const NO_STRATUM = 'no stratum has 2 champion and 5 challenger samples from at least 2 sessions each'

/** The mean of each arm's moments, its variance robust to repeated sessions. */
export function armMeans (strata: readonly MomentsStratum[]): MeanStratum[] {
  return strata.map(({ champion, challenger }) => ({
    champion: { n: champion.n, mean: champion.mean, varianceOfMean: varianceOfMean(champion) },
    challenger: { n: challenger.n, mean: challenger.mean, varianceOfMean: varianceOfMean(challenger) }
  }))
}

/**
 * Difference, or lift over the champion, of the stratified means; of logarithms, their difference or, with a relative
 * margin, the ratio of the geometric means. `kind` names the estimator in front of that. O(strata).
 */
export function meanEffect (
  metric: MetricSpec, strata: readonly MeanStratum[], kind: 'stratified' | 'adjusted', options: EffectOptions
): Effect | Unmet {
  const means = stratifiedMeans(strata)
  if (means === null) {
    return { unmet: NO_STRATUM, gates: [{ gate: 'strata with enough samples', have: 0, need: 1, met: false }] }
  }
  const scale = { sign: signOf(metric), units: means.n, note: skippedNote(means) }
  if (metric.transform === 'log' || !isRelative(metric)) {
    const { estimate } = difference(means)
    const isRatio = metric.transform === 'log' && isRelative(metric)
    const arms = { champion: part(means.champion, 1), challenger: part(means.challenger, 1) }
    const estimator = metric.transform !== 'log' ? `${kind}-mean` : isRatio ? `${kind}-geometric-mean` : `${kind}-log-mean`
    return sequenceEffect(both(estimator, estimate, arms, isRatio ? 'ratio' : 'linear', scale), options)
  }
  if (!isClearOfZero(means, options)) {
    const unmet = `the champion's mean ${means.champion.mean} is not clearly different from 0, so a lift is undefined`
    return { unmet, gates: [{ gate: 'champion clear of 0', have: means.champion.mean, need: null, met: false }] }
  }
  const by = 1 / means.champion.mean ** 2
  const ratio = means.challenger.mean / means.champion.mean
  const arms = { champion: part(means.champion, by * ratio * ratio), challenger: part(means.challenger, by) }
  const estimator = kind === 'stratified' ? 'relative-lift' : 'adjusted-lift'
  return sequenceEffect(both(estimator, relativeLift(means).estimate, arms, 'linear', scale), options)
}

/** What a reader must know about strata that were left out; empty when there are none. */
export function skippedNote ({ used, skipped }: StratifiedMeans): string {
  return skipped === 0 ? '' : `${skipped} of ${used + skipped} strata skipped: too few samples`
}

type Arms = NonNullable<SequenceParts['arms']>

function both (
  estimator: string, raw: number, arms: Arms, scale: SequenceParts['scale'],
  rest: Pick<SequenceParts, 'sign' | 'units' | 'note'>
): SequenceParts {
  if (!Number.isFinite(raw)) throw new EvaluatorError('NOT_FINITE', estimator, `expected a finite estimate, got ${raw}`)
  return { estimator, raw, scale, arms, variance: arms.champion.variance + arms.challenger.variance, ...rest }
}

function part ({ n, varianceOfMean }: ArmMean, by: number): ArmPart {
  return { n, variance: varianceOfMean * by }
}

/** Whether the champion's mean has a two-sided sequence that leaves 0 out; a mean without any spread is what it is. */
export function isClearOfZero (
  { champion }: { readonly champion: ArmMean }, { alpha, plannedSamples }: Pick<EffectOptions, 'alpha' | 'plannedSamples'>
): boolean {
  const se = Math.sqrt(champion.varianceOfMean)
  const half = se === 0 ? 0 : twoSidedHalfWidth({ se, n: champion.n, alpha, plannedSamples })
  return Math.abs(champion.mean) > half
}
