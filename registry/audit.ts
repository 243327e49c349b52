import { and, asc, desc, eq, gt, lt, sql } from 'drizzle-orm'
import {
  type AuditAnchor, type AuditVerification, auditHash, BEFORE_ALL, type ChainedEntry, ChainVerifier
} from './audit-chain.js'
import { inTransaction, type Connection, type Database } from './database.js'
import { canonicalJson } from './manifest.js'
import { audit } from './schema.js'

const LIST_DEFAULT = 100
const PAGE_ROWS = 1_000

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

/** An entry with its number, its hash, and that of the entry before. */
export interface AuditRecord extends AuditEntry {
  readonly id: number
  readonly previous: string
  readonly hash: string
}

export interface AuditQuery {
  readonly subject?: string
  /** Only entries older than this id: the id of the last one seen, for the next page. */
  readonly before?: number
  readonly limit?: number
}

/**
 * The append-only record of every act, each entry chained to the one before by its hash. Appending takes the
 * transaction of the act itself: both hold or neither.
 */
export class AuditStore {
  readonly #database: Database

  constructor (database: Database) {
    this.#database = database
  }

  /** The only place that writes the audit table. Without a transaction of the caller it takes one of its own. */
  append (entry: AuditEntry, connection?: Connection): void {
    if (connection === undefined) return inTransaction(this.#database, (own) => { this.append(entry, own) })
    const { id, hash: previous } = headOf(connection)
    const row = {
      id: id + 1,
      at: entry.at,
      actor: storable(entry.actor),
      action: storable(entry.action),
      subject: storable(entry.subject),
      reason: storable(entry.reason),
      details: canonicalJson(JSON.parse(JSON.stringify(entry.details))),
      previous
    }
    connection.insert(audit).values({ ...row, hash: auditHash(row) }).run()
  }

  /** Newest first. */
  list (query: AuditQuery = {}): AuditRecord[] {
    return this.#database.select().from(audit)
      .where(and(
        query.subject === undefined ? undefined : eq(audit.subject, query.subject),
        query.before === undefined ? undefined : lt(audit.id, query.before)
      ))
      .orderBy(desc(audit.id))
      .limit(query.limit ?? LIST_DEFAULT)
      .all()
      .map((row) => ({ ...row, details: JSON.parse(row.details) as Record<string, unknown> }))
  }

  /** Every entry as it is stored, oldest first; read in pages, so that acts go on meanwhile. */
  * entries (): Generator<ChainedEntry> {
    let after = -Infinity
    for (;;) {
      const page = this.#database.select().from(audit)
        .where(Number.isFinite(after) ? gt(audit.id, after) : undefined)
        .orderBy(asc(audit.id)).limit(PAGE_ROWS).all()
      yield * page
      if (page.length < PAGE_ROWS) return
      after = page.at(-1)!.id
    }
  }

  /** The last entry, to be kept where nobody who writes here can; null when there is none. */
  head (): AuditAnchor | null {
    const head = headOf(this.#database)
    return head.id === 0 ? null : head
  }

  /** Checks the whole chain. See `ChainVerifier`. */
  verify (anchors: readonly AuditAnchor[] = []): AuditVerification {
    const last = this.#database.get<{ seq: number } | undefined>(sql`SELECT seq FROM sqlite_sequence WHERE name = 'audit'`)
    const verifier = new ChainVerifier(anchors)
    for (const entry of this.entries()) verifier.add(entry)
    return verifier.finish(last?.seq ?? null)
  }
}

function headOf (connection: Connection): AuditAnchor {
  const head = connection.select({ id: audit.id, hash: audit.hash }).from(audit).orderBy(desc(audit.id)).limit(1).get()
  return head ?? { id: 0, hash: BEFORE_ALL }
}

/** What SQLite would change on the way in is changed before it is hashed: halves of surrogate pairs. */
function storable (text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}
