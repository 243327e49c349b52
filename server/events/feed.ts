import type { EventRow, EventStore } from '../../registry/events.js'
import type { Log } from '../log.js'

const PAGE_ROWS = 50

export interface EventFeedOptions {
  readonly events: EventStore
  /** The newest events are kept ready for all who follow; who is further behind reads the database. */
  readonly readyMax: number
  readonly log: Log
}

/** An event as it is sent to those who follow, written once for all of them. */
export interface Told extends EventRow { readonly frame: string }

/** Notices new events and tells all who follow; each of them then reads from where it is. */
export class EventFeed {
  readonly #options: EventFeedOptions
  readonly #followers = new Set<() => void>()
  readonly #unlisten: () => void
  #ready: Told[] = []
  #newest: number

  constructor (options: EventFeedOptions) {
    this.#options = options
    this.#newest = options.events.newest()
    this.#unlisten = options.events.onAppend(() => { this.look() })
  }

  /** The number of the last event that was noticed. */
  get newest (): number {
    return this.#newest
  }

  /** The number of the oldest event that can still be read. */
  get oldest (): number {
    return this.#options.events.oldest()
  }

  /** Calls `follower` whenever there may be something new. @returns ends it */
  follow (follower: () => void): () => void {
    this.#followers.add(follower)
    return () => { this.#followers.delete(follower) }
  }

  /** The next events behind number `after`, oldest first, a bounded number of them; none at the end. */
  next (after: number, rolloutId: string | null): Told[] {
    if (after >= this.#newest) return []
    const first = this.#ready[0]
    if (first !== undefined && after >= first.id - 1) {
      return this.#ready.filter(({ id, rolloutId: of }) => id > after && (rolloutId === null || of === rolloutId))
    }
    const ofRollout = rolloutId === null ? {} : { rolloutId }
    return this.#options.events.list({ after, limit: PAGE_ROWS, ...ofRollout }).map(told)
  }

  /** Looks for what is new, of this process or another. A fault is logged, and the next look finds all of it. */
  look (): void {
    const { events, readyMax, log } = this.#options
    const before = this.#newest
    try {
      for (let page; (page = events.list({ after: this.#newest, limit: PAGE_ROWS })).length > 0;) {
        this.#ready = [...this.#ready, ...page.map(told)].slice(-readyMax)
        this.#newest = page.at(-1)!.id
      }
    } catch (error) {
      log('warn', 'events could not be read; it is tried again', { error: (error as Error).message })
    }
    if (this.#newest > before) for (const follower of [...this.#followers]) follower()
  }

  close (): void {
    this.#unlisten()
    this.#followers.clear()
  }
}

/** JSON has no line ends of its own, so one `data` line holds all of it. */
function told (event: EventRow): Told {
  return { ...event, frame: `id: ${event.id}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n` }
}
