import { and, desc, eq, lt, lte } from 'drizzle-orm'
import { inTransaction, type Connection, type Database } from './database.js'
import type { EventRow } from './events.js'
import { webhookDeadLetters, webhookTargets } from './schema.js'

/** How far one webhook has come. */
export type WebhookPosition = typeof webhookTargets.$inferSelect

/** An event that a webhook did not take, with the last error. */
export type DeadLetter = typeof webhookDeadLetters.$inferSelect

export interface FailedAttempt {
  readonly attempts: number
  readonly nextAt: number
  readonly error: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface GivenUp extends Omit<FailedAttempt, 'nextAt'> {
  readonly event: EventRow
  /** How many dead letters may stay, the newest ones. */
  readonly keepMax: number
}

/** How far others have been told of events, so that a killed gateway goes on where it was. */
export class WebhookStore {
  readonly #database: Database

  constructor (database: Database) {
    this.#database = database
  }

  /** Where a webhook is; one that was never seen begins behind event `newest`. */
  begin (target: string, { origin, newest, at }: { origin: string, newest: number, at: number }): WebhookPosition {
    const known = read(this.#database, target)
    if (known !== undefined) return known
    return inTransaction(this.#database, (connection) => {
      connection.insert(webhookTargets).values({ target, origin, position: newest, updatedAt: at })
        .onConflictDoNothing().run()
      return read(connection, target)!
    })
  }

  /** The event is done with; the next one has all its attempts. */
  delivered (target: string, eventId: number, at: number): void {
    inTransaction(this.#database, (connection) => { advance(connection, target, eventId, at) })
  }

  failed (target: string, { attempts, nextAt, error, at }: FailedAttempt): void {
    inTransaction(this.#database, (connection) => {
      connection.update(webhookTargets).set({ attempts, nextAt, error, updatedAt: at })
        .where(eq(webhookTargets.target, target)).run()
    })
  }

  /** The event becomes a dead letter, and the webhook goes on with the next one. */
  giveUp (target: string, { event, attempts, error, at, keepMax }: GivenUp): void {
    inTransaction(this.#database, (connection) => {
      const { id } = connection.insert(webhookDeadLetters)
        .values({ target, origin: read(connection, target)?.origin ?? '', at, attempts, error, event })
        .returning({ id: webhookDeadLetters.id }).get()
      connection.delete(webhookDeadLetters).where(lte(webhookDeadLetters.id, id - keepMax)).run()
      advance(connection, target, event.id, at)
    })
  }

  list (): WebhookPosition[] {
    return this.#database.select().from(webhookTargets).orderBy(webhookTargets.target).all()
  }

  deadLetter (id: number): DeadLetter | null {
    return this.#database.select().from(webhookDeadLetters).where(eq(webhookDeadLetters.id, id)).get() ?? null
  }

  /** It was delivered after all. */
  removeDeadLetter (id: number): void {
    inTransaction(this.#database, (connection) => {
      connection.delete(webhookDeadLetters).where(eq(webhookDeadLetters.id, id)).run()
    })
  }

  /** Newest first; `before` is the number of the last one seen. */
  deadLetters ({ before, limit }: { before?: number, limit: number }): DeadLetter[] {
    return this.#database.select().from(webhookDeadLetters)
      .where(before === undefined ? undefined : lt(webhookDeadLetters.id, before))
      .orderBy(desc(webhookDeadLetters.id)).limit(limit).all()
  }
}

function read (connection: Connection, target: string): WebhookPosition | undefined {
  return connection.select().from(webhookTargets).where(eq(webhookTargets.target, target)).get()
}

/** Never backwards, so that two gateways that deliver the same cannot undo each other. */
function advance (connection: Connection, target: string, eventId: number, at: number): void {
  connection.update(webhookTargets)
    .set({ position: eventId, attempts: 0, nextAt: null, error: null, updatedAt: at })
    .where(and(eq(webhookTargets.target, target), lt(webhookTargets.position, eventId))).run()
}
