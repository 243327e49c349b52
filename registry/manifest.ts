import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import { digestOf } from './blobs.js'
import type { DatasetDocument } from './datasets/document.js'
import { RegistryError } from './errors.js'
import type { WeightsDescription } from './formats/onnx-weights.js'
import { DATASET_MEDIA_TYPE, mediaTypeOf, pathsFault } from './paths.js'
import type { Provenance } from './provenance.js'
import type { Serving } from './serving.js'

export const MANIFEST_MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json'
export const ARTIFACT_TYPE = 'application/vnd.cncf.model.manifest.v1+json'
const CONFIG_MEDIA_TYPE = 'application/vnd.cncf.model.config.v1+json'
export const FILEPATH = 'org.cncf.model.filepath'
const TASK = 'io.gauntlet.task'
const DATASET_ROLE = 'io.gauntlet.dataset.role'

const Digest = Type.String({ pattern: '^sha256:[0-9a-f]{64}$' })
const Size = Type.Integer({ minimum: 0 })
const Annotations = Type.Record(Type.String(), Type.String())

/** Tolerant on purpose: other tools leave out `mediaType` and `artifactType`. */
const ManifestSchema = Type.Object({
  schemaVersion: Type.Literal(2),
  mediaType: Type.Optional(Type.Literal(MANIFEST_MEDIA_TYPE)),
  artifactType: Type.Optional(Type.String()),
  config: Type.Object({ mediaType: Type.String(), digest: Digest, size: Size }),
  layers: Type.Array(Type.Object({
    mediaType: Type.String(),
    digest: Digest,
    size: Size,
    annotations: Type.Object({ [FILEPATH]: Type.String() })
  })),
  annotations: Type.Optional(Annotations)
})

const WeightsConfigSchema = Type.Object({
  config: Type.Object({ paramSize: Type.String(), precision: Type.Optional(Type.String()) })
})

/** One file of a version. */
export interface Layer { readonly path: string, readonly digest: string, readonly sizeBytes: number }

export interface Manifest {
  readonly config: { readonly digest: string, readonly sizeBytes: number }
  /** Sorted by path. */
  readonly layers: readonly Layer[]
}

/** What a version's digest depends on. No wall clock: the same inputs give the same bytes. */
interface CommonSource {
  readonly name: string
  readonly version: string
  readonly layers: readonly Layer[]
  /** Seconds since the epoch (SOURCE_DATE_EPOCH); without it the documents carry no time at all. */
  readonly sourceDateEpoch?: number
  readonly provenance?: Provenance
}
export interface ManifestSource extends CommonSource {
  readonly serving: Serving
  readonly weights?: WeightsDescription
}
export interface DatasetManifestSource extends CommonSource { readonly dataset: DatasetDocument }

/** The ModelPack manifest and config of a version as canonical bytes. Pure. */
export function buildManifest (source: ManifestSource | DatasetManifestSource): { manifest: Buffer, config: Buffer } {
  const layers = [...source.layers].sort((a, b) => (a.path < b.path ? -1 : 1))
  const config = Buffer.from(canonicalJson(configDocument(source, layers)))
  const created = createdAt(source)
  const manifest = canonicalJson({
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPE,
    artifactType: ARTIFACT_TYPE,
    config: { mediaType: CONFIG_MEDIA_TYPE, digest: digestOf(config), size: config.length },
    layers: layers.map((layer) => ({
      mediaType: 'serving' in source ? mediaTypeOf(layer.path) : DATASET_MEDIA_TYPE,
      digest: layer.digest,
      size: layer.sizeBytes,
      annotations: { [FILEPATH]: layer.path }
    })),
    annotations: {
      'org.opencontainers.image.title': source.name,
      'org.opencontainers.image.version': source.version,
      ...('serving' in source ? { [TASK]: source.serving.task } : { [DATASET_ROLE]: source.dataset.role }),
      ...(created === undefined ? {} : { 'org.opencontainers.image.created': created }),
      ...provenanceAnnotations(source)
    }
  })
  return { manifest: Buffer.from(manifest), config }
}

/** Reads a manifest that may come from anywhere. @throws RegistryError LAYOUT_CORRUPT */
export function parseManifest (bytes: Buffer, digest: string): Manifest {
  const document = parseDocument(bytes, digest)
  const layers = document.layers.map((layer) => ({
    path: layer.annotations[FILEPATH], digest: layer.digest, sizeBytes: layer.size
  }))
  const fault = pathsFault(layers.map(({ path }) => path))
  if (fault !== null) throw new RegistryError('LAYOUT_CORRUPT', `manifest ${digest}: ${fault}`)
  return { config: { digest: document.config.digest, sizeBytes: document.config.size }, layers }
}

/** What a manifest calls itself. @throws RegistryError LAYOUT_CORRUPT */
export function annotationsOf (bytes: Buffer): { title: string | undefined, version: string | undefined } {
  const { annotations = {} } = parseDocument(bytes, digestOf(bytes))
  return { title: annotations['org.opencontainers.image.title'], version: annotations['org.opencontainers.image.version'] }
}

/** Where an artifact says it was made from, as `buildManifest` writes it. @throws RegistryError LAYOUT_CORRUPT */
export function provenanceOf (bytes: Buffer): Provenance {
  const { annotations = {} } = parseDocument(bytes, digestOf(bytes))
  const sourceUrl = annotations['org.opencontainers.image.source']
  const revision = annotations['org.opencontainers.image.revision']
  const licenses = annotations['org.opencontainers.image.licenses']
  return {
    ...(sourceUrl === undefined ? {} : { sourceUrl }),
    ...(revision === undefined ? {} : { revision }),
    ...(licenses === undefined ? {} : { licenses: licenses.split(' AND ') })
  }
}

/** How the config of an artifact describes its weights, as `buildManifest` writes it; null when it does not. */
export function weightsOf (config: Buffer): WeightsDescription | null {
  try {
    const document: unknown = JSON.parse(config.toString())
    if (!Value.Check(WeightsConfigSchema, document)) return null
    const { paramSize, precision } = document.config
    return { paramSize, ...precision === undefined ? {} : { precision } }
  } catch (error) {
    if (error instanceof SyntaxError) return null // another tool's config need not be JSON
    throw error
  }
}

/** JSON with sorted keys and no white space, so that equal values are equal bytes. */
export function canonicalJson (value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
  return `{${members.join()}}`
}

/** The ModelPack config; its schema is closed at every level, so what is ours stands in serving.json. */
function configDocument (source: ManifestSource | DatasetManifestSource, layers: readonly Layer[]): unknown {
  return {
    descriptor: {
      name: source.name,
      version: source.version,
      createdAt: createdAt(source),
      sourceURL: source.provenance?.sourceUrl,
      revision: source.provenance?.revision,
      licenses: source.provenance?.licenses
    },
    config: 'serving' in source ? modelConfig(source) : {},
    modelfs: { type: 'layers', diffIds: layers.map(({ digest }) => digest) }
  }
}

function modelConfig ({ serving: { task, runtime }, weights }: ManifestSource): unknown {
  const isText = task !== 'tensor'
  const isEmbedding = task === 'feature-extraction'
  return {
    format: runtime,
    ...weights,
    capabilities: { inputTypes: [isText ? 'text' : 'other'], outputTypes: [isEmbedding ? 'embedding' : 'other'] }
  }
}

function provenanceAnnotations ({ provenance = {} }: CommonSource): Record<string, string> {
  const { sourceUrl, revision, licenses } = provenance
  return {
    ...(sourceUrl === undefined ? {} : { 'org.opencontainers.image.source': sourceUrl }),
    ...(revision === undefined ? {} : { 'org.opencontainers.image.revision': revision }),
    ...(licenses === undefined ? {} : { 'org.opencontainers.image.licenses': licenses.join(' AND ') })
  }
}

function createdAt ({ sourceDateEpoch }: CommonSource): string | undefined {
  return sourceDateEpoch === undefined ? undefined : new Date(sourceDateEpoch * 1000).toISOString()
}

function parseDocument (bytes: Buffer, digest: string): Static<typeof ManifestSchema> {
  let document: unknown
  try {
    document = JSON.parse(bytes.toString())
  } catch (error) {
    throw new RegistryError('LAYOUT_CORRUPT', `manifest ${digest} is not JSON`, { cause: error })
  }
  if (Value.Check(ManifestSchema, document)) return document
  const [fault] = Value.Errors(ManifestSchema, document)
  throw new RegistryError('LAYOUT_CORRUPT',
    `manifest ${digest} is not a model manifest: ${fault?.instancePath ?? ''} ${fault?.message ?? ''}`)
}
