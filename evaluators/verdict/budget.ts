import { noEta, remaining, trafficPerDay } from './eta.js'
import { isGuarded, short, type Eta, type Judgement, type Levels } from './metric-verdict.js'
import type { AnalysisSpec, Evidence } from './spec.js'

const DAY_MS = 86_400_000

/** What is left of the budget for one metric; Infinity where there is no limit, or the time is not known. */
interface Left { readonly samples: number, readonly days: number }

/**
 * Rule 5: why the trial should stop for a person, or null. Either the budget is used up, or (futility) an open metric
 * cannot be decided within what is left: for a metric that must be proven not worse, if the challenger is as good as
 * assumed or as seen, whichever is better; for primaries, if for every one of them the effect is halfway between the
 * one seen and the best one not refuted (the effect seen alone would give up at the first look at which it is near 0).
 * Median ETA; without a budget never. O(metrics).
 */
export function budgetFault (
  judgements: readonly Judgement[], spec: AnalysisSpec, evidence: Evidence, levels: Levels
): string | null {
  const { samplesMax, durationMs } = spec.budget ?? {}
  const deciding = judgements.filter(({ isCritical, isPrimary }) => isCritical || isPrimary)
  const samples = deciding.reduce((most, { total }) => Math.max(most, total), 0)
  if (samplesMax !== undefined && samples >= samplesMax) {
    return `the budget is used up: ${samples} of ${samplesMax} samples`
  }
  if (durationMs !== undefined && evidence.elapsedMs !== undefined && evidence.elapsedMs >= durationMs) {
    return `the time is up: ${short(evidence.elapsedMs / DAY_MS)} of ${short(durationMs / DAY_MS)} days, after ${samples} samples`
  }
  if (spec.budget === undefined) return null
  const open = deciding.filter(({ verdict }) => verdict.outcome === 'inconclusive')
  const hopeless = open.map((judgement) => hopelessness(judgement, spec, evidence, levels))
  const guard = hopeless.find((reason, i) => reason !== null && isGuarded(open[i]!.metric, spec.mode))
  if (guard != null) return guard
  const primaries = deciding.filter(({ isPrimary }) => isPrimary)
  const isEveryPrimary = spec.mode === 'superiority' && primaries.length > 0 && primaries.every((primary) => {
    const place = open.indexOf(primary)
    return place >= 0 && hopeless[place] !== null
  })
  return isEveryPrimary ? hopeless[open.indexOf(primaries[0]!)]! : null
}

/** Why a metric cannot be decided within the budget even if things are as good as they may be; null when they may. */
function hopelessness (judgement: Judgement, spec: AnalysisSpec, evidence: Evidence, levels: Levels): string | null {
  const { metric, effect, bounds, total, verdict } = judgement
  if (effect === null || bounds === null) return null
  const agreed = metric.assumedEffect ?? 0
  const best = isGuarded(metric, spec.mode) ? Math.max(agreed, effect.estimate) : (effect.estimate + bounds.upper) / 2
  const hoped = metric.twoSided === true ? Math.min(Math.abs(agreed), Math.abs(effect.estimate)) : best
  if (!Number.isFinite(hoped)) return null
  const samples = remaining(metric, effect, hoped, 0.5, { spec, levels })
  const perDay = trafficPerDay(evidence, total)
  const left = leftOf(spec, evidence, total)
  const needed = samples ?? Infinity
  if (needed > left.samples) {
    return `${verdict.name} needs about ${said(samples)} more samples even if the effect is ${short(hoped)}, ` +
      `the budget leaves ${left.samples}`
  }
  if (perDay === null || needed / perDay <= left.days) return null
  return `${verdict.name} needs about ${said(samples === null ? null : samples / perDay)} more days even if the effect is ` +
    `${short(hoped)}, the budget leaves ${short(left.days)}`
}

function leftOf ({ budget = {} }: AnalysisSpec, { elapsedMs }: Evidence, total: number): Left {
  const { samplesMax = Infinity, durationMs = Infinity } = budget
  const elapsed = elapsedMs ?? NaN
  return { samples: samplesMax - total, days: Number.isFinite(elapsed) ? (durationMs - elapsed) / DAY_MS : Infinity }
}

function said (x: number | null): string {
  return x === null ? 'endlessly many' : short(x)
}

/**
 * The ETA of the whole decision: the slowest of what is open, where of several primaries in mode superiority the
 * fastest will do. Compared by days where these are known for all. Null, with the reason of the first one, when one
 * that is needed has none: every metric that decides needs an effect.
 */
export function overallEta (judgements: readonly Judgement[], mode: AnalysisSpec['mode']): Eta {
  const blocked = judgements.find(({ isCritical, isPrimary, bounds }) => (isCritical || isPrimary) && bounds === null)
  if (blocked !== undefined) return named(blocked)
  const guards = judgements.filter(({ isCritical, metric }) => isCritical && isGuarded(metric, mode))
  const primaries = mode === 'superiority' ? judgements.filter(({ isPrimary }) => isPrimary) : []
  const needed = guards.map(named)
  if (primaries.length > 0) needed.push(pick(primaries.map(named), (a, b) => a < b))
  if (needed.length === 0) return noEta('no critical or primary metric to decide by')
  const missing = needed.find(({ samples }) => samples === null)
  return missing ?? pick(needed, (a, b) => a > b)
}

function named ({ verdict: { name, eta } }: Judgement): Eta {
  return { ...eta, reason: `${name}: ${eta.reason}` }
}

/** The ETA that comes first in an order; those without one come last. */
function pick (etas: readonly Eta[], isBefore: (a: number, b: number) => boolean): Eta {
  const known = etas.filter(({ samples }) => samples !== null)
  const unit = known.every(({ days }) => days !== null) ? 'days' : 'samples'
  const [first = etas[0]!, ...rest] = known
  return rest.reduce((best, eta) => isBefore(eta[unit]!, best[unit]!) ? eta : best, first)
}
