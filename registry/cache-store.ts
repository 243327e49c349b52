import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { hexOf } from './blobs.js'
import { ifUnused, takeLease, type Lease } from './cache-lease.js'
import { readRecord, removeRecord, touchRecord, writeRecord, type CacheRecord } from './cache-record.js'
import { withLock } from './database.js'
import { asDiskFault } from './disk-faults.js'
import type { TemporaryDirectories } from './temporary.js'

/** The lock is held for a few renames. */
const LOCK_TIMEOUT_MS = 10_000
const NAME = /^([0-9a-f]{64})(\.json|\.lease)?$/

/** A copy that was taken out of the cache, or would be. */
export interface Evicted { readonly digest: string, readonly sizeBytes: number }

export interface Eviction {
  readonly evicted: readonly Evicted[]
  /** What stays, all of it in use when more was asked for. */
  readonly kept: { readonly copies: number, readonly bytes: number }
}

export interface CacheStoreOptions {
  readonly root: string
  /** A file beside the cache: copies are leased, and evicted, under its lock. */
  readonly lock: string
  readonly temporary: TemporaryDirectories
  readonly now: () => number
  readonly warn: (message: string) => void
}

interface Copy extends Evicted { readonly usedAt: number }

/**
 * Where the copies are, who uses them, and which go when there are too many. Beside the folder `<hex>` of a copy are
 * `<hex>.json`, what is remembered about it, whose time is that of its last use, and `<hex>.lease`, locked by all that
 * use it. Safe for several processes: a copy is leased before it is looked for, and only what nobody leases is evicted.
 */
export class CacheStore {
  readonly #options: CacheStoreOptions
  readonly #leases = new Map<string, { readonly lease: Lease, count: number }>()
  #hasWarned = false

  constructor (options: CacheStoreOptions) {
    this.#options = options
  }

  directoryOf (digest: string): string {
    return join(this.#options.root, hexOf(digest))
  }

  record (digest: string): CacheRecord | null {
    return readRecord(`${this.directoryOf(digest)}.json`)
  }

  /** What cannot be remembered, as on a full disk, is found out again the next time. */
  async remember (digest: string, record: CacheRecord): Promise<void> {
    try {
      await writeRecord(`${this.directoryOf(digest)}.json`, record, this.#options.temporary)
    } catch (error) {
      this.#options.warn(`the cache cannot remember that ${digest} was verified: ${(error as Error).message}`)
    }
  }

  touch (digest: string): void {
    touchRecord(`${this.directoryOf(digest)}.json`, this.#options.now())
  }

  /**
   * From now until `release`, which may be called twice, this copy is not evicted. On a disk that cannot be written to
   * there is no lease to be had, and no need of one.
   */
  lease (digest: string): () => void {
    const held = this.#leases.get(digest) ?? { lease: this.#takeLease(digest), count: 0 }
    held.count++
    this.#leases.set(digest, held)
    let isReleased = false
    return () => {
      if (isReleased || this.#leases.get(digest) !== held) return
      isReleased = true
      if (--held.count > 0) return
      this.#leases.delete(digest)
      held.lease.release()
    }
  }

  /** Gives back every lease of this process. */
  releaseAll (): void {
    for (const { lease } of this.#leases.values()) lease.release()
    this.#leases.clear()
  }

  /**
   * Takes out the copies that nobody uses, least recently used first, until the others have at most so many bytes. A
   * kill in between leaves folders in `tmp/` that the next opening removes.
   * @throws RegistryError DISK_READ_ONLY
   */
  async evict (bytesMax: number, isDryRun = false): Promise<Eviction> {
    const { root, lock, temporary } = this.#options
    if (!existsSync(root)) return { evicted: [], kept: { copies: 0, bytes: 0 } }
    const trash: string[] = []
    const discard = (digest: string): void => {
      if (isDryRun) return
      const aside = temporary.reserve()
      trash.push(aside)
      renameSync(this.directoryOf(digest), aside)
      this.#forget(digest)
    }
    try {
      return withLock(lock, LOCK_TIMEOUT_MS, () => {
        const { copies, orphans } = this.#list()
        if (!isDryRun) for (const digest of orphans) this.#ifUnused(digest, () => { this.#forget(digest) })
        let bytes = copies.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
        const evicted: Evicted[] = []
        for (const { digest, sizeBytes } of copies) {
          if (bytes <= bytesMax) break
          if (!this.#ifUnused(digest, () => { discard(digest) })) continue
          evicted.push({ digest, sizeBytes })
          bytes -= sizeBytes
        }
        return { evicted, kept: { copies: copies.length - evicted.length, bytes } }
      })
    } catch (error) {
      throw asDiskFault(error, root)
    } finally {
      for (const path of trash) await rm(path, { recursive: true, force: true })
    }
  }

  #takeLease (digest: string): Lease {
    const { root, lock, warn } = this.#options
    try {
      mkdirSync(root, { recursive: true })
      return withLock(lock, LOCK_TIMEOUT_MS, () => takeLease(`${this.directoryOf(digest)}.lease`))
    } catch (error) {
      if (!this.#hasWarned) warn(`copies in the cache cannot be marked as in use: ${(error as Error).message}`)
      this.#hasWarned = true
      return { release: () => {} }
    }
  }

  #ifUnused (digest: string, work: () => void): boolean {
    return ifUnused(`${this.directoryOf(digest)}.lease`, work)
  }

  /** The lease goes last: nobody can take one meanwhile, as that is done under the lock of the cache. */
  #forget (digest: string): void {
    removeRecord(`${this.directoryOf(digest)}.json`)
    rmSync(`${this.directoryOf(digest)}.lease`, { force: true })
  }

  /** The copies, least recently used first, and the digests of which only a record or a lease is left. */
  #list (): { copies: Copy[], orphans: string[] } {
    const { root } = this.#options
    const entries = readdirSync(root, { withFileTypes: true })
    const folders = new Set(entries.filter((entry) => entry.isDirectory() && NAME.exec(entry.name)?.[2] === undefined)
      .map(({ name }) => name))
    const known = new Set(entries.flatMap(({ name }) => NAME.exec(name)?.[1] ?? []))
    const copies = [...folders].filter((name) => known.has(name)).map((name): Copy => {
      const digest = `sha256:${name}`
      const record = this.record(digest)
      return {
        digest,
        sizeBytes: record?.sizeBytes ?? bytesIn(join(root, name)),
        usedAt: statSync(join(root, record === null ? name : `${name}.json`)).mtimeMs
      }
    })
    return {
      copies: copies.sort((a, b) => a.usedAt - b.usedAt),
      orphans: [...known].filter((name) => !folders.has(name)).map((name) => `sha256:${name}`)
    }
  }
}

function bytesIn (folder: string): number {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}
