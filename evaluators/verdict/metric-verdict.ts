import { orNull, type Counts, type Effect, type Gate } from '../effects/effect.js'
import type { MetricSpec } from './spec.js'

/**
 * How long until a metric is decided: further units of both arms (or pairs), and days where the traffic is known, for
 * the median trial and with power 1 − β / critical metrics; if the true effect is `assumed`. Null with a `reason` that
 * says what is missing; 0 once it is decided.
 */
export interface Eta {
  readonly samples: number | null
  readonly samplesAtPower: number | null
  readonly days: number | null
  readonly daysAtPower: number | null
  readonly assumed: number | null
  readonly reason: string
}

/**
 * The conclusion about one metric. `estimate`, `lower` and `upper` are the effect δ and its one-sided bounds, positive
 * = the challenger is better, in the metric's unit or, with a relative margin, as a fraction of the champion's value;
 * null when unknown or unbounded. `alpha` holds the error levels: `lower` and `upper` of the bounds shown, `better` of
 * a claim of superiority. `direction` is the one in use: `up` when a higher value is better.
 *
 * `margin` is the spec's number. `n` counts what each arm has at the current stage (pairs: the pairs), `units` is the N
 * that the bounds rest on, `plannedSamples` the N* they are tightest at. `anytimeP` is the two-sided p of "δ =
 * against" at this look (`against`: −margin where the metric has to prove that it is not worse, else 0); the smallest
 * over the looks so far is valid too; null where the estimator is an interval only.
 */
export interface MetricVerdict {
  readonly name: string
  readonly role: MetricSpec['role']
  readonly direction: MetricSpec['direction']
  readonly outcome: 'pass' | 'fail' | 'inconclusive'
  readonly estimator: string
  readonly estimate: number | null
  readonly lower: number | null
  readonly upper: number | null
  readonly margin: number | null
  readonly marginKind: 'absolute' | 'relative' | null
  readonly alpha: { readonly lower: number | null, readonly upper: number | null, readonly better: number | null }
  readonly n: Counts
  readonly units: number | null
  readonly plannedSamples: number | null
  readonly anytimeP: { readonly against: number, readonly p: number } | null
  readonly gates: readonly Gate[]
  readonly eta: Eta
  readonly reason: string
  readonly note: string
}

/**
 * One-sided bounds of δ, possibly infinite. `lower` at the level of a promotion, `upper` at that of a rollback,
 * `better` the lower bound at the level at which one of several primaries may be called superior, hence never above
 * `lower`. A two-sided metric also needs `most`, the upper bound at the level of a promotion, and `least`, the lower
 * one at that of a rollback.
 */
export interface Bounds {
  readonly lower: number
  readonly upper: number
  readonly better: number
  readonly most: number
  readonly least: number
}

/** Error level of each kind of bound. */
export interface Levels { readonly lower: number, readonly upper: number, readonly better: number }

/**
 * A metric verdict with the numbers behind it: no bounds when a gate is unmet or when it `isBroken` (could not be
 * computed). `margin` is 0 when the spec has none. `total` counts its units of both arms since the beginning.
 */
export interface Judgement {
  readonly verdict: MetricVerdict
  readonly metric: MetricSpec
  readonly bounds: Bounds | null
  readonly effect: Effect | null
  readonly margin: number
  readonly total: number
  readonly isCritical: boolean
  readonly isPrimary: boolean
  readonly isBroken: boolean
}

/** Whether harm beyond the margin is proven: below it or, for a two-sided metric, outside it on either side. */
export function isHarmful ({ bounds, margin, metric }: Pick<Judgement, 'bounds' | 'margin' | 'metric'>): boolean {
  if (bounds === null) return false
  return bounds.upper < -margin || (metric.twoSided === true && bounds.least > margin)
}

/** Whether it is proven that the challenger is not worse beyond the margin, or not different beyond it. */
export function isWithinMargin ({ bounds, margin, metric }: Pick<Judgement, 'bounds' | 'margin' | 'metric'>): boolean {
  if (bounds === null) return false
  return bounds.lower > -margin && (metric.twoSided !== true || bounds.most < margin)
}

/** The margin as a number, whatever its kind; null when there is none, or none that is a number. */
export function marginOf ({ margin }: MetricSpec): number | null {
  if (margin === undefined) return null
  return orNull('relative' in margin ? margin.relative : margin.absolute)
}

/** Whether a metric must prove that it is not worse, rather than better: all but primaries in mode superiority. */
export function isGuarded (metric: MetricSpec, mode: 'superiority' | 'equivalence'): boolean {
  return metric.margin !== undefined && !(metric.role === 'primary' && mode === 'superiority')
}

/** The numbers of a metric for a sentence: effect, interval, margin. */
export function numbers ({ verdict: { estimate, lower, upper, margin } }: Pick<Judgement, 'verdict'>): string {
  const limit = margin === null ? 'no margin' : `margin ${short(margin)}`
  return `effect ${short(estimate)} in [${short(lower)}, ${short(upper)}], ${limit}`
}

/** A number for people: four digits. */
export function short (x: number | null): string {
  return x === null ? 'unbounded' : String(Number(x.toPrecision(4)))
}
