import type { MomentsSummary } from '../statistics/moments.js'
import {
  expectedEvents, proportionSequence, stratifiedProportions, type Tally, type TallyStratum
} from '../statistics/proportions.js'
import { designEffect, difference, usableStrata, type StratifiedMeans } from '../statistics/strata.js'
import type { MetricSpec } from '../verdict/spec.js'
import {
  gateOf, signOf, type Effect, type EffectOptions, type Gate, type MomentsStratum, type Question, type Sign, type Unmet
} from './effect.js'
import { RATE_PRECISION, smallestStep, unfavourable } from './forecast.js'
import { skippedNote } from './means.js'
import { sequenceEffect, type ArmPart } from './sequence.js'

/** Fewest expected events in the smaller arm for the asymptotic comparison of proportions. */
const EXPECTED_EVENTS_MIN = 10

/**
 * Difference of two rates for an absolute margin: exact, on the current stage, while events are few; asymptotic, on all
 * strata, from 10 expected ones in the smaller arm on. O(strata).
 */
export function rateEffect (
  metric: MetricSpec, strata: readonly MomentsStratum[], stage: number, options: EffectOptions
): Effect | Unmet {
  const sign = signOf(metric)
  const means = stratifiedProportions(tallies(strata))
  const expected = expectedEvents(tallies(strata))
  if (means === null || expected < EXPECTED_EVENTS_MIN) {
    return exactEffect(tallies(strata.filter(({ stratum }) => stratum.stage === stage)), sign, options)
  }
  const gate = gateOf('expected events in the smaller arm', expected, EXPECTED_EVENTS_MIN)
  return proportionEffect(strata, means, sign, [gate], options)
}

function exactEffect (strata: readonly TallyStratum[], sign: Sign, options: EffectOptions): Effect {
  const pooled = strata.reduce(plus, { champion: { events: 0, n: 0 }, challenger: { events: 0, n: 0 } })
  const { champion, challenger } = pooled
  const bounds = exactBounds(pooled, sign)
  return {
    estimator: 'exact-proportion',
    estimate: sign * (challenger.events / challenger.n - champion.events / champion.n),
    units: champion.n + challenger.n,
    lower: bounds.lower,
    upper: bounds.upper,
    anytimeP: () => null,
    unitsUntil: (question) => ratesUntil(question, pooled, sign, options),
    gates: [],
    note: `${challenger.events} of ${challenger.n} against ${champion.events} of ${champion.n}`
  }
}

function exactBounds (
  { champion, challenger }: TallyStratum, sign: Sign
): { lower: (alpha: number) => number, upper: (alpha: number) => number } {
  const least = (alpha: number): number =>
    proportionSequence(challenger, alpha).lower - proportionSequence(champion, alpha).upper
  const greatest = (alpha: number): number =>
    proportionSequence(challenger, alpha).upper - proportionSequence(champion, alpha).lower
  return {
    lower: (alpha) => sign > 0 ? least(alpha) : -greatest(alpha),
    upper: (alpha) => sign > 0 ? greatest(alpha) : -least(alpha)
  }
}

/** Clustering of the requests in sessions inflates each arm's variance, as it does for means. */
function proportionEffect (
  strata: readonly MomentsStratum[], means: StratifiedMeans, sign: Sign, gates: readonly Gate[], options: EffectOptions
): Effect | Unmet {
  const usable = usableStrata(strata)
  const weights = usable.map(({ champion, challenger }) => champion.n + challenger.n)
  const part = (arm: 'champion' | 'challenger'): ArmPart => ({
    n: means[arm].n,
    variance: means[arm].varianceOfMean * designEffect(usable.map((stratum) => stratum[arm]), weights)
  })
  const arms = { champion: part('champion'), challenger: part('challenger') }
  return sequenceEffect({
    estimator: 'agresti-caffo',
    raw: difference(means).estimate,
    sign,
    scale: 'linear',
    units: means.n,
    variance: arms.champion.variance + arms.challenger.variance,
    arms,
    gates,
    note: skippedNote(means)
  }, options)
}

/**
 * The smallest number of units, those so far included, at which the comparison in use by then (exact or asymptotic)
 * would answer, if further requests came at the current share and failed at the rates that the question assumes: their
 * pooled rate so far, moved apart by the assumed effect.
 */
function ratesUntil (
  { assumed, above, alpha, power }: Question, so: TallyStratum, sign: Sign, options: EffectOptions
): number | null {
  if (!(assumed > above)) return null
  const { champion, challenger } = so
  const n = champion.n + challenger.n
  const share = options.share ?? challenger.n / n
  const pooled = (champion.events + challenger.events) / n
  const rate = {
    champion: within(pooled - sign * assumed * challenger.n / n),
    challenger: within(pooled + sign * assumed * champion.n / n)
  }
  const isDecided = (more: number): boolean => {
    const [b, a] = [Math.round(share * more), more - Math.round(share * more)]
    const spread = more === 0 ? 0 : rate.challenger * (1 - rate.challenger) * b
    const later = plus(so, {
      champion: { events: Math.round(rate.champion * a), n: a },
      challenger: { events: unfavourable(rate.challenger * b, spread, power, sign, b), n: b }
    })
    return lowerBound(later, sign, alpha, options) > above
  }
  const more = smallestStep(isDecided, pooled > 0 ? RATE_PRECISION : 0)
  return more === null ? null : n + more
}

function lowerBound (tally: TallyStratum, sign: Sign, alpha: number, options: EffectOptions): number {
  const means = stratifiedProportions([tally])
  if (means === null || expectedEvents([tally]) < EXPECTED_EVENTS_MIN) return exactBounds(tally, sign).lower(alpha)
  const { champion, challenger } = means
  const effect = sequenceEffect({
    estimator: 'agresti-caffo',
    raw: difference(means).estimate,
    sign,
    scale: 'linear',
    units: means.n,
    variance: champion.varianceOfMean + challenger.varianceOfMean,
    note: ''
  }, options)
  return 'unmet' in effect ? -Infinity : effect.lower(alpha)
}

function plus (a: TallyStratum, b: TallyStratum): TallyStratum {
  const add = (x: Tally, y: Tally): Tally => ({ events: x.events + y.events, n: x.n + y.n })
  return { champion: add(a.champion, b.champion), challenger: add(a.challenger, b.challenger) }
}

function within (rate: number): number {
  return Math.min(1, Math.max(0, rate))
}

function tallies (strata: readonly MomentsStratum[]): TallyStratum[] {
  const tally = ({ sum, n }: MomentsSummary): Tally => ({ events: sum, n })
  return strata.map(({ champion, challenger }) => ({ champion: tally(champion), challenger: tally(challenger) }))
}
