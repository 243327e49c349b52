import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import type { Fault } from './spec-error.js'
import type { RolloutSpec } from './spec/schema.js'
import { durationMs } from './spec/duration.js'

/** What goes on after a promotion: for how long, what a failure does, and who keeps the champion before as control. */
export interface AfterPromotion {
  readonly watchMs: number
  readonly onFailure: 'rollback' | 'notify'
  /** Share of the sessions that stay with the champion before, basis points. */
  readonly holdbackBps: number
}

/** Compiles what a valid document says of the time after its promotion; null when it says nothing. Pure. */
export function compileAfterPromotion ({ afterPromotion }: Pick<RolloutSpec, 'afterPromotion'>): AfterPromotion | null {
  if (afterPromotion === undefined) return null
  const { watch, onFailure, holdback } = afterPromotion
  return { watchMs: durationMs(watch), onFailure, holdbackBps: Math.round(holdback * 100) }
}

/** When the watch of a promoted rollout ends, ms since the epoch; null when there is none (any more). Pure. */
export function watchedUntil ({ state, reverted, details }: Pick<RolloutRow, 'state' | 'reverted' | 'details'>): number | null {
  const { watchUntil } = details as { readonly watchUntil?: number }
  return state === 'promoted' && reverted === null ? watchUntil ?? null : null
}

/** What a schema cannot say of the watch. */
export function watchFaults ({ afterPromotion, strategy }: Pick<RolloutSpec, 'afterPromotion' | 'strategy'>): Fault[] {
  if (afterPromotion === undefined || strategy.abn === undefined) return []
  return [{ path: 'afterPromotion', message: 'expected nothing with strategy abn: a watch compares two versions' }]
}
