import { setTimeout as sleep } from 'node:timers/promises'
import BetterSqlite3 from 'better-sqlite3'
import { RegistryError } from './errors.js'

/** How long the event loop may stand still while SQLite itself waits; then other work gets its turn. */
const SLICE_MS = 200
const PAUSE_MS = 20

export interface Hold {
  /** @throws RegistryError REGISTRY_BUSY */
  readonly take: () => Promise<void>
  /** Allowed, and without effect, when nothing was taken. */
  readonly release: () => void
}

/**
 * Keeps blobs that are being named apart from blobs that are being removed: whoever stores blobs shares the lock from
 * the first blob until a row names them; whoever removes blobs has it alone. It is the lock of an empty SQLite file, so
 * the operating system releases it when its holder dies. Not re-entrant.
 */
export class StorageLock {
  readonly #path: string
  readonly #timeoutMs: number

  constructor (path: string, timeoutMs: number) {
    this.#path = path
    this.#timeoutMs = timeoutMs
  }

  /** A share of the lock that is not taken yet: from `take` to `release` nobody removes blobs. */
  hold (): Hold {
    let client: BetterSqlite3.Database | null = null
    return {
      take: async () => {
        client = new BetterSqlite3(this.#path, { timeout: SLICE_MS })
        await this.#begin(client, 'BEGIN; SELECT count(*) FROM sqlite_schema')
      },
      release: () => { client?.close() }
    }
  }

  /** Runs `work` while nobody stores or removes blobs. @throws RegistryError REGISTRY_BUSY */
  async exclude<Result> (work: () => Promise<Result>): Promise<Result> {
    const client = new BetterSqlite3(this.#path, { timeout: SLICE_MS })
    try {
      await this.#begin(client, 'BEGIN EXCLUSIVE')
      return await work()
    } finally {
      client.close()
    }
  }

  async #begin (client: BetterSqlite3.Database, begin: string): Promise<void> {
    const until = performance.now() + this.#timeoutMs
    for (;;) {
      try {
        client.exec(begin)
        return
      } catch (error) {
        if (!(error instanceof BetterSqlite3.SqliteError) || !error.code.startsWith('SQLITE_BUSY')) throw error
        if (client.inTransaction) client.exec('ROLLBACK')
        if (performance.now() >= until) {
          throw new RegistryError('REGISTRY_BUSY',
            `another process has been storing or removing blobs for ${this.#timeoutMs} ms; try again`, { cause: error })
        }
        await sleep(PAUSE_MS)
      }
    }
  }
}
