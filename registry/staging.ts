import { chmod, mkdir, readFile, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { copyHashed, digestOf, writeDurably } from './blobs.js'
import { DATASET_FILE } from './datasets/words.js'
import { RegistryError } from './errors.js'
import type { Layout } from './layout.js'
import { buildManifest, canonicalJson, type DatasetManifestSource, type Layer, type ManifestSource } from './manifest.js'
import { quote } from './names.js'
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

/** Copies the source into `folder` as real read-only files; what is inspected and stored is this copy. */
export async function copyFiles (files: readonly SourceFile[], folder: string, source: string): Promise<Layer[]> {
  const layers: Layer[] = []
  for (const file of files) {
    const target = join(folder, file.path)
    await mkdir(dirname(target), { recursive: true })
    try {
      if (await realpath(file.location) !== file.location) {
        throw new RegistryError('SOURCE_INVALID', `${quote(file.path)} is reached through a symbolic link, so it is refused`)
      }
      layers.push({ path: file.path, ...await copyHashed(file.location, target, file.sizeBytes) })
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

/** The user's serving.json among the copied files; empty without one. @throws RegistryError SERVING_INVALID */
export async function readDraft (folder: string, files: readonly SourceFile[]): Promise<ServingDraft> {
  if (!files.some((file) => file.path === SERVING_FILE)) return {}
  return parseServingDraft(await readFile(join(folder, SERVING_FILE), 'utf8'))
}

/**
 * Moves the files of `folder` to their digests, with serving.json or dataset.json as it was completed, then config and
 * manifest: a manifest never precedes what it names. The caller holds the storage lock.
 */
export async function storeBlobs (layout: Layout, { stage, folder, layers, named }: {
  stage: string, folder: string, layers: readonly Layer[], named: Named
}): Promise<Stored> {
  const [path, document] = 'serving' in named ? [SERVING_FILE, named.serving] : [DATASET_FILE, named.dataset]
  const bytes = Buffer.from(canonicalJson(document))
  await removeReadOnly(join(folder, path))
  await writeDurably(join(folder, path), bytes)
  const all = [
    ...layers.filter((layer) => layer.path !== path),
    { path, digest: digestOf(bytes), sizeBytes: bytes.length }
  ]
  for (const layer of all) await layout.adopt(join(folder, layer.path), layer.digest)
  const { manifest, config } = buildManifest({ ...named, layers: all })
  await layout.put(config, stage)
  await layout.sync()
  const digest = await layout.put(manifest, stage)
  await layout.sync()
  const sizeBytes = all.reduce((sum, layer) => sum + layer.sizeBytes, 0)
  return { digest, manifestBytes: manifest.length, sizeBytes, layers: all }
}

async function removeReadOnly (path: string): Promise<void> {
  await chmod(path, 0o600).catch(() => {})
  await rm(path, { force: true })
}
