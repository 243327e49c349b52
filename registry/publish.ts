import type { KeyObject } from 'node:crypto'
import { chmod, mkdir, readFile, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type AliasStore } from './aliases.js'
import { type AuditStore } from './audit.js'
import { copyHashed, digestOf, writeDurably } from './blobs.js'
import { inTransaction, type Connection, type Database } from './database.js'
import { RegistryError } from './errors.js'
import { agreedTask, completeServing, type Inspect, type Inspection, type InspectionSource } from './inspection.js'
import type { Layout } from './layout.js'
import { buildManifest, canonicalJson, type Layer } from './manifest.js'
import { checkAlias, checkName, checkVersion, quote } from './names.js'
import { versions } from './schema.js'
import { parseServingDraft, type Serving, type ServingDraft } from './serving.js'
import { signLayers } from './signing/bundle.js'
import type { SignaturePolicy } from './signing/policy.js'
import type { SignatureReport, Signing } from './signing/signing.js'
import { partSignature, readSourceSignature } from './signing/source.js'
import { findModelFile, scanSource, SERVING_FILE, type SourceFile, type SourceLimits } from './source.js'
import type { Hold, StorageLock } from './storage-lock.js'
import type { TemporaryDirectories } from './temporary.js'
import { refuseRemoved } from './tombstones.js'
import { detailOf, findVersion, requireVersion, type VersionDetail, type VersionRow } from './versions.js'

/** How far a publish has come; a kill after `committed` is healed at the next open, before it leaves no version. */
export type PublishStep = 'scanned' | 'copied' | 'inspected' | 'stored' | 'committed' | 'indexed'

export interface PublishRequest {
  readonly path: string
  readonly name: string
  readonly version: string
  readonly alias?: string
  readonly task?: Serving['task']
  readonly actor: string
  readonly reason?: string
  /** Seconds; the creation time written into the artifact. Without it the artifact carries none. */
  readonly sourceDateEpoch?: number
  /** A private key to sign the version with. */
  readonly signWith?: KeyObject
  /** Stricter than what holds anyway, or without effect. */
  readonly signaturePolicy?: SignaturePolicy
  readonly onStep?: (step: PublishStep) => void
}

export interface PublishResult {
  readonly status: 'published' | 'unchanged'
  readonly detail: VersionDetail
  /** What its signatures are worth; absent when it has none. */
  readonly signature?: SignatureReport
}

export interface PublishContext {
  readonly database: Database
  readonly layout: Layout
  readonly storage: StorageLock
  readonly temporary: TemporaryDirectories
  readonly aliases: AliasStore
  readonly audit: AuditStore
  readonly signing: Signing
  readonly limits: SourceLimits
  readonly now: () => number
  readonly refreshIndex: () => void
}

/** The version as it is about to be recorded. */
interface Built { digest: string, manifestBytes: number, sizeBytes: number, serving: Serving }

/**
 * Publishes a file or folder as an immutable version. Files are copied and hashed, inspected as copied, moved to their
 * digests, and only then does one transaction make the version (and its alias) exist; index.json follows.
 * A `model.sig` in a folder, and a signature by `signWith`, are kept beside the version before it exists.
 * @throws RegistryError INVALID_*, SOURCE_*, SERVING_INVALID, VERSION_CONFLICT, SIGNATURE_REQUIRED, SIGNATURE_INVALID
 * and those of setting an alias
 */
export async function publish (
  context: PublishContext, request: PublishRequest, inspect: Inspect
): Promise<PublishResult> {
  const hold = context.storage.hold()
  try {
    return await publishHolding(context, request, inspect, hold)
  } finally {
    hold.release()
  }
}

/** From the first blob until a row names them nobody may collect blobs; copying and inspecting need no such care. */
async function publishHolding (
  context: PublishContext, request: PublishRequest, inspect: Inspect, hold: Hold
): Promise<PublishResult> {
  checkName(request.name)
  checkVersion(request.version)
  if (request.alias !== undefined) checkAlias(request.alias)
  refuseRemoved(context.database, request.name, request.version)
  const step = request.onStep ?? (() => {})

  const { files, signature: source } = partSignature(await scanSource(request.path, context.limits))
  if (source === null) refuseBare(context, request)
  step('scanned')
  const { signature, ...built } = await context.temporary.use(async (stage) => {
    const folder = join(stage, 'files')
    const layers = await copyFiles(files, folder, request.path)
    const draft = await readDraft(folder, files)
    const modelFile = findModelFile(request.path, files, draft.modelFile)
    step('copied')
    const task = agreedTask(request.task, draft)
    const inspection = await runInspect(inspect, request.path, { directory: folder, modelFile }, task)
    const serving = completeServing(draft, modelFile, inspection)
    step('inspected')
    await hold.take()
    const bundles = source === null ? [] : [await readSourceSignature(source, layers)]
    const { all, ...built } = await storeBlobs(context.layout, { stage, folder, layers, serving, request })
    return { ...built, signature: await admit(context, request, { built, layers: all, bundles }) }
  })
  step('stored')
  const result = inTransaction(context.database, (connection) => record(connection, context, request, built))
  step('committed')
  context.refreshIndex()
  step('indexed')
  return signature.state === 'unsigned' ? result : { ...result, signature }
}

/** What comes without a signature where one is required is not even copied, unless it is there already. */
function refuseBare ({ database, signing }: PublishContext, request: PublishRequest): void {
  const { name, version, signWith, signaturePolicy = 'off' } = request
  if (signWith !== undefined || findVersion(database, name, version) !== null) return
  signing.refuseBare(`${name}:${version}`, signaturePolicy)
}

/** Signs when asked to, and lets the policy decide. */
async function admit (
  { database, signing }: PublishContext, request: PublishRequest,
  { built, layers, bundles }: { built: Built, layers: readonly Layer[], bundles: readonly Buffer[] }
): Promise<SignatureReport> {
  const { name, version, signWith, signaturePolicy = 'off' } = request
  refuseConflict(findVersion(database, name, version), built, request)
  const own = signWith === undefined ? [] : [signLayers(name.slice(name.lastIndexOf('/') + 1), layers, signWith)]
  return await signing.admitPublish({
    label: `${name}:${version}`,
    subject: { digest: built.digest, sizeBytes: built.manifestBytes },
    layers,
    bundles: [...bundles, ...own],
    policy: signaturePolicy
  })
}

/** Copies the source into `folder` as real read-only files; what is inspected and stored is this copy. */
async function copyFiles (files: readonly SourceFile[], folder: string, source: string): Promise<Layer[]> {
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

async function readDraft (folder: string, files: readonly SourceFile[]): Promise<ServingDraft> {
  if (!files.some((file) => file.path === SERVING_FILE)) return {}
  return parseServingDraft(await readFile(join(folder, SERVING_FILE), 'utf8'))
}

async function runInspect (
  inspect: Inspect, path: string, source: InspectionSource, task: Serving['task'] | undefined
): Promise<Inspection> {
  try {
    return await inspect(task === undefined ? source : { ...source, task })
  } catch (error) {
    throw new RegistryError('SOURCE_INVALID',
      `cannot run the model ${source.modelFile} of ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
}

/** Moves the files to their digests, then config and manifest: a manifest never precedes what it names. */
async function storeBlobs (layout: Layout, { stage, folder, layers, serving, request }: {
  stage: string, folder: string, layers: readonly Layer[], serving: Serving, request: PublishRequest
}): Promise<Built & { all: readonly Layer[] }> {
  const servingBytes = Buffer.from(canonicalJson(serving))
  const servingFile = join(folder, SERVING_FILE)
  await removeReadOnly(servingFile)
  await writeDurably(servingFile, servingBytes)
  const all = [
    ...layers.filter(({ path }) => path !== SERVING_FILE),
    { path: SERVING_FILE, digest: digestOf(servingBytes), sizeBytes: servingBytes.length }
  ]
  for (const layer of all) await layout.adopt(join(folder, layer.path), layer.digest)
  const { manifest, config } = buildManifest({
    name: request.name,
    version: request.version,
    layers: all,
    serving,
    ...(request.sourceDateEpoch === undefined ? {} : { sourceDateEpoch: request.sourceDateEpoch })
  })
  await layout.put(config, stage)
  await layout.sync()
  const digest = await layout.put(manifest, stage)
  await layout.sync()
  const sizeBytes = all.reduce((sum, layer) => sum + layer.sizeBytes, 0)
  return { digest, manifestBytes: manifest.length, sizeBytes, serving, all }
}

async function removeReadOnly (path: string): Promise<void> {
  await chmod(path, 0o600).catch(() => {})
  await rm(path, { force: true })
}

/** Version, alias and audit: all or nothing. */
function record (
  connection: Connection, context: PublishContext, request: PublishRequest, built: Built
): Omit<PublishResult, 'signature'> {
  const { name: model, version, actor } = request
  const reason = request.reason ?? 'published'
  const at = context.now()
  refuseRemoved(connection, model, version)
  const existing = findVersion(connection, model, version)
  refuseConflict(existing, built, request)
  if (existing === null) {
    if (context.aliases.read(connection, model, version) !== null) {
      throw new RegistryError('INVALID_VERSION', `${quote(version)} is an alias of ${quote(model)}, so it cannot be a version`)
    }
    connection.insert(versions).values({ model, version, createdAt: at, ...built }).run()
    context.audit.append({
      at,
      actor,
      action: 'version.publish',
      subject: `${model}:${version}`,
      reason,
      details: { digest: built.digest, sizeBytes: built.sizeBytes }
    }, connection)
  }
  if (request.alias !== undefined) {
    context.aliases.set(connection, { name: model, alias: request.alias, version, actor, reason }, at)
  }
  const detail = detailOf(connection, requireVersion(connection, model, version))
  return { status: existing === null ? 'published' : 'unchanged', detail }
}

function refuseConflict (existing: VersionRow | null, { digest }: Built, { name, version }: PublishRequest): void {
  if (existing === null || existing.digest === digest) return
  throw new RegistryError('VERSION_CONFLICT',
    `version ${quote(version)} of ${quote(name)} exists with digest ${existing.digest} and is immutable; ` +
    `the new files have digest ${digest}, publish them as another version`)
}
