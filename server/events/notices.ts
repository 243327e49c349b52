import type { Registry } from '../../registry/registry.js'
import type { Config } from '../config.js'
import type { Log } from '../log.js'
import { EventFeed } from './feed.js'
import { pruneEvents } from './retention.js'
import { EventStreams } from './streams.js'
import type { WebhookTarget } from '../webhooks/targets.js'
import { Webhooks } from '../webhooks/webhooks.js'

const READY_MAX = 256

/** All that tells others what happens. */
export interface Notices {
  readonly streams: EventStreams
  readonly webhooks: Webhooks
  /** Looks for events of other processes. */
  look (): void
  /** Removes old events, in the background. */
  prune (): void
  /** Ends what follows events; the database is not used any more afterwards. */
  close (): Promise<void>
}

export interface NoticesOptions {
  readonly registry: Pick<Registry, 'events' | 'webhooks'>
  readonly targets: readonly WebhookTarget[]
  readonly now: () => number
  readonly log: Log
}

/** Composes what follows the events of a registry, and begins. */
export function openNotices (config: Config, { registry, targets, now, log }: NoticesOptions): Notices {
  const { eventClientsMax: clientsMax, eventHeartbeatMs: heartbeatMs, eventStallTimeoutMs: stallTimeoutMs } = config
  const { events } = registry
  const feed = new EventFeed({ events, readyMax: READY_MAX, log })
  const streams = new EventStreams({ feed, clientsMax, heartbeatMs, stallTimeoutMs })
  const webhooks = new Webhooks({
    targets,
    feed,
    store: registry.webhooks,
    timeoutMs: config.webhookTimeoutMs,
    attemptsMax: config.webhookAttemptsMax,
    retry: { firstMs: config.webhookRetryFirstMs, maxMs: config.webhookRetryMaxMs },
    deadLettersMax: config.webhookDeadLettersMax,
    now,
    random: Math.random,
    log
  })
  const closing = new AbortController()
  const prune = (): void => {
    pruneEvents(events, { days: config.eventRetentionDays, rowsMax: config.eventRowsMax }, now, closing.signal)
      .catch((error: Error) => { log('warn', 'old events could not be pruned', { error: error.message }) })
  }
  const close = async (): Promise<void> => {
    closing.abort()
    streams.close()
    await webhooks.close()
    feed.close()
  }
  return { streams, webhooks, look: () => { feed.look() }, prune, close }
}
