import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { asDiskFault } from './disk-faults.js'

/** A temporary directory whose writer cannot be asked (another host, a reused process id) is left this long. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000
const OWNED = /^([0-9a-f]{8})-(\d+)-/
/** Where `PartialBlobs` keeps transfers that ended early, longer than other temporaries. */
export const PARTIAL_FOLDER = 'partial'

/** Work in progress, on the same file system as the registry. Each directory's name tells whose it is. */
export class TemporaryDirectories {
  readonly #leftovers = new Set<string>()

  constructor (readonly root: string) {
    mkdirSync(root, { recursive: true })
  }

  /** A name nobody else uses; nothing is created. */
  reserve (): string {
    return join(this.root, `${hostTag()}-${process.pid}-${randomUUID()}`)
  }

  /**
   * Runs `work` with a fresh directory that is gone afterwards, whatever happens.
   * @throws RegistryError DISK_FULL, DISK_READ_ONLY for what the disk below the data directory refuses
   */
  async use<Result> (work: (directory: string) => Promise<Result>): Promise<Result> {
    const directory = this.reserve()
    try {
      await mkdir(directory)
      return await work(directory)
    } catch (error) {
      throw asDiskFault(error, dirname(this.root))
    } finally {
      this.#leftovers.add(directory)
      this.removeLeftovers()
    }
  }

  /** The same for synchronous work. */
  useSync<Result> (work: (directory: string) => Result): Result {
    const directory = this.reserve()
    try {
      mkdirSync(directory)
      return work(directory)
    } catch (error) {
      throw asDiskFault(error, dirname(this.root))
    } finally {
      this.#leftovers.add(directory)
      this.removeLeftovers()
    }
  }

  /** What could not be removed, as on a read-only disk, is tried again each time, and by an opening after our end. */
  removeLeftovers (): void {
    for (const path of this.#leftovers) if (removeIfPossible(path)) this.#leftovers.delete(path)
  }

  /** Removes what a killed process left behind: its writer is gone, or unknown and old. */
  removeAbandoned (now: number): void {
    for (const path of this.abandoned(now)) removeIfPossible(path)
  }

  /** What `removeAbandoned` would remove. */
  abandoned (now: number): string[] {
    return readdirSync(this.root)
      .filter((name) => name !== PARTIAL_FOLDER && (isWriterGone(name) || isOld(join(this.root, name), now)))
      .map((name) => join(this.root, name))
  }
}

function removeIfPossible (path: string): boolean {
  try {
    rmSync(path, { recursive: true, force: true })
    return true
  } catch {
    return false
  }
}

/** Whether the process that a name begins with, of this host, has ended. */
export function isWriterGone (name: string): boolean {
  const [, host, pid] = OWNED.exec(name) ?? []
  return host !== undefined && pid !== undefined && isProcessGone(host, Number(pid))
}

/** Whether the process with this id is known to have ended; `host` is what `hostTag` said where it ran. */
export function isProcessGone (host: string, pid: number): boolean {
  if (host !== hostTag()) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function isOld (path: string, now: number): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  return found !== undefined && now - found.mtimeMs > ABANDONED_AFTER_MS
}

/** Process ids mean nothing on another host, or in another container of this one, that shares the folder. */
export function hostTag (): string {
  return createHash('sha256').update(`${hostname()} ${processNamespace()}`).digest('hex').slice(0, 8)
}

/** Linux names the namespace that process ids belong to; elsewhere there is only one. */
function processNamespace (): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}
