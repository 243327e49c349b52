import { setTimeout as delay } from 'node:timers/promises'
import type { EventStore } from '../../registry/events.js'

/** A transaction of so many rows holds the event loop about as long as one small commit does. */
const ROWS_AT_A_TIME = 200
const PAUSE_MS = 20

export interface EventRetention {
  readonly days: number
  readonly rowsMax: number
}

/**
 * Removes events that are too old or too many, a few at a time with pauses in between, so that requests do not wait.
 * @param signal stops it between two transactions
 * @returns how many went
 */
export async function pruneEvents (
  events: EventStore, { days, rowsMax }: EventRetention, now: () => number, signal: AbortSignal
): Promise<number> {
  let gone = 0
  while (!signal.aborted) {
    const removed = events.prune({ before: now() - days * 86_400_000, keepMax: rowsMax, limit: ROWS_AT_A_TIME })
    gone += removed
    if (removed < ROWS_AT_A_TIME) break
    await delay(PAUSE_MS, undefined, { signal }).catch(() => {})
  }
  return gone
}
