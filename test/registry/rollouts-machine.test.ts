import { describe, expect, it } from 'vitest'
import { isFinal, next, ROLLOUT_STATES, type RolloutEvent, type RolloutState } from '../../registry/rollouts/machine.js'
import { EVENTS, LEGAL } from '../support/registry-rollouts.js'

describe('the rollout lifecycle', () => {
  it.each(LEGAL)('%s --%s--> %s', (from, event, to) => { expect(next(from, event)).toBe(to) })

  it('refuses every pair that is not listed', () => {
    const pairs = ROLLOUT_STATES.flatMap((state) => EVENTS.map((event): [RolloutState, RolloutEvent] => [state, event]))
    const refused = pairs.filter(([state, event]) => !LEGAL.some(([from, listed]) => from === state && listed === event))

    expect(refused).toHaveLength(ROLLOUT_STATES.length * EVENTS.length - LEGAL.length)
    for (const [state, event] of refused) {
      expect(() => next(state, event)).toThrow(expect.objectContaining({ code: 'ILLEGAL_TRANSITION', message: `a ${state} rollout cannot ${event}` }))
    }
  })

  it('ends in promoted, rolled-back or failed', () => {
    expect(ROLLOUT_STATES.filter(isFinal)).toEqual(['promoted', 'rolled-back', 'failed'])
  })
})
