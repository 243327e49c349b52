import { createHash, type Hash } from 'node:crypto'
import { constants, mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import type { TransferProgress } from '../progress.js'
import type { HubAnswer, HubClient } from './client.js'
import { filePath, type HubFile, type PinnedRepository } from './repository.js'
import { retrying, Temporary } from './retry.js'

const CHUNK_BYTES = 256 * 1024
/** An attempt that brought so much was worth it, however it ended. */
const GOT_ON_BYTES = 1024 ** 2

export interface Download {
  readonly client: HubClient
  readonly repository: PinnedRepository
  /** Holds `files/`, whole and checked, and `parts/`, what has come of the others; both may be there from before. */
  readonly directory: string
  readonly progress?: TransferProgress
  /** Called now and then while it goes on. */
  readonly touch: () => Promise<void>
}

/**
 * Fetches files into `directory/files`, going on with what is there already. Each is checked against the digest that
 * the listing gives before it gets its name.
 * @throws RegistryError DIGEST_MISMATCH, SOURCE_*; then nothing that came is lost
 */
export async function downloadFiles (download: Download, files: readonly HubFile[], label: string): Promise<void> {
  const { client, directory, progress } = download
  const total = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const present = await Promise.all(files.map(async (file) => await presentBytes(directory, file)))
  progress?.start(label, total, present.reduce((sum, bytes) => sum + bytes, 0))
  try {
    const waiting = [...files].sort((a, b) => a.sizeBytes - b.sizeBytes)
    let fault: { error: unknown } | null = null
    const work = async (): Promise<void> => {
      for (let file = waiting.shift(); file !== undefined && fault === null; file = waiting.shift()) {
        try {
          await downloadFile(download, file)
        } catch (error) {
          fault ??= { error }
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(client.context.limits.parallelMax, files.length) }, work))
    if (fault !== null) throw (fault as { error: unknown }).error
  } finally {
    progress?.end()
  }
}

async function downloadFile (download: Download, file: HubFile): Promise<void> {
  const target = join(download.directory, 'files', file.path)
  await download.touch()
  if (await isWhole(target, file)) return
  const part = partPath(download.directory, file)
  for (const path of [part, target]) await mkdir(dirname(path), { recursive: true })
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    const piece = new Piece(handle, file)
    const before = await piece.readPresent()
    await fetchRest(download, file, piece)
    if (!piece.isRight() && before > 0) {
      // what was there from before may be what is wrong
      await restart(download, piece)
      await fetchRest(download, file, piece)
    }
    if (!piece.isRight()) {
      await rm(part, { force: true })
      throw new RegistryError('DIGEST_MISMATCH',
        `${quote(file.path)} of ${download.repository.id} has other bytes than the hub lists (${file.algorithm} ${file.hex}); it was thrown away`)
    }
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(part, target)
}

/** Fetches until the size is reached; each attempt goes on where the last one ended. */
async function fetchRest (download: Download, file: HubFile, piece: Piece): Promise<void> {
  const { client, repository } = download
  const label = `${quote(file.path)} of ${repository.id}@${repository.commit}`
  await retrying(client.context, label, async (gotOn) => {
    const from = piece.bytes
    if (from === file.sizeBytes) return
    await download.touch()
    try {
      const answer = await client.open(filePath(repository, file.path), label, from)
      checkAnswer(answer, file, repository, label)
      if (answer.status === 200 && from > 0) await restart(download, piece)
      else if (answer.status === 206 && !continues(answer, piece, file)) throw new Temporary(`the hub sent another part of ${label}`)
      for await (const bytes of answer.body) {
        if (piece.bytes + bytes.length > file.sizeBytes) {
          throw new RegistryError('SOURCE_INVALID', `the hub sends more of ${label} than the ${file.sizeBytes} bytes it lists`)
        }
        await piece.append(bytes)
        download.progress?.add(bytes.length)
      }
    } finally {
      if (piece.bytes - from >= GOT_ON_BYTES) gotOn()
    }
    if (piece.bytes < file.sizeBytes) throw new Temporary(`the connection ended in the middle of ${label}`)
  })
}

/** What can be known before the bytes are: that it is the commit asked for, and the file that is listed. */
function checkAnswer (answer: HubAnswer, file: HubFile, { commit }: PinnedRepository, label: string): void {
  if (answer.commit !== null && answer.commit !== commit) {
    throw new RegistryError('SOURCE_INVALID', `the hub answers with the commit ${quote(answer.commit)} instead of ${label}`)
  }
  if (file.algorithm === 'sha256' && answer.linkedDigest !== null && answer.linkedDigest !== file.hex) {
    throw new RegistryError('DIGEST_MISMATCH', `${label} is listed with the SHA-256 ${file.hex} and offered with ${answer.linkedDigest}`)
  }
}

function continues ({ headers }: HubAnswer, piece: Piece, file: HubFile): boolean {
  const [, first, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
  return Number(first) === piece.bytes && (size === '*' || Number(size) === file.sizeBytes)
}

async function restart ({ progress }: Download, piece: Piece): Promise<void> {
  progress?.add(-piece.bytes)
  await piece.restart()
}

/** A file that is being fetched, hashed as far as it has come. */
class Piece {
  bytes = 0
  readonly #handle: FileHandle
  readonly #file: HubFile
  #hash: Hash

  constructor (handle: FileHandle, file: HubFile) {
    this.#handle = handle
    this.#file = file
    this.#hash = hashOf(file)
  }

  /** Hashes what is there from before; more than there can be is thrown away. */
  async readPresent (): Promise<number> {
    if ((await this.#handle.stat()).size > this.#file.sizeBytes) await this.#handle.truncate(0)
    this.bytes = await hashInto(this.#hash, this.#handle)
    return this.bytes
  }

  async append (bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      done += (await this.#handle.write(bytes, done, bytes.length - done, this.bytes + done)).bytesWritten
    }
    this.#hash.update(bytes)
    this.bytes += bytes.length
  }

  async restart (): Promise<void> {
    await this.#handle.truncate(0)
    this.#hash = hashOf(this.#file)
    this.bytes = 0
  }

  isRight (): boolean {
    return this.bytes === this.#file.sizeBytes && this.#hash.copy().digest('hex') === this.#file.hex
  }
}

/** Git puts the size before the bytes. */
function hashOf ({ algorithm, sizeBytes }: HubFile): Hash {
  return algorithm === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${sizeBytes}\0`)
}

async function hashInto (hash: Hash, handle: FileHandle): Promise<number> {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let at = 0; ;) {
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at)
    if (bytesRead === 0) return at
    hash.update(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
}

async function isWhole (path: string, file: HubFile): Promise<boolean> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch(() => null)
  if (handle === null) return false
  try {
    const piece = new Piece(handle, file)
    if ((await handle.stat()).size === file.sizeBytes) await piece.readPresent()
    if (piece.isRight()) return true
  } finally {
    await handle.close()
  }
  await rm(path, { force: true })
  return false
}

async function presentBytes (directory: string, file: HubFile): Promise<number> {
  for (const path of [join(directory, 'files', file.path), partPath(directory, file)]) {
    const found = await stat(path).catch(() => null)
    if (found?.isFile() === true && found.size <= file.sizeBytes) return found.size
  }
  return 0
}

/** A name that no path can confuse with another. */
function partPath (directory: string, { path }: HubFile): string {
  return join(directory, 'parts', createHash('sha256').update(path).digest('hex'))
}
