import type { Verdict } from '../../evaluators/verdict.js'
import { RegistryError } from '../../registry/errors.js'
import { isFinal, next, type RolloutEvent } from '../../registry/rollouts/machine.js'
import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import type { ApplyOptions, RolloutStore } from '../../registry/rollouts/store.js'
import type { VersionDetail } from '../../registry/versions.js'
import { compareSignatures } from '../../registry/serving/compare.js'
import type { Fleet } from '../fleet.js'
import type { Outcome } from '../inference.js'
import type { Log } from '../log.js'
import type { FeedbackResult } from '../traffic/messages.js'
import type { MirrorPair } from '../traffic/mirror.js'
import type { PinKeeper } from '../traffic/pin-keeper.js'
import type { TrafficLog } from '../traffic/log.js'
import { parseRolloutSpec } from './spec.js'
import { type Details, NO_VERDICT, OpenTrial, type PauseKind } from './trial.js'

/** Who acts by hand, and why. */
export interface Hand { readonly actor: string, readonly reason: string }

/** Where rollouts are kept. */
export type RolloutStorage = Pick<RolloutStore,
  'create' | 'open' | 'list' | 'latest' | 'get' | 'apply' | 'complete' | 'revert' | 'saveVerdict' | 'verdicts'>

export interface ControllerOptions {
  readonly registry: {
    readonly show: (model: string, version: string) => Pick<VersionDetail, 'serving'>
    readonly alias: (model: string, alias: string) => string | null
    readonly rollouts: RolloutStorage
  }
  readonly fleet: Pick<Fleet, 'load' | 'setTrial' | 'setConversation' | 'sync' | 'force' | 'release'>
  readonly traffic: Pick<TrafficLog, 'record' | 'recordMirrored' | 'replay'>
  readonly pins: Pick<PinKeeper, 'drop'>
  readonly now: () => number
  /** A random 64-bit salt in hex, new for each rollout, so that not always the same sessions try things out. */
  readonly newSalt: () => string
  readonly log: Log
  readonly onEnd: (row: RolloutRow) => void
}

const ENGINE = 'gauntlet'
/** More transitions than any plan has in a row; a guard against a loop that does not end. */
const TRANSITIONS_PER_LOOK = 250

/**
 * Drives every open rollout: persists each move first and then acts, but for the retreat to the champion, which acts
 * first. A look is cheap and always valid, so it may come at any time.
 */
export class RolloutController {
  readonly #options: ControllerOptions
  readonly #trials = new Map<string, OpenTrial>()

  constructor (options: ControllerOptions) {
    this.#options = options
  }

  /** Takes up the rollouts that were open when the last gateway ended, with every observation that was logged. */
  async restore (): Promise<void> {
    for (const row of this.#store.open()) {
      const trial = new OpenTrial(row)
      await this.#options.traffic.replay(
        row.id, (logged) => { trial.replay(logged) }, (mirrored) => { trial.replayMirrored(mirrored) })
      this.#trials.set(row.id, trial)
      this.#route(trial)
      this.#options.log('info', 'rollout resumed', { rollout: row.id, state: row.state, step: row.step })
    }
    for (const model of new Set(this.#store.list().map((row) => row.model))) this.#converse(model)
    this.look()
  }

  /**
   * Validates a rollout document whole and opens the rollout.
   * @throws SpecError; RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND, ALIAS_NOT_FOUND, SIGNATURE_CHANGED,
   * ROLLOUT_OPEN
   */
  start (document: unknown, hand: Hand): RolloutRow {
    const { spec } = parseRolloutSpec(document)
    const { registry } = this.#options
    const challenger = registry.show(spec.model, spec.challenger)
    const champion = registry.alias(spec.model, 'champion')
    if (champion === null) throw new RegistryError('ALIAS_NOT_FOUND', `model ${spec.model} has no champion to compare with`)
    if (champion === spec.challenger) {
      throw new RegistryError('ALIAS_CONFLICT', `version ${champion} of model ${spec.model} is the champion already`)
    }
    const differences = compareSignatures(registry.show(spec.model, champion).serving, challenger.serving)
    if (differences.length > 0 && !spec.allowSignatureChange) {
      throw new RegistryError('SIGNATURE_CHANGED',
        `version ${spec.challenger} does not fit the place of ${champion}: ${differences.join('; ')}; allowSignatureChange: true accepts that`)
    }
    const row = this.#store.create({
      model: spec.model, champion, challenger: spec.challenger, spec, salt: this.#options.newSalt(), ...hand
    })
    const trial = new OpenTrial(row)
    this.#trials.set(row.id, trial)
    this.#options.log('info', 'rollout opened', { rollout: row.id, model: row.model, champion, challenger: row.challenger })
    this.#lookAt(trial)
    return trial.row
  }

  /** The row and last verdict of a rollout. @throws RegistryError ROLLOUT_NOT_FOUND */
  get (id: string): { readonly row: RolloutRow, readonly verdict: Verdict } {
    const trial = this.#trials.get(id)
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
  feedback ({ prediction, accepted }: FeedbackResult, values: Readonly<Record<string, number>>): void {
    if (prediction?.bucket == null) return
    const trial = this.#trials.get(prediction.rolloutId)
    for (const key of accepted) trial?.feedback(prediction, prediction.bucket, key, values[key]!)
  }

  /** Makes the challenger champion now; what is left of the plan is skipped. */
  promote (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'promote')
    this.#apply(trial, 'promote', hand)
    this.#lookAt(trial)
    return trial.row
  }

  /** Holds the weight where it is until a person resumes. */
  pause (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'pause')
    this.#pause(trial, 'manual', hand, null)
    return trial.row
  }

  /** Goes on: past a pause step, or with the verdict that paused accepted for this step. */
  proceed (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'resume')
    this.#resume(trial, hand)
    this.#lookAt(trial)
    return trial.row
  }

  /**
   * Takes the present step for done, whether it waits, pauses or is being judged.
   * @throws RegistryError ILLEGAL_TRANSITION when no step is under way
   */
  skipStep (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'advance')
    const { state, step } = trial.row
    if (step >= trial.plan.steps.length || (state !== 'progressing' && state !== 'paused')) {
      throw new RegistryError('ILLEGAL_TRANSITION', step >= trial.plan.steps.length
        ? `every step of rollout ${id} is done: promote it or roll it back`
        : `a ${state} rollout has no step under way that could be skipped`)
    }
    const { pause: _pause, ...details } = trial.details
    trial.breach = null
    this.#apply(trial, state === 'paused' ? 'resume' : 'advance', hand, { step: step + 1, pausedUntil: null, details })
    this.#lookAt(trial)
    return trial.row
  }

  /** Nobody is served by the challenger from the next request on, until it is switched on again; nothing ends. */
  switchOff (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'pause')
    if (trial.row.state !== 'paused' || trial.details.pause !== 'off') this.#pause(trial, 'off', hand, null)
    return trial.row
  }

  /** Undoes `switchOff`; without effect when it is on. */
  switchOn (id: string, hand: Hand): RolloutRow {
    const trial = this.#trial(id, 'resume')
    if (trial.row.state !== 'paused' || trial.details.pause !== 'off') return trial.row
    this.#resume(trial, hand)
    this.#lookAt(trial)
    return trial.row
  }

  /** Back to the champion at once; of a model's latest promoted rollout: back to the champion before. */
  rollback (id: string, hand: Hand): RolloutRow {
    const trial = this.#trials.get(id)
    if (trial === undefined) return this.#revert(this.#store.get(id), hand)
    this.#retreat(trial, hand)
    return trial.row
  }

  /** One look at every open rollout. */
  look (): void {
    for (const trial of [...this.#trials.values()]) this.#guard(trial, () => { this.#lookAt(trial) })
  }

  get #store () {
    return this.#options.registry.rollouts
  }

  #trial (id: string, event: RolloutEvent): OpenTrial {
    const trial = this.#trials.get(id)
    if (trial !== undefined) return trial
    const { state } = this.#store.get(id)
    next(state, event)
    throw new RegistryError('ROLLOUT_CONFLICT', `rollout ${id} is not driven by this gateway`)
  }

  #lookAt (trial: OpenTrial): void {
    if (trial.retreat !== null) return this.#persistRetreat(trial)
    if (this.#isOverdue(trial)) return this.#retreat(trial, { actor: ENGINE, reason: 'the progress deadline has passed' })
    if (trial.isRouting && trial.row.state !== 'promoting') {
      const verdict = trial.look(this.#options.now())
      trial.save(this.#store, this.#options.now(), false)
      if (verdict.decision === 'rollback') this.#harm(trial, verdict.reason)
    }
    for (let i = 0; i < TRANSITIONS_PER_LOOK && this.#trials.has(trial.row.id) && this.#step(trial); i++);
  }

  #isOverdue ({ row: { createdAt, state }, plan: { progressDeadlineMs } }: OpenTrial): boolean {
    return progressDeadlineMs !== null && state !== 'promoting' && this.#options.now() - createdAt >= progressDeadlineMs
  }

  /** Makes the one move that is due; false when there is none. */
  #step (trial: OpenTrial): boolean {
    switch (trial.row.state) {
      case 'pending': return this.#apply(trial, 'start', { actor: ENGINE, reason: 'warming the challenger' })
      case 'warming': return this.#warm(trial)
      case 'progressing': return this.#progress(trial)
      case 'paused': return this.#wait(trial)
      case 'promoting': return this.#complete(trial)
      case 'promoted':
      case 'rolled-back':
      case 'failed': return false
    }
  }

  #warm (trial: OpenTrial): boolean {
    const load = this.#options.fleet.load(trial.row.model, trial.row.challenger)
    if (load.state === 'failed') {
      return this.#apply(trial, 'fail', { actor: ENGINE, reason: `the challenger cannot be loaded: ${load.message}` })
    }
    return load.state === 'ready' && this.#apply(trial, 'warmed', { actor: ENGINE, reason: 'the challenger is warm' })
  }

  #progress (trial: OpenTrial): boolean {
    const { step } = trial.row
    const current = trial.plan.steps[step]
    if (current === undefined) return this.#finish(trial)
    switch (current.kind) {
      case 'setWeight': return this.#set(trial, `weight ${current.weightBps / 100} %`, current.weightBps)
      case 'setMirror': return this.#set(trial, `mirror ${current.mirrorBps / 100} %`)
      case 'setTarget': return this.#set(trial, current.targeting === null ? 'no rules' : 'new rules')
      case 'pause': {
        const until = current.durationMs === null ? null : this.#options.now() + current.durationMs
        const wait = until === null ? 'waits for a person to resume' : `pause of ${current.durationMs! / 1_000} s`
        const reason = current.reason === undefined ? wait : until === null ? current.reason : `${wait}: ${current.reason}`
        return this.#pause(trial, 'step', { actor: ENGINE, reason }, until)
      }
      case 'analysis': return this.#analyse(trial)
    }
  }

  /** A new share or new rules begin a stage of their own: what was seen before is not pooled with what comes. */
  #set (trial: OpenTrial, reason: string, weightBps = trial.row.weightBps): boolean {
    const { step, stage } = trial.row
    const now = this.#options.now()
    const details = { stageStartedAt: now, startedAt: trial.details.startedAt ?? now }
    return this.#apply(trial, 'advance', { actor: ENGINE, reason }, { step: step + 1, weightBps, stage: stage + 1, details })
  }

  #analyse (trial: OpenTrial): boolean {
    const verdict = trial.look(this.#options.now())
    const isTime = this.#options.now() - (trial.details.stageStartedAt ?? 0) >= trial.plan.minDurationMs
    if (verdict.decision === 'promote' && isTime) {
      trial.save(this.#store, this.#options.now(), true)
      return this.#apply(trial, 'advance', { actor: ENGINE, reason: verdict.reason }, { step: trial.row.step + 1 })
    }
    if (verdict.decision !== 'pause' || trial.details.accepted === trial.row.step) return false
    trial.save(this.#store, this.#options.now(), true)
    return this.#pause(trial, 'verdict', { actor: ENGINE, reason: verdict.reason }, null)
  }

  #finish (trial: OpenTrial): boolean {
    if (trial.plan.promotion === 'manual') {
      return this.#pause(trial, 'promotion', { actor: ENGINE, reason: 'every step has passed; waits for a person to promote' }, null)
    }
    return this.#apply(trial, 'promote', { actor: ENGINE, reason: trial.plan.analysis === null ? 'every step is done' : trial.verdict.reason })
  }

  #wait (trial: OpenTrial): boolean {
    const { pausedUntil } = trial.row
    if (pausedUntil === null || this.#options.now() < pausedUntil) return false
    return this.#resume(trial, { actor: ENGINE, reason: 'the pause is over' })
  }

  #resume (trial: OpenTrial, hand: Hand): boolean {
    const { step } = trial.row
    const { pause, ...details } = trial.details
    trial.breach = null
    return this.#apply(trial, 'resume', hand, {
      step: pause === 'step' ? step + 1 : step,
      pausedUntil: null,
      details: { ...details, ...pause === 'verdict' ? { accepted: step } : {} }
    })
  }

  #pause (trial: OpenTrial, kind: PauseKind, hand: Hand, until: number | null): boolean {
    return this.#apply(trial, 'pause', hand, { pausedUntil: until, details: { ...trial.details, pause: kind } })
  }

  #complete (trial: OpenTrial): boolean {
    const { model, challenger, epoch, reason } = trial.row
    const load = this.#options.fleet.load(model, challenger)
    if (load.state === 'failed') {
      return this.#apply(trial, 'fail', { actor: ENGINE, reason: `the challenger cannot be loaded: ${load.message}` })
    }
    if (load.state !== 'ready') return false
    trial.row = this.#store.complete(trial.row.id, { epoch, actor: ENGINE, reason })
    this.#end(trial)
    return false
  }

  /** Within the request that breached: routing retreats now, and the disk is written to after the replies at hand. */
  #breach (trial: OpenTrial, reason: string): void {
    if (trial.plan.spec.onFailure === 'rollback' && trial.retreat === null) {
      this.#options.fleet.setTrial(trial.row.model, null)
      trial.retreat = { actor: ENGINE, reason }
    }
    setImmediate(() => {
      if (this.#trials.has(trial.row.id)) this.#guard(trial, () => { this.#harm(trial, reason) })
    })
  }

  /** Harm is proven, or the breaker has tripped. */
  #harm (trial: OpenTrial, reason: string): void {
    if (trial.plan.spec.onFailure === 'rollback') return this.#retreat(trial, { actor: ENGINE, reason })
    const { state, step } = trial.row
    if (state !== 'progressing' || trial.details.accepted === step) return
    trial.save(this.#store, this.#options.now(), true)
    this.#pause(trial, 'verdict', { actor: ENGINE, reason }, null)
  }

  #retreat (trial: OpenTrial, hand: Hand): void {
    if (trial.retreat === null) {
      this.#options.fleet.setTrial(trial.row.model, null)
      trial.retreat = hand
    }
    this.#persistRetreat(trial)
  }

  #persistRetreat (trial: OpenTrial): void {
    const hand = trial.retreat!
    trial.row = this.#store.apply(trial.row.id, 'rollback', { epoch: trial.row.epoch, ...hand })
    trial.look(this.#options.now())
    trial.save(this.#store, this.#options.now(), true)
    this.#end(trial)
  }

  #revert (row: RolloutRow, hand: Hand): RolloutRow {
    const { fleet, registry } = this.#options
    const isDue = row.state === 'promoted' && row.reverted === null && this.#store.latest(row.model)?.id === row.id &&
      registry.alias(row.model, 'champion') === row.challenger
    if (isDue) fleet.force(row.model, row.champion)
    const reverted = this.#store.revert(row.id, hand)
    fleet.release(row.model)
    this.#options.pins.drop(row.model, row.challenger)
    this.#converse(row.model)
    this.#options.log('warn', 'promotion reverted', { rollout: row.id, model: row.model, champion: row.champion, ...hand })
    return reverted
  }

  #apply (trial: OpenTrial, event: RolloutEvent, hand: Hand, patch: ApplyOptions['patch'] & { details?: Details } = {}): boolean {
    const { state, epoch, id } = trial.row
    trial.row = this.#store.apply(id, event, { epoch, ...hand, patch })
    trial.touch()
    this.#options.log('info', 'rollout moved', { rollout: id, event, from: state, to: trial.row.state, step: trial.row.step, weightBps: trial.row.weightBps, ...hand })
    if (isFinal(trial.row.state)) this.#end(trial)
    else this.#route(trial)
    return true
  }

  #route (trial: OpenTrial): void {
    this.#options.fleet.setTrial(trial.row.model, trial.setting())
  }

  #end (trial: OpenTrial): void {
    const { id, model, state, reason } = trial.row
    this.#trials.delete(id)
    this.#options.fleet.sync()
    this.#options.fleet.setTrial(model, null)
    if (state !== 'promoted') this.#options.pins.drop(model, trial.row.challenger)
    this.#converse(model)
    this.#options.log('info', 'rollout ended', { rollout: id, model, state, reason })
    this.#options.onEnd(trial.row)
  }

  /** After a promotion whose rollout asked for it, sessions may end with the version they began with. */
  #converse (model: string): void {
    const row = this.#store.list(model).find(({ endedAt }) => endedAt !== null)
    const isKept = row !== undefined && row.state === 'promoted' && row.reverted === null
    const plan = isKept ? parseRolloutSpec(row.spec) : null
    const conversation = plan?.spec.affinity.mode === 'conversation' && plan.pinTtlMs !== null
      ? { keys: plan.keys, ttlMs: plan.pinTtlMs }
      : null
    this.#options.fleet.setConversation(model, conversation)
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
