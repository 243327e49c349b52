import type { MetricSpec, Stratum } from '../verdict/spec.js'
import type { MomentsSummary } from '../statistics/moments.js'

/** A condition for a statistical verdict: what there is and what is needed, in the gate's own unit; null = unknown. */
export interface Gate {
  readonly gate: string
  readonly have: number | null
  readonly need: number | null
  readonly met: boolean
}

/**
 * When would the lower bound at level `alpha` exceed the effect `above`, if the true effect were `assumed`? With the
 * given `power` (½ = the median trial).
 */
export interface Question {
  readonly assumed: number
  readonly above: number
  readonly alpha: number
  readonly power: number
}

/**
 * The effect δ of a metric, positive when the challenger is better, and its one-sided confidence bounds: each holds at
 * every look at once with probability 1 − alpha. `units` are those the bounds rest on (both arms, or pairs). `anytimeP`
 * is the two-sided anytime-valid p of "δ = reference" at this look, null where the estimator has none. `unitsUntil`
 * answers a {@link Question} in units of both arms (or pairs) since the first one, at the current share of traffic;
 * null when never. `note` says what a reader of the numbers should know, or is empty.
 */
export interface Effect {
  readonly estimator: string
  readonly estimate: number
  readonly units: number
  readonly lower: (alpha: number) => number
  readonly upper: (alpha: number) => number
  readonly anytimeP: (reference: number) => number | null
  readonly unitsUntil: (question: Question) => number | null
  readonly gates: readonly Gate[]
  readonly note: string
}

/** Why there is no effect yet: the unmet gate with its numbers, in a sentence and among all gates looked at. */
export interface Unmet { readonly unmet: string, readonly gates: readonly Gate[] }

/** Units of one metric in each arm. */
export interface Counts { readonly champion: number, readonly challenger: number }

/** What the trial fixes for every metric; `share` is the challenger's at the current weight, null when unknown. */
export interface EffectOptions {
  readonly alpha: number
  readonly minSamples: number
  readonly plannedSamples: number
  readonly share: number | null
}

/** +1 when a higher value is better, −1 when a lower one is. */
export type Sign = 1 | -1

/** Both arms' moments of one metric in one stratum; an arm that has seen nothing has n = 0. */
export interface MomentsStratum {
  readonly stratum: Stratum
  readonly champion: MomentsSummary
  readonly challenger: MomentsSummary
}

/** The one place where a direction becomes a sign: errors and latency are better when lower, whatever the spec says. */
export function signOf (metric: Pick<MetricSpec, 'source' | 'direction'>): Sign {
  return metric.source === 'feedback' && metric.direction === 'up' ? 1 : -1
}

/** Whether the effect of a metric is a fraction of the champion's value. */
export function isRelative ({ margin }: Pick<MetricSpec, 'margin'>): boolean {
  return margin !== undefined && 'relative' in margin
}

/** A gate that asks for at least `need`; NaN on either side is not met. */
export function gateOf (gate: string, have: number, need: number): Gate {
  return { gate, have: orNull(have), need: orNull(need), met: have >= need }
}

/** A number for JSON: what is not finite is unknown, and there is one zero. */
export function orNull (x: number): number | null {
  return Number.isFinite(x) ? x + 0 : null
}
