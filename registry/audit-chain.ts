import { createHash } from 'node:crypto'
import { canonicalJson } from './manifest.js'

/** What the first entry names as the hash before it. */
export const BEFORE_ALL = '0'.repeat(64)
const FORM = 'gauntlet-audit/v1'
const FAULTS_MAX = 100

/** An entry as the table holds it. */
export interface ChainedEntry {
  /** Its number; the first entry of all is 1. */
  readonly id: number
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly actor: string
  readonly action: string
  readonly subject: string
  readonly reason: string
  /** JSON as it is stored. */
  readonly details: string
  readonly previous: string
  readonly hash: string
}

/** A place in the chain that somebody kept elsewhere: everything up to it is fixed by its hash. */
export interface AuditAnchor { readonly id: number, readonly hash: string }

/**
 * - `edited`: the hash is not that of the entry's content; `unlinked`: it does not name the hash of the entry before;
 * - `missing`: numbers are left out, or entries behind the last one have been there; `disordered`: numbers do not rise;
 * - `anchor`: the entry that was kept elsewhere is another one here, or none.
 */
export interface AuditFault {
  readonly id: number
  readonly kind: 'edited' | 'unlinked' | 'missing' | 'disordered' | 'anchor'
  readonly problem: string
}

export interface AuditVerification {
  readonly ok: boolean
  readonly entries: number
  /** The last entry; null when there is none. Keep it elsewhere to find out whether the end was cut off. */
  readonly head: AuditAnchor | null
  /** The first 100. */
  readonly faults: readonly AuditFault[]
  readonly faultCount: number
}

/**
 * SHA-256, as hex digits, of the canonical JSON of the list `["gauntlet-audit/v1", id, at, actor, action, subject,
 * reason, details, previous]` in UTF-8; `details` is the text of its JSON as it is stored. Pure.
 */
export function auditHash (entry: Omit<ChainedEntry, 'hash'>): string {
  const { id, at, actor, action, subject, reason, details, previous } = entry
  const form = [FORM, id, at, actor, action, subject, reason, details, previous]
  return createHash('sha256').update(canonicalJson(form)).digest('hex')
}

/** `auditHash` of a row's columns in their order, for SQL. Pure. */
export function auditHashOfRow (...row: unknown[]): string {
  const [id, at, actor, action, subject, reason, details, previous] =
    row as [number, number, string, string, string, string, string, string]
  return auditHash({ id, at, actor, action, subject, reason, details, previous })
}

/**
 * Whether entries, added in the order of their numbers, are the whole chain from the first one on. Every anchor must be
 * an entry of the chain. One pass, O(1) memory beside the faults.
 */
export class ChainVerifier {
  readonly #anchors: Map<number, string>
  readonly #faults: AuditFault[] = []
  #faultCount = 0
  #before: AuditAnchor = { id: 0, hash: BEFORE_ALL }
  #entries = 0

  constructor (anchors: readonly AuditAnchor[] = []) {
    this.#anchors = new Map(anchors.map(({ id, hash }) => [id, hash]))
  }

  add (entry: ChainedEntry): void {
    const { id, hash, previous } = entry
    const before = this.#before
    this.#entries++
    if (id <= before.id) this.#found(id, 'disordered', `entry ${id} follows entry ${before.id}`)
    if (id > before.id + 1) this.#found(id, 'missing', `${range(before.id + 1, id - 1)} missing`)
    if (previous !== before.hash) this.#found(id, 'unlinked', `entry ${id} does not continue entry ${before.id}`)
    if (hash !== auditHash(entry)) this.#found(id, 'edited', `entry ${id} is not what its hash says`)
    const kept = this.#anchors.get(id)
    if (kept !== undefined && kept !== hash) this.#found(id, 'anchor', `entry ${id} is another one than the anchor says`)
    this.#anchors.delete(id)
    this.#before = { id, hash }
  }

  /** @param last the highest number ever given, where that is known */
  finish (last: number | null = null): AuditVerification {
    const { id: end } = this.#before
    if (last !== null && last > end) this.#found(last, 'missing', `${range(end + 1, last)} missing at the end`)
    for (const id of this.#anchors.keys()) this.#found(id, 'anchor', `entry ${id}, which the anchor names, is not there`)
    return {
      ok: this.#faultCount === 0,
      entries: this.#entries,
      head: this.#entries === 0 ? null : this.#before,
      faults: this.#faults,
      faultCount: this.#faultCount
    }
  }

  #found (id: number, kind: AuditFault['kind'], problem: string): void {
    this.#faultCount++
    if (this.#faults.length < FAULTS_MAX) this.#faults.push({ id, kind, problem })
  }
}

function range (first: number, last: number): string {
  return first === last ? `entry ${first} is` : `entries ${first} to ${last} are`
}
