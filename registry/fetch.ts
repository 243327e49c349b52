import { createHash, type Hash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import type { ArtifactReader } from './artifact-reader.js'
import { digestOf, finish, writeWhole } from './blobs.js'
import { RegistryError } from './errors.js'
import { quote } from './names.js'
import type { PartialBlobs } from './partial.js'
import type { TransferProgress } from './progress.js'

const CHUNK_BYTES = 256 * 1024

/** A blob as a descriptor states it; nothing of it is known to be true before it was fetched. */
export interface WantedBlob { readonly label: string, readonly digest: string, readonly sizeBytes: number }

export interface FetchOptions {
  /** How many blobs are on their way at a time. */
  readonly parallel: number
  readonly progress?: TransferProgress
  /** Told after each blob. */
  readonly onBlob?: () => void
}

/** A document read whole and checked. @throws RegistryError SOURCE_INVALID, DIGEST_MISMATCH and those of the reader */
export async function fetchDocument (reader: ArtifactReader, wanted: WantedBlob, bytesMax: number): Promise<Buffer> {
  const { label, digest, sizeBytes } = wanted
  if (sizeBytes > bytesMax) {
    throw new RegistryError('SOURCE_INVALID', `${label} of ${quote(reader.label)} has ${sizeBytes} bytes, more than the ${bytesMax} allowed`)
  }
  const chunks: Uint8Array[] = []
  let done = 0
  for await (const chunk of reader.blob(digest)) {
    done += chunk.length
    if (done > sizeBytes) break
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  if (done !== sizeBytes) throw otherSize(reader, wanted, done)
  if (digestOf(bytes) !== digest) throw otherBytes(reader, wanted, digestOf(bytes))
  return bytes
}

/**
 * Fetches blobs into durable, read-only files whose bytes have the digests, several at a time. When one fails the
 * others stop; what has come so far is kept for the next attempt, but for what is wrong.
 * @returns the files by digest; the caller moves them or gives them up
 * @throws RegistryError DIGEST_MISMATCH naming the blob, and whatever the reader throws
 */
export async function fetchBlobs (
  reader: ArtifactReader, partials: PartialBlobs, blobs: readonly WantedBlob[], options: FetchOptions
): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  const upcoming = [...blobs]
  const faults: unknown[] = []
  const isStopped = () => faults.length > 0
  const work = async () => {
    for (let blob = upcoming.shift(); blob !== undefined && !isStopped(); blob = upcoming.shift()) {
      try {
        files.set(blob.digest, await fetchBlob(reader, partials, blob, isStopped, options.progress))
        options.onBlob?.()
      } catch (error) {
        faults.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(options.parallel, blobs.length) }, work))
  if (!isStopped()) return files
  for (const path of files.values()) await partials.giveUp(path)
  throw faults[0]
}

async function fetchBlob (
  reader: ArtifactReader, partials: PartialBlobs, blob: WantedBlob,
  isStopped: () => boolean, progress?: TransferProgress
): Promise<string> {
  const path = await partials.claim(blob.digest)
  try {
    await fill(path, reader, blob, isStopped, progress)
    return path
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'DIGEST_MISMATCH') await partials.discard(path)
    else await partials.giveUp(path)
    throw error
  }
}

/** Goes on where the file ends; when its beginning turns out to be of something else, once more from the start. */
async function fill (
  path: string, reader: ArtifactReader, blob: WantedBlob, isStopped: () => boolean, progress?: TransferProgress
): Promise<void> {
  const file = await openWritable(path)
  try {
    for (;;) {
      const hash = createHash('sha256')
      const offset = await hashBeginning(file, hash, blob.sizeBytes)
      progress?.start(blob.label, blob.sizeBytes, offset)
      const fault = await append(file, reader, { blob, hash, offset }, isStopped, progress)
        .finally(() => { progress?.end() })
      if (fault === null) return await finish(file)
      if (offset === 0) throw fault
      await file.truncate(0)
    }
  } finally {
    await file.close()
  }
}

/** What an earlier transfer completed is read-only already. */
async function openWritable (path: string): Promise<FileHandle> {
  const read = await open(path, 'r')
  try {
    await read.chmod(0o600)
  } finally {
    await read.close()
  }
  return await open(path, 'r+')
}

/** How much of the file counts; what is longer than the blob is not its beginning. */
async function hashBeginning (file: FileHandle, hash: Hash, sizeBytes: number): Promise<number> {
  const { size } = await file.stat()
  if (size > sizeBytes) {
    await file.truncate(0)
    return 0
  }
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let at = 0; at < size;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) return at
    hash.update(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
  return size
}

/** Null when the blob is whole and right, else what is wrong with it. */
async function append (
  file: FileHandle, reader: ArtifactReader,
  { blob, hash, offset }: { blob: WantedBlob, hash: Hash, offset: number },
  isStopped: () => boolean, progress?: TransferProgress
): Promise<RegistryError | null> {
  let done = offset
  if (done < blob.sizeBytes) {
    for await (const chunk of reader.blob(blob.digest, offset)) {
      if (isStopped()) throw new RegistryError('SOURCE_UNAVAILABLE', `${blob.label} was given up, as another blob failed`)
      if (done + chunk.length > blob.sizeBytes) return otherSize(reader, blob, done + chunk.length)
      hash.update(chunk)
      await writeWhole(file, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength), done)
      done += chunk.length
      progress?.add(chunk.length)
    }
  }
  if (done !== blob.sizeBytes) return otherSize(reader, blob, done)
  const digest = `sha256:${hash.digest('hex')}`
  return digest === blob.digest ? null : otherBytes(reader, blob, digest)
}

function otherSize (reader: ArtifactReader, { label, digest, sizeBytes }: WantedBlob, found: number): RegistryError {
  const problem = found > sizeBytes ? `more than the ${sizeBytes} bytes` : `only ${found} of the ${sizeBytes} bytes`
  return new RegistryError('DIGEST_MISMATCH', `blob ${digest} (${label}) of ${quote(reader.label)} has ${problem} that its manifest states`)
}

function otherBytes (reader: ArtifactReader, { label, digest }: WantedBlob, found: string): RegistryError {
  return new RegistryError('DIGEST_MISMATCH',
    `blob ${digest} (${label}) of ${quote(reader.label)} does not match its digest: the bytes hash to ${found}`)
}
