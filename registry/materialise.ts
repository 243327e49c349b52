import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cloneHashed, hexOf, syncDirectory } from './blobs.js'
import { RegistryError } from './errors.js'
import { checkFile, type Layout } from './layout.js'
import { parseManifest, type Layer } from './manifest.js'
import { parseServing, type Serving } from './serving.js'
import { SERVING_FILE } from './source.js'
import type { TemporaryDirectories } from './temporary.js'

/** A version as real files that a model host can load by path. */
export interface Materialised { readonly directory: string, readonly serving: Serving, readonly digest: string }

/** Copies of versions beside the layout, one folder per manifest, each verified every time it is handed out. */
export class MaterialiseCache {
  readonly #underWay = new Map<string, Promise<Materialised>>()
  readonly #root: string
  readonly #layout: Layout
  readonly #temporary: TemporaryDirectories

  constructor (root: string, layout: Layout, temporary: TemporaryDirectories) {
    this.#root = root
    this.#layout = layout
    this.#temporary = temporary
  }

  /**
   * The folder of the version with this manifest digest; callers at the same time share one piece of work. A copy
   * that fails is thrown away, so that the next call makes it anew from the blobs.
   * @throws RegistryError DIGEST_MISMATCH or BLOB_MISSING naming the blob and its path, LAYOUT_CORRUPT
   */
  async get (digest: string, label: string): Promise<Materialised> {
    const underWay = this.#underWay.get(digest)
    if (underWay !== undefined) return await underWay
    const work = this.#verified(digest, label).finally(() => this.#underWay.delete(digest))
    this.#underWay.set(digest, work)
    return await work
  }

  async #verified (digest: string, label: string): Promise<Materialised> {
    const { layers } = parseManifest(await this.#layout.readDocument(digest, `the manifest of ${label}`), digest)
    const directory = join(this.#root, hexOf(digest))
    const isBuilt = await filesIn(directory) === null && await this.#build(directory, layers)
    if (!isBuilt) await this.#verifyCopy(directory, layers)
    const serving = parseServing(await readFile(join(directory, SERVING_FILE), 'utf8'))
    return { directory, serving, digest }
  }

  /**
   * Builds aside, each file hashed, and renames, so that a folder in the cache is whole. False when another process
   * was faster: then its folder is there.
   */
  async #build (directory: string, layers: readonly Layer[]): Promise<boolean> {
    await mkdir(this.#root, { recursive: true })
    return await this.#temporary.use(async (stage) => {
      const copy = join(stage, 'files')
      const folders = new Set<string>([copy])
      for (const layer of layers) {
        const target = join(copy, layer.path)
        await mkdir(dirname(target), { recursive: true })
        folders.add(dirname(target))
        await this.#copyLayer(layer, target)
      }
      for (const folder of folders) await syncDirectory(folder)
      try {
        await rename(copy, directory)
      } catch (error) {
        if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
        return false
      }
      await syncDirectory(this.#root)
      return true
    })
  }

  async #copyLayer ({ path, digest }: Layer, target: string): Promise<void> {
    try {
      const copied = await cloneHashed(this.#layout.blobPath(digest), target)
      if (copied.digest === digest) return
      throw new RegistryError('DIGEST_MISMATCH',
        `blob ${digest} (${path}) does not match its digest: the bytes hash to ${copied.digest}`)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      throw new RegistryError('BLOB_MISSING', `blob ${digest} (${path}) is missing`, { cause: error })
    }
  }

  /** Exactly the manifest's files, each a regular file with the right bytes, and so are the blobs behind them. */
  async #verifyCopy (directory: string, layers: readonly Layer[]): Promise<void> {
    const stray = new Set(await filesIn(directory))
    for (const { path, digest } of layers) {
      stray.delete(path)
      const blob = await checkFile(this.#layout.blobPath(digest), digest, path)
      if (!blob.ok) throw new RegistryError(blob.code, blob.problem)
      const check = await checkFile(join(directory, path), digest, `cached ${path}`)
      if (!check.ok) return await this.#discard(directory, check.problem)
    }
    const [extra] = stray
    if (extra !== undefined) await this.#discard(directory, `cached copy has a file that is not in the manifest: ${JSON.stringify(extra)}`)
  }

  async #discard (directory: string, problem: string): Promise<never> {
    const trash = this.#temporary.reserve()
    await rename(directory, trash).catch(() => {})
    await rm(trash, { recursive: true, force: true })
    throw new RegistryError('DIGEST_MISMATCH', `${problem}; the cached copy was thrown away`)
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
