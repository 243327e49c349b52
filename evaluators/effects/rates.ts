import { ratioInterval, type EventStratum } from '../statistics/event-share.js'
import type { MomentsSummary } from '../statistics/moments.js'
import {
  expectedEvents, proportionSequence, stratifiedProportions, type Tally, type TallyStratum
} from '../statistics/proportions.js'
import { designEffect, difference, usableStrata, type StratifiedMeans } from '../statistics/strata.js'
import { sequenceEffect, type Effect, type EffectOptions, type MomentsStratum, type Sign, type Unmet } from './effect.js'

/** Fewest expected events in the smaller arm for the asymptotic comparison of proportions. */
const EXPECTED_EVENTS_MIN = 10

/**
 * Rates compared by where the events fell. A stage is one visit of one weight, so its time blocks are one experiment.
 */
export function eventShareEffect (
  strata: readonly MomentsStratum[], sign: Sign, { alpha }: EffectOptions
): Effect | Unmet {
  const events = eventsByStage(strata)
  const counted = events.reduce((total, { champion, challenger }) => total + champion + challenger, 0)
  if (counted === 0) return { unmet: 'no event in either arm yet, so their ratio cannot be told' }
  const whole = ratioInterval(events, 2 * alpha)
  if (whole === null) return { unmet: 'no single ratio of the rates agrees with all stages' }
  const ratioAt = (level: number): { lower: number, upper: number } =>
    ratioInterval(events, 2 * level) ?? { lower: NaN, upper: NaN }
  return {
    estimator: 'event-share',
    estimate: sign * (whole.estimate - 1),
    lower: (level) => sign > 0 ? ratioAt(level).lower - 1 : 1 - ratioAt(level).upper,
    upper: (level) => sign > 0 ? ratioAt(level).upper - 1 : 1 - ratioAt(level).lower,
    note: `${counted} events`
  }
}

function eventsByStage (strata: readonly MomentsStratum[]): EventStratum[] {
  const stages = new Map<number, EventStratum>()
  for (const { stratum, champion, challenger } of strata) {
    const share = stratum.weightBps / 10_000
    if (share <= 0 || share >= 1) continue
    const sum = stages.get(stratum.stage) ?? { champion: 0, challenger: 0, share }
    stages.set(stratum.stage, {
      champion: sum.champion + champion.sum, challenger: sum.challenger + challenger.sum, share
    })
  }
  return [...stages.values()]
}

/**
 * Difference of two rates for an absolute margin: exact while events are few, asymptotic from 10 expected ones in the
 * smaller arm on.
 */
export function rateEffect (
  strata: readonly MomentsStratum[], stage: number, sign: Sign, options: EffectOptions
): Effect | Unmet {
  const means = stratifiedProportions(tallies(strata))
  if (means === null || expectedEvents(tallies(strata)) < EXPECTED_EVENTS_MIN) {
    return exactEffect(strata.filter(({ stratum }) => stratum.stage === stage), sign)
  }
  return proportionEffect(strata, means, sign, options)
}

function exactEffect (strata: readonly MomentsStratum[], sign: Sign): Effect {
  const total = { champion: { events: 0, n: 0 }, challenger: { events: 0, n: 0 } }
  for (const { champion, challenger } of tallies(strata)) {
    for (const [sum, tally] of [[total.champion, champion], [total.challenger, challenger]] as const) {
      sum.events += tally.events
      sum.n += tally.n
    }
  }
  const { champion, challenger } = total
  const least = (alpha: number): number =>
    proportionSequence(challenger, alpha).lower - proportionSequence(champion, alpha).upper
  const greatest = (alpha: number): number =>
    proportionSequence(challenger, alpha).upper - proportionSequence(champion, alpha).lower
  return {
    estimator: 'exact-proportion',
    estimate: sign * (challenger.events / challenger.n - champion.events / champion.n),
    lower: (alpha) => sign > 0 ? least(alpha) : -greatest(alpha),
    upper: (alpha) => sign > 0 ? greatest(alpha) : -least(alpha),
    note: `${challenger.events} of ${challenger.n} against ${champion.events} of ${champion.n}`
  }
}

/** Clustering of the requests in sessions inflates each arm's variance, as it does for means. */
function proportionEffect (
  strata: readonly MomentsStratum[], means: StratifiedMeans, sign: Sign, options: EffectOptions
): Effect | Unmet {
  const usable = usableStrata(strata)
  const weights = usable.map(({ champion, challenger }) => champion.n + challenger.n)
  const inflated = {
    ...means,
    champion: inflate(means.champion, designEffect(usable.map(({ champion }) => champion), weights)),
    challenger: inflate(means.challenger, designEffect(usable.map(({ challenger }) => challenger), weights))
  }
  return sequenceEffect('agresti-caffo', difference(inflated), means, sign, options)
}

function inflate<T extends { varianceOfMean: number }> (arm: T, by: number): T {
  return { ...arm, varianceOfMean: arm.varianceOfMean * by }
}

function tallies (strata: readonly MomentsStratum[]): TallyStratum[] {
  const tally = ({ sum, n }: MomentsSummary): Tally => ({ events: sum, n })
  return strata.map(({ champion, challenger }) => ({ champion: tally(champion), challenger: tally(challenger) }))
}
