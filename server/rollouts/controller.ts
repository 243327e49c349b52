import type { Verdict } from '../../evaluators/verdict.js'
import { RegistryError } from '../../registry/errors.js'
import { isFinal, next, type RolloutEvent } from '../../registry/rollouts/machine.js'
import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import type { RolloutStore } from '../../registry/rollouts/store.js'
import type { VersionDetail } from '../../registry/versions.js'
import { compareSignatures } from '../../registry/serving/compare.js'
import type { Outcome } from '../inference.js'
import type { FeedbackResult } from '../traffic/messages.js'
import type { MirrorPair } from '../traffic/mirror.js'
import type { TrafficLog } from '../traffic/log.js'
import { ENGINE, type EngineOptions, RolloutEngine } from './engine.js'
import { leaderOf } from './contest-steps.js'
import { ContestTrial, openTrial, type Standing } from './contest.js'
import { refuseShared } from './layers.js'
import { parseRolloutSpec, type RolloutSpec } from './spec.js'
import { watchedUntil } from './watch.js'
import { type Hand, NO_VERDICT, OpenTrial } from './trial.js'

/** Where rollouts are kept. */
export type RolloutStorage = Pick<RolloutStore,
  'create' | 'open' | 'list' | 'latest' | 'get' | 'apply' | 'revert' | 'settle' | 'saveVerdict' | 'verdicts'>

export interface ControllerOptions extends Omit<EngineOptions, 'onFinal' | 'onWatch'> {
  readonly registry: EngineOptions['registry'] & {
    readonly show: (model: string, version: string) => Pick<VersionDetail, 'serving'>
    readonly rollouts: RolloutStorage
  }
  readonly traffic: Pick<TrafficLog, 'record' | 'recordMirrored' | 'replay'>
  /** A random 64-bit salt in hex, new for each rollout, so that not always the same sessions try things out. */
  readonly newSalt: () => string
}

/** The open rollouts of this gateway: opens them, tells them what is observed, and lets people and time move them. */
export class RolloutController {
  readonly #options: ControllerOptions
  readonly #engine: RolloutEngine
  readonly #trials = new Map<string, OpenTrial>()

  constructor (options: ControllerOptions) {
    this.#options = options
    this.#engine = new RolloutEngine({
      ...options,
      onFinal: ({ id }) => { this.#trials.delete(id) },
      onWatch: (row) => {
        const trial = new OpenTrial(row)
        this.#trials.set(row.id, trial)
        return trial
      }
    })
  }

  /** Takes up the rollouts that were open when the last gateway ended, with every observation that was logged. */
  async restore (): Promise<void> {
    for (const row of [...this.#store.open(), ...this.#watched()]) {
      const trial = isFinal(row.state) ? new OpenTrial(row) : openTrial(row)
      await this.#options.traffic.replay(
        row.id, (logged) => { trial.replay(logged) }, (mirrored) => { trial.replayMirrored(mirrored) })
      this.#trials.set(row.id, trial)
      this.#engine.route(trial)
      this.#options.log('info', 'rollout resumed', { rollout: row.id, state: row.state, step: row.step })
    }
    for (const model of new Set(this.#store.list().map((row) => row.model))) this.#engine.converse(model)
    this.look()
  }

  /**
   * Validates a rollout document whole and opens the rollout.
   * @throws SpecError; RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND, ALIAS_NOT_FOUND, SIGNATURE_CHANGED,
   * ROLLOUT_OPEN, LAYER_TAKEN
   */
  start (document: unknown, hand: Hand): RolloutRow {
    const { spec, gate, probes, challengers } = parseRolloutSpec(document)
    const { registry, gates, probes: runs } = this.#options
    const watched = [...this.#trials.values()].find((trial) => trial.row.model === spec.model && trial.isWatched)
    if (watched !== undefined) {
      throw new RegistryError('ROLLOUT_OPEN', `the promotion by rollout ${watched.row.id} of model ${spec.model} is being watched; wait, or skip the rest of the watch`)
    }
    const champion = registry.alias(spec.model, 'champion')
    for (const version of challengers) {
      const { serving } = registry.show(spec.model, version)
      if (champion === null) throw new RegistryError('ALIAS_NOT_FOUND', `model ${spec.model} has no champion to compare with`)
      this.#requireFit(spec, champion, version, serving)
    }
    if (gate !== null) gates.check(gate)
    if (probes !== null) runs.check(probes)
    const row = this.#store.create({
      model: spec.model,
      champion: champion!,
      challenger: challengers[0]!,
      spec,
      salt: this.#options.newSalt(),
      ...hand,
      admit: (open) => { refuseShared(spec, open) }
    })
    const trial = openTrial(row)
    this.#trials.set(row.id, trial)
    this.#options.log('info', 'rollout opened', { rollout: row.id, model: row.model, champion, challenger: row.challenger })
    this.#engine.lookAt(trial)
    return trial.row
  }

  /** @throws RegistryError ALIAS_CONFLICT, SIGNATURE_CHANGED */
  #requireFit (spec: RolloutSpec, champion: string, version: string, serving: VersionDetail['serving']): void {
    if (champion === version) {
      throw new RegistryError('ALIAS_CONFLICT', `version ${champion} of model ${spec.model} is the champion already`)
    }
    const differences = compareSignatures(this.#options.registry.show(spec.model, champion).serving, serving)
    if (differences.length === 0 || spec.allowSignatureChange) return
    throw new RegistryError('SIGNATURE_CHANGED',
      `version ${version} does not fit the place of ${champion}: ${differences.join('; ')}; allowSignatureChange: true accepts that`)
  }

  /** The row and last verdict of a rollout. @throws RegistryError ROLLOUT_NOT_FOUND */
  get (id: string): { readonly row: RolloutRow, readonly verdict: Verdict, readonly arms?: readonly Standing[] } {
    const trial = this.#trials.get(id)
    if (trial instanceof ContestTrial) {
      const now = this.#options.now()
      return { row: trial.row, verdict: trial.look(now), arms: trial.standings(now) }
    }
    if (trial !== undefined) return { row: trial.row, verdict: trial.look(this.#options.now()) }
    const row = this.#store.get(id)
    return { row, verdict: (this.#store.verdicts(id, 1)[0]?.verdict as Verdict | undefined) ?? NO_VERDICT }
  }

  /** Counts one request of a trial and logs it; a breach of the breaker retreats before this returns. */
  observe (outcome: Outcome): void {
    const at = this.#options.now()
    this.#options.traffic.record(outcome, at)
    const trial = this.#trials.get(outcome.rolloutId)
    const breach = trial?.observe(outcome, at)
    if (trial !== undefined && breach != null) this.#breach(trial, breach)
  }

  /** Counts a mirrored request and logs it; a breach of the breaker ends the mirroring. */
  observeMirrored (pair: MirrorPair): void {
    const trial = this.#trials.get(pair.rolloutId)
    if (trial === undefined) return
    const mirrored = trial.score(pair, this.#options.now())
    this.#options.traffic.recordMirrored(mirrored)
    const breach = trial.observeMirrored(mirrored)
    if (breach !== null) this.#breach(trial, breach)
  }

  /** Counts feedback that has been committed. */
  feedback ({ prediction, accepted, at }: FeedbackResult, values: Readonly<Record<string, number>>): void {
    if (prediction?.bucket == null) return
    const trial = this.#trials.get(prediction.rolloutId)
    for (const key of accepted) trial?.feedback(prediction, prediction.bucket, { key, value: values[key]!, at })
  }

  /** Makes the challenger champion now; what is left of the plan is skipped. */
  promote (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'promote')
    this.#engine.apply(trial, 'promote', hand, { patch: leaderOf(trial) })
    this.#engine.lookAt(trial)
    return trial.row
  }

  /** Holds the weight where it is until a person resumes. */
  pause (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'pause')
    this.#engine.pause(trial, 'manual', hand)
    return trial.row
  }

  /** Goes on: past a pause step, or with the verdict that paused accepted for this step. */
  proceed (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'resume')
    this.#engine.resume(trial, hand)
    this.#engine.lookAt(trial)
    return trial.row
  }

  /**
   * Takes the present step for done, whether it waits, pauses or is being judged; after a promotion, its watch.
   * @throws RegistryError ILLEGAL_TRANSITION when no step is under way
   */
  skipStep (id: string, hand: Hand): RolloutRow {
    const watched = this.#trials.get(id)
    if (watched?.isWatched === true) {
      this.#engine.settle(watched, hand)
      return watched.row
    }
    const trial = this.#trial(id, 'advance')
    const { state, step } = trial.row
    if (step >= trial.plan.steps.length || (state !== 'progressing' && state !== 'paused')) {
      throw new RegistryError('ILLEGAL_TRANSITION', step >= trial.plan.steps.length
        ? `every step of rollout ${id} is done: promote it or roll it back`
        : `a ${state} rollout has no step under way that could be skipped`)
    }
    const { pause: _pause, ...details } = trial.details
    trial.forgive()
    this.#engine.apply(trial, state === 'paused' ? 'resume' : 'advance', hand, { patch: { step: step + 1, pausedUntil: null, details, ...leaderOf(trial) } })
    this.#engine.lookAt(trial)
    return trial.row
  }

  /** Nobody is served by the challenger from the next request on, until it is switched on again; nothing ends. */
  switchOff (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'pause')
    if (trial.row.state !== 'paused' || trial.details.pause !== 'off') this.#engine.pause(trial, 'off', hand)
    return trial.row
  }

  /** Undoes `switchOff`; without effect when it is on. */
  switchOn (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'resume')
    if (trial.row.state !== 'paused' || trial.details.pause !== 'off') return trial.row
    this.#engine.resume(trial, hand)
    this.#engine.lookAt(trial)
    return trial.row
  }

  /** Back to the champion at once; of a model's latest promoted rollout: back to the champion before. */
  rollback (id: string, hand: Hand): RolloutRow {
    const trial = this.#trials.get(id)
    if (trial === undefined) return this.#engine.revert(this.#store.get(id), hand)
    this.#engine.retreat(trial, { ...hand, isJudged: false })
    return trial.row
  }

  /** The rollouts whose observations are needed still: open ones, and promotions that are watched. */
  driven (): string[] {
    return [...this.#trials.keys()]
  }

  /** One look at every open rollout. */
  look (): void {
    for (const trial of [...this.#trials.values()]) {
      this.#guard(trial, () => {
        this.#probe(trial)
        this.#engine.lookAt(trial)
      })
    }
  }

  get #store () {
    return this.#options.registry.rollouts
  }

  /** The latest promotion of each model whose watch is not over. */
  #watched (): RolloutRow[] {
    const models = new Set(this.#store.list().map(({ model }) => model))
    return [...models].map((model) => this.#store.latest(model)!).filter((row) => watchedUntil(row) !== null)
  }

  #trial (id: string, event: RolloutEvent): OpenTrial {
    const trial = this.#trials.get(id)
    if (trial !== undefined && !isFinal(trial.row.state)) return trial
    const { state } = this.#store.get(id)
    next(state, event)
    throw new RegistryError('ROLLOUT_CONFLICT', `rollout ${id} is not driven by this gateway`)
  }

  /** Probes go on while the challenger is in use; too many that failed are a breach. */
  #probe (trial: OpenTrial): void {
    const { row, plan: { probes } } = trial
    if (probes === null || !trial.isRouting) return
    const breach = this.#options.probes.look(row, probes)
    if (breach === null) return
    trial.breach ??= breach
    trial.touch()
    this.#breach(trial, breach)
  }

  /** Within the request that breached: routing retreats now, and the disk is written to after the replies at hand. */
  #breach (trial: OpenTrial, reason: string): void {
    if (trial instanceof ContestTrial) {
      if (trial.live().length > 0) this.#engine.route(trial)
      else this.#engine.leave(trial, { actor: ENGINE, reason: `no challenger is left: ${reason}`, isJudged: true })
      setImmediate(() => {
        if (this.#trials.has(trial.row.id)) this.#guard(trial, () => { this.#engine.lookAt(trial) })
      })
      return
    }
    if (trial.onFailure === 'rollback' && trial.retreat === null) {
      this.#engine.leave(trial, { actor: ENGINE, reason, isJudged: true })
    }
    setImmediate(() => {
      if (this.#trials.has(trial.row.id)) this.#guard(trial, () => { this.#engine.harm(trial, reason) })
    })
  }

  /** An engine fault holds its rollout where it is; the next look tries again. */
  #guard (trial: OpenTrial, act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#options.log('error', 'a rollout could not be moved; it is tried again', { rollout: trial.row.id, error: (error as Error).message })
    }
  }
}
