import { randomUUID } from 'node:crypto'
import { readdirSync, rmSync, statSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { hexOf } from './blobs.js'
import { hostTag, isWriterGone } from './temporary.js'

/** Bounds of what is kept of transfers that ended early. */
export interface PartialLimits {
  /** What nobody has gone on with for this long is removed when the registry is opened. */
  readonly ageMsMax: number
  /** Of all that is kept together; the oldest goes first. */
  readonly bytesMax: number
}

export const PARTIAL_LIMITS: PartialLimits = { ageMsMax: 7 * 24 * 60 * 60 * 1000, bytesMax: 64 * 1024 ** 3 }

const CLAIM_ATTEMPTS_MAX = 10

interface PartialFile { readonly path: string, readonly sizeBytes: number, readonly modifiedAt: number }

/**
 * Blobs that are on their way into the registry. Each file belongs to the process its name tells; one whose process is
 * gone, or that was given up, is claimed by whoever fetches the same blob next, who goes on where it ends.
 */
export class PartialBlobs {
  constructor (readonly root: string) {}

  /** A file of the caller's alone, with the longest beginning of the blob that anybody left, or empty. */
  async claim (digest: string): Promise<string> {
    const hex = hexOf(digest)
    const own = join(this.root, `${hostTag()}-${process.pid}-${randomUUID()}.${hex}`)
    for (let attempt = 1; ; attempt++) {
      await mkdir(this.root, { recursive: true })
      try {
        for (const path of await this.#claimable(hex)) if (await renamed(path, own)) return own
        await (await open(own, 'wx', 0o600)).close()
        return own
      } catch (error) {
        // the folder goes when it is empty, perhaps between two steps of this
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === CLAIM_ATTEMPTS_MAX) throw error
      }
    }
  }

  /** Leaves a file for whoever fetches the blob next. */
  async giveUp (path: string): Promise<void> {
    await renamed(path, join(this.root, `kept-${randomUUID()}.${path.slice(path.lastIndexOf('.') + 1)}`))
  }

  async discard (path: string): Promise<void> {
    await rm(path, { force: true })
  }

  /** Takes the folder away when nothing is in it. */
  async tidy (): Promise<void> {
    await rmdir(this.root).catch(() => {})
  }

  /** What is older, or more, than the limits allow, and belongs to no living process. */
  excess (now: number, limits: PartialLimits): string[] {
    const files = this.#files().filter(({ path }) => isFree(path)).sort((a, b) => b.modifiedAt - a.modifiedAt)
    let bytes = 0
    return files.filter(({ sizeBytes, modifiedAt }) => {
      bytes += sizeBytes
      return bytes > limits.bytesMax || now - modifiedAt > limits.ageMsMax
    }).map(({ path }) => path)
  }

  /** Removes `excess`. */
  prune (now: number, limits: PartialLimits): void {
    for (const path of this.excess(now, limits)) rmSync(path, { force: true })
  }

  async #claimable (hex: string): Promise<string[]> {
    const paths = (await readdir(this.root)).filter((name) => name.endsWith(`.${hex}`)).map((name) => join(this.root, name))
    const sized = await Promise.all(paths.filter(isFree).map(async (path) => ({
      path, sizeBytes: (await stat(path).catch(() => null))?.size ?? 0
    })))
    return sized.sort((a, b) => b.sizeBytes - a.sizeBytes).map(({ path }) => path)
  }

  #files (): PartialFile[] {
    return namesIn(this.root).flatMap((name) => {
      const path = join(this.root, name)
      const found = statSync(path, { throwIfNoEntry: false })
      return found === undefined ? [] : [{ path, sizeBytes: found.size, modifiedAt: found.mtimeMs }]
    })
  }
}

function isFree (path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return name.startsWith('kept-') || isWriterGone(name)
}

function namesIn (folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** False when the file is not there any more: somebody else was faster. */
async function renamed (from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
