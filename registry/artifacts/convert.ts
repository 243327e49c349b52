import { join } from 'node:path'
import type { ArtifactReader } from '../artifact-reader.js'
import { RegistryError } from '../errors.js'
import { excluding } from '../exclude.js'
import { fetchBlobs, type WantedBlob } from '../fetch.js'
import type { IngestContext, IngestRequest, IngestResult } from '../ingestion.js'
import type { Inspect } from '../inspection.js'
import { quote } from '../names.js'
import { publish, type PublishRequest } from '../publish.js'
import { arrangeFiles, placeModel } from './arrange.js'
import type { Artifact, ArtifactLayer } from './artifact.js'
import { describeArtifact } from './description.js'
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

/**
 * Makes a version of what does not say how it is served: its files are unpacked, and published as a folder would be.
 * The new manifest has another digest, so signatures of the old one are left.
 * @throws RegistryError SOURCE_INVALID, DIGEST_MISMATCH and those of publishing
 */
export async function convertArtifact (
  context: IngestContext, conversion: Conversion, inspect: Inspect
): Promise<IngestResult> {
  const { request, artifact, reader } = conversion
  refuseUnusable(artifact, reader)
  const { model, provenance, ...said } = await describeArtifact(artifact, reader)
  const { name = said.name, version = said.version } = request
  if (name === undefined) throw new RegistryError('INVALID_NAME', `${quote(reader.label)} does not say how its model is called; give it a name`)
  if (version === undefined) throw new RegistryError('INVALID_VERSION', `${quote(reader.label)} does not say which version it is; give it one`)
  const signatures = await readBundles(reader, artifact.digest)
  const published = await context.temporary.use(async (stage) => {
    const folder = join(stage, 'model')
    const modelFile = await layOut(context, conversion, { stage, folder, model: request.modelFile ?? model })
    const { alias, isForced, task, actor, reason = 'imported', signaturePolicy, dryRun: isDryRun, prove, skipGolden } = request
    return await publish(context, definedOf({
      path: folder,
      label: reader.label,
      name,
      version,
      alias,
      isForced,
      task,
      actor,
      reason,
      modelFile,
      provenance,
      signaturePolicy,
      isDryRun,
      prove,
      skipGolden,
      onStep: (step) => {
        if (step === 'stored' || step === 'committed' || step === 'indexed') request.onStep?.(step)
      }
    } satisfies Loose<PublishRequest>), inspect)
  })
  return { ...published, converted: true, ...signatures.length === 0 ? {} : { signaturesLeft: signatures.length } }
}

/** Fetches and unpacks; the model's path within `folder`, where the files do not tell by themselves. */
async function layOut (
  context: IngestContext, { request, artifact, reader, parallel }: Conversion,
  { stage, folder, model }: { stage: string, folder: string, model: string | undefined }
): Promise<string | undefined> {
  const { partials, limits } = context
  const wanted = artifact.layers.map((layer, index): WantedBlob & { layer: ArtifactLayer } =>
    ({ label: labelOf(layer, index), digest: layer.digest, sizeBytes: layer.sizeBytes, layer }))
  const { progress, onStep } = request
  const distinct = [...new Map(wanted.map((blob) => [blob.digest, blob])).values()]
  const files = await fetchBlobs(reader, partials, distinct, {
    parallel, onBlob: () => onStep?.('blob'), ...progress === undefined ? {} : { progress }
  })
  try {
    const unpacked = join(stage, 'unpacked')
    const paths = await unpackLayers(unpacked, wanted.map(({ label, digest, sizeBytes, layer }): FetchedLayer =>
      ({ label, file: files.get(digest) ?? '', sizeBytes, form: formOf(layer.mediaType) ?? 'raw', path: pathOf(layer) })),
    limits)
    const isExcluded = excluding(request.exclude ?? [])
    const kept = paths.filter((path) => !isExcluded(path))
    const { root, modelFile } = placeModel(kept, reader.label, model)
    await arrangeFiles(kept, root, unpacked, folder)
    return modelFile
  } finally {
    for (const path of files.values()) await partials.discard(path)
    await partials.tidy()
  }
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
