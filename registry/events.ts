import { and, asc, desc, eq, gt, lte, sql } from 'drizzle-orm'
import { inTransaction, type Connection, type Database } from './database.js'
import { events } from './schema.js'

/** What happened to a rollout, for those who are told of it. */
export interface NewEvent {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** `rollout.create`, `rollout.verdict`, `rollout.report`, or `rollout.` and a transition. */
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

export interface PruneEvents {
  /** Events of an earlier time go, milliseconds since the epoch. */
  readonly before: number
  /** How many of the newest may stay. */
  readonly keepMax: number
  /** How many may go in this one transaction. */
  readonly limit: number
}

/**
 * Events are written in the transaction of what they tell of, so that a killed process loses none and tells of nothing
 * that did not happen.
 */
export class EventStore {
  readonly #database: Database
  readonly #listeners = new Set<() => void>()
  #isAnnounced = false

  constructor (database: Database) {
    this.#database = database
  }

  /** Takes the transaction of the act. */
  append (event: NewEvent, connection: Connection): void {
    connection.insert(events).values(event).run()
    this.#announce()
  }

  /** For what happens outside of the database: a transaction of its own. */
  tell (event: NewEvent): void {
    inTransaction(this.#database, (connection) => { this.append(event, connection) })
  }

  /**
   * Calls `listener` soon after events of this process were committed, once for all of one act; it may find none when
   * the act was undone. Those of other processes show in `Registry.dataVersion`.
   * @returns ends it
   */
  onAppend (listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  /** The highest number ever given, 0 before the first. */
  newest (): number {
    const given = sql`SELECT seq FROM sqlite_sequence WHERE name = 'events'`
    return this.#database.get<{ seq: number } | undefined>(given)?.seq ?? 0
  }

  /** The lowest number that is still there; the next one to come when there is none. */
  oldest (): number {
    const row = this.#database.select({ id: events.id }).from(events).orderBy(asc(events.id)).limit(1).get()
    return row?.id ?? this.newest() + 1
  }

  /** The newest one of this type about a rollout; null without one, as when it is too old to be kept. */
  last (rolloutId: string, type: string): EventRow | null {
    return this.#database.select().from(events).where(and(eq(events.rolloutId, rolloutId), eq(events.type, type)))
      .orderBy(desc(events.id)).limit(1).get() ?? null
  }

  /**
   * Removes the oldest ones while they are too old or too many: first in, first out, whatever the clock did.
   * @returns how many went; fewer than `limit` when nothing is left to do
   */
  prune ({ before, keepMax, limit }: PruneEvents): number {
    const lastOfTooMany = this.newest() - keepMax
    const oldest = this.#database.select({ id: events.id, at: events.at }).from(events)
      .orderBy(asc(events.id)).limit(limit).all()
    const kept = oldest.findIndex(({ id, at }) => id > lastOfTooMany && at >= before)
    const gone = kept === -1 ? oldest : oldest.slice(0, kept)
    if (gone.length === 0) return 0
    return inTransaction(this.#database, (connection) =>
      connection.delete(events).where(lte(events.id, gone.at(-1)!.id)).run().changes)
  }

  /** Oldest first. */
  list ({ after, limit, rolloutId }: EventQuery): EventRow[] {
    return this.#database.select().from(events)
      .where(and(gt(events.id, after), rolloutId === undefined ? undefined : eq(events.rolloutId, rolloutId)))
      .orderBy(asc(events.id)).limit(limit).all()
  }

  /** Transactions run in one go: what is put off until after the code at hand comes after its commit. */
  #announce (): void {
    if (this.#isAnnounced || this.#listeners.size === 0) return
    this.#isAnnounced = true
    setImmediate(() => {
      this.#isAnnounced = false
      for (const listener of [...this.#listeners]) listener()
    })
  }
}
