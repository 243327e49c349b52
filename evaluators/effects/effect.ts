import type { MetricSpec, Stratum } from '../spec.js'
import type { MomentsSummary } from '../statistics/moments.js'
import { oneSidedHalfWidth } from '../statistics/sequences.js'
import type { Estimate, StratifiedMeans } from '../statistics/strata.js'

/**
 * The effect δ of a metric, positive when the challenger is better, and its one-sided confidence bounds: each holds at
 * every look at once with probability 1 − alpha. `note` says what a reader of the numbers should know, or is empty.
 */
export interface Effect {
  readonly estimator: string
  readonly estimate: number
  readonly lower: (alpha: number) => number
  readonly upper: (alpha: number) => number
  readonly note: string
}

/** Why there is no effect yet: the unmet gate with its numbers. */
export interface Unmet { readonly unmet: string }

/** Units of one metric in each arm. */
export interface Counts { readonly champion: number, readonly challenger: number }

/** What the trial's spec fixes for every metric. */
export interface EffectOptions {
  readonly alpha: number
  readonly minSamples: number
  readonly plannedSamples: number
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
export function signOf (metric: MetricSpec): Sign {
  return metric.source === 'feedback' && metric.direction === 'up' ? 1 : -1
}

/** The effect of a stratified difference or lift through the one-sided asymptotic confidence sequence. */
export function sequenceEffect (
  estimator: string, { estimate, se }: Estimate, strata: StratifiedMeans, sign: Sign, options: EffectOptions
): Effect | Unmet {
  const unmet = errorGate(se)
  if (unmet !== null) return unmet
  const half = (alpha: number): number =>
    oneSidedHalfWidth({ se, n: strata.n, alpha, plannedSamples: options.plannedSamples })
  return {
    estimator,
    estimate: sign * estimate,
    lower: (alpha) => sign * estimate - half(alpha),
    upper: (alpha) => sign * estimate + half(alpha),
    note: strata.skipped === 0 ? '' : `${strata.skipped} of ${strata.used + strata.skipped} strata skipped: too few samples`
  }
}

/** An asymptotic interval needs a spread: none is "no information", never "equal". */
function errorGate (se: number): Unmet | null {
  if (se > 0 && Number.isFinite(se)) return null
  const why = se === 0 ? 'the values do not vary, which is no information' : 'the spread cannot be told from a single session'
  return { unmet: `standard error ${se}: ${why}` }
}
