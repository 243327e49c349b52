import { and, asc, desc, eq, isNull, sql } from 'drizzle-orm'
import type { Connection } from './database.js'
import type { DatasetDocument } from './datasets/document.js'
import type { Kind } from './datasets/words.js'
import { RegistryError } from './errors.js'
import { quote } from './names.js'
import { didYouMean, KNOWN_MAX } from './nearest.js'
import { aliases, tombstones, versions } from './schema.js'
import type { Serving } from './serving.js'

const SHOWN_MAX = 10

export type VersionRow = typeof versions.$inferSelect
export type Tombstone = Omit<typeof tombstones.$inferSelect, 'model' | 'version'>

const ofVersion = and(eq(versions.model, tombstones.model), eq(versions.version, tombstones.version))

/** What every version has, whatever its kind. */
interface CommonDetail {
  readonly name: string
  readonly version: string
  /** `sha256:…` of the manifest. */
  readonly digest: string
  /** Of the files, without manifest and config. */
  readonly sizeBytes: number
  readonly createdAt: number
  readonly aliases: string[]
}

/** All there is to know about one version of a model without reading its blobs. */
export interface VersionDetail extends CommonDetail {
  readonly task: Serving['task']
  readonly serving: Serving
  readonly inputs: Serving['inputs']
  readonly outputs: Serving['outputs']
}

/** All there is to know about one version of a dataset without reading its blobs. */
export interface DatasetDetail extends CommonDetail {
  readonly kind: 'dataset'
  readonly dataset: DatasetDocument
}

/** A name with its versions and aliases: a model, or a dataset. */
export interface ModelSummary {
  readonly name: string
  /** Oldest first. */
  readonly versions: Array<{
    version: string, digest: string, createdAt: number, aliases: string[], removed?: Tombstone
  }>
  readonly aliases: Record<string, string>
}

/** The row of a version, or null. */
export function findVersion (connection: Connection, model: string, version: string): VersionRow | null {
  return connection.select().from(versions)
    .where(and(eq(versions.model, model), eq(versions.version, version))).get() ?? null
}

/** The newest version of a model with this digest, or null. */
export function findByDigest (connection: Connection, model: string, digest: string): string | null {
  const row = connection.select({ version: versions.version }).from(versions)
    .where(and(eq(versions.model, model), eq(versions.digest, digest))).orderBy(desc(versions.createdAt)).get()
  return row?.version ?? null
}

/** The kind that a name is taken by, also by removed versions; null when it is free. */
export function kindOf (connection: Connection, model: string): Kind | null {
  const row = connection.select({ kind: versions.kind }).from(versions).where(eq(versions.model, model)).limit(1).get()
  return row?.kind ?? null
}

/** A name means models or datasets, never both. @throws RegistryError KIND_MISMATCH */
export function refuseOtherKind (connection: Connection, model: string, kind: Kind): void {
  const taken = kindOf(connection, model)
  if (taken === null || taken === kind) return
  throw new RegistryError('KIND_MISMATCH',
    `the name ${quote(model)} is taken by a ${taken}, so a ${kind} needs another one`)
}

/** How a model is called. @throws RegistryError KIND_MISMATCH for a dataset */
export function servingOf (row: VersionRow): Serving {
  if (row.kind === 'model') return row.document as Serving
  throw new RegistryError('KIND_MISMATCH',
    `${row.model}:${row.version} is a dataset, which cannot be called; expected a model`)
}

/** What a dataset holds. @throws RegistryError KIND_MISMATCH for a model */
export function datasetOf (row: VersionRow): DatasetDocument {
  if (row.kind === 'dataset') return row.document as DatasetDocument
  throw new RegistryError('KIND_MISMATCH', `${row.model}:${row.version} is a model; expected a dataset`)
}

/** When, by whom and why a version was removed; null when it was not. */
export function findTombstone (connection: Connection, model: string, version: string): Tombstone | null {
  const row = connection.select().from(tombstones)
    .where(and(eq(tombstones.model, model), eq(tombstones.version, version))).get()
  if (row === undefined) return null
  const { at, actor, reason, sweptAt } = row
  return { at, actor, reason, sweptAt }
}

/** The row of a version that was not removed. @throws RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND */
export function requireVersion (connection: Connection, model: string, version: string): VersionRow {
  const row = findVersion(connection, model, version)
  const tombstone = row === null ? null : findTombstone(connection, model, version)
  if (row !== null && tombstone === null) return row
  if (tombstone !== null) {
    throw new RegistryError('VERSION_NOT_FOUND',
      `version ${quote(version)} of ${quote(model)} was removed by ${quote(tombstone.actor)}: ` +
      quote(tombstone.reason))
  }
  const known = requireModel(connection, model)
  throw new RegistryError('VERSION_NOT_FOUND',
    `model ${quote(model)} has no version ${quote(version)}; it has ${someOf(known)}${didYouMean(version, known)}`)
}

/** The versions of a model. @throws RegistryError MODEL_NOT_FOUND when there are none */
export function requireModel (connection: Connection, model: string): string[] {
  const known = connection.select({ version: versions.version }).from(versions).leftJoin(tombstones, ofVersion)
    .where(and(eq(versions.model, model), isNull(tombstones.at)))
    .orderBy(asc(versions.createdAt), asc(versions.version)).all()
  if (known.length === 0) {
    throw new RegistryError('MODEL_NOT_FOUND', `there is no model ${quote(model)}${didYouMean(model, namesOf(connection))}`)
  }
  return known.map(({ version }) => version)
}

/** Names that have a version, the first so many: a jump in the index for each, however many versions it has. */
function namesOf (connection: Connection): string[] {
  const rows = connection.all<{ model: string }>(sql`
    WITH RECURSIVE names (model) AS (
      SELECT min(model) FROM versions
      UNION ALL SELECT (SELECT min(model) FROM versions WHERE model > names.model) FROM names WHERE names.model IS NOT NULL
    )
    SELECT model FROM names WHERE EXISTS (
      SELECT 1 FROM versions v WHERE v.model = names.model AND NOT EXISTS (
        SELECT 1 FROM tombstones t WHERE t.model = v.model AND t.version = v.version)
    ) LIMIT ${KNOWN_MAX}`)
  return rows.map(({ model }) => model)
}

/** Every version whose bytes must be there, also removed ones that can be restored. */
export function keptVersions (connection: Connection): Array<VersionRow & { readonly removedAt: number | null }> {
  const rows = connection.select({ row: versions, removedAt: tombstones.at }).from(versions)
    .leftJoin(tombstones, ofVersion).where(isNull(tombstones.sweptAt))
    .orderBy(asc(versions.model), asc(versions.version)).all()
  return rows.map(({ row, removedAt }) => ({ ...row, removedAt }))
}

/** A model's row with its aliases. @throws RegistryError KIND_MISMATCH for a dataset */
export function detailOf (connection: Connection, row: VersionRow): VersionDetail {
  const serving = servingOf(row)
  const { task, inputs, outputs } = serving
  return { ...commonDetail(connection, row), task, serving, inputs, outputs }
}

/** A dataset's row with its aliases. @throws RegistryError KIND_MISMATCH for a model */
export function datasetDetailOf (connection: Connection, row: VersionRow): DatasetDetail {
  const dataset = datasetOf(row)
  return { kind: 'dataset', ...commonDetail(connection, row), dataset }
}

function commonDetail (connection: Connection, row: VersionRow): CommonDetail {
  const names = connection.select({ alias: aliases.alias }).from(aliases)
    .where(and(eq(aliases.model, row.model), eq(aliases.version, row.version))).orderBy(asc(aliases.alias)).all()
  return {
    name: row.model,
    version: row.version,
    digest: row.digest,
    sizeBytes: row.sizeBytes,
    createdAt: row.createdAt,
    aliases: names.map(({ alias }) => alias)
  }
}

/** Every name of a kind with its versions and aliases, sorted; removed versions only when asked for. */
export function listModels (connection: Connection, withRemoved = false, kind: Kind = 'model'): ModelSummary[] {
  const models = new Map<string, ModelSummary>()
  const rows = connection.select({
    model: versions.model,
    version: versions.version,
    digest: versions.digest,
    createdAt: versions.createdAt,
    removed: tombstones
  }).from(versions).leftJoin(tombstones, ofVersion)
    .where(and(eq(versions.kind, kind), withRemoved ? undefined : isNull(tombstones.at)))
    .orderBy(asc(versions.model), asc(versions.createdAt), asc(versions.version)).all()
  for (const { model, removed, ...version } of rows) {
    const summary = models.get(model) ?? { name: model, versions: [], aliases: {} }
    models.set(model, summary)
    const { at, actor, reason, sweptAt } = removed ?? {}
    summary.versions.push({
      ...version,
      aliases: [],
      ...(at === undefined ? {} : { removed: { at, actor, reason, sweptAt } as Tombstone })
    })
  }
  for (const { model, alias, version } of connection.select().from(aliases).orderBy(asc(aliases.alias)).all()) {
    const summary = models.get(model)
    if (summary === undefined) continue
    summary.aliases[alias] = version
    summary.versions.find((candidate) => candidate.version === version)?.aliases.push(alias)
  }
  return [...models.values()]
}

/** A bounded enumeration for a message. */
export function someOf (values: readonly string[]): string {
  const shown = values.slice(-SHOWN_MAX).join(', ')
  return values.length > SHOWN_MAX ? `${values.length}, the last being ${shown}` : shown
}
