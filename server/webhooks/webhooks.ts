import type { DeadLetter, WebhookStore } from '../../registry/webhooks.js'
import { GatewayError } from '../errors.js'
import type { EventFeed } from '../events/feed.js'
import type { Log } from '../log.js'
import { Courier, tell, type CourierLimits } from './courier.js'
import type { WebhookFormat, WebhookTarget } from './targets.js'

export interface WebhooksOptions extends CourierLimits {
  readonly targets: readonly WebhookTarget[]
  readonly feed: EventFeed
  readonly store: WebhookStore
  readonly now: () => number
  readonly random: () => number
  readonly log: Log
}

/** How far a receiver has been told. `format` is null for one that is not in the settings any more. */
export interface WebhookState {
  readonly target: string
  readonly origin: string
  readonly format: WebhookFormat | null
  readonly position: number
  /** Events that it has not had yet, at most. */
  readonly waiting: number
  readonly attempts: number
  readonly nextAt: number | null
  readonly error: string | null
}

/** All who are told of events by webhook. */
export class Webhooks {
  readonly #options: WebhooksOptions
  readonly #couriers: readonly Courier[]
  readonly #attempts = new Map<string, { target: string, outcome: string, count: number }>()
  readonly #unfollow: () => void
  readonly #closing = new AbortController()

  constructor (options: WebhooksOptions) {
    this.#options = options
    this.#couriers = options.targets.map((target) => new Courier({
      ...options, target, onAttempt: (outcome) => { this.#count(target.target, outcome) }
    }))
    const wake = (): void => { for (const courier of this.#couriers) courier.wake() }
    this.#unfollow = options.feed.follow(wake)
    wake()
  }

  list (): WebhookState[] {
    const { store, feed, targets } = this.#options
    return store.list().map(({ target, origin, position, attempts, nextAt, error }) => {
      const format = targets.find((known) => known.target === target)?.format ?? null
      return { target, origin, format, position, waiting: feed.newest - position, attempts, nextAt, error }
    })
  }

  /** Newest first. */
  deadLetters (page: { before?: number, limit: number }): DeadLetter[] {
    return this.#options.store.deadLetters(page)
  }

  /**
   * Tries a dead letter once more, whatever was delivered behind it, under the same id; it is gone once it is taken.
   * @throws GatewayError NOT_FOUND, WEBHOOK_FAILED
   */
  async redeliver (id: number): Promise<void> {
    const { store, targets, timeoutMs, now } = this.#options
    const letter = store.deadLetter(id)
    if (letter === null) throw new GatewayError('NOT_FOUND', `there is no dead letter ${id}`)
    const target = targets.find((known) => known.target === letter.target)
    if (target === undefined) {
      const name = `webhook ${letter.target} of ${letter.origin}`
      throw new GatewayError('WEBHOOK_FAILED', `${name} is not in the settings any more`)
    }
    const posted = await tell(target, letter.event, { timeoutMs, signal: this.#closing.signal, now })
    if (!posted.isDelivered) throw new GatewayError('WEBHOOK_FAILED', `webhook ${letter.target}: ${posted.error}`)
    store.removeDeadLetter(id)
    this.#count(target.target, 'delivered')
  }

  /** Attempts since the start, by receiver and how they ended: `delivered`, `failed` or `dead`. */
  attempts (): ReadonlyArray<{ target: string, outcome: string, count: number }> {
    return [...this.#attempts.values()]
  }

  async close (): Promise<void> {
    this.#closing.abort()
    this.#unfollow()
    await Promise.all(this.#couriers.map(async (courier) => { await courier.close() }))
  }

  #count (target: string, outcome: string): void {
    const key = `${target} ${outcome}`
    const known = this.#attempts.get(key)
    this.#attempts.set(key, { target, outcome, count: (known?.count ?? 0) + 1 })
  }
}
