import { orNull, type Effect } from '../effects/effect.js'
import { isGuarded, marginOf, short, type Eta, type Levels, type MetricVerdict } from './metric-verdict.js'
import type { AnalysisSpec, Evidence, MetricSpec } from './spec.js'

const DAY_MS = 86_400_000

/** Chance that a good challenger is still undecided at the ETA with power, unless the spec says otherwise. */
const BETA = 0.2

/** What the ETA of a metric needs beside the metric. */
export interface Outlook {
  readonly spec: AnalysisSpec
  readonly levels: Levels
  /** Critical metrics, at least 1: all of them have to pass, so each needs more power. */
  readonly critical: number
  /** Units of both arms per day, null when the traffic is unknown. */
  readonly perDay: number | null
}

/** An ETA that cannot be given, and why. */
export function noEta (reason: string): Eta {
  return { samples: null, samplesAtPower: null, days: null, daysAtPower: null, assumed: null, reason }
}

/** How many units of both arms a metric gets per day: as told, or as so far. */
export function trafficPerDay ({ samplesPerDay, elapsedMs }: Evidence, total: number): number | null {
  const rate = samplesPerDay ?? (elapsedMs === undefined ? NaN : total / elapsedMs * DAY_MS)
  return rate > 0 && rate < Infinity ? rate : null
}

/**
 * When a metric will be decided, by extrapolating its own variance or rates at the current share of the traffic. What
 * must be proven not worse is assumed to have the spec's `assumedEffect` (0 by default) or, where that would have been
 * proven by now, the effect seen; what must be better is assumed to have the effect seen.
 */
export function etaOf (
  metric: MetricSpec, effect: Effect, outcome: MetricVerdict['outcome'], outlook: Outlook
): Eta {
  if (outcome === 'pass') return { ...noEta('it is decided'), samples: 0, samplesAtPower: 0, days: 0, daysAtPower: 0 }
  if (outcome === 'fail') return noEta('it has failed')
  const aims = isGuarded(metric, outlook.spec.mode) ? [metric.assumedEffect ?? 0, effect.estimate] : [effect.estimate]
  for (const assumed of aims) {
    const samples = remaining(metric, effect, assumed, 0.5, outlook)
    if (samples === null || samples === 0) continue
    const beta = (outlook.spec.beta ?? BETA) / outlook.critical
    const atPower = beta < 0.5 ? remaining(metric, effect, assumed, 1 - beta, outlook) : samples
    return say(samples, atPower === null ? null : Math.max(samples, atPower), assumed, 1 - beta, outlook.perDay)
  }
  return noEta(`the effect seen, ${short(orNull(effect.estimate))}, would never prove it`)
}

/**
 * Further units until a metric is proven, if its true effect is `assumed`; null when never, 0 when it should be by now.
 */
export function remaining (
  metric: MetricSpec, effect: Effect, assumed: number, power: number, { spec, levels }: Pick<Outlook, 'spec' | 'levels'>
): number | null {
  const isGuard = isGuarded(metric, spec.mode)
  const margin = marginOf(metric) ?? 0
  const above = isGuard ? -margin : 0
  const distance = isGuard && metric.twoSided === true ? -Math.abs(assumed) : assumed
  if (!(distance > above) || !Number.isFinite(distance)) return null
  const until = effect.unitsUntil({ assumed: distance, above, alpha: isGuard ? levels.lower : levels.better, power })
  return until === null ? null : Math.max(0, until - effect.units)
}

function say (
  samples: number, samplesAtPower: number | null, assumed: number, power: number, perDay: number | null
): Eta {
  const inDays = (units: number | null): number | null => units === null || perDay === null ? null : units / perDay
  const [days, daysAtPower] = [inDays(samples), inDays(samplesAtPower)]
  const more = samplesAtPower === null ? '' : `, ${samplesAtPower} with power ${short(power)}`
  const time = days === null ? '; the traffic per day is not known' : `; ${short(days)} days at ${short(perDay)} a day`
  return {
    samples,
    samplesAtPower,
    days,
    daysAtPower,
    assumed: orNull(assumed),
    reason: `about ${samples} more samples of both arms${more}, if the true effect is ${short(orNull(assumed))}${time}`
  }
}
