import { attempt, inTransaction, type Database } from './database.js'
import type { RegistryError } from './errors.js'
import type { HubRequest } from './hub/request.js'
import type { Inferred, Inspect } from './inspection.js'
import type { Layout } from './layout.js'
import type { Layer, ManifestSource } from './manifest.js'
import { CHAMPION, checkAlias, checkName, checkVersion } from './names.js'
import {
  draftsOf, prepare, proveExamples, scanRequest, type Prepared, type PrepareRequest, type Scanned
} from './prepare.js'
import { findUnfit, isProofNeeded, standing, withoutAlias } from './proof.js'
import type { Provenance } from './provenance.js'
import { admit, record, type RecordContext, type Recorded, type RecordRequest } from './record.js'
import { prepareRemote, type RemoteSource } from './remote/prepare.js'
import type { Prove } from './running.js'
import type { SignatureReport } from './signing/report.js'
import { readSourceSignature } from './signing/source.js'
import type { SourceLimits } from './source.js'
import { planManifest, storeBlobs } from './staging.js'
import type { Hold, StorageLock } from './storage-lock.js'
import type { TemporaryDirectories } from './temporary.js'
import { refuseRemoved } from './tombstones.js'
import { findVersion } from './versions.js'

/** How far a publish has come; a kill after `committed` is healed at the next open, before it leaves no version. */
export type PublishStep = 'scanned' | 'copied' | 'inspected' | 'stored' | 'committed' | 'indexed'

export interface PublishRequest extends RecordRequest, PrepareRequest {
  readonly provenance?: Provenance
  /** Instead of files; the path is only what it is called in messages. */
  readonly remote?: RemoteSource
  /** For a path that is a repository of the hub: `hf:owner/name`. */
  readonly hub?: HubRequest
  /**
   * Runs the golden examples, and loads what shall become champion; without it both are left to when it is loaded. A
   * version that fails its own examples is not published; one that is only unfit as champion is, without the alias.
   */
  readonly prove?: Prove
  /** Publishes also what fails its golden examples, but never as champion. */
  readonly skipGolden?: boolean
  /** Seconds; the creation time written into the artifact. Without it the artifact carries none. */
  readonly sourceDateEpoch?: number
  /** Does and refuses all that a publish would, but stores nothing; signatures are not looked at. */
  readonly isDryRun?: boolean
  readonly onStep?: (step: PublishStep) => void
}

export interface PublishResult extends Recorded {
  /** What its signatures are worth; absent when it has none. */
  readonly signature?: SignatureReport
  /** What of a folder was left out: what was excluded, and other variants of the model. */
  readonly omitted?: readonly string[]
  /** Every field of serving.json with where its value comes from. */
  readonly inferred?: readonly Inferred[]
}

export interface PublishContext extends RecordContext {
  readonly database: Database
  readonly layout: Layout
  readonly storage: StorageLock
  readonly temporary: TemporaryDirectories
  readonly limits: SourceLimits
  readonly refreshIndex: () => void
}

const NO_FILES: Scanned = { files: [], modelFile: undefined, omitted: [], signature: null }

/**
 * Publishes a file or folder as an immutable version. Files are copied and hashed, inspected as copied, moved to their
 * digests, and only then does one transaction make the version (and its alias) exist; index.json follows.
 * A `model.sig` in a folder, and a signature by `signWith`, are kept beside the version before it exists.
 * @throws RegistryError INVALID_*, SOURCE_*, SERVING_INVALID, VERSION_CONFLICT, SIGNATURE_REQUIRED, SIGNATURE_INVALID,
 * GOLDEN_FAILED, those of setting an alias, and VERSION_UNFIT when the version was published, but not as champion
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

  const scanned = request.remote === undefined ? await scanRequest(request, context.limits) : NO_FILES
  const { signature: source } = scanned
  if (source === null) refuseBare(context, request)
  step('scanned')
  const { inferred, unfit, wanted, ...outcome } = await context.temporary.use(async (stage) => {
    const onCopied = (): void => step('copied')
    const { modelFiles } = context.limits
    const prepared = request.remote === undefined
      ? await prepare(request, scanned, inspect, { stage, modelFiles, onCopied })
      : await prepareRemote(request.remote, draftsOf(request), { label: request.path, stage })
    const unfit = await provePrepared(context, request, prepared)
    const wanted = unfit === null ? request : withoutAlias(request)
    step('inspected')
    const { folder, layers, serving, inferred } = prepared
    const named = namedOf(request, prepared)
    if (request.isDryRun === true) {
      return { inferred, unfit, wanted, rehearsed: rehearse(context, wanted, layers, named) }
    }
    await hold.take()
    const bundles = source === null ? [] : [await readSourceSignature(source, layers)]
    const { layers: all, ...stored } = await storeBlobs(context.layout, { stage, folder, layers, named })
    const built = { ...stored, serving }
    const { database, signing } = context
    const signature = await admit(database, signing, request, { built, layers: all, bundles })
    return { inferred, unfit, wanted, built, signature }
  })
  const said = { inferred, ...scanned.omitted.length === 0 ? {} : { omitted: scanned.omitted } }
  if ('rehearsed' in outcome) {
    if (unfit !== null) throw standing(unfit, `${nameOf(request)} would be published`)
    return { ...outcome.rehearsed, ...said }
  }
  const { built, signature } = outcome
  step('stored')
  const result = inTransaction(context.database, (connection) => record(connection, context, wanted, built))
  step('committed')
  context.refreshIndex()
  step('indexed')
  if (unfit !== null) throw standing(unfit, `${nameOf(request)} is published`)
  return { ...result, ...said, ...signature.state === 'unsigned' ? {} : { signature } }
}

/** Runs the golden examples, or at least loads what shall become champion. Gives why it cannot be that. */
async function provePrepared (
  { database, aliases }: PublishContext, request: PublishRequest, prepared: Prepared
): Promise<RegistryError | null> {
  const { name, prove, skipGolden = false } = request
  if (prove === undefined) return null
  if (!skipGolden && prepared.serving.examples.length > 0) {
    await proveExamples(prove, prepared, request)
    return null
  }
  if (!isProofNeeded(request, aliases.read(database, name, CHAMPION))) return null
  const files = { directory: prepared.folder, serving: prepared.serving }
  return await findUnfit(request, async () => files, prove)
}

function nameOf ({ name, version }: PublishRequest): string {
  return `${name}:${version}`
}

/** What would be recorded, refused as it would be, and undone. */
function rehearse (
  context: PublishContext, request: RecordRequest, layers: readonly Layer[], named: Omit<ManifestSource, 'layers'>
): Recorded {
  const { digest, manifestBytes, sizeBytes } = planManifest(layers, named)
  const built = { digest, manifestBytes, sizeBytes, serving: named.serving }
  return attempt(context.database, (connection) => record(connection, context, request, built))
}

function namedOf (
  { name, version, sourceDateEpoch, provenance }: PublishRequest, { serving, weights }: Prepared
): Omit<ManifestSource, 'layers'> {
  return {
    name,
    version,
    serving,
    ...weights && { weights },
    ...sourceDateEpoch === undefined ? {} : { sourceDateEpoch },
    ...provenance === undefined ? {} : { provenance }
  }
}

/** What comes without a signature where one is required is not even copied, unless it is there. @throws as `admit` */
export function refuseBare ({ database, signing }: PublishContext, request: RecordRequest): void {
  const { name, version, signWith, signaturePolicy = 'off' } = request
  if (signWith !== undefined || findVersion(database, name, version) !== null) return
  signing.refuseBare(`${name}:${version}`, signaturePolicy)
}
