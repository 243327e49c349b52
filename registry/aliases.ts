import { and, asc, desc, eq, isNull, ne } from 'drizzle-orm'
import type { Actor, AuditStore } from './audit.js'
import type { Connection } from './database.js'
import { RegistryError } from './errors.js'
import { CHAMPION, checkAlias, quote } from './names.js'
import { didYouMean } from './nearest.js'
import { aliases, aliasHistory, rollouts } from './schema.js'
import { compareSignatures } from './serving/compare.js'
import { findVersion, requireModel, requireVersion, servingOf } from './versions.js'

export interface AliasRequest extends Actor {
  readonly name: string
  readonly alias: string
  readonly version: string
  readonly allowSignatureChange?: boolean
  /** What the caller believes the alias points to; when it does not, nothing moves. */
  readonly expected?: string | null
  /** Set on purpose without proof that the version can be served; recorded as such. */
  readonly isForced?: boolean
  /** Only tells whether it would move, or be refused. */
  readonly isDryRun?: boolean
}

export interface AliasRemoval extends Actor {
  readonly name: string
  readonly alias: string
  readonly expected?: string
  /** Without it the champion, which answers, is not removed. */
  readonly isForced?: boolean
  readonly isDryRun?: boolean
}

export interface AliasMove extends Actor {
  readonly model: string
  readonly alias: string
  readonly version: string
  readonly expected: string | null
  readonly at: number
  readonly isForced?: boolean
}

export interface AliasHistoryEntry extends Actor {
  /** Null when the alias was removed. */
  readonly version: string | null
  readonly previous: string | null
  readonly at: number
}

/** In the history, the version of an alias that was removed: no version is called so. */
const REMOVED = ''

/** Movable names for versions. Every method takes the connection, so that it joins the caller's transaction. */
export class AliasStore {
  readonly #audit: AuditStore

  constructor (audit: AuditStore) {
    this.#audit = audit
  }

  /** The version an alias points to, or null. */
  read (connection: Connection, model: string, alias: string): string | null {
    return connection.select({ version: aliases.version }).from(aliases)
      .where(and(eq(aliases.model, model), eq(aliases.alias, alias))).get()?.version ?? null
  }

  /** The version an alias points to. @throws RegistryError MODEL_NOT_FOUND, ALIAS_NOT_FOUND */
  require (connection: Connection, model: string, alias: string): string {
    const version = this.read(connection, model, alias)
    if (version !== null) return version
    requireModel(connection, model)
    const known = this.list(connection, model).map((each) => each.alias)
    throw new RegistryError('ALIAS_NOT_FOUND',
      `model ${quote(model)} has no alias ${quote(alias)}${didYouMean(alias, known)}`)
  }

  /**
   * Points an alias to a version by a person's wish, with every guard. True when it moved; the same version is a no-op.
   * @throws RegistryError INVALID_ALIAS, MODEL_NOT_FOUND, VERSION_NOT_FOUND, ALIAS_CONFLICT, ALIAS_LOCKED,
   * SIGNATURE_CHANGED; KIND_MISMATCH for the champion of a dataset
   */
  set (connection: Connection, request: AliasRequest, at: number): boolean {
    const { name: model, alias, version, actor, reason } = request
    checkAlias(alias)
    const target = requireVersion(connection, model, version)
    if (alias === CHAMPION && target.kind !== 'model') {
      throw new RegistryError('KIND_MISMATCH',
        `${quote(model)} is a ${target.kind}, which answers nothing, so it has no ${CHAMPION}; choose another alias`)
    }
    if (findVersion(connection, model, alias) !== null) {
      throw new RegistryError('INVALID_ALIAS', `${quote(alias)} is a version of ${quote(model)}, so it cannot be an alias`)
    }
    const current = this.read(connection, model, alias)
    if (request.expected !== undefined && request.expected !== current) {
      throw conflict(model, alias, request.expected, current)
    }
    if (current === version) return false
    if (alias === CHAMPION) {
      this.#refuseWhileOnTrial(connection, model)
      if (current !== null && request.allowSignatureChange !== true) {
        const differences = compareSignatures(servingOf(requireVersion(connection, model, current)), servingOf(target))
        if (differences.length > 0) throw signatureChanged(model, version, differences)
      }
    }
    if (request.isDryRun === true) return true
    const isForced = request.isForced === true && alias === CHAMPION
    this.move(connection, { model, alias, version, expected: current, actor, reason, at, isForced })
    return true
  }

  /**
   * Takes an alias away; its history stays. Gives the version it pointed to.
   * @throws RegistryError INVALID_ALIAS, MODEL_NOT_FOUND, ALIAS_NOT_FOUND, ALIAS_CONFLICT, ALIAS_LOCKED
   */
  remove (connection: Connection, request: AliasRemoval, at: number): string {
    const { name: model, alias, actor, reason, isForced = false } = request
    checkAlias(alias)
    const current = this.require(connection, model, alias)
    if (request.expected !== undefined && request.expected !== current) {
      throw conflict(model, alias, request.expected, current)
    }
    if (alias === CHAMPION) {
      this.#refuseWhileOnTrial(connection, model)
      if (!isForced) {
        throw new RegistryError('ALIAS_LOCKED', `without its ${CHAMPION} ${quote(model)} is only called by version; ` +
          'move the alias, or force its removal')
      }
    }
    if (request.isDryRun === true) return current
    connection.delete(aliases).where(and(eq(aliases.model, model), eq(aliases.alias, alias))).run()
    connection.insert(aliasHistory).values({ model, alias, version: REMOVED, previous: current, at, actor, reason })
      .run()
    const details = { previous: current, ...isForced ? { forced: true } : {} }
    this.#audit.append({ at, actor, action: 'alias.remove', subject: `${model}@${alias}`, reason, details }, connection)
    return current
  }

  /** The aliases of a model, by name. @throws RegistryError MODEL_NOT_FOUND */
  list (connection: Connection, model: string): Array<{ alias: string, version: string, updatedAt: number }> {
    requireModel(connection, model)
    return connection.select({ alias: aliases.alias, version: aliases.version, updatedAt: aliases.updatedAt })
      .from(aliases).where(eq(aliases.model, model)).orderBy(asc(aliases.alias)).all()
  }

  /** Compare-and-set with history and audit, without the guards of `set`. @throws RegistryError ALIAS_CONFLICT */
  move (connection: Connection, { model, alias, version, expected, actor, reason, at, isForced }: AliasMove): void {
    const changed = expected === null
      ? connection.insert(aliases).values({ model, alias, version, updatedAt: at }).onConflictDoNothing().run().changes
      : connection.update(aliases).set({ version, updatedAt: at })
        .where(and(eq(aliases.model, model), eq(aliases.alias, alias), eq(aliases.version, expected))).run().changes
    if (changed !== 1) throw conflict(model, alias, expected, this.read(connection, model, alias))
    connection.insert(aliasHistory).values({ model, alias, version, previous: expected, at, actor, reason }).run()
    this.#audit.append({
      at,
      actor,
      action: 'alias.set',
      subject: `${model}@${alias}`,
      reason,
      details: { version, previous: expected, ...isForced === true ? { forced: true } : {} }
    }, connection)
  }

  /** Newest first. */
  history (connection: Connection, model: string, alias: string): AliasHistoryEntry[] {
    return connection.select({
      version: aliasHistory.version,
      previous: aliasHistory.previous,
      at: aliasHistory.at,
      actor: aliasHistory.actor,
      reason: aliasHistory.reason
    }).from(aliasHistory).where(and(eq(aliasHistory.model, model), eq(aliasHistory.alias, alias)))
      .orderBy(desc(aliasHistory.id)).all()
      .map((entry) => ({ ...entry, version: entry.version === REMOVED ? null : entry.version }))
  }

  /** The last different version that the alias pointed to before its present one; null when there is none. */
  previous (connection: Connection, model: string, alias: string): string | null {
    const current = this.read(connection, model, alias)
    return connection.select({ version: aliasHistory.version }).from(aliasHistory)
      .where(and(
        eq(aliasHistory.model, model), eq(aliasHistory.alias, alias), ne(aliasHistory.version, REMOVED),
        current === null ? undefined : ne(aliasHistory.version, current)
      ))
      .orderBy(desc(aliasHistory.id)).limit(1).get()?.version ?? null
  }

  #refuseWhileOnTrial (connection: Connection, model: string): void {
    const open = connection.select({ id: rollouts.id }).from(rollouts)
      .where(and(eq(rollouts.model, model), isNull(rollouts.endedAt))).get()
    if (open === undefined) return
    throw new RegistryError('ALIAS_LOCKED',
      `the champion of ${quote(model)} cannot be set while rollout ${open.id} is open; end the rollout first`)
  }
}

function conflict (model: string, alias: string, expected: string | null, current: string | null): RegistryError {
  const describe = (version: string | null) => version === null ? 'unset' : quote(version)
  return new RegistryError('ALIAS_CONFLICT',
    `alias ${quote(alias)} of ${quote(model)} was expected to be ${describe(expected)} and is ${describe(current)}`)
}

function signatureChanged (model: string, version: string, differences: readonly string[]): RegistryError {
  return new RegistryError('SIGNATURE_CHANGED',
    `version ${quote(version)} of ${quote(model)} is not called as the champion is: ${differences.join('; ')}; ` +
    'allow the signature change to set it nevertheless')
}
