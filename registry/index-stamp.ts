import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from './database.js'
import { replaceFile } from './layout.js'

const STAMP_FILE = 'index.stamp'

/**
 * Notes under which state of the database, and as which file, index.json was last found to say what the database says,
 * so that opening need not compare megabytes. A hint: without it, or when it cannot be written, they are compared.
 */
export class IndexStamp {
  readonly #path: string
  readonly #indexPath: string
  readonly #database: Database

  constructor (dataDir: string, indexPath: string, database: Database) {
    this.#path = join(dataDir, STAMP_FILE)
    this.#indexPath = indexPath
    this.#database = database
  }

  /** Whether neither has changed since `write`. O(1). */
  isCurrent (): boolean {
    try {
      return readFileSync(this.#path, 'utf8') === this.#now()
    } catch {
      return false
    }
  }

  write (temporaryDirectory: string): void {
    replaceFile(this.#path, this.#now(), temporaryDirectory)
  }

  /** Every change of versions, aliases and tombstones has an entry in the audit trail, which is never cut. */
  #now (): string {
    const { ino, size, mtimeNs, ctimeNs } = statSync(this.#indexPath, { bigint: true })
    const state = this.#database.$client.prepare(`SELECT
      (SELECT id || ' ' || at || ' ' || subject FROM audit ORDER BY id DESC LIMIT 1) AS act,
      (SELECT max(rowid) FROM versions) AS version,
      (SELECT max(id) FROM alias_history) AS alias,
      (SELECT max(rowid) FROM tombstones) AS tombstone`).get()
    return JSON.stringify({ file: [ino, size, mtimeNs, ctimeNs].join(' '), state })
  }
}
