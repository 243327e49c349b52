import { withLock } from './database.js'
import { deriveIndex } from './layout-index.js'
import type { Parts } from './open-parts.js'

const INDEX_LOCK_TIMEOUT_MS = 5_000

type IndexFileContext = Pick<Parts, 'database' | 'layout' | 'temporary' | 'lock'> & {
  readonly warn: (message: string) => void
}

/** index.json, which is derived from the database, and from itself where that knows more. */
export class IndexFile {
  readonly #context: IndexFileContext

  constructor (context: IndexFileContext) {
    this.#context = context
  }

  /** Writes it, after `amend` has changed what it knows. @throws RegistryError REGISTRY_BUSY */
  amend (amend = (present: string | null) => present): void {
    withLock(this.#context.lock, INDEX_LOCK_TIMEOUT_MS, () => this.#write(amend))
  }

  /** Writes it if possible: when it cannot be written, what was committed holds all the same. */
  refresh (): void {
    this.#despiteFaults(() => this.amend())
  }

  /** As `refresh`, for a caller that has the lock. */
  refreshLocked (): void {
    this.#despiteFaults(() => this.#write())
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
    if (text === present) return
    temporary.useSync((directory) => layout.writeIndex(text, directory))
  }
}
