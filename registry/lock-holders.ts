import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'

const LOCKS = '/proc/locks'

/** Files that processes lock in a data directory. Whoever has the database open locks the last one. */
const EXCLUSIVE = ['registry.lock', 'storage.lock', 'cache.lock'] as const
const SHARED = 'gauntlet.db-shm'

export interface LockHolders {
  /** Of the file. */
  readonly name: string
  /** Whether others have to wait; having the database open makes nobody wait. */
  readonly isHeld: boolean
  /** Ids of the processes that hold it, where the system tells. */
  readonly pids: readonly number[]
}

/** Who holds the locks of a data directory, without waiting for any. */
export function lockHolders (dataDir: string): LockHolders[] {
  const holders = readLocks()
  const pidsOf = (path: string): number[] =>
    [...new Set(holders.get(statSync(path).ino) ?? [])].filter((pid) => pid !== process.pid).sort((a, b) => a - b)
  const exclusive = EXCLUSIVE.map((name) => ({ name, path: join(dataDir, name) }))
    .filter(({ path }) => existsSync(path))
    .map(({ name, path }) => ({ name, isHeld: isBusy(path), pids: pidsOf(path) }))
  const shared = join(dataDir, SHARED)
  return existsSync(shared) ? [...exclusive, { name: 'gauntlet.db', isHeld: false, pids: pidsOf(shared) }] : exclusive
}

/** Such a lock is that of an empty SQLite file. */
function isBusy (path: string): boolean {
  const client = new BetterSqlite3(path, { timeout: 0 })
  try {
    client.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE; ROLLBACK')
    return false
  } catch (error) {
    if (error instanceof BetterSqlite3.SqliteError && error.code.startsWith('SQLITE_BUSY')) return true
    throw error
  } finally {
    client.close()
  }
}

/** Process ids by inode, as Linux lists them; empty elsewhere. Inodes of other disks may be equal: it is a hint. */
function readLocks (): Map<number, number[]> {
  const locks = new Map<number, number[]>()
  if (!existsSync(LOCKS)) return locks
  for (const line of readFileSync(LOCKS, 'utf8').split('\n')) {
    const [, pid, inode] = /^\d+: +\S+ +\S+ +\S+ +(\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line) ?? []
    if (pid === undefined || inode === undefined) continue
    const list = locks.get(Number(inode))
    if (list === undefined) locks.set(Number(inode), [Number(pid)])
    else list.push(Number(pid))
  }
  return locks
}
