import type { AliasHistoryEntry, AliasStore } from './aliases.js'
import { dataVersion, type Database } from './database.js'
import type { Kind } from './datasets/words.js'
import { CHAMPION, parseReference } from './names.js'
import {
  datasetDetailOf, detailOf, findByDigest, kindOf, listModels, requireModel, requireVersion, type DatasetDetail,
  type ModelSummary, type VersionDetail
} from './versions.js'

/** What a registry has, as its database says: reading it changes nothing and opens no blob. */
export class RegistryQueries {
  readonly #database: Database
  readonly #aliases: AliasStore

  constructor (database: Database, aliases: AliasStore) {
    this.#database = database
    this.#aliases = aliases
  }

  /** Removed versions only when asked for. */
  models (withRemoved = false): ModelSummary[] {
    return listModels(this.#database, withRemoved)
  }

  /** Datasets, as `models` lists models. */
  datasets (withRemoved = false): ModelSummary[] {
    return listModels(this.#database, withRemoved, 'dataset')
  }

  /** What a name means, also when all its versions were removed; null when it is free. */
  kind (name: string): Kind | null {
    return kindOf(this.#database, name)
  }

  /** @throws RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND; KIND_MISMATCH for a model */
  showDataset (name: string, version: string): DatasetDetail {
    return datasetDetailOf(this.#database, requireVersion(this.#database, name, version))
  }

  /** A version of either kind. @throws RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND */
  showEither (name: string, version: string): VersionDetail | DatasetDetail {
    const row = requireVersion(this.#database, name, version)
    return row.kind === 'dataset' ? datasetDetailOf(this.#database, row) : detailOf(this.#database, row)
  }

  /** The version of a model that has this digest; null when none has. */
  versionOf (name: string, digest: string): string | null {
    return findByDigest(this.#database, name, digest)
  }

  /** @throws RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND; KIND_MISMATCH for a dataset */
  show (name: string, version: string): VersionDetail {
    return detailOf(this.#database, requireVersion(this.#database, name, version))
  }

  /**
   * `name` (its champion; of a dataset the newest version), `name:version` or `name@alias`.
   * @throws RegistryError INVALID_*, *_NOT_FOUND
   */
  resolve (reference: string): { name: string, version: string } {
    const parsed = parseReference(reference)
    const { name } = parsed
    const database = this.#database
    if (reference === name && this.kind(name) === 'dataset') return { name, version: requireModel(database, name).at(-1)! }
    if ('alias' in parsed) return { name, version: this.#aliases.require(database, name, parsed.alias) }
    return { name, version: requireVersion(database, name, parsed.version).version }
  }

  /** The version an alias points to, or null. */
  alias (name: string, alias: string): string | null {
    return this.#aliases.read(this.#database, name, alias)
  }

  /** The aliases of a model, by name. @throws RegistryError MODEL_NOT_FOUND */
  aliasesOf (name: string): Array<{ alias: string, version: string, updatedAt: number }> {
    return this.#aliases.list(this.#database, name)
  }

  /** Newest first. */
  aliasHistory (name: string, alias: string): AliasHistoryEntry[] {
    return this.#aliases.history(this.#database, name, alias)
  }

  /** The last different version that was champion before the present one. */
  previousChampion (name: string): string | null {
    return this.#aliases.previous(this.#database, name, CHAMPION)
  }

  /** Changes when another process wrote to the database. */
  dataVersion (): number {
    return dataVersion(this.#database)
  }
}
