import { and, desc, eq, lt } from 'drizzle-orm'
import type { Connection } from './database.js'
import { audit } from './schema.js'

const LIST_DEFAULT = 100

/** Who acts, and why. */
export interface Actor { readonly actor: string, readonly reason: string }

export interface AuditEntry extends Actor {
  readonly at: number
  /** What was done, as `thing.verb`: `version.publish`, `alias.set`, `rollout.pause`. */
  readonly action: string
  /** What it was done to: `name:version`, `name@alias`, a rollout's id. */
  readonly subject: string
  readonly details: Record<string, unknown>
}

export interface AuditQuery {
  readonly subject?: string
  /** Only entries older than this id: the id of the last one seen, for the next page. */
  readonly before?: number
  readonly limit?: number
}

/** The append-only record of every act. Appending takes the transaction of the act itself: both hold or neither. */
export class AuditStore {
  readonly #database: Connection

  constructor (database: Connection) {
    this.#database = database
  }

  /** The only place that writes the audit table. */
  append (entry: AuditEntry, connection: Connection = this.#database): void {
    connection.insert(audit).values(entry).run()
  }

  /** Newest first. */
  list (query: AuditQuery = {}): Array<AuditEntry & { readonly id: number }> {
    return this.#database.select().from(audit)
      .where(and(
        query.subject === undefined ? undefined : eq(audit.subject, query.subject),
        query.before === undefined ? undefined : lt(audit.id, query.before)
      ))
      .orderBy(desc(audit.id))
      .limit(query.limit ?? LIST_DEFAULT)
      .all()
  }
}
