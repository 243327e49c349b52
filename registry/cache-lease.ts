import BetterSqlite3 from 'better-sqlite3'
import { NO_JOURNAL } from './storage-lock.js'

/**
 * A share of the lock of an empty SQLite file: it says that its holder uses what the file stands for. The operating
 * system gives it back when the holder dies.
 */
export interface Lease { readonly release: () => void }

/** @throws SqliteError when the file can be neither opened nor made, or somebody is removing what it stands for */
export function takeLease (path: string): Lease {
  const client = new BetterSqlite3(path, { timeout: 0 })
  try {
    client.exec('BEGIN; SELECT count(*) FROM sqlite_schema')
    return { release: () => { client.close() } }
  } catch (error) {
    client.close()
    throw error
  }
}

/** Runs `work` when nobody, in this process or another, holds a lease; else false. */
export function ifUnused (path: string, work: () => void): boolean {
  const client = new BetterSqlite3(path, { timeout: 0 })
  try {
    client.exec(`${NO_JOURNAL}; BEGIN EXCLUSIVE`)
    work()
    return true
  } catch (error) {
    if (error instanceof BetterSqlite3.SqliteError && error.code.startsWith('SQLITE_BUSY')) return false
    throw error
  } finally {
    client.close()
  }
}
