import { RegistryError } from '../errors.js'

export type RolloutState =
  | 'pending' | 'warming' | 'progressing' | 'paused' | 'promoting' | 'promoted' | 'rolled-back' | 'failed'
export type RolloutEvent =
  | 'start' | 'warmed' | 'advance' | 'pause' | 'resume' | 'promote' | 'complete' | 'rollback' | 'fail'

/** The whole lifecycle. A pair that is not listed is illegal; a state with no row is final. */
const TRANSITIONS: Readonly<Record<RolloutState, Partial<Record<RolloutEvent, RolloutState>>>> = {
  pending: { start: 'warming', promote: 'promoting', rollback: 'rolled-back', fail: 'failed' },
  warming: { warmed: 'progressing', promote: 'promoting', rollback: 'rolled-back', fail: 'failed' },
  progressing: {
    advance: 'progressing', pause: 'paused', promote: 'promoting', rollback: 'rolled-back', fail: 'failed'
  },
  paused: { pause: 'paused', resume: 'progressing', promote: 'promoting', rollback: 'rolled-back', fail: 'failed' },
  promoting: { complete: 'promoted', rollback: 'rolled-back', fail: 'failed' },
  promoted: {},
  'rolled-back': {},
  failed: {}
}

export const ROLLOUT_STATES = Object.keys(TRANSITIONS) as readonly RolloutState[]

/** The state after `event`. @throws RegistryError ILLEGAL_TRANSITION */
export function next (state: RolloutState, event: RolloutEvent): RolloutState {
  const target = TRANSITIONS[state][event]
  if (target === undefined) throw new RegistryError('ILLEGAL_TRANSITION', `a ${state} rollout cannot ${event}`)
  return target
}

/** Whether a rollout in this state has ended for good. */
export function isFinal (state: RolloutState): boolean {
  return Object.keys(TRANSITIONS[state]).length === 0
}
