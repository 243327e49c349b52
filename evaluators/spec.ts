import type { LogHistogramJson } from './statistics/histogram.js'
import type { MomentsSummary } from './statistics/moments.js'

/** How much worse is still acceptable: in the metric's unit, or as a fraction of the champion's value. Above 0. */
export type Margin = { readonly absolute: number } | { readonly relative: number }

/** One metric of a trial. `key` names the feedback, `quantile` (0..1) belongs to latency. */
export interface MetricSpec {
  readonly name: string
  readonly source: 'errors' | 'latency' | 'feedback'
  readonly key?: string
  readonly quantile?: number
  readonly role: 'primary' | 'critical' | 'monitor'
  readonly direction: 'up' | 'down'
  readonly margin?: Margin
}

/**
 * What was agreed before the trial: error level `alpha` (0..0.5), samples each arm needs per metric at the current
 * weight, the N* (units of both arms) at which the sequences are tightest, and the metrics.
 */
export interface AnalysisSpec {
  readonly alpha: number
  readonly mode: 'superiority' | 'equivalence'
  readonly minSamples: number
  readonly plannedSamples: number
  readonly metrics: readonly MetricSpec[]
}

/** Errors: moments of 0/1 (1 = failed). Feedback: moments. Latency, milliseconds: a histogram. */
export type ArmEvidence = { readonly moments: MomentsSummary } | { readonly histogram: LogHistogramJson }

/** What both arms showed in one time block of one visit of one weight; keyed by metric name, missing = none yet. */
export interface Stratum {
  readonly stage: number
  readonly weightBps: number
  readonly block: number
  readonly champion: Readonly<Record<string, ArmEvidence>>
  readonly challenger: Readonly<Record<string, ArmEvidence>>
}

/** All strata from the first request on, which stage is the current one, and the sentence of a tripped breaker. */
export interface Evidence {
  readonly stage: number
  readonly strata: readonly Stratum[]
  readonly breaker: string | null
}
