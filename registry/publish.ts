import { join } from 'node:path'
import { inTransaction, type Database } from './database.js'
import { RegistryError } from './errors.js'
import type { HubRequest } from './hub/request.js'
import { agreedTask, completeServing, type Inspect, type Inspection, type InspectionSource } from './inspection.js'
import type { Layout } from './layout.js'
import { checkAlias, checkName, checkVersion, quote } from './names.js'
import type { TransferProgress } from './progress.js'
import type { Provenance } from './provenance.js'
import { admit, record, type RecordContext, type Recorded, type RecordRequest } from './record.js'
import type { Serving } from './serving.js'
import type { SignatureReport } from './signing/report.js'
import { partSignature, readSourceSignature } from './signing/source.js'
import { findModelFile, scanSource, type SourceLimits, type SourceSelection } from './source.js'
import { copyFiles, readDraft, storeBlobs } from './staging.js'
import type { Hold, StorageLock } from './storage-lock.js'
import type { TemporaryDirectories } from './temporary.js'
import { refuseRemoved } from './tombstones.js'
import { findVersion } from './versions.js'

/** How far a publish has come; a kill after `committed` is healed at the next open, before it leaves no version. */
export type PublishStep = 'scanned' | 'copied' | 'inspected' | 'stored' | 'committed' | 'indexed'

export interface PublishRequest extends RecordRequest, SourceSelection {
  readonly path: string
  /** What the source is called in messages; its path unless told. */
  readonly label?: string
  readonly provenance?: Provenance
  /** For a path that is a repository of the hub: `hf:owner/name`. */
  readonly hub?: HubRequest
  readonly progress?: TransferProgress
  readonly task?: Serving['task']
  /** Seconds; the creation time written into the artifact. Without it the artifact carries none. */
  readonly sourceDateEpoch?: number
  readonly onStep?: (step: PublishStep) => void
}

export interface PublishResult extends Recorded {
  /** What its signatures are worth; absent when it has none. */
  readonly signature?: SignatureReport
  /** What of a folder was left out: what was excluded, and other variants of the model. */
  readonly omitted?: readonly string[]
}

export interface PublishContext extends RecordContext {
  readonly database: Database
  readonly layout: Layout
  readonly storage: StorageLock
  readonly temporary: TemporaryDirectories
  readonly limits: SourceLimits
  readonly refreshIndex: () => void
}

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

  const { label = request.path } = request
  const scanned = await scanSource(request.path, context.limits, request, label)
  const { files, signature: source } = partSignature(scanned.files)
  if (source === null) refuseBare(context, request)
  step('scanned')
  const { signature, ...built } = await context.temporary.use(async (stage) => {
    const folder = join(stage, 'files')
    const layers = await copyFiles(files, folder, label)
    const draft = await readDraft(folder, files)
    const modelFile = findModelFile(label, { ...scanned, files }, draft.modelFile)
    step('copied')
    const task = agreedTask(request.task, draft)
    const inspection = await runInspect(inspect, label, { directory: folder, modelFile }, task)
    const serving = completeServing(draft, modelFile, inspection)
    step('inspected')
    await hold.take()
    const bundles = source === null ? [] : [await readSourceSignature(source, layers)]
    const { name, version, sourceDateEpoch, provenance } = request
    const named = {
      name,
      version,
      serving,
      ...sourceDateEpoch === undefined ? {} : { sourceDateEpoch },
      ...provenance === undefined ? {} : { provenance }
    }
    const { layers: all, ...stored } = await storeBlobs(context.layout, { stage, folder, layers, named })
    const built = { ...stored, serving }
    const { database, signing } = context
    return { ...built, signature: await admit(database, signing, request, { built, layers: all, bundles }) }
  })
  step('stored')
  const result = inTransaction(context.database, (connection) => record(connection, context, request, built))
  step('committed')
  context.refreshIndex()
  step('indexed')
  const omitted = scanned.omitted.length === 0 ? {} : { omitted: scanned.omitted }
  return { ...result, ...omitted, ...signature.state === 'unsigned' ? {} : { signature } }
}

/** What comes without a signature where one is required is not even copied, unless it is there already. */
function refuseBare ({ database, signing }: PublishContext, request: PublishRequest): void {
  const { name, version, signWith, signaturePolicy = 'off' } = request
  if (signWith !== undefined || findVersion(database, name, version) !== null) return
  signing.refuseBare(`${name}:${version}`, signaturePolicy)
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
