import { fileURLToPath } from 'node:url'
import BetterSqlite3 from 'better-sqlite3'
import { drizzle, type BetterSQLite3Database } from 'drizzle-orm/better-sqlite3'
import { migrate } from 'drizzle-orm/better-sqlite3/migrator'
import type { BaseSQLiteDatabase } from 'drizzle-orm/sqlite-core'
import { auditHashOfRow } from './audit-chain.js'
import { asDiskFault } from './disk-faults.js'
import { RegistryError } from './errors.js'
import { quote } from './names.js'
import * as schema from './schema.js'
import { NO_JOURNAL } from './storage-lock.js'

const BUSY_TIMEOUT_MS = 5_000
const MIGRATIONS = fileURLToPath(new URL('./migrations', import.meta.url))

/** The database, or a transaction on it. */
export type Connection = BaseSQLiteDatabase<'sync', BetterSqlite3.RunResult, typeof schema>

export type Database = BetterSQLite3Database<typeof schema> & { readonly $client: BetterSqlite3.Database }

/**
 * Opens the database and brings it up to date. The caller holds the lock: `migrate` alone is not safe in parallel.
 * @throws RegistryError LAYOUT_CORRUPT when the file is no database
 */
export function openDatabase (path: string): Database {
  const client = openFile(path, BUSY_TIMEOUT_MS)
  try {
    client.pragma('journal_mode = WAL')
    client.pragma('synchronous = FULL')
    client.pragma('foreign_keys = ON')
    client.function('audit_hash', { deterministic: true, varargs: true }, auditHashOfRow)
    const database = drizzle({ client, schema })
    migrate(database, { migrationsFolder: MIGRATIONS })
    return database
  } catch (error) {
    client.close()
    if (!(error instanceof BetterSqlite3.SqliteError) || !/^SQLITE_(NOTADB|CORRUPT)/.test(error.code)) {
      throw asDiskFault(error, path)
    }
    throw new RegistryError('LAYOUT_CORRUPT',
      `${quote(path)} cannot be read as a database: ${error.message}`, { cause: error })
  }
}

/** All or nothing, and nobody else writes meanwhile. @throws RegistryError DISK_FULL, DISK_READ_ONLY */
export function inTransaction<Result> (database: Database, work: (connection: Connection) => Result): Result {
  try {
    return database.transaction(work, { behavior: 'immediate' })
  } catch (error) {
    throw asDiskFault(error, database.$client.name)
  }
}

/** What `work` would give and refuse; whatever it changed is undone. */
export function attempt<Result extends object> (database: Database, work: (connection: Connection) => Result): Result {
  let result: Result | undefined
  try {
    inTransaction(database, (connection) => {
      result = work(connection)
      throw new Error('undone on purpose')
    })
  } catch (error) {
    if (result === undefined) throw error
  }
  return result as Result
}

/** One SQLite connection's view: changes whenever another one, in this process or another, has written. */
export function dataVersion (database: Database): number {
  return database.$client.pragma('data_version', { simple: true }) as number
}

/**
 * Runs `work` while no other process or registry object runs under the same lock. The lock is that of an empty SQLite
 * file, so the operating system releases it when its holder dies. Not re-entrant.
 */
export function withLock<Result> (path: string, timeoutMs: number, work: () => Result): Result {
  const lock = openFile(path, timeoutMs)
  try {
    lock.exec(`${NO_JOURNAL}; BEGIN EXCLUSIVE`)
    return work()
  } finally {
    lock.close()
  }
}

/** @throws RegistryError DISK_FULL, DISK_READ_ONLY */
function openFile (path: string, timeoutMs: number): BetterSqlite3.Database {
  try {
    return new BetterSqlite3(path, { timeout: timeoutMs })
  } catch (error) {
    throw asDiskFault(error, path)
  }
}
