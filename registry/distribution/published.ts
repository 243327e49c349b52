import { createReadStream } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { and, asc, eq, isNull } from 'drizzle-orm'
import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { ArtifactDescriptor } from '../artifact-reader.js'
import type { Database } from '../database.js'
import { RegistryError } from '../errors.js'
import type { Layout } from '../layout.js'
import { MANIFEST_MEDIA_TYPE } from '../manifest.js'
import { aliases, tombstones, versions } from '../schema.js'
import { tagOf } from './remote-reference.js'

/** Manifests whose blobs are remembered; a manifest never changes. */
const KNOWN_MAX = 20_000
/** Entries of index.json that are read to find what is about a version. */
const REFERRERS_MAX = 10_000

const OF_VERSION = and(eq(versions.model, tombstones.model), eq(versions.version, tombstones.version))

const DescriptorSchema = Type.Object({
  mediaType: Type.Optional(Type.String()),
  digest: Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }),
  size: Type.Integer({ minimum: 0 })
})
const DocumentSchema = Type.Object({
  mediaType: Type.Optional(Type.String()),
  artifactType: Type.Optional(Type.String()),
  config: Type.Optional(DescriptorSchema),
  layers: Type.Optional(Type.Array(DescriptorSchema)),
  annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
  subject: Type.Optional(DescriptorSchema)
})

/** A manifest as it is served and sent, byte for byte. */
export interface PublishedManifest {
  readonly digest: string
  readonly bytes: Buffer
  readonly mediaType: string
  /** Layers first, then the config, each once: the order in which they are sent. */
  readonly blobs: readonly ArtifactDescriptor[]
  readonly subject: string | null
  readonly artifactType: string | null
  readonly annotations: Readonly<Record<string, string>> | null
}

/** A blob that was opened and has the size that its manifest states; whoever gets it closes it. */
export interface OpenBlob { readonly file: FileHandle, readonly sizeBytes: number }

type Summary = Omit<PublishedManifest, 'bytes'>

/**
 * What of the registry others may read: versions that were not removed, under their names as repositories, with the
 * blobs that these versions and the manifests about them name, and no other blob of the layout.
 */
export class Published {
  readonly #database: Database
  readonly #layout: Layout
  readonly #known = new Map<string, Summary>()

  constructor (database: Database, layout: Layout) {
    this.#database = database
    this.#layout = layout
  }

  /** Names of models, sorted by their code units. */
  repositories (): string[] {
    return this.#database.selectDistinct({ model: versions.model }).from(versions).leftJoin(tombstones, OF_VERSION)
      .where(isNull(tombstones.at)).all().map(({ model }) => model).sort()
  }

  /** Versions (_ for +) and aliases of a model, sorted, with what they stand for; null without such a model. */
  tags (repository: string): ReadonlyMap<string, string> | null {
    const rows = this.#rows(repository)
    if (rows.length === 0) return null
    const digests = new Map(rows.map(({ version, digest }) => [version, digest]))
    const tags = new Map<string, string>()
    // an alias, and a version whose own name is a tag, come before a version that is only written like it
    for (const { version, digest } of rows) tags.set(tagOf(version), digest)
    const found = this.#database.select().from(aliases).where(eq(aliases.model, repository)).all()
    for (const { alias, version } of found) {
      const digest = digests.get(version)
      if (digest !== undefined) tags.set(alias, digest)
    }
    for (const [version, digest] of digests) if (tagOf(version) === version) tags.set(version, digest)
    return new Map([...tags].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** A version by its tag or digest, or a manifest about one by its digest; null when it is not to be had. */
  async manifest (repository: string, reference: string): Promise<PublishedManifest | null> {
    const digest = reference.startsWith('sha256:') ? reference : this.tags(repository)?.get(reference)
    if (digest === undefined) return null
    if (this.#digests(repository).has(digest)) return await this.#read(digest)
    const summary = this.#isReferrer(digest) ? await this.#summary(digest).catch(() => null) : null
    return summary?.subject != null && this.#digests(repository).has(summary.subject) ? await this.#read(digest) : null
  }

  /** A blob that a version of this model, or a manifest about one, names; null when it is not to be had. */
  async blob (repository: string, digest: string): Promise<OpenBlob | null> {
    const size = await this.#sizeOf(repository, digest)
    return size === null ? null : await this.open({ digest, size })
  }

  /** A blob for reading. @throws RegistryError BLOB_MISSING, DIGEST_MISMATCH when it has another size */
  async open ({ digest, size }: ArtifactDescriptor): Promise<OpenBlob> {
    let file: FileHandle
    try {
      file = await open(this.#layout.blobPath(digest), 'r')
    } catch (error) {
      throw new RegistryError('BLOB_MISSING', `blob ${digest} is missing`, { cause: error })
    }
    try {
      const { size: sizeBytes } = await file.stat()
      if (sizeBytes !== size) throw new RegistryError('DIGEST_MISMATCH', `blob ${digest} has ${sizeBytes} bytes, expected ${size}`)
      return { file, sizeBytes }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Bytes of a blob from `start` up to, without, `end`. */
  stream (digest: string, start: number, end: number): Readable {
    return createReadStream(this.#layout.blobPath(digest), { start, end: end - 1, highWaterMark: 256 * 1024 })
  }

  /** Why a blob of ours is not what its digest says; null when it is. */
  async problemOf (digest: string): Promise<string | null> {
    const check = await this.#layout.check(digest, 'to be sent')
    return check.ok ? null : check.problem
  }

  /** The manifests about a version of this model, such as its signatures. */
  async referrers (repository: string, subject: string): Promise<ArtifactDescriptor[]> {
    return this.#digests(repository).has(subject) ? await this.referrersOf(subject) : []
  }

  /** The manifests about a manifest, in the order of index.json. */
  async referrersOf (subject: string): Promise<ArtifactDescriptor[]> {
    const found: ArtifactDescriptor[] = []
    for (const { digest, size } of this.#entries()) {
      const summary = await this.#summary(digest).catch(() => null)
      if (summary?.subject !== subject) continue
      const { mediaType, artifactType, annotations } = summary
      found.push({
        mediaType,
        digest,
        size,
        ...artifactType === null ? {} : { artifactType },
        ...annotations === null ? {} : { annotations }
      })
    }
    return found
  }

  /** A manifest, verified. @throws RegistryError BLOB_MISSING, DIGEST_MISMATCH, LAYOUT_CORRUPT */
  async read (digest: string): Promise<PublishedManifest> {
    return await this.#read(digest)
  }

  async #sizeOf (repository: string, digest: string): Promise<number | null> {
    const digests = [...this.#digests(repository)].reverse()
    const sizeIn = async (manifest: string): Promise<number | null> =>
      (await this.#summary(manifest).catch(() => null))?.blobs.find((blob) => blob.digest === digest)?.size ?? null
    for (const manifest of digests) {
      const size = await sizeIn(manifest)
      if (size !== null) return size
    }
    if (digests.length === 0) return null
    const subjects = new Set(digests)
    for (const entry of this.#entries()) {
      const { subject = null } = await this.#summary(entry.digest).catch(() => null) ?? {}
      const size = subject === null || !subjects.has(subject) ? null : await sizeIn(entry.digest)
      if (size !== null) return size
    }
    return null
  }

  /** The versions of a model that were not removed, oldest first. */
  #rows (repository: string): Array<{ version: string, digest: string }> {
    return this.#database.select({ version: versions.version, digest: versions.digest }).from(versions)
      .leftJoin(tombstones, OF_VERSION).where(and(eq(versions.model, repository), isNull(tombstones.at)))
      .orderBy(asc(versions.createdAt), asc(versions.version)).all()
  }

  #digests (repository: string): ReadonlySet<string> {
    return new Set(this.#rows(repository).map(({ digest }) => digest))
  }

  #isReferrer (digest: string): boolean {
    return this.#entries().some((entry) => entry.digest === digest)
  }

  /** The entries of index.json that have no name, so that they may be about another. */
  #entries (): Array<{ digest: string, size: number }> {
    return manifestsOf(this.#layout.readIndex()).filter((entry): entry is Static<typeof DescriptorSchema> =>
      Value.Check(DescriptorSchema, entry) &&
      (entry as { annotations?: Record<string, unknown> }).annotations?.['org.opencontainers.image.ref.name'] === undefined)
      .slice(0, REFERRERS_MAX)
  }

  async #summary (digest: string): Promise<Summary> {
    const known = this.#known.get(digest)
    if (known !== undefined) return known
    const { bytes: _, ...summary } = await this.#read(digest)
    return summary
  }

  async #read (digest: string): Promise<PublishedManifest> {
    const bytes = await this.#layout.readDocument(digest, 'a manifest')
    const summary = this.#known.get(digest) ?? summaryOf(bytes, digest)
    if (this.#known.size >= KNOWN_MAX) this.#known.clear()
    this.#known.set(digest, summary)
    return { ...summary, bytes }
  }
}

function manifestsOf (index: string | null): unknown[] {
  try {
    const { manifests } = JSON.parse(index ?? '{}') as { manifests?: unknown }
    return Array.isArray(manifests) ? manifests : []
  } catch {
    return []
  }
}

function summaryOf (bytes: Buffer, digest: string): Summary {
  let document: unknown
  try {
    document = JSON.parse(bytes.toString())
  } catch (error) {
    throw new RegistryError('LAYOUT_CORRUPT', `manifest ${digest} is not JSON`, { cause: error })
  }
  if (!Value.Check(DocumentSchema, document)) throw new RegistryError('LAYOUT_CORRUPT', `${digest} is no manifest`)
  const { mediaType = MANIFEST_MEDIA_TYPE, artifactType, config, layers = [], annotations = null, subject } = document
  const all = [...layers, ...config === undefined ? [] : [config]] as ArtifactDescriptor[]
  const blobs = new Map(all.map((blob) => [blob.digest, blob]))
  return {
    digest,
    mediaType,
    artifactType: artifactType ?? config?.mediaType ?? null,
    blobs: [...blobs.values()],
    subject: subject?.digest ?? null,
    annotations
  }
}
