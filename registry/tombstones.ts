import { and, eq, isNull, or } from 'drizzle-orm'
import type { AliasStore } from './aliases.js'
import type { Actor, AuditStore } from './audit.js'
import type { Connection } from './database.js'
import { RegistryError } from './errors.js'
import { CHAMPION, quote } from './names.js'
import { aliases, rollouts, tombstones } from './schema.js'
import { findTombstone, findVersion, requireVersion } from './versions.js'

export interface RemoveRequest extends Actor {
  readonly name: string
  readonly version: string
  /** Only tells whether it would be refused. */
  readonly isDryRun?: boolean
}

/** Why a version cannot be removed; null when nothing needs it. */
export function useOf (connection: Connection, store: AliasStore, model: string, version: string): string | null {
  const alias = connection.select({ alias: aliases.alias }).from(aliases)
    .where(and(eq(aliases.model, model), eq(aliases.version, version))).get()?.alias
  if (alias !== undefined) return `the alias ${quote(alias)} points to it`
  if (store.previous(connection, model, CHAMPION) === version) return 'it was champion before the present one'
  const open = connection.select({ id: rollouts.id }).from(rollouts).where(and(
    eq(rollouts.model, model), isNull(rollouts.endedAt),
    or(eq(rollouts.champion, version), eq(rollouts.challenger, version))
  )).get()
  return open === undefined ? null : `rollout ${open.id} is open`
}

/** @throws RegistryError VERSION_REMOVED */
export function refuseRemoved (connection: Connection, model: string, version: string): void {
  const tombstone = findTombstone(connection, model, version)
  if (tombstone === null) return
  const way = tombstone.sweptAt === null ? 'restore it with rm --undo, or publish' : 'its bytes are gone; publish'
  throw new RegistryError('VERSION_REMOVED',
    `version ${quote(version)} of ${quote(model)} was removed by ${quote(tombstone.actor)}: ${quote(tombstone.reason)}; ` +
    `${way} under another version`)
}

/** Removed versions. Their rows stay for ever, so that their names never mean other bytes. */
export class TombstoneStore {
  readonly #aliases: AliasStore
  readonly #audit: AuditStore

  constructor (aliases: AliasStore, audit: AuditStore) {
    this.#aliases = aliases
    this.#audit = audit
  }

  /**
   * From now on the version is neither served nor listed. False when it was removed already.
   * @throws RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND, VERSION_IN_USE
   */
  remove (connection: Connection, request: RemoveRequest, at: number): boolean {
    const { name: model, version, actor, reason, isDryRun = false } = request
    if (findTombstone(connection, model, version) !== null) return false
    const { digest } = requireVersion(connection, model, version)
    const use = useOf(connection, this.#aliases, model, version)
    if (use !== null) {
      throw new RegistryError('VERSION_IN_USE', `version ${quote(version)} of ${quote(model)} cannot be removed: ${use}`)
    }
    if (isDryRun) return true
    connection.insert(tombstones).values({ model, version, at, actor, reason }).run()
    this.#audit.append({
      at, actor, action: 'version.remove', subject: `${model}:${version}`, reason, details: { digest }
    }, connection)
    return true
  }

  /**
   * Takes a removal back while the blobs are there. False when the version was not removed.
   * @throws RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND, VERSION_REMOVED
   */
  restore (connection: Connection, request: RemoveRequest, at: number): boolean {
    const { name: model, version, actor, reason, isDryRun = false } = request
    const tombstone = findTombstone(connection, model, version)
    if (tombstone === null) {
      requireVersion(connection, model, version)
      return false
    }
    if (tombstone.sweptAt !== null) refuseRemoved(connection, model, version)
    if (isDryRun) return true
    connection.delete(tombstones).where(and(eq(tombstones.model, model), eq(tombstones.version, version))).run()
    this.#audit.append({
      at,
      actor,
      action: 'version.restore',
      subject: `${model}:${version}`,
      reason,
      details: { digest: findVersion(connection, model, version)?.digest }
    }, connection)
    return true
  }
}
