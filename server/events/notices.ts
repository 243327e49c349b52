import type { EventStore } from '../../registry/events.js'
import type { Config } from '../config.js'
import type { Log } from '../log.js'
import { EventFeed } from './feed.js'
import { pruneEvents } from './retention.js'
import { EventStreams } from './streams.js'

const READY_MAX = 256

/** All that tells others what happens. */
export interface Notices {
  readonly streams: EventStreams
  /** Looks for events of other processes. */
  look (): void
  /** Removes old events, in the background. */
  prune (): void
  /** Ends what follows events; the database is not used any more afterwards. */
  close (): void
}

/** Composes what follows the events of a registry. */
export function openNotices (
  config: Config, events: EventStore, { now, log }: { now: () => number, log: Log }
): Notices {
  const { eventClientsMax: clientsMax, eventHeartbeatMs: heartbeatMs, eventStallTimeoutMs: stallTimeoutMs } = config
  const feed = new EventFeed({ events, readyMax: READY_MAX, log })
  const streams = new EventStreams({ feed, clientsMax, heartbeatMs, stallTimeoutMs })
  const closing = new AbortController()
  const prune = (): void => {
    pruneEvents(events, { days: config.eventRetentionDays, rowsMax: config.eventRowsMax }, now, closing.signal)
      .catch((error: Error) => { log('warn', 'old events could not be pruned', { error: error.message }) })
  }
  const close = (): void => {
    closing.abort()
    streams.close()
    feed.close()
  }
  return { streams, look: () => { feed.look() }, prune, close }
}
