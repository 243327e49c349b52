import { join } from 'node:path'
import type { ArtifactReader } from '../artifact-reader.js'
import { publishDataset, type DatasetRequest, type DatasetResult } from '../datasets/publish.js'
import type { Kind } from '../datasets/words.js'
import { RegistryError } from '../errors.js'
import { excluding } from '../exclude.js'
import { fetchBlobs, type WantedBlob } from '../fetch.js'
import type { IngestContext, IngestRequest, IngestResult } from '../ingestion.js'
import type { Inspect } from '../inspection.js'
import { quote } from '../names.js'
import { publish, type PublishRequest, type PublishResult, type PublishStep } from '../publish.js'
import { arrangeFiles, placeModel } from './arrange.js'
import type { Artifact, ArtifactLayer } from './artifact.js'
import { describeArtifact, type Description } from './description.js'
import { formOf } from './kinds.js'
import { readBundles } from './signatures.js'
import { unpackLayers, type FetchedLayer } from './unpack.js'

/** What is converted: where it is, and as what. */
export interface Conversion {
  readonly request: IngestRequest
  readonly artifact: Artifact
  readonly reader: ArtifactReader
  /** Blobs on their way at a time. */
  readonly parallel: number
}

/** What is unpacked, and how it is called. */
interface Parcel {
  readonly name: string
  readonly version: string
  readonly description: Description
  readonly layers: readonly ArtifactLayer[]
}

/**
 * Makes a version of what does not say how it is served or read: its files are unpacked, and published as a folder
 * would be. An artifact of layers of datasets becomes a dataset; of one that has a model, too, they are left, unless
 * they are asked for by `kind`. The new manifest has another digest, so signatures of the old one are left.
 * @throws RegistryError SOURCE_INVALID, DIGEST_MISMATCH and those of publishing
 */
export async function convertArtifact (
  context: IngestContext, conversion: Conversion, inspect: Inspect
): Promise<IngestResult> {
  const { request, artifact, reader } = conversion
  refuseUnusable(artifact, reader)
  const isDataset = kindOfFiles(artifact, request.kind, reader) === 'dataset'
  const description = await describeArtifact(artifact, reader)
  const { name = description.name, version = description.version } = request
  const noun = isDataset ? 'dataset' : 'model'
  if (name === undefined) throw new RegistryError('INVALID_NAME', `${quote(reader.label)} does not say how its ${noun} is called; give it a name`)
  if (version === undefined) throw new RegistryError('INVALID_VERSION', `${quote(reader.label)} does not say which version it is; give it one`)
  const signatures = await readBundles(reader, artifact.digest)
  const layers = artifact.layers.filter((layer) => isOfDataset(layer) === isDataset)
  const parcel = { name, version, description, layers }
  const published = await context.temporary.use(async (stage) => isDataset
    ? await publishRows(context, conversion, { ...parcel, stage })
    : await publishModel(context, conversion, { ...parcel, stage }, inspect))
  const datasetsLeft = isDataset ? 0 : artifact.layers.length - layers.length
  return {
    ...published,
    converted: true,
    ...signatures.length === 0 ? {} : { signaturesLeft: signatures.length },
    ...datasetsLeft === 0 ? {} : { datasetsLeft }
  }
}

async function publishModel (
  context: IngestContext, conversion: Conversion, parcel: Parcel & { readonly stage: string }, inspect: Inspect
): Promise<PublishResult> {
  const { request, reader } = conversion
  const { stage, description: { model, provenance } } = parcel
  const folder = join(stage, 'model')
  const unpacked = join(stage, 'unpacked')
  const isExcluded = excluding(request.exclude ?? [])
  const kept = (await layOut(context, conversion, parcel.layers, unpacked)).filter((path) => !isExcluded(path))
  const { root, modelFile } = placeModel(kept, reader.label, request.modelFile ?? model)
  await arrangeFiles(kept, root, unpacked, folder)
  const { task, isForced, prove, skipGolden, allowedOperatorDomains } = request
  return await publish(context, definedOf({
    ...commonOf(conversion, parcel),
    path: folder,
    task,
    modelFile,
    provenance,
    isForced,
    prove,
    skipGolden,
    allowedOperatorDomains
  } satisfies Loose<PublishRequest>), inspect)
}

async function publishRows (
  context: IngestContext, conversion: Conversion, parcel: Parcel & { readonly stage: string }
): Promise<DatasetResult> {
  const { request: { datasetReader, exclude }, reader } = conversion
  if (datasetReader === undefined) {
    throw new RegistryError('SOURCE_INVALID', `${quote(reader.label)} is a dataset of another tool, and nothing here reads rows`)
  }
  const folder = join(parcel.stage, 'rows')
  await layOut(context, conversion, parcel.layers, folder)
  const { provenance } = parcel.description
  return await publishDataset(context, definedOf({
    ...commonOf(conversion, parcel), path: folder, exclude, provenance
  } satisfies Loose<DatasetRequest>), datasetReader)
}

function commonOf ({ request, reader }: Conversion, { name, version }: Parcel) {
  const { alias, actor, reason = 'imported', signaturePolicy, dryRun: isDryRun } = request
  const onStep = (step: PublishStep): void => {
    if (step === 'stored' || step === 'committed' || step === 'indexed') request.onStep?.(step)
  }
  return { label: reader.label, name, version, alias, actor, reason, signaturePolicy, isDryRun, onStep }
}

/** Fetches layers and unpacks them below a fresh folder; the paths of the files, sorted. */
async function layOut (
  { partials, limits }: IngestContext, { request, reader, parallel }: Conversion, layers: readonly ArtifactLayer[],
  folder: string
): Promise<string[]> {
  const wanted = layers.map((layer, index): WantedBlob & { layer: ArtifactLayer } =>
    ({ label: labelOf(layer, index), digest: layer.digest, sizeBytes: layer.sizeBytes, layer }))
  const { progress, onStep } = request
  const distinct = [...new Map(wanted.map((blob) => [blob.digest, blob])).values()]
  const files = await fetchBlobs(reader, partials, distinct, {
    parallel, onBlob: () => onStep?.('blob'), ...progress === undefined ? {} : { progress }
  })
  try {
    return await unpackLayers(folder, wanted.map(({ label, digest, sizeBytes, layer }): FetchedLayer =>
      ({ label, file: files.get(digest) ?? '', sizeBytes, form: formOf(layer.mediaType) ?? 'raw', path: pathOf(layer) })),
    limits)
  } finally {
    for (const path of files.values()) await partials.discard(path)
    await partials.tidy()
  }
}

/** What the layers are: a dataset when there are layers of datasets and none of a model. */
function kindOfFiles ({ layers }: Artifact, wanted: Kind | undefined, { label }: ArtifactReader): Kind {
  const hasRows = layers.some(isOfDataset)
  const hasModel = !hasRows || layers.some(isOfModel)
  const found = hasModel ? 'model' : 'dataset'
  const kind = wanted ?? found
  if (kind === 'dataset' ? hasRows : hasModel) return kind
  throw new RegistryError('KIND_MISMATCH', `${quote(label)} is a ${found}, and has no ${kind}`)
}

function isOfDataset ({ mediaType }: ArtifactLayer): boolean {
  return /^application\/vnd\.(cncf\.model|kitops\.modelkit)\.dataset\./.test(mediaType)
}

function isOfModel ({ mediaType, path }: ArtifactLayer): boolean {
  return /^application\/vnd\.(cncf\.model\.weight|kitops\.modelkit\.(model|modelpart))\b/.test(mediaType) ||
    path?.endsWith('.onnx') === true
}

function refuseUnusable ({ kind, layers }: Artifact, reader: ArtifactReader): void {
  const isWeight = ({ mediaType }: ArtifactLayer) => /\.(gguf|safetensors)\b/.test(mediaType)
  const hasModel = layers.some(({ path }) => path?.endsWith('.onnx') === true)
  if (kind === 'docker-model' && layers.some(isWeight) && !hasModel) {
    throw new RegistryError('SOURCE_INVALID',
      `${quote(reader.label)} is a Docker model with weights for another engine (GGUF or safetensors), which cannot be run ` +
      'here; convert it to ONNX, or serve it with its engine')
  }
  const stranger = layers.find(({ mediaType }) => formOf(mediaType) === null)
  if (stranger === undefined) return
  throw new RegistryError('SOURCE_INVALID',
    `${quote(reader.label)} has a layer of type ${quote(stranger.mediaType)}, which no model is made of`)
}

/** Licences have no path in Docker's models. */
function pathOf ({ mediaType, path }: ArtifactLayer): string | null {
  return path ?? (mediaType === 'application/vnd.docker.ai.license' ? 'LICENSE' : null)
}

function labelOf (layer: ArtifactLayer, index: number): string {
  return pathOf(layer) ?? `layer ${index + 1}`
}

type Loose<Value> = { [Key in keyof Value]: Value[Key] | undefined }

/** The members that are there: absent is not the same as undefined. */
function definedOf<Value extends object> (value: Value): Defined<Value> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Defined<Value>
}

type Defined<Value> =
  { [Key in keyof Value as undefined extends Value[Key] ? never : Key]: Value[Key] } &
  { [Key in keyof Value as undefined extends Value[Key] ? Key : never]?: Exclude<Value[Key], undefined> }
