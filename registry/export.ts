import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { writeArchive, type ExportFile } from './artifacts/archive.js'
import { cloneHashed, hexOf, syncDirectory, writeDurably } from './blobs.js'
import { RegistryError } from './errors.js'
import { REF_NAME } from './layout-index.js'
import { LAYOUT_FILE, type Layout } from './layout.js'
import { ARTIFACT_TYPE, canonicalJson, MANIFEST_MEDIA_TYPE, parseManifest, type Manifest } from './manifest.js'
import { quote } from './names.js'
import type { TransferProgress } from './progress.js'
import { entryOf, type ReferrerStore, type SignatureManifest } from './signing/store.js'
import { hostTag, isWriterGone } from './temporary.js'
import type { VersionRow } from './versions.js'

export const EXPORT_FORMATS = ['oci-dir', 'oci-archive', 'folder'] as const
export type ExportFormat = typeof EXPORT_FORMATS[number]

/** What is not whole yet ends so, behind whose it is. */
const STAGE_END = '.partial'

export interface ExportRequest {
  readonly name: string
  readonly version: string
  readonly target: string
  readonly format: ExportFormat
  /** Replaces an earlier export; never anything else. */
  readonly isForced?: boolean
  readonly isDryRun?: boolean
  /** Seconds; the time of the members of an archive. */
  readonly sourceDateEpoch?: number
  readonly progress?: TransferProgress
}

export interface ExportResult {
  readonly digest: string
  readonly target: string
  readonly format: ExportFormat
  /** Blobs or files. */
  readonly files: number
  readonly bytes: number
  readonly signatures: number
}

interface ExportContext { readonly layout: Layout, readonly referrers: ReferrerStore }

/**
 * Writes a version somewhere else: as an OCI layout (a folder or an archive, with its signatures), or as plain files.
 * Every blob is hashed while it is copied. The target appears whole or not at all. The same version gives the same
 * archive, byte by byte, whatever registry it comes from.
 * @throws RegistryError DIGEST_MISMATCH, BLOB_MISSING; TARGET_INVALID when the target is there or cannot be written
 */
export async function exportVersion (
  { layout, referrers }: ExportContext, row: VersionRow, request: ExportRequest
): Promise<ExportResult> {
  const { format, isForced = false, isDryRun = false, sourceDateEpoch = 0, progress } = request
  const target = resolve(request.target)
  await refuseTaken(target, format, isForced)
  const label = `${request.name}:${request.version}`
  const manifest = parseManifest(await layout.readDocument(row.digest, `the manifest of ${label}`), row.digest)
  const signatures = format === 'folder' ? [] : await referrers.manifests(row.digest)
  const files = format === 'folder' ? manifest.layers : layoutFiles(row, manifest, signatures, label)
  const bytes = files.reduce((sum, file) => sum + ('bytes' in file ? file.bytes.length : file.sizeBytes), 0)
  const result = { digest: row.digest, target, format, files: files.length, bytes, signatures: signatures.length }
  if (isDryRun) return result
  const stage = join(dirname(target), `${stagePrefix(target)}${hostTag()}-${process.pid}-${randomUUID()}${STAGE_END}`)
  progress?.start(label, bytes)
  try {
    if (format === 'oci-archive') await writeArchive(layout, stage, files, { seconds: sourceDateEpoch, progress })
    else await writeFolder(layout, stage, files, progress)
    await putInPlace(stage, target, format, isForced)
    await removeAbandoned(target)
  } catch (error) {
    await rm(stage, { recursive: true, force: true })
    if (error instanceof RegistryError) throw error
    throw new RegistryError('TARGET_INVALID', `cannot write ${quote(request.target)}: ${(error as Error).message}`, { cause: error })
  } finally {
    progress?.end()
  }
  return result
}

/** Sorted by path, without a time, so that nothing but the version and its signatures decides the bytes. */
function layoutFiles (
  { digest, manifestBytes }: VersionRow,
  { config, layers }: Manifest,
  signatures: readonly SignatureManifest[],
  label: string
): ExportFile[] {
  const sorted = [...signatures].sort((a, b) => (a.digest < b.digest ? -1 : 1))
  const index = canonicalJson({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        mediaType: MANIFEST_MEDIA_TYPE,
        artifactType: ARTIFACT_TYPE,
        digest,
        size: manifestBytes,
        annotations: { [REF_NAME]: label }
      },
      ...sorted.map((signature) => entryOf(signature.digest, signature.sizeBytes, digest))
    ]
  })
  const blobs = [
    { digest, sizeBytes: manifestBytes },
    config,
    ...layers,
    ...sorted,
    ...sorted.flatMap((signature) => signature.blobs)
  ]
  const distinct = new Map(blobs.map((blob) => [blob.digest, { digest: blob.digest, sizeBytes: blob.sizeBytes }]))
  return [
    ...[...distinct.values()].map((blob) => ({ path: `blobs/sha256/${hexOf(blob.digest)}`, ...blob })),
    { path: 'index.json', bytes: Buffer.from(index) },
    { path: 'oci-layout', bytes: Buffer.from(LAYOUT_FILE) }
  ].sort((a, b) => (a.path < b.path ? -1 : 1))
}

async function writeFolder (
  layout: Layout, folder: string, files: readonly ExportFile[], progress: TransferProgress | undefined
): Promise<void> {
  await mkdir(folder)
  const folders = new Set([folder])
  for (const file of files) {
    const path = join(folder, file.path)
    await mkdir(dirname(path), { recursive: true })
    folders.add(dirname(path))
    if ('bytes' in file) await writeDurably(path, file.bytes)
    else await copyBlob(layout, file, path)
    await chmodUsual(path)
    progress?.add('bytes' in file ? file.bytes.length : file.sizeBytes)
  }
  for (const path of folders) await syncDirectory(path)
}

async function copyBlob (
  layout: Layout, { path, digest }: { path: string, digest: string }, target: string
): Promise<void> {
  let found: string
  try {
    found = (await cloneHashed(layout.blobPath(digest), target)).digest
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new RegistryError('BLOB_MISSING', `blob ${digest} (${path}) is missing`, { cause: error })
  }
  if (found !== digest) throw new RegistryError('DIGEST_MISMATCH', `blob ${digest} (${path}) does not match its digest: the bytes hash to ${found}`)
}

/** What is exported belongs to whoever exported it, who may want to change it. */
async function chmodUsual (path: string): Promise<void> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    await file.chmod(0o644)
  } finally {
    await file.close()
  }
}

/** Only what an earlier export can have written is ever replaced: nobody loses a folder of theirs to a typing error. */
async function refuseTaken (target: string, format: ExportFormat, isForced: boolean): Promise<void> {
  const found = await lstat(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new RegistryError('TARGET_INVALID', `cannot write ${quote(target)}: ${error.message}`, { cause: error })
  })
  if (found === null) return
  if (!isForced) throw new RegistryError('TARGET_INVALID', `${quote(target)} exists; choose another target, or --force to replace it`)
  const marks = format === 'oci-archive' ? [''] : format === 'oci-dir' ? ['oci-layout'] : ['serving.json', 'dataset.json']
  const isMarked = async () => {
    const isThere = await Promise.all(marks.map(async (mark) => await isFile(join(target, mark))))
    return isThere.includes(true)
  }
  const isExport = format === 'oci-archive' ? found.isFile() : found.isDirectory() && await isMarked()
  if (isExport) return
  throw new RegistryError('TARGET_INVALID', `${quote(target)} is no earlier export as ${format}, so it is not replaced`)
}

async function isFile (path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isFile() === true
}

/** A file replaces a file at once; a folder cannot, so for a moment neither is there, and the old one lies beside. */
async function putInPlace (stage: string, target: string, format: ExportFormat, isForced: boolean): Promise<void> {
  if (format === 'oci-archive' && isForced) {
    await rename(stage, target)
    await syncDirectory(dirname(target))
    return
  }
  const old = `${stage}.old`
  const isMoved = isForced && await rename(target, old).then(() => true, () => false)
  try {
    if (!isMoved && await lstat(target).then(() => true, () => false)) {
      throw new RegistryError('TARGET_INVALID', `${quote(target)} came into being meanwhile`)
    }
    await rename(stage, target)
  } catch (error) {
    if (isMoved) await rename(old, target)
    throw error
  }
  await syncDirectory(dirname(target))
  if (isMoved) await rm(old, { recursive: true, force: true })
}

function stagePrefix (target: string): string {
  return `.${basename(target).slice(0, 100)}.`
}

/** What exports to the same place left behind when they were killed. */
async function removeAbandoned (target: string): Promise<void> {
  const prefix = stagePrefix(target)
  for (const name of await readdir(dirname(target))) {
    const isOurs = name.startsWith(prefix) && (name.endsWith(STAGE_END) || name.endsWith(`${STAGE_END}.old`))
    if (!isOurs || !isWriterGone(name.slice(prefix.length))) continue
    await rm(join(dirname(target), name), { recursive: true, force: true })
  }
}
