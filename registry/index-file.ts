import { withLock } from './database.js'
import { deriveIndex } from './layout-index.js'
import { IndexStamp } from './index-stamp.js'
import type { Parts } from './open-parts.js'

const INDEX_LOCK_TIMEOUT_MS = 5_000

type IndexFileContext = Pick<Parts, 'dataDir' | 'database' | 'layout' | 'temporary' | 'lock'> & {
  readonly warn: (message: string) => void
}

/** index.json, which is derived from the database, and from itself where that knows more. */
export class IndexFile {
  readonly #context: IndexFileContext
  readonly #stamp: IndexStamp

  constructor (context: IndexFileContext) {
    this.#context = context
    this.#stamp = new IndexStamp(context.dataDir, context.layout.indexPath, context.database)
  }

  /** Writes it, after `amend` has changed what it knows. @throws RegistryError REGISTRY_BUSY */
  amend (amend = (present: string | null) => present): void {
    withLock(this.#context.lock, INDEX_LOCK_TIMEOUT_MS, () => this.#write(amend))
  }

  /** Writes it if possible: when it cannot be written, what was committed holds all the same. */
  refresh (): void {
    this.#despiteFaults(() => this.amend())
  }

  /** As `refresh`, for a caller that has the lock. Nothing is compared when nothing has changed since the last time. */
  refreshLocked (): void {
    this.#despiteFaults(() => { if (!this.#stamp.isCurrent()) this.#write() })
  }

  #despiteFaults (write: () => void): void {
    try {
      write()
    } catch (error) {
      const { message } = error as Error
      this.#context.warn(`index.json could not be written and will be at the next change or start: ${message}`)
    }
  }

  /** The caller holds the lock, so that an older state never overwrites a newer one. */
  #write (amend = (present: string | null) => present): void {
    const { database, layout, temporary } = this.#context
    const present = layout.readIndex()
    const text = deriveIndex(database, amend(present))
    if (text !== present) temporary.useSync((directory) => layout.writeIndex(text, directory))
    this.#writeStamp()
  }

  #writeStamp (): void {
    if (this.#stamp.isCurrent()) return
    try {
      this.#context.temporary.useSync((directory) => this.#stamp.write(directory))
    } catch {
      // the next opening compares again
    }
  }
}
