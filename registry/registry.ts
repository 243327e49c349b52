import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { AliasStore, type AliasRemoval, type AliasRequest } from './aliases.js'
import { AuditStore } from './audit.js'
import { derive, type DeriveRequest } from './derive.js'
import { withPlace, type ArtifactPlace } from './artifacts/place.js'
import { inTransaction, withLock } from './database.js'
import type { DatasetDocument } from './datasets/document.js'
import type { DatasetReader } from './datasets/inspection.js'
import { publishDataset, type DatasetRequest, type DatasetResult } from './datasets/publish.js'
import { RegistryError } from './errors.js'
import { EventStore } from './events.js'
import { exportVersion, type ExportRequest, type ExportResult } from './export.js'
import { fsck, type FsckOptions, type FsckReport } from './fsck.js'
import { collectGarbage, type Collection, type CollectOptions } from './garbage.js'
import type { ArtifactReader } from './artifact-reader.js'
import { ingest } from './ingest.js'
import type { IngestRequest, IngestResult } from './ingestion.js'
import type { Inspect } from './inspection.js'
import type { Eviction } from './cache-store.js'
import { IndexFile } from './index-file.js'
import { withoutEntries } from './layout-index.js'
import { MaterialiseCache, type Materialised } from './materialise.js'
import { Published } from './distribution/published.js'
import { UploadSessions } from './distribution/upload-sessions.js'
import { createRoot, openParts, type Parts } from './open-parts.js'
import type { RegistryOptions } from './options.js'
import { isProofNeeded, proveFit } from './proof.js'
import { prepare, scanRequest, type Prepared, type PrepareRequest } from './prepare.js'
import { publish, type PublishContext, type PublishRequest, type PublishResult } from './publish.js'
import { RegistryQueries } from './queries.js'
import type { Recorded } from './record.js'
import { RolloutStore } from './rollouts/store.js'
import { reindex, type ReindexReport, type ReindexRequest } from './reindex.js'
import type { Prove } from './running.js'
import { TrustStore } from './signing/policy.js'
import { Signing } from './signing/signing.js'
import { ReferrerStore } from './signing/store.js'
import { SERVING_FILE, SOURCE_LIMITS, type SourceLimits } from './source.js'
import { TombstoneStore, type RemoveRequest } from './tombstones.js'
import { verifyVersion, type Verification } from './verify.js'
import { datasetOf, requireVersion, servingOf, type VersionRow } from './versions.js'
import { WebhookStore } from './webhooks.js'

/** Opening includes migrations, which may take a while. */
const OPEN_LOCK_TIMEOUT_MS = 30_000
const VERDICTS_MAX = 1_000
const CACHE_BYTES_MAX = 32 * 1024 ** 3

/** A version of a dataset as verified real files. */
export type MaterialisedDataset = Omit<Materialised, 'serving'> & { readonly dataset: DatasetDocument }

/** What exists and what was decided: versions, aliases, rollouts, audit. Blobs in an OCI layout, the rest in SQLite. */
export class Registry extends RegistryQueries {
  readonly rollouts: RolloutStore
  /** What happened to rollouts, for those who are told of it. */
  readonly events: EventStore
  /** How far webhooks have come. */
  readonly webhooks: WebhookStore
  readonly signing: Signing
  /** What others may read of it. */
  readonly published: Published
  /** Uploads to other registries that were interrupted. */
  readonly uploads: UploadSessions
  readonly #parts: Parts
  readonly #now: () => number
  readonly #warn: (message: string) => void
  readonly #index: IndexFile
  readonly #limits: SourceLimits
  readonly #audit: AuditStore
  readonly #aliases: AliasStore
  readonly #cache: MaterialiseCache

  private constructor (parts: Parts, options: RegistryOptions) {
    const { now, newId = randomUUID, limits, verdictsMax = VERDICTS_MAX, warn = () => {} } = options
    const audit = new AuditStore(parts.database)
    const aliases = new AliasStore(audit)
    super(parts.database, aliases)
    this.#parts = parts
    this.#now = now
    this.#warn = warn
    this.#limits = { ...SOURCE_LIMITS, ...limits }
    this.#audit = audit
    this.#aliases = aliases
    this.#index = new IndexFile({ ...parts, warn })
    const { layout, temporary, cache: root } = parts
    const { cacheBytesMax: bytesMax = CACHE_BYTES_MAX } = options
    this.#cache = new MaterialiseCache({ root, lock: `${root}.lock`, layout, temporary, bytesMax, now, warn })
    this.signing = this.#createSigning(options)
    this.published = new Published(parts.database, parts.layout)
    this.uploads = new UploadSessions(parts.temporary.root)
    this.events = new EventStore(parts.database)
    this.webhooks = new WebhookStore(parts.database)
    this.rollouts = new RolloutStore({
      database: parts.database,
      aliases: this.#aliases,
      audit: this.#audit,
      events: this.events,
      now,
      newId,
      verdictsMax,
      onAliasMoved: () => this.#index.refresh()
    })
  }

  /** Opens a data directory, creating, migrating and healing it. Safe while other processes do the same. */
  static open (options: RegistryOptions): Registry {
    const { root, lock } = createRoot(options.dataDir)
    const { heal = true } = options
    return withLock(lock, OPEN_LOCK_TIMEOUT_MS, () => {
      const parts = openParts(root, lock, options)
      try {
        const registry = new Registry(parts, options)
        if (heal) registry.#index.refreshLocked()
        return registry
      } catch (error) {
        parts.database.$client.close()
        throw error
      }
    })
  }

  /**
   * Makes a file, a folder or a repository of the hub an immutable version; the same bytes again are `unchanged`. See
   * `publish` and `publishFromHub`.
   */
  async publish (request: PublishRequest, inspect: Inspect): Promise<PublishResult> {
    const { hub, ...local } = request
    if (hub === undefined) return await this.#publishLocal(local, inspect)
    const { publishFromHub } = await import('./hub/publish.js')
    return await publishFromHub({
      temporary: this.#parts.temporary,
      limits: this.#limits,
      now: this.#now,
      publish: async (folder) => await this.#publishLocal(folder, inspect)
    }, local, hub)
  }

  /** A source as it would be published, for as long as `work` takes. @throws RegistryError SOURCE_*, SERVING_INVALID */
  async stage<Result> (
    request: PrepareRequest, inspect: Inspect, work: (prepared: Prepared) => Promise<Result>
  ): Promise<Result> {
    const scanned = await scanRequest(request, this.#limits)
    const { modelFiles } = this.#limits
    return await this.#parts.temporary.use(async (stage) =>
      await work(await prepare(request, scanned, inspect, { stage, modelFiles, onCopied: () => {} })))
  }

  /** A version that differs from an older one in its serving.json alone. See `derive`. */
  async derive (request: DeriveRequest): Promise<Recorded> {
    return await derive(this.#publishContext(), request)
  }

  async #publishLocal (request: PublishRequest, inspect: Inspect): Promise<PublishResult> {
    return await publish(this.#publishContext(), request, inspect)
  }

  /** Makes files of rows, or documents, an immutable version of a dataset. See `publishDataset`. */
  async publishDataset (request: DatasetRequest, reader: DatasetReader): Promise<DatasetResult> {
    return await publishDataset(this.#publishContext(), request, reader)
  }

  /** Makes a version of an artifact that exists elsewhere, by the same bytes where possible. See `ingest`. */
  async ingest (request: IngestRequest, reader: ArtifactReader, inspect: Inspect): Promise<IngestResult> {
    const { partials } = this.#parts
    const materialise = this.#cache.get.bind(this.#cache)
    return await ingest({ ...this.#publishContext(), partials, materialise }, request, reader, inspect)
  }

  /** Opens an OCI layout, a folder or an archive, for `work`. See `withPlace`. */
  async openPlace<Result> (path: string, work: (place: ArtifactPlace) => Promise<Result>): Promise<Result> {
    return await withPlace(path, { temporary: this.#parts.temporary, limits: this.#limits }, work)
  }

  /** Writes a version to a folder or an archive outside the registry. See `exportVersion`. */
  async export (request: ExportRequest): Promise<ExportResult> {
    const row = requireVersion(this.#parts.database, request.name, request.version)
    return await exportVersion({ layout: this.#parts.layout, referrers: this.signing.referrers }, row, request)
  }

  /** Makes versions, aliases and signatures of what the layout has and the database does not. See `reindex`. */
  async reindex (request: ReindexRequest): Promise<ReindexReport> {
    return await reindex({ ...this.#publishContext(), materialise: this.#cache.get.bind(this.#cache) }, request)
  }

  /** Removes a version, or undoes that. True when something changed. See `TombstoneStore`. */
  remove (request: RemoveRequest, isUndone = false): boolean {
    const tombstones = new TombstoneStore(this.#aliases, this.#audit)
    const isChanged = inTransaction(this.#parts.database, (connection) => isUndone
      ? tombstones.restore(connection, request, this.#now())
      : tombstones.remove(connection, request, this.#now()))
    if (isChanged && request.isDryRun !== true) this.#index.refresh()
    return isChanged
  }

  /** Deletes blobs that nothing needs. See `collectGarbage`. */
  async collect (options: CollectOptions): Promise<Collection> {
    const forget = (digests: ReadonlySet<string>) => this.#index.amend((present) => withoutEntries(present, digests))
    const context = { ...this.#parts, aliases: this.#aliases, audit: this.#audit, now: this.#now, forget }
    return await collectGarbage(context, options)
  }

  /** Points an alias to a version; the same version is a no-op. For the refusals see `AliasStore.set`. */
  setAlias (request: AliasRequest): void {
    const { database } = this.#parts
    const isMoved = inTransaction(database, (connection) => this.#aliases.set(connection, request, this.#now()))
    if (isMoved && request.isDryRun !== true) this.#index.refresh()
  }

  /** As `setAlias`, but `champion` moves only to a version that `prove` finds fit, unless it is forced. */
  async moveAlias (request: AliasRequest, prove: Prove): Promise<void> {
    if (isProofNeeded(request, this.alias(request.name, request.alias))) {
      this.setAlias({ ...request, isDryRun: true })
      await proveFit(request, async () => await this.materialise(request.name, request.version), prove)
    }
    this.setAlias(request)
  }

  /** Takes an alias away. For the refusals see `AliasStore.remove`. */
  removeAlias (request: AliasRemoval): string {
    const { database } = this.#parts
    const previous = inTransaction(database, (connection) => this.#aliases.remove(connection, request, this.#now()))
    if (request.isDryRun !== true) this.#index.refresh()
    return previous
  }

  /** Re-hashes a version's blobs in the layout. @throws RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND */
  async verify (name: string, version: string): Promise<Verification> {
    const row = requireVersion(this.#parts.database, name, version)
    return await verifyVersion(this.#parts.layout, row.digest, row.manifestBytes)
  }

  /** Looks for everything that is wrong in the data directory. See `fsck`. */
  async fsck (options: FsckOptions = {}): Promise<FsckReport> {
    return await fsck({ ...this.#parts, now: this.#now, writeIndex: () => this.#index.amend() }, options)
  }

  /**
   * A version as verified real files, which stay until they are released. See `MaterialiseCache.get`.
   * @throws RegistryError DIGEST_MISMATCH or BLOB_MISSING naming the blob; SIGNATURE_REQUIRED, SIGNATURE_INVALID;
   * KIND_MISMATCH for a dataset
   */
  async materialise (name: string, version: string): Promise<Materialised> {
    const row = requireVersion(this.#parts.database, name, version)
    servingOf(row)
    const { serving, ...copy } = await this.#copyOf(row)
    if (serving !== null) return { ...copy, serving }
    throw new RegistryError('LAYOUT_CORRUPT', `${name}:${version} has no ${SERVING_FILE}`)
  }

  /** As `materialise`, for a dataset; KIND_MISMATCH for a model. */
  async materialiseDataset (name: string, version: string): Promise<MaterialisedDataset> {
    const row = requireVersion(this.#parts.database, name, version)
    const dataset = datasetOf(row)
    const { serving: _serving, ...copy } = await this.#copyOf(row)
    return { ...copy, dataset }
  }

  async #copyOf ({ model, version, digest }: VersionRow): ReturnType<MaterialiseCache['get']> {
    await this.signing.admit(digest, `${model}:${version}`)
    return await this.#cache.get(digest, `${model}:${version}`)
  }

  /** Takes copies out of the cache that nobody uses, least recently used first, until the rest has so many bytes. */
  async evict (bytesMax: number, isDryRun = false): Promise<Eviction> {
    return await this.#cache.evict(bytesMax, isDryRun)
  }

  audit (): AuditStore {
    return this.#audit
  }

  close (): void {
    this.#cache.close()
    this.#parts.temporary.removeLeftovers()
    this.#parts.database.$client.close()
  }

  #publishContext (): PublishContext {
    return {
      ...this.#parts,
      aliases: this.#aliases,
      audit: this.#audit,
      signing: this.signing,
      limits: this.#limits,
      now: this.#now,
      refreshIndex: () => this.#index.refresh()
    }
  }

  #createSigning ({ signaturePolicy = 'off', signatureKeys = null }: RegistryOptions): Signing {
    const { layout, temporary, lock, storage, dataDir } = this.#parts
    return new Signing({
      layout,
      keepBlobs: async (work) => await storage.share(work),
      referrers: new ReferrerStore({ layout, temporary, amendIndex: (amend) => this.#index.amend(amend) }),
      trust: new TrustStore(join(dataDir, 'trust.json'), temporary, lock),
      audit: this.#audit,
      now: this.#now,
      warn: this.#warn,
      policy: signaturePolicy,
      allowedKeys: signatureKeys
    })
  }
}
