import { constants, open, type FileHandle } from 'node:fs/promises'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'

const WINDOW_BYTES = 64 * 1024

/** What a file is called in messages, and as what it is read. */
export interface Subject { readonly path: string, readonly format: string }

/**
 * Reads a file forwards through a window of 64 KiB. Skipping moves a number and reads nothing, so weights of any size
 * cost neither time nor memory. Every read is checked against the size that the file had when it was opened.
 */
export class FileCursor {
  readonly sizeBytes: number
  readonly #file: FileHandle
  readonly #subject: Subject
  readonly #window = Buffer.allocUnsafe(WINDOW_BYTES)
  /** Bytes `[#from, #from + #held)` of the file are in the window. */
  #from = 0
  #held = 0
  #position = 0

  private constructor (file: FileHandle, sizeBytes: number, subject: Subject) {
    this.#file = file
    this.sizeBytes = sizeBytes
    this.#subject = subject
  }

  /** Opens a regular file, never through a symbolic link, lends and closes it. @throws RegistryError SOURCE_INVALID */
  static async use<Result> (
    location: string, subject: Subject, work: (cursor: FileCursor) => Promise<Result>
  ): Promise<Result> {
    const file = await openFile(location, subject.path)
    try {
      const found = await file.stat()
      if (!found.isFile()) throw new RegistryError('SOURCE_INVALID', `${quote(subject.path)} is not a regular file`)
      return await work(new FileCursor(file, found.size, subject))
    } finally {
      await file.close()
    }
  }

  /** Bytes from the beginning of the file. */
  get position (): number {
    return this.#position
  }

  get left (): number {
    return this.sizeBytes - this.#position
  }

  /** The error that says what is wrong and at which byte. */
  fault (what: string, at = this.#position): RegistryError {
    const { path, format } = this.#subject
    return new RegistryError('SOURCE_INVALID', `${quote(path)} is not a sound ${format} file: ${what} (byte ${at})`)
  }

  /** The caller has made sure that `position` is within the file. */
  moveTo (position: number): void {
    this.#position = position
  }

  /** Makes sure that `bytes` (at most 64 KiB), or all that is left when that is less, are in the window. */
  async fill (bytes: number): Promise<void> {
    const wanted = Math.min(bytes, this.left)
    if (this.#position >= this.#from && this.#position + wanted <= this.#from + this.#held) return
    this.#from = this.#position
    this.#held = 0
    while (this.#held < wanted) {
      const room = WINDOW_BYTES - this.#held
      const { bytesRead } = await this.#file.read(this.#window, this.#held, room, this.#from + this.#held)
      if (bytesRead === 0) throw this.fault('it became shorter while it was read')
      this.#held += bytesRead
    }
  }

  /** The next byte of what `fill` made sure of. */
  byte (): number {
    if (this.left <= 0) throw this.fault('it ends in the middle')
    return this.#window[this.#position++ - this.#from] as number
  }

  /** A copy of the next bytes; the caller has bounded how many. */
  async bytes (count: number): Promise<Buffer> {
    if (count > this.left) throw this.fault(`it ends in the middle: ${count} bytes are due and ${this.left} are left`)
    if (count <= WINDOW_BYTES) {
      await this.fill(count)
      const at = this.#position - this.#from
      this.#position += count
      return Buffer.from(this.#window.subarray(at, at + count))
    }
    const copy = Buffer.allocUnsafe(count)
    for (let done = 0; done < count;) {
      const { bytesRead } = await this.#file.read(copy, done, count - done, this.#position + done)
      if (bytesRead === 0) throw this.fault('it became shorter while it was read')
      done += bytesRead
    }
    this.#position += count
    return copy
  }
}

async function openFile (location: string, path: string): Promise<FileHandle> {
  try {
    return await open(location, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    throw new RegistryError('SOURCE_INVALID', `cannot read ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
}
