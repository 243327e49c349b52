import { isFinal, next, type RolloutEvent } from './machine.js'
import type { RolloutPatch, RolloutRow } from './rollout.js'

type Beginning = Pick<RolloutRow, 'id' | 'model' | 'champion' | 'challenger' | 'spec' | 'salt' | 'reason'>

/** A rollout as it begins. Pure. */
export function beginning (rollout: Beginning, at: number): RolloutRow {
  return {
    ...rollout,
    state: 'pending',
    step: 0,
    weightBps: 0,
    hashing: 'murmur3-10k',
    epoch: 0,
    stage: 0,
    pausedUntil: null,
    details: {},
    createdAt: at,
    updatedAt: at,
    endedAt: null,
    reverted: null
  }
}

/**
 * A rollout after an event: one epoch later, without its weight when it was rolled back or failed, and without
 * `pausedUntil` unless it is paused. Pure.
 * @throws RegistryError ILLEGAL_TRANSITION
 */
export function after (before: RolloutRow, event: RolloutEvent, { reason, at, patch = {} }: {
  reason: string, at: number, patch?: RolloutPatch
}): RolloutRow {
  const state = next(before.state, event)
  return {
    ...before,
    ...(state === 'paused' ? {} : { pausedUntil: null }),
    ...patch,
    ...(state === 'rolled-back' || state === 'failed' ? { weightBps: 0 } : {}),
    state,
    reason,
    epoch: before.epoch + 1,
    updatedAt: at,
    endedAt: isFinal(state) ? at : null
  }
}
