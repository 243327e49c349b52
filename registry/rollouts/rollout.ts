import type { RolloutEvent, RolloutState } from './machine.js'

/** Who took a promotion back, when and why. */
export interface Reverted { readonly at: number, readonly actor: string, readonly reason: string }

/** One trial of a challenger against a champion; both are versions of `model`. */
export interface RolloutRow {
  readonly id: string
  readonly model: string
  readonly champion: string
  readonly challenger: string
  readonly state: RolloutState
  readonly step: number
  readonly weightBps: number
  readonly salt: string
  readonly hashing: 'murmur3-10k'
  /** Rises by one with every change; a writer that saw an older one is refused. */
  readonly epoch: number
  readonly spec: unknown
  /** Why it is in its present state. */
  readonly reason: string
  readonly stage: number
  readonly pausedUntil: number | null
  readonly details: Record<string, unknown>
  readonly createdAt: number
  readonly updatedAt: number
  readonly endedAt: number | null
  readonly reverted: Reverted | null
}

/** What may change together with an event. */
export type RolloutPatch = Partial<Pick<RolloutRow, 'challenger' | 'step' | 'weightBps' | 'stage' | 'pausedUntil' | 'details'>>

export interface RolloutHistoryEntry {
  readonly epoch: number
  readonly at: number
  readonly event: RolloutEvent | 'revert' | 'settle'
  readonly from: RolloutState
  readonly to: RolloutState
  readonly step: number
  readonly weightBps: number
  readonly actor: string
  readonly reason: string
}

/** A conclusion with all it was drawn from, so that it can be recomputed. */
export interface NewVerdict {
  readonly at: number
  readonly decision: string
  readonly reason: string
  readonly verdict: unknown
  readonly evidence: unknown
  /** What was asked of the metrics; null when nothing was. */
  readonly analysis: unknown
  /** Whether the rollout moved because of it. */
  readonly acted: boolean
  /** The release that drew it. */
  readonly engine: string
}

/** A conclusion as it is stored: `news` is what others are told of it, if anything. */
export interface ConcludedVerdict extends NewVerdict { readonly news?: Record<string, unknown> | null }

/** Numbered from 1; numbers that are left out were dropped. */
export interface RolloutVerdict extends NewVerdict { readonly number: number }
