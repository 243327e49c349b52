import { varianceOfMean } from '../statistics/moments.js'
import { twoSidedHalfWidth } from '../statistics/sequences.js'
import { difference, relativeLift, stratifiedMeans, type StratifiedMeans } from '../statistics/strata.js'
import { sequenceEffect, type Effect, type EffectOptions, type MomentsStratum, type Sign, type Unmet } from './effect.js'

const NO_STRATUM = 'no stratum has 2 champion and 5 challenger samples from at least 2 sessions each'

/** Difference, or lift over the champion, of the stratified means with a cluster-robust standard error. */
export function meanEffect (
  strata: readonly MomentsStratum[], sign: Sign, isRelative: boolean, options: EffectOptions
): Effect | Unmet {
  const means = stratifiedMeans(strata.map(({ champion, challenger }) => ({
    champion: { n: champion.n, mean: champion.mean, varianceOfMean: varianceOfMean(champion) },
    challenger: { n: challenger.n, mean: challenger.mean, varianceOfMean: varianceOfMean(challenger) }
  })))
  if (means === null) return { unmet: NO_STRATUM }
  if (!isRelative) return sequenceEffect('stratified-mean', difference(means), means, sign, options)
  if (!isClearOfZero(means, options)) {
    return { unmet: `the champion's mean ${means.champion.mean} is not clearly different from 0, so a lift is undefined` }
  }
  return sequenceEffect('relative-lift', relativeLift(means), means, sign, options)
}

/** Whether the champion's mean has a two-sided sequence that leaves 0 out; a mean without any spread is what it is. */
function isClearOfZero ({ champion }: StratifiedMeans, { alpha, plannedSamples }: EffectOptions): boolean {
  const se = Math.sqrt(champion.varianceOfMean)
  const half = se === 0 ? 0 : twoSidedHalfWidth({ se, n: champion.n, alpha, plannedSamples })
  return Math.abs(champion.mean) > half
}
