import { afterAll, describe, expect, it } from 'vitest'
import { pruneEvents } from '../../../server/events/retention.js'
import { writeEvents } from '../../support/event-rows.js'
import { START_MS } from '../../support/registry-fixtures.js'
import { BY, removeTemplate, rolloutIn } from '../../support/registry-rollouts.js'

afterAll(removeTemplate)

const DAY_MS = 86_400_000
const never = new AbortController().signal

/** Events 1 to 3 made the rollout `progressing`. */
async function withEvents (count: number) {
  const opened = await rolloutIn('progressing')
  writeEvents(opened.dataDir, count - 3, opened.rollout.id, { at: START_MS })
  return opened
}

describe('pruning events', () => {
  it('removes those that are too old, a few at a time, and never gives a number again', async () => {
    const { registry, rollout, tick } = await withEvents(450)
    tick(90 * DAY_MS)
    registry.rollouts.apply(rollout.id, 'advance', { epoch: 2, ...BY })

    expect(await pruneEvents(registry.events, { days: 90, rowsMax: 1_000 }, () => START_MS + 90 * DAY_MS, never)).toBe(0)
    expect(await pruneEvents(registry.events, { days: 90, rowsMax: 1_000 }, () => START_MS + 90 * DAY_MS + 1, never)).toBe(450)

    expect(registry.events.list({ after: 0, limit: 9 }).map(({ id }) => id)).toEqual([451])
    expect(await pruneEvents(registry.events, { days: 1, rowsMax: 1_000 }, () => START_MS + 99 * DAY_MS, never)).toBe(1)
    expect([registry.events.oldest(), registry.events.newest()]).toEqual([452, 451])
    registry.rollouts.apply(rollout.id, 'pause', { epoch: 3, ...BY })
    expect(registry.events.list({ after: 0, limit: 9 }).map(({ id }) => id)).toEqual([452])
  })

  it('removes those that are too many, and stops when it is told to', async () => {
    const { registry } = await withEvents(450)
    const stopping = new AbortController()

    const pruned = pruneEvents(registry.events, { days: 90, rowsMax: 10 }, () => START_MS, stopping.signal)
    stopping.abort()

    expect(await pruned).toBe(200)
    expect(await pruneEvents(registry.events, { days: 90, rowsMax: 10 }, () => START_MS, never)).toBe(240)
    expect(registry.events.list({ after: 0, limit: 99 }).map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, i) => 441 + i))
  })
})
