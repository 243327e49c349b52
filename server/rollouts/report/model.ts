import type { RolloutHistoryEntry } from '../../../registry/rollouts/rollout.js'
import type { Ending } from './ending.js'
import type { Exposure } from './exposure.js'
import type { ReportedDecision, ReportedMetric } from './stored-verdict.js'

export interface SeriesPoint {
  readonly at: number
  readonly estimate: number | null
  readonly lower: number | null
  readonly upper: number | null
}

/** How the effect of one metric went; the rest is as in the last verdict. */
export interface Series extends Pick<ReportedMetric, 'name' | 'role' | 'margin' | 'marginKind' | 'isTwoSided'> {
  readonly points: readonly SeriesPoint[]
}

export interface WeightPoint { readonly at: number, readonly weightBps: number, readonly mirrorBps: number }

/** A rollout as it is told afterwards; what `--format json` prints. */
export interface RolloutReport {
  readonly rollout: string
  readonly model: string
  readonly champion: { readonly version: string, readonly digest: string | null }
  readonly challenger: { readonly version: string, readonly digest: string | null }
  readonly strategy: string | null
  readonly opened: { readonly at: number, readonly actor: string | null, readonly reason: string | null }
  readonly ending: Ending
  readonly decision: ReportedDecision | null
  readonly advice: readonly string[]
  readonly timeline: { readonly entries: readonly RolloutHistoryEntry[], readonly omitted: number }
  readonly weights: readonly WeightPoint[]
  readonly series: readonly Series[]
  readonly exposure: Exposure
  readonly verdicts: { readonly saved: number, readonly kept: number, readonly shown: number }
  readonly spec: unknown
  /** The report tells of what was known then: the end of the rollout, or when it was asked for. */
  readonly until: number
}
