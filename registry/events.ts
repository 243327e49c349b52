import { and, asc, desc, eq, gt, lte, notInArray, sql } from 'drizzle-orm'
import type { Connection, Database } from './database.js'
import { inTransaction } from './database.js'
import { deadLetters, events } from './schema.js'

/** What happened to a rollout, for those who are told of it. */
export interface NewEvent {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** `rollout.create`, `rollout.verdict`, or `rollout.` and a transition. */
  readonly type: string
  readonly rolloutId: string
  readonly model: string
  readonly body: Record<string, unknown>
}

/** An event with its number, which rises in the order of the commits and is never given twice. */
export interface EventRow extends NewEvent { readonly id: number }

export interface EventQuery {
  /** Only events with a higher number. */
  readonly after: number
  readonly limit: number
  readonly rolloutId?: string
}

/**
 * Events are written in the transaction of what they tell of, so that a killed process loses none and tells of nothing
 * that did not happen.
 */
export class EventStore {
  readonly #database: Database
  readonly #listeners = new Set<() => void>()

  constructor (database: Database) {
    this.#database = database
  }

  /** Takes the transaction of the act. The caller calls `announce` once that is committed. */
  append (event: NewEvent, connection: Connection): void {
    connection.insert(events).values(event).run()
  }

  /** Wakes the listeners: there may be new events. */
  announce (): void {
    for (const listener of this.#listeners) listener()
  }

  /** Calls `listener` after commits of this process; gives the way to end that. */
  onAppended (listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** Oldest first. */
  list ({ after, limit, rolloutId }: EventQuery): EventRow[] {
    return this.#database.select().from(events)
      .where(and(gt(events.id, after), rolloutId === undefined ? undefined : eq(events.rolloutId, rolloutId)))
      .orderBy(asc(events.id)).limit(limit).all()
  }

  /** Null when it was forgotten, or never was. */
  get (id: number): EventRow | null {
    return this.#database.select().from(events).where(eq(events.id, id)).get() ?? null
  }

  /** The number of the newest event that ever was; 0 when there was none. */
  head (): number {
    const query = sql`SELECT seq FROM sqlite_sequence WHERE name = 'events'`
    return this.#database.get<{ seq: number } | undefined>(query)?.seq ?? 0
  }

  /** The number of the oldest event that is kept; null when none is. */
  oldest (): number | null {
    return this.#database.select({ id: events.id }).from(events).orderBy(asc(events.id)).limit(1).get()?.id ?? null
  }

  /** Forgets all but the newest `keepMax` events and those that could not be delivered; gives how many. */
  prune (keepMax: number): number {
    return inTransaction(this.#database, (connection) => {
      const last = connection.select({ id: events.id }).from(events)
        .orderBy(desc(events.id)).limit(1).offset(keepMax).get()
      if (last === undefined) return 0
      const dead = connection.select({ id: deadLetters.eventId }).from(deadLetters)
      return connection.delete(events).where(and(lte(events.id, last.id), notInArray(events.id, dead))).run().changes
    })
  }
}
