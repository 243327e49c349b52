import { createHash } from 'node:crypto'
import { constants, copyFile, open, stat, type FileHandle } from 'node:fs/promises'
import { RegistryError } from './errors.js'
import { quote } from './names.js'

/** Small enough that hashing one chunk never holds the event loop for a millisecond. */
const CHUNK_BYTES = 256 * 1024
const DIGEST = /^sha256:[0-9a-f]{64}$/

export interface Hashed { readonly digest: string, readonly sizeBytes: number }

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
    return await hashInto(file, null, Infinity)
  } finally {
    await file.close()
  }
}

/**
 * Copies a file into a new one, hashing the very bytes that are written, and makes the copy durable and read-only.
 * @throws RegistryError SOURCE_INVALID when the source is no regular file or has not, or no longer, this size
 */
export async function copyHashed (source: string, target: string, sizeBytes: number): Promise<Hashed> {
  const from = await open(source, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    if (!(await from.stat()).isFile()) {
      throw new RegistryError('SOURCE_INVALID', `${quote(source)} is not a regular file`)
    }
    const to = await open(target, 'wx', 0o600)
    try {
      const hashed = await hashInto(from, to, sizeBytes)
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
    const hashed = await hashInto(file, null, Infinity)
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

/** Stops soon after `sizeMax` bytes: what grows for ever is not read for ever. */
async function hashInto (from: FileHandle, to: FileHandle | null, sizeMax: number): Promise<Hashed> {
  const hash = createHash('sha256')
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  let sizeBytes = 0
  for (;;) {
    const { bytesRead } = await from.read(chunk, 0, chunk.length, sizeBytes)
    if (bytesRead === 0 || sizeBytes > sizeMax) return { digest: `sha256:${hash.digest('hex')}`, sizeBytes }
    const bytes = chunk.subarray(0, bytesRead)
    sizeBytes += bytesRead
    hash.update(bytes)
    if (to !== null) await writeWhole(to, bytes)
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
