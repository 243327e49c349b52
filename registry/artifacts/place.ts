import { constants, type Stats } from 'node:fs'
import { open, readFile, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { ArtifactDescriptor, ArtifactReader } from '../artifact-reader.js'
import { hexOf } from '../blobs.js'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import type { SourceLimits } from '../source.js'
import type { TemporaryDirectories } from '../temporary.js'
import { MANIFEST_BYTES_MAX } from './artifact.js'
import { openArchive, writeMember } from './unpack.js'
import { readTar } from './tar.js'
import { entriesOf, subjectIn, type IndexEntry } from './index-entries.js'

const CHUNK_BYTES = 256 * 1024
const INDEX_BYTES_MAX = 16 * 1024 ** 2
/** Entries that do not say what they are, which are read to find signatures. */
const UNKNOWN_MAX = 1_000
const KEPT_MEMBER = /^(index\.json|oci-layout|blobs\/sha256\/[0-9a-f]{64})$/

/** Something in a layout that may be imported, and the names it has there. */
export interface PlacedArtifact { readonly digest: string, readonly names: readonly string[] }

/** An OCI layout: a folder, or an archive of one. */
export interface ArtifactPlace {
  readonly reader: ArtifactReader
  /** In the order of index.json; what is about another manifest, as signatures are, is not among them. */
  readonly artifacts: readonly PlacedArtifact[]
}

/** Where a place is, as people write it: `DIR`, `FILE.tar`, with `oci:` or `oci-archive:` before and `:name` behind. */
export interface PlaceSource { readonly path: string, readonly reference: string | null }

/** Splits `path:reference`; the path is the longest that exists. @throws RegistryError SOURCE_NOT_FOUND */
export async function findPlace (text: string): Promise<PlaceSource> {
  const plain = text.replace(/^(oci|oci-archive):/, '')
  for (let end = plain.length; end > 0; end = plain.lastIndexOf(':', end - 1)) {
    const path = plain.slice(0, end)
    if (await existing(path) === null) continue
    return { path, reference: end === plain.length ? null : plain.slice(end + 1) }
  }
  throw new RegistryError('SOURCE_NOT_FOUND', `there is no file or folder ${quote(text)}`)
}

/**
 * Opens a layout for `work`; an archive is unpacked into a temporary folder, which is gone afterwards.
 * @throws RegistryError SOURCE_INVALID, SOURCE_NOT_FOUND
 */
export async function withPlace<Result> (
  path: string, { temporary, limits }: { temporary: TemporaryDirectories, limits: SourceLimits },
  work: (place: ArtifactPlace) => Promise<Result>
): Promise<Result> {
  const found = await existing(path)
  if (found === null) throw new RegistryError('SOURCE_NOT_FOUND', `there is no file or folder ${quote(path)}`)
  if (found.isDirectory()) return await work(await openLayout(path, path))
  if (!found.isFile()) throw new RegistryError('SOURCE_INVALID', `${quote(path)} is neither a file nor a folder`)
  return await temporary.use(async (stage) => {
    await unpackArchive(path, stage, found.size, limits)
    return await work(await openLayout(stage, path))
  })
}

/** @throws RegistryError SOURCE_INVALID unless exactly one artifact is meant */
export function chooseArtifact ({ artifacts, reader }: ArtifactPlace, reference: string | null): PlacedArtifact {
  const isMeant = (name: string): boolean => name === reference || tagOf(name) === reference
  const fitting = reference === null
    ? artifacts
    : artifacts.filter(({ digest, names }) => digest === reference || names.some(isMeant))
  const [only, ...others] = fitting
  if (only !== undefined && others.length === 0) return only
  const known = artifacts.slice(0, 20).map(({ digest, names }) => names.length === 0 ? digest : names.join(' = ')).join(', ')
  const problem = artifacts.length === 0
    ? 'has nothing that could be imported'
    : only === undefined
      ? `has no ${quote(reference ?? '')}; it has ${known}`
      : `has ${fitting.length} artifacts: ${known}; name one as PATH:NAME, or import all`
  throw new RegistryError('SOURCE_INVALID', `${quote(reader.label)} ${problem}`)
}

function tagOf (name: string): string {
  return name.slice(name.lastIndexOf(':') + 1)
}

async function existing (path: string): Promise<Stats | null> {
  try {
    return await stat(path)
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw new RegistryError('SOURCE_INVALID', `cannot read ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
}

async function unpackArchive (path: string, folder: string, sizeBytes: number, limits: SourceLimits): Promise<void> {
  const form = await isGzip(path) ? 'tar+gzip' : 'tar'
  const source = openArchive({ label: path, file: path, sizeBytes, form }, limits)
  let isDocker = false
  let isLayout = false
  const bounds = { membersMax: 2 * limits.filesMax, bytesMax: limits.totalBytesMax + INDEX_BYTES_MAX }
  await readTar(source, path, bounds, async (member) => {
    isDocker ||= member.path === 'manifest.json'
    isLayout ||= member.path === 'index.json'
    if (KEPT_MEMBER.test(member.path)) return await writeMember(member, join(folder, member.path), path)
    await finished(Readable.from(member.content).resume()) // what a layout does not know is passed over
  })
  if (isLayout) return
  throw new RegistryError('SOURCE_INVALID', isDocker
    ? `${quote(path)} is an archive of a container image (docker save), and no model; an OCI archive was expected`
    : `${quote(path)} has no index.json, so it is no OCI archive`)
}

async function isGzip (path: string): Promise<boolean> {
  const file = await open(path, 'r')
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0)
    return buffer[0] === 0x1f && buffer[1] === 0x8b
  } finally {
    await file.close()
  }
}

async function openLayout (root: string, label: string): Promise<ArtifactPlace> {
  const entries = entriesOf(await readIndex(root, label), label)
  const reader = new LayoutReader(root, label, entries)
  const names = new Map<string, string[]>()
  for (const entry of entries) {
    if (await reader.subjectOf(entry) !== null) continue
    const known = names.get(entry.digest) ?? []
    names.set(entry.digest, known)
    if (entry.name !== null) known.push(entry.name)
  }
  return { reader, artifacts: [...names].map(([digest, list]) => ({ digest, names: list })) }
}

async function readIndex (root: string, label: string): Promise<string> {
  const path = join(root, 'index.json')
  const found = await existing(path)
  if (found === null || !found.isFile()) throw new RegistryError('SOURCE_INVALID', `${quote(label)} has no index.json, so it is no OCI layout`)
  if (found.size > INDEX_BYTES_MAX) throw new RegistryError('SOURCE_INVALID', `index.json of ${quote(label)} is larger than ${INDEX_BYTES_MAX} bytes`)
  return await readFile(path, 'utf8')
}

class LayoutReader implements ArtifactReader {
  readonly #root: string
  readonly #entries: readonly IndexEntry[]
  readonly #subjects = new Map<string, string | null>()
  #unknown = 0

  constructor (root: string, readonly label: string, entries: readonly IndexEntry[]) {
    this.#root = root
    this.#entries = entries
  }

  manifest = async (digest: string): Promise<Buffer> => {
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of this.blob(digest)) {
      bytes += chunk.length
      chunks.push(chunk)
      if (bytes > MANIFEST_BYTES_MAX) break
    }
    return Buffer.concat(chunks)
  }

  blob = (digest: string, offset = 0): AsyncIterable<Uint8Array> => this.#read(digest, offset)

  referrers = async (digest: string): Promise<ArtifactDescriptor[]> => {
    const found: ArtifactDescriptor[] = []
    for (const entry of this.#entries) {
      if (await this.subjectOf(entry) === digest) found.push(entry.descriptor)
    }
    return found
  }

  /** What an entry is about; null for what is about nothing, and for what cannot be read. */
  async subjectOf ({ digest, name }: IndexEntry): Promise<string | null> {
    const known = this.#subjects.get(digest)
    if (known !== undefined) return known
    if (name !== null || this.#unknown++ >= UNKNOWN_MAX) return null
    const subject = await this.manifest(digest).then(subjectIn, () => null)
    this.#subjects.set(digest, subject)
    return subject
  }

  async * #read (digest: string, offset: number): AsyncGenerator<Uint8Array> {
    const path = join(this.#root, 'blobs', 'sha256', hexOf(digest))
    let file: FileHandle | null = null
    try {
      file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      if (!(await file.stat()).isFile()) {
        throw new RegistryError('SOURCE_INVALID', `blob ${digest} of ${quote(this.label)} is not a regular file`)
      }
      for (let at = offset; ;) {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at)
        if (bytesRead === 0) return
        at += bytesRead
        yield buffer.subarray(0, bytesRead)
      }
    } catch (error) {
      if (error instanceof RegistryError) throw error
      const { code, message } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      throw new RegistryError(code === 'ENOENT' ? 'BLOB_MISSING' : 'SOURCE_INVALID', code === 'ENOENT'
        ? `blob ${digest} is missing in ${quote(this.label)}`
        : `cannot read blob ${digest} of ${quote(this.label)}: ${message}`, { cause: error })
    } finally {
      await file?.close()
    }
  }
}
