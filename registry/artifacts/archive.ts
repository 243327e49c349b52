import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type * as Tar from 'tar'
import { finish, writeWhole } from '../blobs.js'
import { RegistryError } from '../errors.js'
import type { Layout } from '../layout.js'
import type { TransferProgress } from '../progress.js'

const CHUNK_BYTES = 256 * 1024
const BLOCK_BYTES = 512

/** Something to be written: a blob of the layout, or bytes that are made here. */
export type ExportFile =
  | { readonly path: string, readonly digest: string, readonly sizeBytes: number }
  | { readonly path: string, readonly bytes: Buffer }

interface ArchiveOptions {
  /** The time of every member, since 1970. */
  readonly seconds: number
  readonly progress: TransferProgress | undefined
}

/**
 * Writes a new archive whose bytes depend on nothing but the files, their order and the time that is given.
 * @throws RegistryError DIGEST_MISMATCH, BLOB_MISSING
 */
export async function writeArchive (
  layout: Layout, target: string, files: readonly ExportFile[], { seconds, progress }: ArchiveOptions
): Promise<void> {
  const { Header } = createRequire(import.meta.url)('tar') as typeof Tar
  const header = (path: string, size: number, type: 'File' | 'Directory'): Buffer => {
    const block = Buffer.alloc(BLOCK_BYTES)
    const mode = type === 'File' ? 0o644 : 0o755
    const mtime = new Date(seconds * 1000)
    const isShort = new Header({ path, mode, uid: 0, gid: 0, size, mtime, type }).encode(block, 0)
    if (isShort) throw new Error(`the header of ${path} needs more than a block`)
    return block
  }
  const archive = await open(target, 'wx', 0o600)
  try {
    for (const folder of ['blobs/', 'blobs/sha256/']) await writeWhole(archive, header(folder, 0, 'Directory'))
    for (const file of files) {
      const size = 'bytes' in file ? file.bytes.length : file.sizeBytes
      await writeWhole(archive, header(file.path, size, 'File'))
      if ('bytes' in file) await writeWhole(archive, file.bytes)
      else await copyInto(archive, layout.blobPath(file.digest), file, progress)
      await writeWhole(archive, Buffer.alloc((BLOCK_BYTES - size % BLOCK_BYTES) % BLOCK_BYTES))
    }
    await writeWhole(archive, Buffer.alloc(2 * BLOCK_BYTES))
    await finish(archive)
    await archive.chmod(0o644)
  } finally {
    await archive.close()
  }
}

async function copyInto (
  archive: FileHandle, path: string, { digest, sizeBytes }: { digest: string, sizeBytes: number },
  progress: TransferProgress | undefined
): Promise<void> {
  const blob = await openBlob(path, digest)
  try {
    const hash = createHash('sha256')
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
    for (let done = 0; ;) {
      const { bytesRead } = await blob.read(chunk, 0, chunk.length, done)
      done += bytesRead
      if (done > sizeBytes || (bytesRead === 0 && done !== sizeBytes)) {
        throw new RegistryError('DIGEST_MISMATCH', `blob ${digest} has not the ${sizeBytes} bytes that its manifest states`)
      }
      if (bytesRead === 0) break
      hash.update(chunk.subarray(0, bytesRead))
      await writeWhole(archive, chunk.subarray(0, bytesRead))
      progress?.add(bytesRead)
    }
    const found = `sha256:${hash.digest('hex')}`
    if (found !== digest) throw new RegistryError('DIGEST_MISMATCH', `blob ${digest} does not match its digest: the bytes hash to ${found}`)
  } finally {
    await blob.close()
  }
}

async function openBlob (path: string, digest: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new RegistryError('BLOB_MISSING', `blob ${digest} is missing`, { cause: error })
  }
}
