import { readFileSync } from 'node:fs'
import { and, eq, isNull } from 'drizzle-orm'
import type { Database } from './database.js'
import { DATASET_FILE } from './datasets/words.js'
import type { Layout } from './layout.js'
import { canonicalJson, parseManifest } from './manifest.js'
import { quote } from './names.js'
import { aliases, versions } from './schema.js'
import { SERVING_FILE } from './source.js'
import type { VersionRow } from './versions.js'

export type FindingKind =
  | 'blob-corrupt' | 'blob-unreadable' | 'blob-missing' | 'blob-size' | 'row-differs' | 'stranger' | 'alias-dangling'
  | 'index-stale' | 'temporary-abandoned' | 'database-damaged'

/** One thing that is wrong, and what was done about it. */
export interface Finding {
  readonly kind: FindingKind
  /** A digest, a path within the data directory, `name:version`, `name@alias`. */
  readonly subject: string
  readonly problem: string
  /** Versions and entries of index.json that need the blob; at most ten. */
  readonly neededBy: readonly string[]
  readonly outcome: 'found' | 'repaired' | 'quarantined'
}

/** Repaired, or taken away where nobody misses it. */
export function isSettled ({ outcome, neededBy }: Finding): boolean {
  return outcome === 'repaired' || (outcome === 'quarantined' && neededBy.length === 0)
}

/** A finding about which nothing was done yet. */
export function found (kind: FindingKind, subject: string, problem: string, neededBy: readonly string[] = []): Finding {
  return { kind, subject, problem, neededBy, outcome: 'found' }
}

/** What SQLite itself says of the file; when it says anything, rows cannot be trusted. */
export function databaseFindings (database: Database): Finding[] {
  const checks = database.$client.pragma('quick_check') as Array<{ quick_check: string }>
  return checks.filter(({ quick_check: text }) => text !== 'ok')
    .map(({ quick_check: text }) => found('database-damaged', 'gauntlet.db', text))
}

/** Aliases, and other rows, that name versions which are not there. */
export function orphanFindings (database: Database): Finding[] {
  const dangling = database.select({ model: aliases.model, alias: aliases.alias, version: aliases.version })
    .from(aliases).leftJoin(versions, and(eq(aliases.model, versions.model), eq(aliases.version, versions.version)))
    .where(isNull(versions.digest)).all()
  const orphans = database.$client.pragma('foreign_key_check') as Array<{ table: string, parent: string }>
  return [
    ...dangling.map(({ model, alias, version }) =>
      found('alias-dangling', `${model}@${alias}`, `points to version ${quote(version)}, which is not there`)),
    ...orphans.filter(({ table }) => table !== 'aliases').map(({ table, parent }) =>
      found('database-damaged', `gauntlet.db ${table}`, `a row names one of ${parent} that is not there`))
  ]
}

/** Where a row says something else than the manifest of its digest. Bytes that are wrong are found elsewhere. */
export function rowFindings (layout: Layout, { model, version, ...row }: VersionRow): Finding[] {
  const subject = `${model}:${version}`
  try {
    const bytes = readFileSync(layout.blobPath(row.digest))
    const { layers } = parseManifest(bytes, row.digest)
    const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0)
    const name = row.kind === 'model' ? SERVING_FILE : DATASET_FILE
    const layer = layers.find(({ path }) => path === name)
    const differences = [
      ...bytes.length === row.manifestBytes ? [] : [`manifest of ${row.manifestBytes} bytes, which has ${bytes.length}`],
      ...sizeBytes === row.sizeBytes ? [] : [`${row.sizeBytes} bytes of files, which are ${sizeBytes}`],
      ...layer === undefined
        ? [`a ${name}, which is no layer`]
        : documentDifference(layout, layer.digest, row.document, name)
    ]
    return differences.map((text) => found('row-differs', subject, `the database states ${text}`))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    return [found('row-differs', subject, (error as Error).message)]
  }
}

function documentDifference (layout: Layout, digest: string, stated: unknown, name: string): string[] {
  const layer: unknown = JSON.parse(readFileSync(layout.blobPath(digest), 'utf8'))
  return canonicalJson(layer) === canonicalJson(stated) ? [] : [`another ${name} than the layer`]
}
