import { createHash } from 'node:crypto'
import { constants, copyFile, open, stat, type FileHandle } from 'node:fs/promises'
import { RegistryError } from './errors.js'
import { quote } from './names.js'

/** Small enough that hashing one piece never holds the event loop for a millisecond. */
const PIECE_BYTES = 256 * 1024
/** One is read, one is hashed, one is written. */
const PIECES = 3
const DIGEST = /^sha256:[0-9a-f]{64}$/

export interface Hashed { readonly digest: string, readonly sizeBytes: number }

/** Told how many bytes more were done. */
export type OnBytes = (bytes: number) => void

interface Reading { readonly sizeMax: number, readonly onBytes?: OnBytes | undefined }

/** The digest of bytes in memory. */
export function digestOf (bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** The 64 hex digits of a digest, which are its file name. @throws RegistryError LAYOUT_CORRUPT */
export function hexOf (digest: string): string {
  if (!DIGEST.test(digest)) {
    throw new RegistryError('LAYOUT_CORRUPT', `digest ${quote(digest)} must be sha256: and 64 hex digits`)
  }
  return digest.slice('sha256:'.length)
}

/** Hashes a file without following a symbolic link. O(size) time, O(1) memory. */
export async function hashFile (path: string): Promise<Hashed> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    if (!(await file.stat()).isFile()) throw new RegistryError('SOURCE_INVALID', `${quote(path)} is not a regular file`)
    return await hashInto(file, null, { sizeMax: Infinity })
  } finally {
    await file.close()
  }
}

/**
 * Copies a file into a new one, hashing the very bytes that are written, and makes the copy durable and read-only.
 * @throws RegistryError SOURCE_INVALID when the source is no regular file or has not, or no longer, this size
 */
export async function copyHashed (
  source: string, target: string, sizeBytes: number, onBytes?: OnBytes
): Promise<Hashed> {
  const from = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    if (!(await from.stat()).isFile()) {
      throw new RegistryError('SOURCE_INVALID', `${quote(source)} is not a regular file`)
    }
    const to = await open(target, 'wx', 0o600)
    try {
      const hashed = await hashInto(from, to, { sizeMax: sizeBytes, onBytes })
      if (hashed.sizeBytes !== sizeBytes) {
        throw new RegistryError('SOURCE_INVALID', `${quote(source)} changed while it was being read; publish it again`)
      }
      await finish(to)
      return hashed
    } finally {
      await to.close()
    }
  } finally {
    await from.close()
  }
}

/**
 * Copies by reference where the file system can (a reflink shares blocks, never an inode), else byte by byte; either
 * way the digest is that of the copy.
 */
export async function cloneHashed (source: string, target: string): Promise<Hashed> {
  try {
    await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error
    return await copyHashed(source, target, (await stat(source)).size)
  }
  const file = await open(target, 'r')
  try {
    const hashed = await hashInto(file, null, { sizeMax: Infinity })
    await finish(file)
    return hashed
  } finally {
    await file.close()
  }
}

/** Writes a new durable read-only file. */
export async function writeDurably (target: string, bytes: Buffer | string): Promise<void> {
  const file = await open(target, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await finish(file)
  } finally {
    await file.close()
  }
}

/** Makes renames within a directory durable. */
export async function syncDirectory (path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Makes a written file durable and read-only. */
export async function finish (file: FileHandle): Promise<void> {
  await file.chmod(0o444)
  await file.sync()
}

/**
 * Reads, hashes and writes at the same time: while a piece is hashed it is already being written and the next one is
 * being read. Stops soon after `sizeMax` bytes: what grows for ever is not read for ever.
 */
async function hashInto (from: FileHandle, to: FileHandle | null, { sizeMax, onBytes }: Reading): Promise<Hashed> {
  const hash = createHash('sha256')
  const writer = to === null ? null : new Writer(to)
  const pieces: Buffer[] = []
  const read = (turn: number, position: number) => {
    const piece = pieces[turn % PIECES] ??= Buffer.allocUnsafe(PIECE_BYTES)
    const reading = from.read(piece, 0, PIECE_BYTES, position)
    reading.catch(() => {}) // thrown where it is awaited, in the next turn
    return reading
  }
  let sizeBytes = 0
  let reading = read(0, 0)
  for (let turn = 1; ; turn++) {
    const { bytesRead, buffer } = await reading
    if (bytesRead === 0 || sizeBytes > sizeMax) break
    const bytes = buffer.subarray(0, bytesRead)
    writer?.write(bytes, sizeBytes)
    sizeBytes += bytesRead
    await writer?.atMost(PIECES - 1) // the piece that is read into next has been written
    reading = read(turn, sizeBytes)
    hash.update(bytes)
    onBytes?.(bytesRead)
  }
  await writer?.atMost(0)
  return { digest: `sha256:${hash.digest('hex')}`, sizeBytes }
}

/** Writes that are under way, oldest first. */
class Writer {
  readonly #to: FileHandle
  readonly #underWay: Promise<unknown>[] = []

  constructor (to: FileHandle) {
    this.#to = to
  }

  write (bytes: Buffer, position: number): void {
    const writing = writeWhole(this.#to, bytes, position)
    writing.catch(() => {}) // thrown by `atMost`
    this.#underWay.push(writing)
  }

  /** Waits until no more than so many writes are under way. @throws what a write threw */
  async atMost (count: number): Promise<void> {
    while (this.#underWay.length > count) await this.#underWay.shift()
  }
}

/** Writes all of it: a single write may be short, for example when a disk fills up. */
export async function writeWhole (to: FileHandle, bytes: Buffer, position: number | null = null): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const at = position === null ? null : position + done
    const { bytesWritten } = await to.write(bytes, done, bytes.length - done, at)
    done += bytesWritten
  }
}
