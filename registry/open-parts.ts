import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openDatabase, type Database } from './database.js'
import { Layout } from './layout.js'
import { PARTIAL_LIMITS, PartialBlobs } from './partial.js'
import type { RegistryOptions } from './options.js'
import { StorageLock } from './storage-lock.js'
import { PARTIAL_FOLDER, TemporaryDirectories } from './temporary.js'

const STORAGE_LOCK_TIMEOUT_MS = 60_000

/** What a data directory consists of. */
export interface Parts {
  readonly dataDir: string
  readonly storage: StorageLock
  readonly database: Database
  readonly layout: Layout
  readonly temporary: TemporaryDirectories
  readonly partials: PartialBlobs
  /** Held while the database is created or migrated, and while index.json is written. */
  readonly lock: string
  readonly cache: string
}

/** Creates the data directory where it does not exist yet. */
export function createRoot (dataDir: string): { root: string, lock: string } {
  const root = resolve(dataDir)
  mkdirSync(root, { recursive: true })
  return { root, lock: join(root, 'registry.lock') }
}

/** Creates, migrates and tidies what is missing, old or left behind. The caller holds the lock. */
export function openParts (root: string, lock: string, options: RegistryOptions): Parts {
  const { heal = true, now } = options
  const temporary = new TemporaryDirectories(join(root, 'tmp'))
  const partials = new PartialBlobs(join(root, 'tmp', PARTIAL_FOLDER))
  if (heal) {
    temporary.removeAbandoned(now())
    partials.prune(now(), { ...PARTIAL_LIMITS, ...options.partialLimits })
  }
  const layout = temporary.useSync((directory) => Layout.open(join(root, 'registry'), directory))
  const database = openDatabase(join(root, 'gauntlet.db'))
  const storage = new StorageLock(join(root, 'storage.lock'), STORAGE_LOCK_TIMEOUT_MS)
  return { dataDir: root, storage, database, layout, temporary, partials, lock, cache: join(root, 'cache') }
}
