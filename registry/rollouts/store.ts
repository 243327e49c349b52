import { and, asc, desc, eq, isNull } from 'drizzle-orm'
import type { AliasStore } from '../aliases.js'
import type { Actor, AuditStore } from '../audit.js'
import { inTransaction, type Connection, type Database } from '../database.js'
import { RegistryError } from '../errors.js'
import type { EventStore } from '../events.js'
import { CHAMPION, quote } from '../names.js'
import { rolloutHistory, rollouts } from '../schema.js'
import { requireVersion } from '../versions.js'
import type { RolloutEvent } from './machine.js'
import type { ConcludedVerdict, RolloutHistoryEntry, RolloutPatch, RolloutRow, RolloutVerdict } from './rollout.js'
import { after, beginning } from './transition.js'
import {
  countVerdicts, eachVerdict, findVerdict, insertVerdict, listVerdicts, verdictDigest, verdictNumbers, verdictSaid
} from './verdicts.js'

const VERDICTS_DEFAULT = 100

export interface CreateRollout extends Actor {
  readonly model: string
  readonly champion: string
  readonly challenger: string
  readonly spec: unknown
  readonly salt: string
  /** Called with every open rollout before the new one is stored; throws to refuse it. */
  readonly admit?: (open: readonly RolloutRow[]) => void
}

export interface ApplyOptions extends Actor {
  /** The epoch the caller decided on; a stale one is refused. */
  readonly epoch: number
  readonly patch?: RolloutPatch
  /** What was concluded when the event was decided: stored with it, or neither is. */
  readonly verdict?: ConcludedVerdict
}

export interface RevertOptions extends Actor {
  /** What was concluded when it was taken back: stored with it, or neither is. */
  readonly verdict?: ConcludedVerdict
}

export interface SettleOptions extends Actor {
  readonly epoch: number
  readonly details: Record<string, unknown>
}

export interface RolloutStoreOptions {
  readonly database: Database
  readonly aliases: AliasStore
  readonly audit: AuditStore
  readonly events: EventStore
  readonly now: () => number
  readonly newId: () => string
  /** Verdicts kept per rollout beside those that moved it; beyond it they are thinned out. */
  readonly verdictsMax: number
  /** Called after a commit that moved the champion. */
  readonly onAliasMoved: () => void
}

/** Rollouts and what was decided about them. Each change is one transaction: row, history, audit and event. */
export class RolloutStore {
  readonly #options: RolloutStoreOptions

  constructor (options: RolloutStoreOptions) {
    this.#options = options
  }

  /**
   * A pending rollout of the model's champion against another version.
   * @throws RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND, ALIAS_CONFLICT when `champion` is not the champion,
   * ROLLOUT_CONFLICT when both are the same version, ROLLOUT_OPEN when the model has a rollout that is not final,
   * and what `admit` throws
   */
  create ({ model, champion, challenger, spec, salt, admit, actor, reason }: CreateRollout): RolloutRow {
    const { database, aliases, audit, events, now, newId } = this.#options
    return inTransaction(database, (connection) => {
      const at = now()
      requireVersion(connection, model, champion)
      requireVersion(connection, model, challenger)
      if (champion === challenger) {
        throw new RegistryError('ROLLOUT_CONFLICT', `version ${quote(champion)} of ${quote(model)} cannot challenge itself`)
      }
      const current = aliases.read(connection, model, CHAMPION)
      if (current !== champion) {
        throw new RegistryError('ALIAS_CONFLICT',
          `the champion of ${quote(model)} is ${current === null ? 'unset' : quote(current)}, not ${quote(champion)}`)
      }
      const open = connection.select({ id: rollouts.id }).from(rollouts)
        .where(and(eq(rollouts.model, model), isNull(rollouts.endedAt))).get()
      if (open !== undefined) {
        throw new RegistryError('ROLLOUT_OPEN', `model ${quote(model)} has the open rollout ${open.id}; end it first`)
      }
      admit?.(openOf(connection))
      const id = newId()
      connection.insert(rollouts).values(beginning({ id, model, champion, challenger, spec, salt, reason }, at)).run()
      audit.append({
        at, actor, action: 'rollout.create', subject: id, reason, details: { model, champion, challenger }
      }, connection)
      const body = { champion, challenger, to: 'pending', step: 0, weightBps: 0, epoch: 0, actor, reason }
      events.append({ at, type: 'rollout.create', rolloutId: id, model, body }, connection)
      return requireRollout(connection, id)
    })
  }

  /** @throws RegistryError ROLLOUT_NOT_FOUND */
  get (id: string): RolloutRow {
    return requireRollout(this.#options.database, id)
  }

  /** Newest first. */
  list (model?: string): RolloutRow[] {
    return this.#options.database.select().from(rollouts)
      .where(model === undefined ? undefined : eq(rollouts.model, model))
      .orderBy(desc(rollouts.sequence)).all().map(withoutSequence)
  }

  /** Those that are not final, newest first. */
  open (): RolloutRow[] {
    return openOf(this.#options.database)
  }

  /** The model's newest rollout, or null. */
  latest (model: string): RolloutRow | null {
    return latestOf(this.#options.database, model)
  }

  /**
   * Lets an event happen. `complete` also makes the challenger the champion, in the same transaction. A rollback or
   * failure takes the weight to 0; leaving `paused` forgets `pausedUntil`.
   * @throws RegistryError ROLLOUT_NOT_FOUND, ROLLOUT_CONFLICT, ILLEGAL_TRANSITION; ALIAS_CONFLICT on `complete`
   */
  apply (id: string, event: RolloutEvent, { epoch, actor, reason, patch = {}, verdict }: ApplyOptions): RolloutRow {
    const { database, aliases, now, onAliasMoved } = this.#options
    const changed = inTransaction(database, (connection) => {
      const at = now()
      const before = requireRollout(connection, id)
      if (before.epoch !== epoch) throw stale(before, epoch)
      if (verdict !== undefined) this.#conclude(connection, before, verdict)
      this.#write(connection, { before, after: after(before, event, { reason, at, patch }), event, actor })
      if (event === 'complete') {
        const { model, champion, challenger } = before
        aliases.move(connection, { model, alias: CHAMPION, version: challenger, expected: champion, actor, reason, at })
      }
      return requireRollout(connection, id)
    })
    if (event === 'complete') onAliasMoved()
    return changed
  }

  /**
   * Takes a promotion back: the model's latest rollout, once. The champion returns; the rollout stays promoted.
   * @throws RegistryError ROLLOUT_NOT_FOUND, ILLEGAL_TRANSITION, ALIAS_CONFLICT when the champion is another by now
   */
  revert (id: string, { actor, reason, verdict }: RevertOptions): RolloutRow {
    const { database, aliases, now, onAliasMoved } = this.#options
    const reverted = inTransaction(database, (connection) => {
      const at = now()
      const before = requireRollout(connection, id)
      refuseRevert(before, latestOf(connection, before.model))
      if (verdict !== undefined) this.#conclude(connection, before, verdict)
      const after = { ...before, epoch: before.epoch + 1, reason, updatedAt: at, reverted: { at, actor, reason } }
      this.#write(connection, { before, after, event: 'revert', actor })
      const { model, champion, challenger } = before
      aliases.move(connection, { model, alias: CHAMPION, version: champion, expected: challenger, actor, reason, at })
      return requireRollout(connection, id)
    })
    onAliasMoved()
    return reverted
  }

  /**
   * Ends the watch over a promotion, which stands: the details as they are from now on.
   * @throws RegistryError ROLLOUT_NOT_FOUND, ROLLOUT_CONFLICT; ILLEGAL_TRANSITION when it is not promoted, or reverted
   */
  settle (id: string, { epoch, details, actor, reason }: SettleOptions): RolloutRow {
    const { database, now } = this.#options
    return inTransaction(database, (connection) => {
      const before = requireRollout(connection, id)
      if (before.epoch !== epoch) throw stale(before, epoch)
      if (before.state !== 'promoted' || before.reverted !== null) {
        throw new RegistryError('ILLEGAL_TRANSITION', `rollout ${quote(id)} has no promotion that could be settled`)
      }
      const after = { ...before, epoch: epoch + 1, reason, updatedAt: now(), details }
      this.#write(connection, { before, after, event: 'settle', actor })
      return requireRollout(connection, id)
    })
  }

  /** What happened, oldest first. @throws RegistryError ROLLOUT_NOT_FOUND */
  history (id: string): RolloutHistoryEntry[] {
    const { database } = this.#options
    requireRollout(database, id)
    return database.select().from(rolloutHistory).where(eq(rolloutHistory.rolloutId, id))
      .orderBy(asc(rolloutHistory.id)).all()
      .map(({ id: _id, rolloutId: _rolloutId, ...entry }) => entry)
  }

  /**
   * Keeps a verdict together with all it was drawn from. One that moves the rollout is named in the audit trail by its
   * digest. @throws RegistryError ROLLOUT_NOT_FOUND
   */
  saveVerdict (id: string, verdict: ConcludedVerdict): void {
    inTransaction(this.#options.database, (connection) => {
      this.#conclude(connection, requireRollout(connection, id), verdict)
    })
  }

  /** Newest first. @throws RegistryError ROLLOUT_NOT_FOUND */
  verdicts (id: string, limit = VERDICTS_DEFAULT): RolloutVerdict[] {
    requireRollout(this.#options.database, id)
    return listVerdicts(this.#options.database, id, limit)
  }

  /** All of them, oldest first, read as they are asked for. @throws RegistryError ROLLOUT_NOT_FOUND */
  eachVerdict (id: string): Generator<RolloutVerdict> {
    requireRollout(this.#options.database, id)
    return eachVerdict(this.#options.database, id)
  }

  /** Which verdicts are there, oldest first. */
  verdictNumbers (id: string): { number: number, acted: boolean }[] {
    return verdictNumbers(this.#options.database, id)
  }

  /** What a verdict said and when, read without its evidence; null when it is not there. */
  verdictSaid (id: string, number: number): Pick<RolloutVerdict, 'at' | 'verdict'> | null {
    return verdictSaid(this.#options.database, id, number)
  }

  /** A verdict with its evidence; null when it is not there. */
  verdict (id: string, number: number): RolloutVerdict | null {
    return findVerdict(this.#options.database, id, number)
  }

  /** How many verdicts were ever saved, and how many are still there. */
  countVerdicts (id: string): { saved: number, kept: number } {
    return countVerdicts(this.#options.database, id)
  }

  #conclude (connection: Connection, { id, model }: RolloutRow, { news = null, ...verdict }: ConcludedVerdict): void {
    const { audit, events, verdictsMax } = this.#options
    const saved = insertVerdict(connection, id, verdict, verdictsMax)
    const { at, number, decision, reason, engine } = saved
    if (saved.acted) {
      const details = { number, decision, digest: verdictDigest(saved) }
      const entry = { at, actor: `gauntlet/${engine}`, action: 'rollout.verdict', subject: id, reason, details }
      audit.append(entry, connection)
    }
    if (news === null) return
    events.append({ at, type: 'rollout.verdict', rolloutId: id, model, body: { ...news, number } }, connection)
  }

  #write (connection: Connection, { before, after, event, actor }: {
    before: RolloutRow, after: RolloutRow, event: RolloutEvent | 'revert' | 'settle', actor: string
  }): void {
    const { id, state, step, weightBps, epoch, reason, challenger, updatedAt: at } = after
    if (!Number.isInteger(weightBps) || weightBps < 0 || weightBps > 10_000) {
      throw new RangeError(`weightBps must be an integer from 0 to 10000, got ${weightBps}`)
    }
    const { changes } = connection.update(rollouts).set(after)
      .where(and(eq(rollouts.id, id), eq(rollouts.epoch, before.epoch))).run()
    if (changes !== 1) throw stale(before, before.epoch)
    connection.insert(rolloutHistory).values({
      rolloutId: id, epoch, at, event, from: before.state, to: state, step, weightBps, actor, reason
    }).run()
    const { model, champion, state: from } = before
    const details = { model, from, to: state, step, weightBps, epoch }
    this.#options.audit.append({ at, actor, action: `rollout.${event}`, subject: id, reason, details }, connection)
    const body = { champion, challenger, from, to: state, step, weightBps, epoch, actor, reason }
    this.#options.events.append({ at, type: `rollout.${event}`, rolloutId: id, model, body }, connection)
  }
}

function requireRollout (connection: Connection, id: string): RolloutRow {
  const row = connection.select().from(rollouts).where(eq(rollouts.id, id)).get()
  if (row === undefined) throw new RegistryError('ROLLOUT_NOT_FOUND', `there is no rollout ${quote(id)}`)
  return withoutSequence(row)
}

function openOf (connection: Connection): RolloutRow[] {
  return connection.select().from(rollouts).where(isNull(rollouts.endedAt))
    .orderBy(desc(rollouts.sequence)).all().map(withoutSequence)
}

function latestOf (connection: Connection, model: string): RolloutRow | null {
  const row = connection.select().from(rollouts).where(eq(rollouts.model, model))
    .orderBy(desc(rollouts.sequence)).limit(1).get()
  return row === undefined ? null : withoutSequence(row)
}

function withoutSequence ({ sequence: _sequence, ...row }: typeof rollouts.$inferSelect): RolloutRow {
  return row
}

function refuseRevert (rollout: RolloutRow, latest: RolloutRow | null): void {
  const refusal = rollout.state !== 'promoted'
    ? `a ${rollout.state} rollout cannot be reverted, only a promoted one`
    : rollout.reverted !== null
      ? `rollout ${rollout.id} was reverted already`
      : latest?.id !== rollout.id
        ? `rollout ${rollout.id} is not the latest of ${quote(rollout.model)}, so it cannot be reverted`
        : null
  if (refusal !== null) throw new RegistryError('ILLEGAL_TRANSITION', refusal)
}

function stale ({ id, epoch }: RolloutRow, expected: number): RegistryError {
  return new RegistryError('ROLLOUT_CONFLICT',
    `rollout ${id} is at epoch ${epoch}, not ${expected}: someone else changed it, read it again`)
}
