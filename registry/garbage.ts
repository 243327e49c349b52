import { rmSync } from 'node:fs'
import { and, eq } from 'drizzle-orm'
import type { AliasStore } from './aliases.js'
import type { Actor, AuditStore } from './audit.js'
import { inTransaction, type Connection, type Database } from './database.js'
import { RegistryError } from './errors.js'
import { listBlobs, type BlobFile } from './layout-blobs.js'
import { foreignEntries, referenceOf } from './layout-index.js'
import type { Layout } from './layout.js'
import { Reachability, type Reach, type Root } from './reachability.js'
import { tombstones, versions } from './schema.js'
import type { StorageLock } from './storage-lock.js'
import { useOf } from './tombstones.js'
import { keptVersions } from './versions.js'

/** How far a collection has come; `blob` after each deletion. A kill at any of them loses nothing that is needed. */
export type CollectStep = 'locked' | 'recorded' | 'indexed' | 'blob' | 'swept'

export interface CollectOptions extends Actor {
  /** Blobs, and removals of versions, that are younger than this stay. */
  readonly graceMs: number
  /** Only tells what would be freed. */
  readonly isDryRun?: boolean
  readonly onStep?: (step: CollectStep) => void
}

interface Freed { readonly digest: string, readonly sizeBytes: number }

/** What is freed, or would be. */
export interface Collection {
  /** Removed versions that can be restored no more. */
  readonly versions: ReadonlyArray<{ readonly name: string, readonly version: string }>
  readonly blobs: readonly Freed[]
  readonly bytes: number
  /** What nothing needs either, but is younger than the grace period. */
  readonly young: { readonly blobs: number, readonly bytes: number }
}

export interface CollectContext {
  readonly database: Database
  readonly layout: Layout
  readonly storage: StorageLock
  readonly aliases: AliasStore
  readonly audit: AuditStore
  readonly now: () => number
  /** Takes entries out of index.json. */
  readonly forget: (digests: ReadonlySet<string>) => void
}

/**
 * Deletes blobs that are needed by no version, no removed version that can still be restored, no entry of index.json
 * that another tool made, and that are no referrer of such. Publishers wait meanwhile. The database first says that
 * removed versions are gone, then their blobs go: a kill in between leaves blobs that the next collection frees.
 * @throws RegistryError DIGEST_MISMATCH or BLOB_MISSING when a manifest cannot be read, so that what it needs is not
 * known; REGISTRY_BUSY. O(blobs + manifests)
 */
export async function collectGarbage (context: CollectContext, options: CollectOptions): Promise<Collection> {
  const { database, layout, storage } = context
  const step = options.onStep ?? (() => {})
  const reachability = new Reachability(layout)
  if (options.isDryRun === true) return plan(context, options, database, reachability)
  return await storage.exclude(async () => {
    step('locked')
    plan(context, options, database, reachability) // reads the documents before the database is locked
    const collection = inTransaction(database, (connection) => record(context, options, connection, reachability))
    step('recorded')
    if (collection.blobs.length === 0) return collection
    context.forget(new Set(collection.blobs.map(({ digest }) => digest)))
    step('indexed')
    for (const { digest } of collection.blobs) {
      rmSync(layout.blobPath(digest), { force: true })
      step('blob')
    }
    await layout.sync()
    step('swept')
    return collection
  })
}

/** What is to be freed is decided and written down in one transaction, so that nothing can be restored in between. */
function record (
  context: CollectContext, options: CollectOptions, connection: Connection, reachability: Reachability
): Collection {
  const { actor, reason } = options
  const at = context.now()
  const collection = plan(context, options, connection, reachability)
  for (const { name, version } of collection.versions) {
    connection.update(tombstones).set({ sweptAt: at })
      .where(and(eq(tombstones.model, name), eq(tombstones.version, version))).run()
  }
  if (collection.blobs.length > 0) {
    const details = { versions: collection.versions, blobs: collection.blobs.length, bytes: collection.bytes }
    context.audit.append({ at, actor, action: 'registry.collect', subject: 'registry', reason, details }, connection)
  }
  return collection
}

function plan (
  context: CollectContext, { graceMs }: CollectOptions, connection: Connection, reachability: Reachability
): Collection {
  const oldest = context.now() - graceMs
  const { blobs } = listBlobs(context.layout)
  const rows = keptVersions(connection)
  const isDue = ({ model, version, removedAt }: typeof rows[number]) =>
    removedAt !== null && removedAt <= oldest && useOf(connection, context.aliases, model, version) === null
  const reach = reachability.walk([
    ...rows.filter((row) => !isDue(row)).map(rootOf), ...foreignRoots(context.layout, connection, reachability)
  ], blobs)
  refuseBlind(reach)

  const unneeded = blobs.filter(({ digest, isRegular }) => isRegular && !reach.needed.has(digest))
  const freed = unneeded.filter(({ modifiedAt }) => modifiedAt <= oldest)
  const gone = new Set(freed.map(({ digest }) => digest))
  const young = unneeded.filter(({ modifiedAt }) => modifiedAt > oldest)
  return {
    versions: rows.filter((row) => isDue(row) && losesOne(reachability, rootOf(row), gone))
      .map(({ model: name, version }) => ({ name, version })),
    blobs: freed.map(({ digest, sizeBytes }) => ({ digest, sizeBytes })),
    bytes: bytesOf(freed),
    young: { blobs: young.length, bytes: bytesOf(young) }
  }
}

function rootOf ({ model, version, digest }: { model: string, version: string, digest: string }): Root {
  return { digest, label: `${model}:${version}`, isManifest: true }
}

/** What other tools put into index.json, but for referrers of our versions: those live and die with their subject. */
function foreignRoots (layout: Layout, connection: Connection, reachability: Reachability): Root[] {
  const own = new Set(connection.select({ digest: versions.digest }).from(versions).all().map(({ digest }) => digest))
  return foreignEntries(connection, layout.readIndex()).flatMap((entry) => {
    const subject = reachability.subjectOf(entry.digest)
    if (subject !== null && own.has(subject)) return []
    return [{ digest: entry.digest, label: `index.json ${referenceOf(entry) ?? '(no name)'}`, isManifest: false }]
  })
}

/** A manifest that cannot be read may name anything, so nothing may go. What is absent and not ours needs nothing. */
function refuseBlind ({ blind }: Reach): void {
  const fault = blind.find(({ label, reason }) => reason === 'damaged' || !label.startsWith('index.json'))
  if (fault === undefined) return
  throw new RegistryError(fault.reason === 'missing' ? 'BLOB_MISSING' : 'DIGEST_MISMATCH',
    `nothing was freed: blob ${fault.digest}, which ${fault.label} needs, is ${fault.reason}, so what it names is not ` +
    'known; see fsck')
}

function losesOne (reachability: Reachability, root: Root, gone: ReadonlySet<string>): boolean {
  const { needed, blind } = reachability.walk([root], [])
  return blind.length > 0 || [...needed.keys()].some((digest) => gone.has(digest))
}

function bytesOf (blobs: readonly BlobFile[]): number {
  return blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}
