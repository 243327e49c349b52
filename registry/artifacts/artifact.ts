import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { ArtifactReader } from '../artifact-reader.js'
import { digestOf, hexOf } from '../blobs.js'
import { RegistryError } from '../errors.js'
import { FILEPATH } from '../manifest.js'
import { quote } from '../names.js'
import { kindOf, type ArtifactKind } from './kinds.js'

/** What registries accept; a manifest of 10,000 files fits. */
export const MANIFEST_BYTES_MAX = 4 * 1024 ** 2
const SHOWN_MAX = 10

const DescriptorSchema = Type.Object({
  mediaType: Type.String(),
  digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
  size: Type.Integer({ minimum: 0 }),
  annotations: Type.Optional(Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]))
})

const ManifestSchema = Type.Object({
  schemaVersion: Type.Literal(2),
  mediaType: Type.Optional(Type.String()),
  artifactType: Type.Optional(Type.String()),
  config: DescriptorSchema,
  layers: Type.Array(DescriptorSchema),
  subject: Type.Optional(Type.Unknown()),
  annotations: Type.Optional(Type.Union([Type.Record(Type.String(), Type.String()), Type.Null()]))
})

const IndexSchema = Type.Object({
  manifests: Type.Array(Type.Object({ digest: DescriptorSchema.properties.digest }))
})

export interface ArtifactBlob { readonly mediaType: string, readonly digest: string, readonly sizeBytes: number }

export interface ArtifactLayer extends ArtifactBlob {
  /** What the manifest says the file is called; null when it does not. */
  readonly path: string | null
}

/** A manifest that exists elsewhere: its bytes have its digest, and its form is right. What it names is not checked. */
export interface Artifact {
  readonly kind: ArtifactKind
  readonly digest: string
  readonly bytes: Buffer
  readonly config: ArtifactBlob
  readonly layers: readonly ArtifactLayer[]
  readonly annotations: Readonly<Record<string, string>>
}

/**
 * Reads a manifest. An index of one manifest stands for it.
 * @throws RegistryError DIGEST_MISMATCH; SOURCE_INVALID when it is no model manifest, saying what it is
 */
export async function readArtifact (reader: ArtifactReader, digest: string): Promise<Artifact> {
  const bytes = await readManifest(reader, digest)
  const document = parseJson(bytes, digest, reader)
  if (!Value.Check(IndexSchema, document)) return toArtifact(document, { bytes, digest, reader })
  const [only, ...others] = document.manifests
  if (only === undefined || others.length > 0) {
    throw invalid(reader, `${digest} is an index of ${document.manifests.length} manifests; give the digest of one of them: ${
      document.manifests.slice(0, SHOWN_MAX).map((entry) => entry.digest).join(', ')}`)
  }
  const inner = await readManifest(reader, only.digest)
  return toArtifact(parseJson(inner, only.digest, reader), { bytes: inner, digest: only.digest, reader })
}

async function readManifest (reader: ArtifactReader, digest: string): Promise<Buffer> {
  hexOf(digest)
  const bytes = await reader.manifest(digest)
  if (bytes.length > MANIFEST_BYTES_MAX) throw invalid(reader, `manifest ${digest} is larger than ${MANIFEST_BYTES_MAX} bytes`)
  const found = digestOf(bytes)
  if (found === digest) return bytes
  throw new RegistryError('DIGEST_MISMATCH', `manifest ${digest} of ${quote(reader.label)} does not match its digest: the bytes hash to ${found}`)
}

function toArtifact (
  document: unknown, { bytes, digest, reader }: { bytes: Buffer, digest: string, reader: ArtifactReader }
): Artifact {
  if (!Value.Check(ManifestSchema, document)) {
    const [fault] = Value.Errors(ManifestSchema, document)
    throw invalid(reader, `manifest ${digest} is not one of a model: ${fault?.instancePath ?? ''} ${fault?.message ?? ''}`)
  }
  const { config, layers, annotations } = document
  return {
    kind: kindOf(document, (problem) => invalid(reader, `${digest} ${problem}`)),
    digest,
    bytes,
    config: toBlob(config),
    layers: layers.map((layer) => ({ ...toBlob(layer), path: layer.annotations?.[FILEPATH] ?? null })),
    annotations: annotations ?? {}
  }
}

function toBlob ({ mediaType, digest, size }: Static<typeof DescriptorSchema>): ArtifactBlob {
  return { mediaType, digest, sizeBytes: size }
}

function parseJson (bytes: Buffer, digest: string, reader: ArtifactReader): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch (error) {
    throw invalid(reader, `manifest ${digest} is not JSON: ${(error as Error).message}`)
  }
}

function invalid ({ label }: ArtifactReader, problem: string): RegistryError {
  return new RegistryError('SOURCE_INVALID', `${quote(label)}: ${problem}`)
}
