import { logEvidence, ratioInterval, type EventStratum, type RatioInterval } from '../statistics/event-share.js'
import type { MetricSpec } from '../verdict/spec.js'
import {
  orNull, signOf, type Effect, type EffectOptions, type MomentsStratum, type Question, type Sign, type Unmet
} from './effect.js'
import { RATE_PRECISION, smallestStep, unfavourable } from './forecast.js'

interface Stage extends EventStratum { readonly stage: number, readonly n: number }

/**
 * Rates compared by where the events fell; the effect is s·(rate ratio − 1). A stage is one visit of one weight, so its
 * time blocks are one experiment. O(strata · 100).
 */
export function eventShareEffect (
  metric: MetricSpec, strata: readonly MomentsStratum[], stage: number, options: EffectOptions
): Effect | Unmet {
  const sign = signOf(metric)
  const stages = eventsByStage(strata)
  const counted = stages.reduce((total, { champion, challenger }) => total + champion + challenger, 0)
  const units = stages.reduce((total, { n }) => total + n, 0)
  const gates = [{ gate: 'events in either arm', have: counted, need: 1, met: counted > 0 }]
  if (counted === 0) return { unmet: 'no event in either arm yet, so their ratio cannot be told', gates }
  const ratioAt = ratiosOf(stages)
  const whole = ratioAt(options.alpha)
  const { estimate } = whole
  if (estimate === null || Number.isNaN(whole.lower)) return { unmet: 'no single ratio of the rates agrees with all stages', gates }
  return {
    estimator: 'event-share',
    estimate: sign * (estimate - 1),
    units,
    lower: (level) => sign > 0 ? ratioAt(level).lower - 1 : 1 - ratioAt(level).upper,
    upper: (level) => sign > 0 ? ratioAt(level).upper - 1 : 1 - ratioAt(level).lower,
    anytimeP: (reference) => {
      const ratio = 1 + sign * reference
      return ratio > 0 ? orNull(Math.min(1, Math.exp(-logEvidence(stages, Math.log(ratio))))) : null
    },
    unitsUntil: (question) => eventsUntil(question, stages, stage, { counted, units }, sign),
    gates,
    note: `${counted} events`
  }
}

/** The interval of ratios at a one-sided level, NaN when there is none; each level's bisections are made once. */
function ratiosOf (stages: readonly Stage[]): (level: number) => RatioInterval {
  const known = new Map<number, RatioInterval>()
  return (level) => {
    const found = known.get(level) ?? ratioInterval(stages, 2 * level) ?? { estimate: NaN, lower: NaN, upper: NaN }
    known.set(level, found)
    return found
  }
}

/**
 * The smallest number of units, those so far included, at which the test would answer, if further events came as often
 * as so far, at the share of the current stage (or the last one) and with the assumed ratio of rates.
 */
function eventsUntil (
  { assumed, above, alpha, power }: Question, stages: readonly Stage[], stage: number,
  so: { readonly counted: number, readonly units: number }, sign: Sign
): number | null {
  const [ratio, excluded] = [1 + sign * assumed, 1 + sign * above]
  const current = stages.find((one) => one.stage === stage) ?? stages[stages.length - 1]
  if (!(assumed > above) || !(ratio >= 0 && ratio < Infinity) || current === undefined) return null
  if (excluded <= 0) return so.units
  const odds = ratio * current.share / (1 - current.share)
  const onChallenger = odds / (1 + odds)
  const limit = -Math.log(2 * alpha)
  const isDecided = (more: number): boolean => {
    const spread = more * onChallenger * (1 - onChallenger)
    const challenger = unfavourable(more * onChallenger, spread, power, sign, more)
    const later = stages.map((one) => one !== current
      ? one
      : { ...one, champion: one.champion + more - challenger, challenger: one.challenger + challenger })
    return isBeyond(later, excluded, sign) && logEvidence(later, Math.log(excluded)) > limit
  }
  const more = smallestStep(isDecided, RATE_PRECISION)
  return more === null ? null : so.units + Math.ceil(more * so.units / so.counted)
}

/** Whether the events fell on the better side of a ratio: the evidence against it may also mean that it is too low. */
function isBeyond (stages: readonly EventStratum[], ratio: number, sign: Sign): boolean {
  let [expected, seen] = [0, 0]
  for (const { champion, challenger, share } of stages) {
    const odds = ratio * share / (1 - share)
    expected += (champion + challenger) * odds / (1 + odds)
    seen += challenger
  }
  return sign * (seen - expected) > 0
}

function eventsByStage (strata: readonly MomentsStratum[]): Stage[] {
  const stages = new Map<number, Stage>()
  for (const { stratum, champion, challenger } of strata) {
    const share = stratum.weightBps / 10_000
    if (share <= 0 || share >= 1) continue
    const { stage } = stratum
    const sum = stages.get(stage) ?? { champion: 0, challenger: 0, n: 0, share, stage }
    stages.set(stage, {
      champion: sum.champion + champion.sum,
      challenger: sum.challenger + challenger.sum,
      n: sum.n + champion.n + challenger.n,
      share,
      stage
    })
  }
  return [...stages.values()]
}
