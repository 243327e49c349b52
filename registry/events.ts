import { and, asc, eq, gt } from 'drizzle-orm'
import type { Connection, Database } from './database.js'
import { events } from './schema.js'

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

  constructor (database: Database) {
    this.#database = database
  }

  /** Takes the transaction of the act. */
  append (event: NewEvent, connection: Connection): void {
    connection.insert(events).values(event).run()
  }

  /** Oldest first. */
  list ({ after, limit, rolloutId }: EventQuery): EventRow[] {
    return this.#database.select().from(events)
      .where(and(gt(events.id, after), rolloutId === undefined ? undefined : eq(events.rolloutId, rolloutId)))
      .orderBy(asc(events.id)).limit(limit).all()
  }
}
