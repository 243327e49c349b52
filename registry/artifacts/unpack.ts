import { createReadStream } from 'node:fs'
import { copyFile, link, mkdir, open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { writeWhole } from '../blobs.js'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { pathFault, pathsFault } from '../paths.js'
import type { SourceLimits } from '../source.js'
import { readTar, type TarMember } from './tar.js'
import type { LayerForm } from './kinds.js'

/** Small archives may compress to next to nothing. */
const RATIO_FREE_BYTES = 16 * 1024 ** 2
/** What a file system without hard links says. */
const LINKLESS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'])

/** A file, and what it is packed as. */
export interface Archive {
  readonly label: string
  readonly file: string
  readonly sizeBytes: number
  readonly form: LayerForm
}

/** A layer whose bytes are known to have its digest. */
export interface FetchedLayer extends Archive {
  /** Of a raw layer. */
  readonly path: string | null
}

/**
 * Lays the files of layers out below a fresh folder: raw ones are linked there, archives unpacked. Nothing but regular
 * files at checked paths is ever written.
 * @returns their paths, sorted
 * @throws RegistryError SOURCE_INVALID
 */
export async function unpackLayers (
  folder: string, layers: readonly FetchedLayer[], limits: SourceLimits
): Promise<string[]> {
  const paths = new Set<string>()
  let bytes = 0
  await mkdir(folder, { recursive: true })
  for (const layer of layers) {
    const place = (path: string) => {
      if (paths.has(path)) throw new RegistryError('SOURCE_INVALID', `${quote(layer.label)} has ${quote(path)}, which another layer has too`)
      paths.add(path)
      return join(folder, path)
    }
    if (layer.form === 'raw') {
      await placeRaw(layer, place)
      continue
    }
    const source = openArchive(layer, limits)
    const bounds = { membersMax: limits.filesMax - paths.size, bytesMax: limits.totalBytesMax - bytes }
    await readTar(source, layer.label, bounds, async (member) => {
      bytes += member.sizeBytes
      await writeMember(member, place(member.path), layer.label)
    })
  }
  const fault = pathsFault([...paths])
  if (fault !== null) throw new RegistryError('SOURCE_INVALID', fault)
  return [...paths].sort()
}

async function placeRaw ({ label, file, path }: FetchedLayer, place: (path: string) => string): Promise<void> {
  const fault = path === null ? 'is not stated' : pathFault(path)
  if (path === null || fault !== null) throw new RegistryError('SOURCE_INVALID', `layer ${quote(label)} has a path that ${fault}`)
  await makingRoom(path, label, async () => {
    const target = place(path)
    await mkdir(dirname(target), { recursive: true })
    await linkOrCopy(file, target)
  })
}

/** Two layers may be one blob; not every file system has links. */
async function linkOrCopy (file: string, target: string): Promise<void> {
  try {
    await link(file, target)
  } catch (error) {
    if (!LINKLESS.has((error as NodeJS.ErrnoException).code ?? '')) throw error
    await copyFile(file, target)
  }
}

/** Writes a member into a new file. */
export async function writeMember ({ path, content }: TarMember, target: string, label: string): Promise<void> {
  await makingRoom(path, label, async () => {
    await mkdir(dirname(target), { recursive: true })
    const file = await open(target, 'wx', 0o600)
    try {
      for await (const chunk of content) {
        await writeWhole(file, Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
      }
    } finally {
      await file.close()
    }
  })
}

/** A file where a folder should be, or the other way round. */
async function makingRoom (path: string, label: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!['EEXIST', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    throw new RegistryError('SOURCE_INVALID', `${quote(label)} has ${quote(path)} both as a file and as a folder`, { cause: error })
  }
}

/** The bytes of an archive, decompressed as its form says, and never far more than it is. */
export function openArchive (archive: Archive, limits: SourceLimits): AsyncIterable<Buffer> {
  return bounded(decompress(archive), archive, limits)
}

function decompress ({ file, form, label }: Archive): AsyncIterable<Buffer> {
  const bytes = createReadStream(file)
  if (form === 'tar' || form === 'raw') return bytes
  const transform = form === 'tar+gzip' ? zlib.createGunzip() : zstd(label)
  bytes.on('error', (error) => transform.destroy(error))
  transform.on('close', () => bytes.destroy())
  return bytes.pipe(transform)
}

/** Only newer versions of Node have it. */
function zstd (label: string): Transform {
  const create = (zlib as { createZstdDecompress?: () => Transform }).createZstdDecompress
  if (create !== undefined) return create()
  throw new RegistryError('SOURCE_INVALID',
    `${quote(label)} is compressed with zstd, which Node ${process.versions.node} cannot read (22.15 and later can); ` +
    'pack the artifact with gzip or without compression')
}

/** Refuses what unpacks to far more than it is, before the disk is full of it. */
async function * bounded (
  source: AsyncIterable<Buffer>, { label, sizeBytes, form }: Archive, limits: SourceLimits
): AsyncGenerator<Buffer> {
  const bytesMax = form === 'tar' ? Infinity : Math.max(RATIO_FREE_BYTES, sizeBytes * limits.compressionRatioMax)
  let done = 0
  try {
    for await (const chunk of source) {
      done += chunk.length
      if (done > bytesMax) {
        throw new RegistryError('SOURCE_INVALID',
          `${quote(label)} unpacks to more than ${limits.compressionRatioMax} times its ${sizeBytes} bytes, so it is refused`)
      }
      yield chunk
    }
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (!code.startsWith('Z_')) throw error
    throw new RegistryError('SOURCE_INVALID', `${quote(label)} cannot be decompressed: ${message}`, { cause: error })
  }
}
