import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cloneHashed, syncDirectory } from './blobs.js'
import type { CacheRecord } from './cache-record.js'
import { checkStamped, confirmStamps, stampOf } from './cache-stamp.js'
import { CacheStore, type CacheStoreOptions, type Eviction } from './cache-store.js'
import { RegistryError } from './errors.js'
import type { Layout } from './layout.js'
import { parseManifest, type Layer } from './manifest.js'
import { parseServing, type Serving } from './serving.js'
import { SERVING_FILE } from './source.js'

/** A version as real files that a model host can load by path. */
export interface Materialised {
  readonly directory: string
  readonly serving: Serving
  readonly digest: string
  /** Until this is called, or the registry is closed, the files stay where they are. */
  readonly release: () => void
}

/** The files of a version of whatever kind; `serving` is null where it is not a model. */
export type MaterialisedFiles = Omit<Materialised, 'serving'> & { readonly serving: Serving | null }

type Copy = Omit<MaterialisedFiles, 'release'>

export interface MaterialiseCacheOptions extends CacheStoreOptions {
  readonly layout: Layout
  /** What all copies together may have; what is in use stays, whatever it has. */
  readonly bytesMax: number
}

/**
 * Copies of versions beside the layout, one folder per manifest. Before one is handed out its bytes, and those of the
 * blobs behind it, are hashed, unless they were before and the file system says that nothing has touched them since.
 */
export class MaterialiseCache {
  readonly #underWay = new Map<string, Promise<Copy>>()
  readonly #options: MaterialiseCacheOptions
  readonly #store: CacheStore

  constructor (options: MaterialiseCacheOptions) {
    this.#options = options
    this.#store = new CacheStore(options)
  }

  /**
   * The folder of the version with this manifest digest; callers at the same time share one piece of work. A copy
   * that fails is thrown away, so that the next call makes it anew from the blobs. A copy that is there is handed out
   * without writing anything.
   * @throws RegistryError DIGEST_MISMATCH or BLOB_MISSING naming the blob and its path, LAYOUT_CORRUPT, DISK_FULL,
   * DISK_READ_ONLY
   */
  async get (digest: string, label: string): Promise<MaterialisedFiles> {
    const release = this.#store.lease(digest)
    try {
      const copy = await this.#shared(digest, label)
      this.#store.touch(digest)
      return { ...copy, release }
    } catch (error) {
      release()
      throw error
    }
  }

  /** Takes out copies that nobody uses until the others have at most so many bytes. See `CacheStore.evict`. */
  async evict (bytesMax: number, isDryRun = false): Promise<Eviction> {
    return await this.#store.evict(bytesMax, isDryRun)
  }

  /** Gives back everything that was handed out. */
  close (): void {
    this.#store.releaseAll()
  }

  async #shared (digest: string, label: string): Promise<Copy> {
    const underWay = this.#underWay.get(digest)
    if (underWay !== undefined) return await underWay
    const work = this.#verified(digest, label).finally(() => this.#underWay.delete(digest))
    this.#underWay.set(digest, work)
    return await work
  }

  async #verified (digest: string, label: string): Promise<Copy> {
    const manifest = await this.#options.layout.readDocument(digest, `the manifest of ${label}`)
    const { layers } = parseManifest(manifest, digest)
    const directory = this.#store.directoryOf(digest)
    const isBuilt = await filesIn(directory) === null && await this.#built(digest, layers, label)
    if (!isBuilt) await this.#verifyCopy(digest, layers)
    const isModel = layers.some(({ path }) => path === SERVING_FILE)
    const serving = isModel ? parseServing(await readFile(join(directory, SERVING_FILE), 'utf8')) : null
    return { directory, serving, digest }
  }

  /** Makes room, and the copy. What does not fit although all that is unused went is made all the same. */
  async #built (digest: string, layers: readonly Layer[], label: string): Promise<boolean> {
    const { bytesMax, warn } = this.#options
    const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0)
    const { kept } = await this.#store.evict(Math.max(0, bytesMax - sizeBytes))
    if (kept.bytes + sizeBytes > bytesMax) {
      warn(`the cache grows beyond its ${bytesMax} bytes: ${label} needs ${sizeBytes}, and ${kept.bytes} are in use`)
    }
    try {
      return await this.#build(digest, layers)
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'DISK_FULL') throw error
      const { evicted } = await this.#store.evict(0)
      if (evicted.length === 0) throw error
      return await this.#build(digest, layers)
    }
  }

  /**
   * Builds aside, each file hashed, and renames, so that a folder in the cache is whole. False when another process
   * was faster: then its folder is there.
   */
  async #build (digest: string, layers: readonly Layer[]): Promise<boolean> {
    const { root, layout, temporary } = this.#options
    const directory = this.#store.directoryOf(digest)
    const stamps = new Map<string, string>()
    const isOurs = await temporary.use(async (stage) => {
      await mkdir(root, { recursive: true })
      const copy = join(stage, 'files')
      const folders = new Set<string>([copy])
      for (const layer of layers) {
        const target = join(copy, layer.path)
        const blob = layout.blobPath(layer.digest)
        await mkdir(dirname(target), { recursive: true })
        folders.add(dirname(target))
        stamps.set(blob, await stampOf(blob) ?? '')
        await this.#copyLayer(layer, blob, target)
        stamps.set(join(directory, layer.path), await stampOf(target) ?? '')
      }
      for (const folder of folders) await syncDirectory(folder)
      const isRenamed = await renameUnlessThere(copy, directory)
      await syncDirectory(root)
      return isRenamed
    })
    if (!isOurs) return false
    const confirmed = await confirmStamps(stamps)
    const known = (path: string) => confirmed.has(path) ? stamps.get(path) : undefined
    await this.#store.remember(digest, recordOf(layers, {
      blob: ({ digest: blob }) => known(layout.blobPath(blob)), file: ({ path }) => known(join(directory, path))
    }))
    return true
  }

  async #copyLayer ({ path, digest }: Layer, blob: string, target: string): Promise<void> {
    try {
      const copied = await cloneHashed(blob, target)
      if (copied.digest === digest) return
      throw new RegistryError('DIGEST_MISMATCH',
        `blob ${digest} (${path}) does not match its digest: the bytes hash to ${copied.digest}`)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      throw new RegistryError('BLOB_MISSING', `blob ${digest} (${path}) is missing`, { cause: error })
    }
  }

  /** Exactly the manifest's files, each a regular file with the right bytes, and so are the blobs behind them. */
  async #verifyCopy (digest: string, layers: readonly Layer[]): Promise<void> {
    const directory = this.#store.directoryOf(digest)
    const record = this.#store.record(digest)
    const stray = new Set(await filesIn(directory))
    const [blobs, files] = [new Map<Layer, string | null>(), new Map<Layer, string | null>()]
    for (const layer of layers) {
      const { path, digest: blob } = layer
      stray.delete(path)
      const location = this.#options.layout.blobPath(blob)
      const source = await checkStamped(location, blob, { label: path, known: record?.blobs[blob] })
      if (!source.ok) throw new RegistryError(source.code, source.problem)
      blobs.set(layer, source.stamp)
      const known = record?.files[path]
      const copy = await checkStamped(join(directory, path), blob, { label: `cached ${path}`, known })
      if (!copy.ok) return await this.#discard(directory, copy.problem)
      files.set(layer, copy.stamp)
    }
    const [extra] = stray
    if (extra !== undefined) {
      await this.#discard(directory, `cached copy has a file that is not in the manifest: ${JSON.stringify(extra)}`)
    }
    const verified = recordOf(layers, { blob: (layer) => blobs.get(layer), file: (layer) => files.get(layer) })
    if (JSON.stringify(verified) !== JSON.stringify(record)) await this.#store.remember(digest, verified)
  }

  async #discard (directory: string, problem: string): Promise<never> {
    const trash = this.#options.temporary.reserve()
    await rename(directory, trash).catch(() => {})
    await rm(trash, { recursive: true, force: true })
    throw new RegistryError('DIGEST_MISMATCH', `${problem}; the cached copy was thrown away`)
  }
}

type StampFor = (layer: Layer) => string | null | undefined

/** What is to be remembered of a copy whose bytes are right: a file without a stamp is hashed again the next time. */
function recordOf (layers: readonly Layer[], { blob, file }: { blob: StampFor, file: StampFor }): CacheRecord {
  const stampsBy = (key: (layer: Layer) => string, stamp: StampFor) =>
    Object.fromEntries(layers.flatMap((layer) => stamp(layer) == null ? [] : [[key(layer), stamp(layer)!]]))
  return {
    sizeBytes: layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    blobs: stampsBy(({ digest }) => digest, blob),
    files: stampsBy(({ path }) => path, file)
  }
}

/** False when there is something in the way. */
async function renameUnlessThere (from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    return false
  }
}

/** Paths of everything but folders below `directory`; null when there is none. A symbolic link counts as a file. */
async function filesIn (directory: string): Promise<string[] | null> {
  try {
    const entries = await readdir(directory, { withFileTypes: true, recursive: true })
    return entries.filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
