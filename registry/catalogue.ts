import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { parseReference } from './names.js'

const BUSY_TIMEOUT_MS = 1_000
const JOURNAL = new URL('./migrations/meta/_journal.json', import.meta.url)
const NOT_REMOVED = 'NOT EXISTS (SELECT 1 FROM tombstones t WHERE t.model = v.model AND t.version = v.version)'

/** A model without its versions. */
export interface CataloguedModel {
  readonly name: string
  readonly kind: 'model' | 'dataset'
  /** How many versions it has, removed ones not counted. */
  readonly versions: number
  readonly sizeBytes: number
  /** When its newest version was published, ms. */
  readonly updatedAt: number
  readonly aliases: Readonly<Record<string, string>>
}

export interface CataloguedVersion {
  readonly version: string
  readonly digest: string
  readonly sizeBytes: number
  readonly createdAt: number
  readonly aliases: readonly string[]
  /** Training metrics that came with it. */
  readonly metrics: Readonly<Record<string, number>>
}

/** One version with all that the database knows of it. */
export interface CataloguedDetail {
  readonly name: string
  readonly version: string
  readonly kind: 'model' | 'dataset'
  readonly digest: string
  readonly manifestBytes: number
  readonly sizeBytes: number
  readonly createdAt: number
  readonly aliases: readonly string[]
  /** serving.json of a model, dataset.json of a dataset. */
  readonly document: Readonly<Record<string, unknown>>
}

/**
 * What the database lists, read without changing or healing anything and without loading what writes it: for commands
 * that must answer at once. What it does not check, `Registry` does.
 */
export class Catalogue {
  readonly #client: BetterSqlite3.Database

  private constructor (client: BetterSqlite3.Database) {
    this.#client = client
  }

  /** Whether a data directory has a database, and one that this release can use as it is. */
  static stateOf (dataDir: string): 'none' | 'current' | 'older' | 'newer' | 'unreadable' {
    const path = join(dataDir, 'gauntlet.db')
    if (!existsSync(path)) return 'none'
    try {
      const client = new BetterSqlite3(path, { readonly: true, timeout: BUSY_TIMEOUT_MS })
      try {
        const applied = client.prepare('SELECT max(created_at) FROM __drizzle_migrations').pluck().get() as number
        const latest = latestMigration()
        return applied === latest ? 'current' : applied < latest ? 'older' : 'newer'
      } finally {
        client.close()
      }
    } catch (error) {
      if (error instanceof BetterSqlite3.SqliteError) return 'unreadable'
      throw error
    }
  }

  /**
   * Null when there is no database yet, or one that another release wrote: `Registry.open` brings it up to date.
   */
  static open (dataDir: string): Catalogue | null {
    const path = join(dataDir, 'gauntlet.db')
    if (!existsSync(path)) return null
    let client: BetterSqlite3.Database | null = null
    try {
      client = new BetterSqlite3(path, { readonly: true, timeout: BUSY_TIMEOUT_MS })
      const applied = client.prepare('SELECT max(created_at) FROM __drizzle_migrations').pluck().get()
      if (applied === latestMigration()) return new Catalogue(client)
    } catch (error) {
      if (!(error instanceof BetterSqlite3.SqliteError)) throw error
    }
    client?.close()
    return null
  }

  /** Every model and dataset by name, all of one name being of one kind. One pass over an index, not the rows. */
  models (): CataloguedModel[] {
    const aliases = this.#aliases()
    const rows = this.#client.prepare<[], Omit<CataloguedModel, 'aliases'>>(`
      SELECT v.model AS name, min(v.kind) AS kind, count(*) AS versions, sum(v.size_bytes) AS sizeBytes,
        max(v.created_at) AS updatedAt
      FROM versions v WHERE ${NOT_REMOVED} GROUP BY v.model ORDER BY v.model`).all()
    return rows.map((row) => ({
      ...row, aliases: Object.fromEntries((aliases.get(row.name) ?? []).map(({ alias, version }) => [alias, version]))
    }))
  }

  /** The newest versions of a model, newest first. Only the documents of these are read. */
  versions (model: string, limit: number): CataloguedVersion[] {
    const aliases = this.#aliases().get(model) ?? []
    const newest = `SELECT v.rowid FROM versions v WHERE v.model = ? AND ${NOT_REMOVED}
      ORDER BY v.created_at DESC, v.version DESC LIMIT ?`
    const rows = this.#client.prepare<[string, number], Omit<CataloguedVersion, 'aliases'> & { metrics: string | null }>(`
      SELECT version, digest, size_bytes AS sizeBytes, created_at AS createdAt, json_extract(serving, '$.metrics') AS metrics
      FROM versions WHERE rowid IN (${newest}) ORDER BY created_at DESC, version DESC`).all(model, limit)
    return rows.map(({ metrics, ...row }) => ({
      ...row,
      aliases: aliases.filter(({ version }) => version === row.version).map(({ alias }) => alias),
      metrics: metrics === null ? {} : JSON.parse(metrics) as Record<string, number>
    }))
  }

  /**
   * The version that a reference means (a name: its champion, of a dataset its newest one); null when it means none.
   * @throws RegistryError INVALID_NAME, INVALID_VERSION, INVALID_ALIAS
   */
  find (reference: string): CataloguedDetail | null {
    const parsed = parseReference(reference)
    const { name } = parsed
    const aliases = this.#aliases().get(name) ?? []
    const pointed = 'alias' in parsed ? aliases.find(({ alias }) => alias === parsed.alias)?.version : parsed.version
    const version = pointed ?? (reference === name ? this.#newestOfDataset(name) : undefined)
    if (version === undefined) return null
    type Row = Omit<CataloguedDetail, 'aliases' | 'document'> & { document: string }
    const row = this.#client.prepare<[string, string], Row>(`
      SELECT model AS name, version, kind, digest, manifest_bytes AS manifestBytes, size_bytes AS sizeBytes,
        created_at AS createdAt, serving AS document
      FROM versions v WHERE v.model = ? AND v.version = ? AND ${NOT_REMOVED}`).get(name, version)
    if (row === undefined) return null
    return {
      ...row,
      aliases: aliases.filter((each) => each.version === version).map(({ alias }) => alias),
      document: JSON.parse(row.document) as CataloguedDetail['document']
    }
  }

  /** The aliases of a model, by name. */
  aliases (model: string): Array<{ alias: string, version: string }> {
    return this.#client.prepare<[string], { alias: string, version: string }>(
      'SELECT alias, version FROM aliases WHERE model = ? ORDER BY alias').all(model)
  }

  /** The newest rollouts, newest first. */
  rollouts (limit: number): Array<{ id: string, model: string, state: string }> {
    return this.#client.prepare<[number], { id: string, model: string, state: string }>(
      'SELECT id, model, state FROM rollouts ORDER BY sequence DESC LIMIT ?').all(limit)
  }

  close (): void {
    this.#client.close()
  }

  #newestOfDataset (name: string): string | undefined {
    return this.#client.prepare<[string], string>(`SELECT v.version FROM versions v
      WHERE v.model = ? AND v.kind = 'dataset' AND ${NOT_REMOVED} ORDER BY v.created_at DESC, v.version DESC LIMIT 1`)
      .pluck().get(name) as string | undefined
  }

  #aliases (): Map<string, Array<{ alias: string, version: string }>> {
    const byModel = new Map<string, Array<{ alias: string, version: string }>>()
    const rows = this.#client.prepare<[], { model: string, alias: string, version: string }>(
      'SELECT model, alias, version FROM aliases ORDER BY alias').all()
    for (const { model, ...rest } of rows) {
      const list = byModel.get(model)
      if (list === undefined) byModel.set(model, [rest])
      else list.push(rest)
    }
    return byModel
  }
}

function latestMigration (): number {
  const { entries } = JSON.parse(readFileSync(JOURNAL, 'utf8')) as { entries: Array<{ when: number }> }
  return Math.max(...entries.map(({ when }) => when))
}
