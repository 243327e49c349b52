import type { Counts, Effect } from './effects/effect.js'
import { measure } from './effects/measure.js'
import type { AnalysisSpec, Evidence, MetricSpec } from './spec.js'

/**
 * The conclusion about one metric. `estimate`, `lower` and `upper` are the effect δ and its one-sided bounds, positive
 * = the challenger is better, in the metric's unit or, with a relative margin, as a fraction of the champion's value;
 * null when unknown or unbounded. `margin` is the spec's number. `n` counts what each arm has at the current stage.
 */
export interface MetricVerdict {
  readonly name: string
  readonly role: MetricSpec['role']
  readonly outcome: 'pass' | 'fail' | 'inconclusive'
  readonly estimator: string
  readonly estimate: number | null
  readonly lower: number | null
  readonly upper: number | null
  readonly margin: number | null
  readonly n: Counts
  readonly reason: string
}

/**
 * One-sided bounds of δ, possibly infinite. `lower` and `upper` at the levels of {@link Levels}; `better` is the lower
 * bound at the level at which one of several primaries may be called superior, hence never above `lower`.
 */
export interface Bounds { readonly lower: number, readonly upper: number, readonly better: number }

/** Error level of each kind of bound. */
export interface Levels { readonly lower: number, readonly upper: number, readonly better: number }

/**
 * A metric verdict with the numbers behind it; no bounds when a gate is unmet. `margin` is 0 when the spec has none.
 */
export interface Judgement {
  readonly verdict: MetricVerdict
  readonly bounds: Bounds | null
  readonly margin: number
  readonly isCritical: boolean
  readonly isPrimary: boolean
}

/**
 * Error levels of a trial: lower bounds at alpha, upper bounds at alpha / critical metrics, superiority at alpha /
 * primaries. A primary with a margin is critical too. O(metrics).
 */
export function levelsOf ({ alpha, metrics }: AnalysisSpec): Levels {
  const critical = metrics.filter(isCriticalMetric).length
  const primaries = metrics.filter(({ role }) => role === 'primary').length
  return { lower: alpha, upper: alpha / Math.max(1, critical), better: alpha / Math.max(1, primaries) }
}

/**
 * Judges one metric by itself. Never throws: what cannot be computed, or whose gates are unmet, is inconclusive, has no
 * bounds and says why. Cost of `measure`.
 */
export function judge (metric: MetricSpec, spec: AnalysisSpec, evidence: Evidence, levels: Levels): Judgement {
  let n: Counts = { champion: 0, challenger: 0 }
  try {
    const measured = measure(metric, evidence, spec)
    n = measured.n
    const fault = marginFault(metric, spec.mode)
    if (fault !== null) return inconclusive(metric, n, fault)
    const effect = measured.effect()
    if ('unmet' in effect) return inconclusive(metric, n, effect.unmet)
    const bounds = {
      lower: effect.lower(levels.lower), upper: effect.upper(levels.upper), better: effect.lower(levels.better)
    }
    if ([effect.estimate, ...Object.values(bounds)].some(Number.isNaN)) {
      return inconclusive(metric, n, `could not be computed: ${effect.estimator} gave no number`)
    }
    return conclusive(metric, spec.mode, n, effect, bounds)
  } catch (error) {
    return inconclusive(metric, n, `could not be computed: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The numbers of a judgement for a sentence: effect, interval, margin. */
export function numbers ({ verdict: { estimate, lower, upper, margin } }: Pick<Judgement, 'verdict'>): string {
  const limit = margin === null ? 'no margin' : `margin ${short(margin)}`
  return `effect ${short(estimate)} in [${short(lower)}, ${short(upper)}], ${limit}`
}

function conclusive (
  metric: MetricSpec, mode: AnalysisSpec['mode'], n: Counts, effect: Effect, bounds: Bounds
): Judgement {
  const { name, role } = metric
  const roles = rolesOf(metric)
  const { outcome, phrase } = outcomeOf(metric, mode, bounds)
  const verdict: MetricVerdict = {
    name,
    role,
    outcome,
    estimator: effect.estimator,
    estimate: finite(effect.estimate),
    lower: finite(bounds.lower),
    upper: finite(bounds.upper),
    margin: marginOf(metric),
    n,
    reason: ''
  }
  const note = effect.note === '' ? '' : ` (${effect.note})`
  return { ...roles, bounds, verdict: { ...verdict, reason: `${phrase}: ${numbers({ verdict })}${note}` } }
}

function inconclusive (metric: MetricSpec, n: Counts, reason: string): Judgement {
  const { name, role } = metric
  const verdict: MetricVerdict = {
    name,
    role,
    outcome: 'inconclusive',
    estimator: 'none',
    estimate: null,
    lower: null,
    upper: null,
    margin: marginOf(metric),
    n,
    reason
  }
  return { ...rolesOf(metric), bounds: null, verdict }
}

/** A primary in mode superiority passes by being better, everything else by not being worse beyond its margin. */
function outcomeOf (
  metric: MetricSpec, mode: AnalysisSpec['mode'], { lower, upper, better }: Bounds
): { outcome: MetricVerdict['outcome'], phrase: string } {
  const margin = marginOf(metric) ?? 0
  if (upper < -margin) return { outcome: 'fail', phrase: margin > 0 ? 'worse beyond its margin' : 'worse' }
  if (metric.role === 'primary' && upper < 0) return { outcome: 'fail', phrase: 'worse, but not proven beyond its margin' }
  if (metric.role === 'primary' && mode === 'superiority') {
    return better > 0 ? { outcome: 'pass', phrase: 'better' } : { outcome: 'inconclusive', phrase: 'not proven better' }
  }
  if (lower > -margin) return { outcome: 'pass', phrase: margin > 0 ? 'not worse beyond its margin' : 'better' }
  return { outcome: 'inconclusive', phrase: margin > 0 ? 'may be worse beyond its margin' : 'may be worse' }
}

function rolesOf (metric: MetricSpec): Pick<Judgement, 'isCritical' | 'isPrimary' | 'margin'> {
  return { isCritical: isCriticalMetric(metric), isPrimary: metric.role === 'primary', margin: marginOf(metric) ?? 0 }
}

function isCriticalMetric ({ role, margin }: MetricSpec): boolean {
  return role === 'critical' || (role === 'primary' && margin !== undefined)
}

function marginOf ({ margin }: MetricSpec): number | null {
  if (margin === undefined) return null
  return 'relative' in margin ? margin.relative : margin.absolute
}

function marginFault (metric: MetricSpec, mode: AnalysisSpec['mode']): string | null {
  const margin = marginOf(metric)
  if (margin !== null) return margin > 0 && margin < Infinity ? null : `a margin must be above 0, got ${margin}`
  if (metric.role === 'critical') return 'a critical metric needs a margin'
  return metric.role === 'primary' && mode === 'equivalence' ? 'a primary needs a margin in mode equivalence' : null
}

/** For JSON: an infinite bound is no bound, and there is one zero. */
function finite (x: number): number | null {
  return Number.isFinite(x) ? x + 0 : null
}

function short (x: number | null): string {
  return x === null ? 'unbounded' : String(Number(x.toPrecision(4)))
}
