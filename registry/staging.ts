import { chmod, mkdir, readFile, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { copyHashed, digestOf, writeDurably } from './blobs.js'
import { DATASET_FILE } from './datasets/words.js'
import { RegistryError } from './errors.js'
import type { Layout } from './layout.js'
import { buildManifest, canonicalJson, type DatasetManifestSource, type Layer, type ManifestSource } from './manifest.js'
import { quote } from './names.js'
import type { TransferProgress } from './progress.js'
import { parseServingDraft, type ServingDraft } from './serving.js'
import { SERVING_FILE, type SourceFile } from './source.js'

/** What a manifest is about, without its files. */
type Named = Omit<ManifestSource, 'layers'> | Omit<DatasetManifestSource, 'layers'>

/** A manifest whose blobs are all on disk. */
export interface Stored {
  readonly digest: string
  readonly manifestBytes: number
  /** Of all layers together. */
  readonly sizeBytes: number
  readonly layers: readonly Layer[]
}

/** The document that is ours, and what is built over it. */
interface Planned {
  readonly path: string
  readonly bytes: Buffer
  readonly manifest: Buffer
  readonly config: Buffer
}

/** A file that is made for a version. */
export interface GeneratedFile { readonly path: string, readonly bytes: Buffer }

/** Copies the source into `folder` as real read-only files; what is inspected and stored is this copy. */
export async function copyFiles (
  files: readonly SourceFile[], folder: string, source: string, progress?: TransferProgress
): Promise<Layer[]> {
  progress?.start(`copying ${source}`, files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0))
  try {
    return await copyAll(files, folder, source, progress)
  } finally {
    progress?.end()
  }
}

async function copyAll (
  files: readonly SourceFile[], folder: string, source: string, progress?: TransferProgress
): Promise<Layer[]> {
  const layers: Layer[] = []
  for (const file of files) {
    const target = join(folder, file.path)
    await mkdir(dirname(target), { recursive: true })
    try {
      if (await realpath(file.location) !== file.location) {
        throw new RegistryError('SOURCE_INVALID', `${quote(file.path)} is reached through a symbolic link, so it is refused`)
      }
      layers.push({ path: file.path, ...await copyHashed(file.location, target, file.sizeBytes, progress?.add) })
    } catch (error) {
      if (!isReadFault(error)) throw error
      throw new RegistryError('SOURCE_INVALID',
        `cannot read ${quote(file.path)} of ${quote(source)}: ${error.message}`, { cause: error })
    }
  }
  return layers
}

/** A full disk is the registry's trouble, a vanished or forbidden file the source's. */
function isReadFault (error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && ['ENOENT', 'ELOOP', 'EACCES', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
}

/** Writes made files beside the copied ones. @throws RegistryError SOURCE_INVALID when the source has such a file */
export async function writeFiles (
  files: readonly GeneratedFile[], folder: string, copied: readonly Layer[]
): Promise<Layer[]> {
  const layers: Layer[] = []
  for (const { path, bytes } of files) {
    if (copied.some((layer) => layer.path === path)) {
      throw new RegistryError('SOURCE_INVALID', `the source has a file ${quote(path)}, which is to be made; leave it out`)
    }
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeDurably(join(folder, path), bytes)
    layers.push({ path, digest: digestOf(bytes), sizeBytes: bytes.length })
  }
  return layers
}

/** The user's serving.json among the copied files; empty without one. @throws RegistryError SERVING_INVALID */
export async function readDraft (folder: string, files: readonly SourceFile[]): Promise<ServingDraft> {
  if (!files.some((file) => file.path === SERVING_FILE)) return {}
  return parseServingDraft(await readFile(join(folder, SERVING_FILE), 'utf8'))
}

/** Manifest and config over the files and the document as it was completed; nothing is written. */
export function planManifest (layers: readonly Layer[], named: Named): Stored & Planned {
  const [path, document] = 'serving' in named ? [SERVING_FILE, named.serving] : [DATASET_FILE, named.dataset]
  const bytes = Buffer.from(canonicalJson(document))
  const all = [
    ...layers.filter((layer) => layer.path !== path),
    { path, digest: digestOf(bytes), sizeBytes: bytes.length }
  ]
  const { manifest, config } = buildManifest({ ...named, layers: all })
  const sizeBytes = all.reduce((sum, layer) => sum + layer.sizeBytes, 0)
  const digest = digestOf(manifest)
  return { digest, manifestBytes: manifest.length, sizeBytes, layers: all, path, bytes, manifest, config }
}

/**
 * Moves the files of `folder` to their digests, with serving.json or dataset.json as it was completed, then config and
 * manifest: a manifest never precedes what it names. The caller holds the storage lock.
 */
export async function storeBlobs (layout: Layout, { stage, folder, layers, named }: {
  stage: string, folder: string, layers: readonly Layer[], named: Named
}): Promise<Stored> {
  const { path, bytes, manifest, config, ...stored } = planManifest(layers, named)
  await removeReadOnly(join(folder, path))
  await writeDurably(join(folder, path), bytes)
  for (const layer of stored.layers) await layout.adopt(join(folder, layer.path), layer.digest)
  await layout.put(config, stage)
  await layout.sync()
  await layout.put(manifest, stage)
  await layout.sync()
  return stored
}

/** Stores what differs from a version whose other files are in the layout. The caller holds the storage lock. */
export async function storeDocument (layout: Layout, { stage, layers, named }: {
  stage: string, layers: readonly Layer[], named: Named
}): Promise<Stored> {
  const { path: _path, bytes, manifest, config, ...stored } = planManifest(layers, named)
  await layout.put(bytes, stage)
  await layout.put(config, stage)
  await layout.sync()
  await layout.put(manifest, stage)
  await layout.sync()
  return stored
}

async function removeReadOnly (path: string): Promise<void> {
  await chmod(path, 0o600).catch(() => {})
  await rm(path, { force: true })
}
