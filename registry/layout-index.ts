import { and, asc, eq } from 'drizzle-orm'
import type { Connection } from './database.js'
import { ARTIFACT_TYPE, canonicalJson, MANIFEST_MEDIA_TYPE } from './manifest.js'
import { aliases, tombstones, versions } from './schema.js'

export const REF_NAME = 'org.opencontainers.image.ref.name'
const DESCRIPTOR_DEPTH_MAX = 32
const CREATED = 'org.opencontainers.image.created'

export interface Descriptor { readonly digest: string, readonly annotations?: Record<string, string> }

/**
 * What index.json should say: one descriptor per version that was not removed, and per alias. Entries of models we do
 * not know, which another
 * tool put into the present one, stay.
 */
export function deriveIndex (connection: Connection, present: string | null): string {
  const descriptors: Descriptor[] = []
  const byReference = new Map<string, Descriptor>()
  const models = new Set<string>()
  const rows = connection.select({
    model: versions.model,
    version: versions.version,
    digest: versions.digest,
    size: versions.manifestBytes,
    createdAt: versions.createdAt,
    removedAt: tombstones.at
  }).from(versions)
    .leftJoin(tombstones, and(eq(versions.model, tombstones.model), eq(versions.version, tombstones.version)))
    .orderBy(asc(versions.model), asc(versions.createdAt), asc(versions.version)).all()
  for (const { model, version, digest, size, createdAt, removedAt } of rows) {
    models.add(model)
    if (removedAt !== null) continue
    const descriptor = {
      mediaType: MANIFEST_MEDIA_TYPE,
      artifactType: ARTIFACT_TYPE,
      digest,
      size,
      annotations: { [REF_NAME]: `${model}:${version}`, [CREATED]: new Date(createdAt).toISOString() }
    }
    byReference.set(`${model}:${version}`, descriptor)
    descriptors.push(descriptor)
  }
  for (const { model, alias, version } of connection.select().from(aliases)
    .orderBy(asc(aliases.model), asc(aliases.alias)).all()) {
    const descriptor = byReference.get(`${model}:${version}`)
    if (descriptor === undefined) continue
    descriptors.push({ ...descriptor, annotations: { ...descriptor.annotations, [REF_NAME]: `${model}:${alias}` } })
  }
  return canonicalJson({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [...descriptors, ...foreignOf(present, models)]
  })
}

/** The entries of index.json that name no model of ours: another tool put them there, and they stay. */
export function foreignEntries (connection: Connection, present: string | null): Descriptor[] {
  const rows = connection.selectDistinct({ model: versions.model }).from(versions).all()
  return foreignOf(present, new Set(rows.map(({ model }) => model)))
}

/** index.json without the entries of blobs that are about to go. */
export function withoutEntries (present: string | null, digests: ReadonlySet<string>): string {
  return canonicalJson({ manifests: descriptorsOf(present).filter(({ digest }) => !digests.has(digest)) })
}

/** How an entry of index.json is called; null when it has no name. */
export function referenceOf ({ annotations }: Descriptor): string | null {
  const reference: unknown = annotations?.[REF_NAME]
  return typeof reference === 'string' ? reference : null
}

/** When an entry says that its version was made, in milliseconds; null when it does not, or nothing sensible. */
export function createdAtOf ({ annotations }: Descriptor): number | null {
  const at = Date.parse(String(annotations?.[CREATED]))
  return Number.isSafeInteger(at) && at >= 0 ? at : null
}

function foreignOf (present: string | null, models: ReadonlySet<string>): Descriptor[] {
  return descriptorsOf(present).filter((descriptor) => {
    const reference = referenceOf(descriptor)
    return reference === null || !models.has(reference.slice(0, Math.max(0, reference.lastIndexOf(':'))))
  })
}

/**
 * The descriptors of an index.json that anybody may have written; nothing when it cannot be read. One that is nested so
 * deeply that it could not be written again is none.
 */
export function descriptorsOf (text: string | null): Descriptor[] {
  const manifests = parse(text)?.manifests
  if (!Array.isArray(manifests)) return []
  return manifests.filter((entry): entry is Descriptor =>
    typeof entry === 'object' && entry !== null && typeof (entry as Descriptor).digest === 'string' &&
    isWithin(entry, DESCRIPTOR_DEPTH_MAX))
}

function isWithin (value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((member) => isWithin(member, depth - 1))
}

function parse (text: string | null): { manifests?: unknown } | null {
  try {
    return text === null ? null : JSON.parse(text) as { manifests?: unknown } | null
  } catch {
    return null
  }
}
