import { readArtifact, type Artifact } from './artifacts/artifact.js'
import { convertArtifact } from './artifacts/convert.js'
import { readBundles } from './artifacts/signatures.js'
import type { ArtifactReader } from './artifact-reader.js'
import { attempt, inTransaction } from './database.js'
import { parseDataset } from './datasets/document.js'
import { DATASET_FILE, type Kind } from './datasets/words.js'
import { RegistryError } from './errors.js'
import { fetchBlobs, fetchDocument, type WantedBlob } from './fetch.js'
import { checkModelFiles } from './formats/check.js'
import { allowingDomains } from './formats/limits.js'
import type { IngestContext, IngestRequest, IngestResult } from './ingestion.js'
import type { Inspect } from './inspection.js'
import { lookAt } from './layout-blobs.js'
import { parseManifest, type Manifest } from './manifest.js'
import { CHAMPION, checkAlias, checkName, checkVersion, quote } from './names.js'
import { DATASET_MEDIA_TYPE } from './paths.js'
import {
  admit, recordEither, refuseConflict, type Built, type BuiltDataset, type Recorded, type RecordedDataset,
  type RecordRequest
} from './record.js'
import { findUnfit, isProofNeeded, standing, withoutAlias } from './proof.js'
import { isRemote, parseServing } from './serving.js'
import { SERVING_FILE } from './source.js'
import { refuseRemoved } from './tombstones.js'
import { findVersion, refuseOtherKind } from './versions.js'

const PARALLEL = 3
const ACTION = 'version.import'

/** The document by which an artifact is a version. */
type Described = Pick<Built, 'serving'> | Pick<BuiltDataset, 'dataset'>

/** An artifact that is kept as it is. */
interface Candidate {
  readonly request: RecordRequest
  readonly artifact: Artifact
  readonly manifest: Manifest
  readonly built: Built | BuiltDataset
  readonly bundles: readonly Buffer[]
}

/**
 * Makes a version of an artifact that exists elsewhere. What says how it is served or read (`serving.json`,
 * `dataset.json`) keeps its manifest, and so its digest; anything else is unpacked, inspected and published anew.
 * Blobs that are here already are not fetched; those that are on their way lie outside the layout until all are there,
 * and a later attempt goes on where this one was killed.
 * @throws RegistryError SOURCE_INVALID, DIGEST_MISMATCH, INVALID_*, SERVING_INVALID, DATASET_INVALID, KIND_MISMATCH,
 * VERSION_CONFLICT, VERSION_REMOVED, SIGNATURE_REQUIRED, SIGNATURE_INVALID, GOLDEN_FAILED, those of setting an alias
 * and those of the reader; VERSION_UNFIT when the version was imported, but not as champion
 */
export async function ingest (
  context: IngestContext, request: IngestRequest, reader: ArtifactReader, inspect: Inspect
): Promise<IngestResult> {
  const artifact = await readArtifact(reader, request.digest)
  refuseTooMuch(context, artifact, reader)
  request.onStep?.('manifest')
  const described = await readDescribed(context, artifact, reader)
  const { parallel = PARALLEL } = request
  if (described === null) return await convertArtifact(context, { request, artifact, reader, parallel }, inspect)
  refuseUnwanted(request.kind, described, reader)
  const named = namedAs(request, artifact, reader)
  const kind = 'serving' in described ? 'model' : 'dataset'
  refuseOtherKind(context.database, named.name, kind)
  refuseRemoved(context.database, named.name, named.version)
  const manifest = manifestOf(artifact, reader)
  refuseFileless(described, manifest, reader)
  const built = builtOf(artifact, manifest, described)
  refuseConflict(findVersion(context.database, named.name, named.version), built, named)
  const bundles = await readBundles(reader, artifact.digest)
  const signature = await context.signing.judge({
    label: `${named.name}:${named.version}`,
    subject: { digest: artifact.digest, sizeBytes: artifact.bytes.length },
    layers: manifest.layers,
    bundles,
    policy: named.signaturePolicy ?? 'off'
  })
  const candidate = { request: named, artifact, manifest, built, bundles }
  const isDryRun = request.dryRun === true
  const recorded = isDryRun
    ? attempt(context.database, (connection) => recordEither(connection, context, named, built, ACTION))
    : await keep(context, candidate, request, reader)
  return { ...recorded, converted: false, ...signature.state === 'unsigned' ? {} : { signature } }
}

/** What the version is called; what has no name in the request is called what its manifest says. */
function namedAs (request: IngestRequest, { annotations }: Artifact, reader: ArtifactReader): RecordRequest {
  const name = request.name ?? annotations['org.opencontainers.image.title']
  const version = request.version ?? annotations['org.opencontainers.image.version']
  if (name === undefined) throw new RegistryError('INVALID_NAME', `${quote(reader.label)} does not say how its model is called; give it a name`)
  if (version === undefined) throw new RegistryError('INVALID_VERSION', `${quote(reader.label)} does not say which version it is; give it one`)
  checkName(name)
  checkVersion(version)
  const { alias, isForced = false, actor, reason = 'imported', signaturePolicy, allowedOperatorDomains } = request
  if (alias !== undefined) checkAlias(alias)
  return {
    name,
    version,
    actor,
    reason,
    isForced,
    ...alias === undefined ? {} : { alias },
    ...signaturePolicy === undefined ? {} : { signaturePolicy },
    ...allowedOperatorDomains === undefined ? {} : { allowedOperatorDomains }
  }
}

/** What an artifact that can be kept as it is says of itself; null when it says nothing, or only in a draft. */
async function readDescribed (
  { limits }: IngestContext, artifact: Artifact, reader: ArtifactReader
): Promise<Described | null> {
  const { kind, layers } = artifact
  const isPlain = kind === 'modelpack' &&
    layers.every(({ mediaType, path }) => mediaType.endsWith('.raw') && path !== null)
  if (!isPlain) return null
  const isDataset = layers.every(({ mediaType }) => mediaType === DATASET_MEDIA_TYPE)
  const label = isDataset ? DATASET_FILE : SERVING_FILE
  const layer = layers.find(({ path }) => path === label)
  if (layer === undefined) return null
  const text = (await fetchDocument(reader, { label, ...layer }, limits.servingBytesMax)).toString()
  try {
    return isDataset ? { dataset: parseDataset(text) } : { serving: parseServing(text) }
  } catch (error) {
    if (!(error instanceof RegistryError) || isOfRemote(text)) throw error
    return null // what is wrong with a draft is said where it is completed
  }
}

/** Whether another server runs the model, so that there are no files from which a draft could be completed. */
function isOfRemote (text: string): boolean {
  try {
    return isRemote(JSON.parse(text))
  } catch {
    return false
  }
}

function refuseUnwanted (wanted: Kind | undefined, described: Described, reader: ArtifactReader): void {
  const kind = 'serving' in described ? 'model' : 'dataset'
  if (wanted === undefined || wanted === kind) return
  throw new RegistryError('KIND_MISMATCH', `${quote(reader.label)} is a ${kind}, and a ${wanted} was asked for`)
}

function manifestOf (artifact: Artifact, reader: ArtifactReader): Manifest {
  try {
    return parseManifest(artifact.bytes, artifact.digest)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    throw new RegistryError('SOURCE_INVALID', `${quote(reader.label)}: ${error.message}`, { cause: error })
  }
}

function refuseFileless (described: Described, { layers }: Manifest, reader: ArtifactReader): void {
  const isThere = (wanted: string) => layers.some(({ path }) => path === wanted)
  if ('dataset' in described) {
    for (const [index, { path }] of described.dataset.files.entries()) {
      if (isThere(path)) continue
      throw new RegistryError('DATASET_INVALID',
        `dataset.json: /files/${index}/path ${quote(path)} must be a file of ${quote(reader.label)}`)
    }
    return
  }
  if (described.serving.runtime === 'remote') return
  const { modelFile } = described.serving
  if (modelFile.endsWith('.onnx') && isThere(modelFile)) return
  throw new RegistryError('SERVING_INVALID',
    `serving.json: /modelFile ${quote(modelFile)} must be an .onnx file of ${quote(reader.label)}`)
}

function refuseTooMuch ({ limits }: IngestContext, { config, layers }: Artifact, reader: ArtifactReader): void {
  const bytes = layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, config.sizeBytes)
  const problem = layers.length > limits.filesMax
    ? `has ${layers.length} layers, more than the ${limits.filesMax} allowed`
    : bytes > limits.totalBytesMax ? `has ${bytes} bytes, more than the ${limits.totalBytesMax} allowed` : null
  if (problem !== null) throw new RegistryError('SOURCE_INVALID', `${quote(reader.label)} ${problem}`)
}

function builtOf ({ digest, bytes }: Artifact, { layers }: Manifest, described: Described): Built | BuiltDataset {
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0)
  return { digest, manifestBytes: bytes.length, sizeBytes, ...described }
}

/** Fetches what is missing; then, while nobody collects blobs, gives all of it its place, the manifest last. */
async function keep (
  context: IngestContext, candidate: Candidate, options: IngestRequest, reader: ArtifactReader
): Promise<Recorded | RecordedDataset> {
  const { partials } = context
  const { request: named, artifact, manifest, built } = candidate
  const step = options.onStep ?? (() => {})
  const { parallel = PARALLEL, progress } = options
  const fetching = { parallel, onBlob: () => step('blob'), ...progress === undefined ? {} : { progress } }
  const wanted = blobsOf(artifact, manifest)
  const files = new Map<string, string>()
  const fetchMissing = async () => {
    const missing = wanted.filter(({ digest, sizeBytes }) => !files.has(digest) && !isThere(context, digest, sizeBytes))
    for (const [digest, path] of await fetchBlobs(reader, partials, missing, fetching)) files.set(digest, path)
  }
  const hold = context.storage.hold()
  try {
    await fetchMissing()
    await hold.take()
    await fetchMissing() // what was here may have been collected meanwhile
    await refuseUnsafeFiles(context, manifest, files, options.allowedOperatorDomains)
    await store(context, candidate, files)
    step('stored')
    const unfit = await proveStored(context, candidate, options)
    const recorded = inTransaction(context.database,
      (connection) => recordEither(connection, context, unfit === null ? named : withoutAlias(named), built, ACTION))
    step('committed')
    context.refreshIndex()
    step('indexed')
    if (unfit !== null) throw standing(unfit, `${named.name}:${named.version} is imported`)
    return recorded
  } finally {
    hold.release()
    for (const path of files.values()) await partials.giveUp(path)
    await partials.tidy()
  }
}

async function store (
  { database, layout, temporary, signing }: IngestContext, { request, artifact, manifest, built, bundles }: Candidate,
  files: Map<string, string>
): Promise<void> {
  for (const [digest, path] of files) {
    await layout.adopt(path, digest)
    files.delete(digest)
  }
  await layout.sync()
  await temporary.use(async (stage) => await layout.put(artifact.bytes, stage))
  await layout.sync()
  await admit(database, signing, request, { built, layers: manifest.layers, bundles })
}

/**
 * Runs the golden examples of what is new here, or at least loads what shall become champion. Gives why it cannot be
 * that. @throws RegistryError GOLDEN_FAILED for what is not let in at all
 */
async function proveStored (
  context: IngestContext, { request, artifact, built }: Candidate, { prove, skipGolden = false }: IngestRequest
): Promise<RegistryError | null> {
  if ('dataset' in built) return null
  const { serving } = built
  const { name, version } = request
  const isHeld = !skipGolden && serving.examples.length > 0 && findVersion(context.database, name, version) === null
  const isWanted = isProofNeeded(request, context.aliases.read(context.database, name, CHAMPION))
  if (prove === undefined || !(isHeld || isWanted)) return null
  const label = `${name}:${version}`
  const files = async () => ({ ...await context.materialise(artifact.digest, label), serving })
  const unfit = await findUnfit(request, files, prove)
  if (unfit === null || !isHeld) return unfit
  throw new RegistryError('GOLDEN_FAILED',
    `${label} is not imported, as it does not pass its golden examples: ${(unfit.cause as Error).message}`,
    { cause: unfit.cause })
}

function blobsOf ({ config }: Artifact, { layers }: Manifest): WantedBlob[] {
  const all = [{ label: 'config', ...config }, ...layers.map((layer) => ({ label: layer.path, ...layer }))]
  return [...new Map(all.map(({ label, digest, sizeBytes }) => [digest, { label, digest, sizeBytes }])).values()]
}

/** A blob of another size is damaged, and mended by being fetched. */
function isThere ({ layout }: IngestContext, digest: string, sizeBytes: number): boolean {
  const file = lookAt(layout, digest)
  return file !== null && file.isRegular && file.sizeBytes === sizeBytes
}

/** What cannot become a version is not kept for another attempt either. */
async function refuseUnsafeFiles (
  { layout, partials, limits }: IngestContext, { layers }: Manifest, files: Map<string, string>,
  allowedDomains: readonly string[] = []
): Promise<void> {
  try {
    await checkModelFiles(layers.map(({ path, digest, sizeBytes }) =>
      ({ path, sizeBytes, location: files.get(digest) ?? layout.blobPath(digest) })),
    allowingDomains(limits.modelFiles, allowedDomains))
  } catch (error) {
    for (const path of files.values()) await partials.discard(path)
    files.clear()
    throw error
  }
}
