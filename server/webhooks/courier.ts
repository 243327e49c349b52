import type { EventRow } from '../../registry/events.js'
import type { WebhookPosition, WebhookStore } from '../../registry/webhooks.js'
import type { EventFeed, Told } from '../events/feed.js'
import type { Log } from '../log.js'
import { webhookBody, webhookHeaders, webhookId } from './message.js'
import { post, retryDelayMs, type Posted, type PostOptions } from './post.js'
import type { WebhookTarget } from './targets.js'

/** Behind a fault of our own database. */
const STORAGE_RETRY_MS = 1_000

export interface CourierLimits {
  readonly timeoutMs: number
  readonly attemptsMax: number
  readonly retry: { readonly firstMs: number, readonly maxMs: number }
  readonly deadLettersMax: number
}

export interface CourierOptions extends CourierLimits {
  readonly target: WebhookTarget
  readonly feed: EventFeed
  readonly store: WebhookStore
  readonly now: () => number
  /** 0 to 1 */
  readonly random: () => number
  readonly log: Log
  readonly onAttempt: (outcome: 'delivered' | 'failed' | 'dead') => void
}

/**
 * Tells one receiver of every event, in order, each at least once: the position is stored behind the answer, so that a
 * kill in between delivers the same event again, under the same id.
 */
export class Courier {
  readonly #options: CourierOptions
  readonly #closing = new AbortController()
  #work: Promise<void> | null = null
  #page: Told[] = []
  #isAgain = false
  #timer: NodeJS.Timeout | null = null

  constructor (options: CourierOptions) {
    this.#options = options
  }

  /** There may be something to deliver. */
  wake (): void {
    this.#isAgain = true
    if (this.#closing.signal.aborted || this.#work !== null) return
    this.#work = this.#run().finally(() => {
      this.#work = null
      if (this.#isAgain) this.wake()
    })
  }

  /** Abandons the attempt at hand, which is made again by the next gateway. */
  async close (): Promise<void> {
    this.#closing.abort()
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#work
  }

  async #run (): Promise<void> {
    this.#isAgain = false
    try {
      while (!this.#closing.signal.aborted) {
        const { target, feed, store, retry, now } = this.#options
        const position = store.begin(target.target, { origin: target.origin, newest: feed.newest, at: now() })
        const event = this.#next(position.position)
        if (event === undefined) return
        const waitMs = (position.nextAt ?? 0) - now()
        if (waitMs > 0) return this.#wakeIn(Math.min(waitMs, retry.maxMs))
        await this.#attempt(event, position)
      }
    } catch (error) {
      const { target, log } = this.#options
      log('warn', 'a webhook cannot go on; it is tried again', { ...nameOf(target), error: (error as Error).message })
      this.#wakeIn(STORAGE_RETRY_MS)
    }
  }

  #next (position: number): Told | undefined {
    this.#page = this.#page.filter(({ id }) => id > position)
    if (this.#page.length === 0) this.#page = this.#options.feed.next(position, null)
    return this.#page[0]
  }

  async #attempt (event: EventRow, position: WebhookPosition): Promise<void> {
    const { target, store, timeoutMs, attemptsMax, deadLettersMax: keepMax, retry, now, random, log } = this.#options
    const name = nameOf(target)
    if (event.id > position.position + 1) {
      log('warn', 'events were gone before a webhook could be told of them', { ...name, after: position.position, next: event.id })
    }
    const posted = await tell(target, event, { timeoutMs, signal: this.#closing.signal, now })
    if (posted.isDelivered) {
      store.delivered(target.target, event.id, now())
      return this.#options.onAttempt('delivered')
    }
    if (this.#closing.signal.aborted) return
    const { error, isGone, retryAfterMs } = posted
    const attempts = position.attempts + 1
    if (isGone || attempts >= attemptsMax) {
      store.giveUp(target.target, { event: stored(event), attempts, error, at: now(), keepMax })
      log('error', 'a webhook did not take an event, which is a dead letter now', { ...name, event: event.id, attempts, error })
      return this.#options.onAttempt('dead')
    }
    const wait = Math.min(retry.maxMs, Math.max(retryAfterMs, retryDelayMs(attempts, retry, random())))
    store.failed(target.target, { attempts, error, nextAt: now() + wait, at: now() })
    log('warn', 'a webhook failed; it is tried again', { ...name, event: event.id, attempts, error, retryInMs: wait })
    this.#options.onAttempt('failed')
  }

  #wakeIn (ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (!this.#closing.signal.aborted) this.#timer = setTimeout(() => { this.wake() }, ms)
  }
}

/** One attempt to tell a receiver of an event, signed as of now. Never throws. */
export async function tell (
  { url, format, secrets }: WebhookTarget, event: EventRow, options: Omit<PostOptions, 'headers' | 'body'>
): Promise<Posted> {
  const body = webhookBody(event, format)
  return await post(url, { ...options, body, headers: webhookHeaders(webhookId(event), options.now(), body, secrets) })
}

/** The URL itself may hold a secret. */
function nameOf ({ target, origin }: WebhookTarget): { webhook: string, origin: string } {
  return { webhook: target, origin }
}

function stored ({ id, at, type, rolloutId, model, body }: EventRow): EventRow {
  return { id, at, type, rolloutId, model, body }
}
