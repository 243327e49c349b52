import { requireBetween, requireList } from '../errors.js'
import { requireInside } from '../statistics/open-interval.js'
import {
  isRelative, orNull, signOf, type Counts, type Effect, type EffectOptions, type Gate
} from '../effects/effect.js'
import { measure } from '../effects/measure.js'
import { currentShare } from '../effects/reading.js'
import { etaOf, noEta, trafficPerDay } from './eta.js'
import {
  isGuarded, isHarmful, isWithinMargin, marginOf, numbers, type Bounds, type Judgement, type Levels, type MetricVerdict
} from './metric-verdict.js'
import type { AnalysisSpec, Evidence, MetricSpec } from './spec.js'

/**
 * Error levels of a trial: lower bounds at alpha, upper bounds at alpha / critical metrics (a two-sided one counts as
 * two, for it can fail on either side), superiority at alpha / primaries. A primary with a margin is critical too. They
 * are as good as the spec's alpha, which is divided and not checked here. O(metrics).
 * @throws EvaluatorError MALFORMED when the metrics are not a list
 */
export function levelsOf ({ alpha, metrics }: AnalysisSpec): Levels {
  requireList('metrics', metrics)
  const critical = metrics.filter(isCriticalMetric).reduce((sum, { twoSided }) => sum + (twoSided === true ? 2 : 1), 0)
  const primaries = metrics.filter(({ role }) => role === 'primary').length
  return { lower: alpha, upper: alpha / Math.max(1, critical), better: alpha / Math.max(1, primaries) }
}

/**
 * The levels `alpha` of the two-sided exact sequences that shadow pairs of a bounded score need: twice each different
 * level of {@link levelsOf}, for each side spends half; descending. O(metrics).
 */
export function sequenceLevels (spec: AnalysisSpec): number[] {
  return [...new Set(Object.values(levelsOf(spec)).map((level: number) => 2 * level))].sort((a, b) => b - a)
}

/**
 * Judges one metric by itself. Never throws: what cannot be computed is inconclusive and broken, what has an unmet gate
 * is inconclusive; neither has bounds, both say why. Cost of `measure` and two forecasts.
 */
export function judge (metric: MetricSpec, spec: AnalysisSpec, evidence: Evidence, levels: Levels): Judgement {
  const seen: Seen = { n: { champion: 0, challenger: 0 }, total: 0, gates: [] }
  try {
    const { alpha, minSamples, plannedSamples } = requireAgreed(spec)
    const share = currentShare(evidence)
    const options: EffectOptions = { alpha, minSamples, plannedSamples, share }
    const { effect: measured, ...counts } = measure(metric, evidence, options)
    Object.assign(seen, counts)
    const failure = evidence.health?.failures?.[metric.name]
    if (failure !== undefined) return broken(metric, spec, levels, seen, failure)
    const fault = marginFault(metric, spec.mode)
    if (fault !== null) return inconclusive(metric, spec, levels, seen, fault)
    const effect = measured()
    seen.gates = [...seen.gates, ...effect.gates]
    if ('unmet' in effect) return inconclusive(metric, spec, levels, seen, effect.unmet)
    const bounds = boundsOf(effect, levels)
    if ([effect.estimate, ...Object.values(bounds)].some(Number.isNaN)) {
      return broken(metric, spec, levels, seen, `${effect.estimator} gave no number`)
    }
    return conclusive(metric, spec, evidence, levels, seen, effect, bounds)
  } catch (error) {
    return broken(metric, spec, levels, seen, error instanceof Error ? error.message : String(error))
  }
}

/**
 * Refuses a spec without the levels that every verdict rests on; a minimum that is no number is a gate that is not met.
 * @throws EvaluatorError OUT_OF_RANGE
 */
function requireAgreed (spec: AnalysisSpec): AnalysisSpec {
  requireInside('alpha', spec.alpha, 0, 0.5)
  requireBetween('plannedSamples', spec.plannedSamples, Number.MIN_VALUE, Number.MAX_VALUE)
  return spec
}

/** What is known of a metric before its effect. */
interface Seen { n: Counts, total: number, gates: readonly Gate[] }

function boundsOf (effect: Effect, { lower, upper, better }: Levels): Bounds {
  return {
    lower: effect.lower(lower),
    upper: effect.upper(upper),
    better: effect.lower(better),
    most: effect.upper(lower),
    least: effect.lower(upper)
  }
}

function conclusive (
  metric: MetricSpec, spec: AnalysisSpec, evidence: Evidence, levels: Levels, seen: Seen, effect: Effect,
  bounds: Bounds
): Judgement {
  const roles = rolesOf(metric)
  const { outcome, phrase } = outcomeOf(metric, spec.mode, bounds)
  const against = isGuarded(metric, spec.mode) ? -roles.margin : 0
  const p = effect.anytimeP(against)
  const outlook = {
    spec,
    levels,
    critical: Math.max(1, spec.metrics.filter(isCriticalMetric).length),
    perDay: trafficPerDay(evidence, seen.total)
  }
  const verdict: MetricVerdict = {
    ...unknown(metric, spec, levels, seen),
    outcome,
    estimator: effect.estimator,
    estimate: orNull(effect.estimate),
    lower: orNull(bounds.lower),
    upper: orNull(metric.twoSided === true ? bounds.most : bounds.upper),
    units: effect.units,
    anytimeP: p === null ? null : { against: against + 0, p },
    eta: etaOf(metric, effect, outcome, outlook),
    note: effect.note
  }
  const note = effect.note === '' ? '' : ` (${effect.note})`
  const reason = `${phrase}: ${numbers({ verdict })}${note}`
  return { ...roles, metric, bounds, effect, total: seen.total, isBroken: false, verdict: { ...verdict, reason } }
}

function inconclusive (metric: MetricSpec, spec: AnalysisSpec, levels: Levels, seen: Seen, reason: string): Judgement {
  const verdict = { ...unknown(metric, spec, levels, seen), reason, eta: noEta(`there is no effect to go by: ${reason}`) }
  return { ...rolesOf(metric), metric, bounds: null, effect: null, total: seen.total, isBroken: false, verdict }
}

function broken (metric: MetricSpec, spec: AnalysisSpec, levels: Levels, seen: Seen, cause: string): Judgement {
  return { ...inconclusive(metric, spec, levels, seen, `could not be computed: ${cause}`), isBroken: true }
}

/** Everything about a metric that needs no effect. */
function unknown (metric: MetricSpec, spec: AnalysisSpec, levels: Levels, { n, gates }: Seen): MetricVerdict {
  return {
    name: metric.name,
    role: metric.role,
    direction: signOf(metric) > 0 ? 'up' : 'down',
    outcome: 'inconclusive',
    estimator: 'none',
    estimate: null,
    lower: null,
    upper: null,
    margin: marginOf(metric),
    marginKind: metric.margin === undefined ? null : isRelative(metric) ? 'relative' : 'absolute',
    alpha: {
      lower: orNull(levels.lower),
      upper: orNull(metric.twoSided === true ? levels.lower : levels.upper),
      better: orNull(levels.better)
    },
    n,
    units: null,
    plannedSamples: orNull(spec.plannedSamples),
    anytimeP: null,
    gates,
    eta: noEta(''),
    reason: '',
    note: ''
  }
}

/** A primary in mode superiority passes by being better, everything else by not being worse beyond its margin. */
function outcomeOf (
  metric: MetricSpec, mode: AnalysisSpec['mode'], bounds: Bounds
): { outcome: MetricVerdict['outcome'], phrase: string } {
  const margin = marginOf(metric) ?? 0
  const judged = { metric, bounds, margin }
  if (metric.twoSided === true) {
    if (isHarmful(judged)) return { outcome: 'fail', phrase: 'different beyond its margin' }
    if (isWithinMargin(judged)) return { outcome: 'pass', phrase: 'not different beyond its margin' }
    return { outcome: 'inconclusive', phrase: 'may be different beyond its margin' }
  }
  if (isHarmful(judged)) return { outcome: 'fail', phrase: margin > 0 ? 'worse beyond its margin' : 'worse' }
  if (metric.role === 'primary' && bounds.upper < 0) return { outcome: 'fail', phrase: 'worse, but not proven beyond its margin' }
  if (metric.role === 'primary' && mode === 'superiority') {
    return bounds.better > 0 ? { outcome: 'pass', phrase: 'better' } : { outcome: 'inconclusive', phrase: 'not proven better' }
  }
  if (isWithinMargin(judged)) return { outcome: 'pass', phrase: margin > 0 ? 'not worse beyond its margin' : 'better' }
  return { outcome: 'inconclusive', phrase: margin > 0 ? 'may be worse beyond its margin' : 'may be worse' }
}

function rolesOf (metric: MetricSpec): Pick<Judgement, 'isCritical' | 'isPrimary' | 'margin'> {
  return { isCritical: isCriticalMetric(metric), isPrimary: metric.role === 'primary', margin: marginOf(metric) ?? 0 }
}

function isCriticalMetric ({ role, margin }: MetricSpec): boolean {
  return role === 'critical' || (role === 'primary' && margin !== undefined)
}

function marginFault ({ margin, role, twoSided }: MetricSpec, mode: AnalysisSpec['mode']): string | null {
  if (twoSided === true && (margin === undefined || role === 'primary')) {
    return 'a two-sided metric needs a margin and cannot be a primary'
  }
  if (margin !== undefined) {
    const value = 'relative' in margin ? margin.relative : margin.absolute
    return value > 0 && value < Infinity ? null : `a margin must be above 0, got ${value}`
  }
  if (role === 'critical') return 'a critical metric needs a margin'
  return role === 'primary' && mode === 'equivalence' ? 'a primary needs a margin in mode equivalence' : null
}
