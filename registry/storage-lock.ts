import { setTimeout as sleep } from 'node:timers/promises'
import { dirname } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { asDiskFault } from './disk-faults.js'
import { RegistryError } from './errors.js'

/** How long the event loop may stand still while SQLite itself waits; then other work gets its turn. */
const SLICE_MS = 200
const PAUSE_MS = 20
/** Nothing is ever written under a lock like this, and so it can be had on a full disk too. */
export const NO_JOURNAL = 'PRAGMA journal_mode = MEMORY'

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
        client = this.#open()
        await this.#begin(client, 'BEGIN; SELECT count(*) FROM sqlite_schema')
      },
      release: () => { client?.close() }
    }
  }

  /** Runs `work` while nobody removes blobs. @throws RegistryError REGISTRY_BUSY */
  async share<Result> (work: () => Promise<Result>): Promise<Result> {
    const hold = this.hold()
    try {
      await hold.take()
      return await work()
    } finally {
      hold.release()
    }
  }

  /** Runs `work` while nobody else stores or removes blobs. @throws RegistryError REGISTRY_BUSY, DISK_* */
  async exclude<Result> (work: () => Promise<Result>): Promise<Result> {
    const client = this.#open()
    try {
      await this.#begin(client, `${NO_JOURNAL}; BEGIN EXCLUSIVE`)
      return await work()
    } catch (error) {
      throw asDiskFault(error, dirname(this.#path))
    } finally {
      client.close()
    }
  }

  /** @throws RegistryError DISK_FULL, DISK_READ_ONLY */
  #open (): BetterSqlite3.Database {
    try {
      return new BetterSqlite3(this.#path, { timeout: SLICE_MS })
    } catch (error) {
      throw asDiskFault(error, this.#path)
    }
  }

  async #begin (client: BetterSqlite3.Database, begin: string): Promise<void> {
    const until = performance.now() + this.#timeoutMs
    for (;;) {
      try {
        client.exec(begin)
        return
      } catch (error) {
        if (!(error instanceof BetterSqlite3.SqliteError) || !error.code.startsWith('SQLITE_BUSY')) {
          throw asDiskFault(error, this.#path)
        }
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
