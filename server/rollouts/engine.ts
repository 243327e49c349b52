import { isFinal, type RolloutEvent } from '../../registry/rollouts/machine.js'
import type { ConcludedVerdict, RolloutRow } from '../../registry/rollouts/rollout.js'
import type { ApplyOptions, RevertOptions, RolloutStore } from '../../registry/rollouts/store.js'
import type { Fleet } from '../fleet.js'
import type { Log } from '../log.js'
import type { Probes } from '../probes/probe-runs.js'
import type { PinKeeper } from '../traffic/pin-keeper.js'
import type { Gates } from './gate/gate-runs.js'
import { compete, dropLeaving, watchContest } from './contest-steps.js'
import { ContestTrial } from './contest.js'
import { judgeGate } from './gate/judge.js'
import { parseRolloutSpec } from './spec.js'
import type { GatePlan } from './spec/gate.js'
import { watchedUntil } from './watch.js'
import type { Details, Hand, OpenTrial, PauseKind, Retreat } from './trial.js'

export const ENGINE = 'gauntlet'

export interface EngineOptions {
  readonly registry: {
    readonly alias: (model: string, alias: string) => string | null
    readonly rollouts: Pick<RolloutStore, 'list' | 'latest' | 'apply' | 'revert' | 'settle' | 'saveVerdict'>
  }
  readonly fleet: Pick<Fleet, 'load' | 'setTrial' | 'setConversation' | 'sync' | 'force' | 'release'>
  readonly pins: Pick<PinKeeper, 'drop'>
  readonly gates: Gates
  readonly probes: Probes
  readonly now: () => number
  readonly log: Log
  /** Called when a rollout has become final, before anything else hears of it. */
  readonly onFinal: (row: RolloutRow) => void
  /** Called instead when it is final but for the watch over its promotion; tells the trial that watches. */
  readonly onWatch: (row: RolloutRow) => OpenTrial
  /** Called when all that follows from the end has been done. */
  readonly onEnd: (row: RolloutRow) => void
}

interface Change {
  readonly patch?: ApplyOptions['patch'] & { details?: Details }
  /** Whether the last verdict is why. */
  readonly isJudged?: boolean
  /** Another verdict that is why. */
  readonly verdict?: ConcludedVerdict
}

/** More transitions than any plan has in a row; a guard against a loop that does not end. */
const TRANSITIONS_PER_LOOK = 250

/**
 * Moves rollouts from state to state: persists each move first, together with the verdict that asked for it, and then
 * acts, but for the retreat to the champion, which acts first. A look is cheap and always valid, so it may come at any
 * time.
 */
export class RolloutEngine {
  readonly #options: EngineOptions

  constructor (options: EngineOptions) {
    this.#options = options
  }

  get #store () {
    return this.#options.registry.rollouts
  }

  /** Makes every move that is due. */
  lookAt (trial: OpenTrial): void {
    if (trial.isWatched) return this.#watchOver(trial)
    if (trial.retreat !== null) return this.#persistRetreat(trial)
    if (this.#isOverdue(trial)) return this.retreat(trial, { actor: ENGINE, reason: 'the progress deadline has passed', isJudged: false })
    if (trial instanceof ContestTrial) this.#watch(trial)
    else if (trial.isRouting && trial.row.state !== 'promoting') {
      const verdict = trial.look(this.#options.now())
      trial.save(this.#store, this.#options.now())
      if (verdict.decision === 'rollback') this.harm(trial, verdict.reason)
    }
    for (let i = 0; i < TRANSITIONS_PER_LOOK && !isFinal(trial.row.state) && this.#step(trial); i++);
  }

  /** Several challengers are looked at each for itself. */
  #watch (trial: ContestTrial): void {
    if (trial.leaving.size > 0) this.drop(trial)
    if (!isFinal(trial.row.state) && trial.isRouting && trial.row.state !== 'promoting') watchContest(this, trial, this.#options.now())
  }

  /** Writes down which of several challengers routing has left. */
  drop (trial: ContestTrial): void {
    dropLeaving(this, trial, this.#options.now())
  }

  /** Stores the last verdict. */
  save (trial: OpenTrial): void {
    trial.save(this.#store, this.#options.now())
  }

  #isOverdue ({ row: { createdAt, state }, plan: { progressDeadlineMs } }: OpenTrial): boolean {
    return progressDeadlineMs !== null && state !== 'promoting' && this.#options.now() - createdAt >= progressDeadlineMs
  }

  /** Makes the one move that is due; false when there is none. */
  #step (trial: OpenTrial): boolean {
    switch (trial.row.state) {
      case 'pending': return this.apply(trial, 'start', { actor: ENGINE, reason: 'warming the challenger' })
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
    for (const version of trial.versions) {
      const load = this.#options.fleet.load(trial.row.model, version)
      if (load.state === 'failed') {
        const which = trial.versions.length > 1 ? `challenger ${version}` : 'the challenger'
        return this.apply(trial, 'fail', { actor: ENGINE, reason: `${which} cannot be loaded: ${load.message}` })
      }
      if (load.state !== 'ready') return false
    }
    const { gate } = trial.plan
    if (gate === null) return this.apply(trial, 'warmed', { actor: ENGINE, reason: 'the challenger is warm' })
    return this.#pass(trial, gate)
  }

  /** The gate decides whether the challenger is tried at all; false while it is under way. */
  #pass (trial: OpenTrial, gate: GatePlan): boolean {
    const { gates, now } = this.#options
    const evidence = gates.look(trial.row, gate)
    if (evidence === null) return false
    const verdict = trial.adopt(judgeGate(gate.spec, evidence), evidence, gate.spec, now())
    const event = verdict.decision === 'promote' ? 'warmed' : 'fail'
    this.apply(trial, event, { actor: ENGINE, reason: verdict.reason }, { verdict })
    gates.forget(trial.row.id)
    return true
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
        return this.pause(trial, 'step', { actor: ENGINE, reason }, until)
      }
      case 'analysis': return this.#analyse(trial)
      case 'contest': return trial instanceof ContestTrial && compete(this, trial, this.#options.now())
    }
  }

  /** A new share or new rules begin a stage of their own: what was seen before is not pooled with what comes. */
  #set (trial: OpenTrial, reason: string, weightBps = trial.row.weightBps): boolean {
    const { step, stage } = trial.row
    const now = this.#options.now()
    const details = { stageStartedAt: now, startedAt: trial.details.startedAt ?? now }
    return this.apply(trial, 'advance', { actor: ENGINE, reason }, { patch: { step: step + 1, weightBps, stage: stage + 1, details } })
  }

  #analyse (trial: OpenTrial): boolean {
    const verdict = trial.look(this.#options.now())
    const isTime = this.#options.now() - (trial.details.stageStartedAt ?? 0) >= trial.plan.minDurationMs
    if (verdict.decision === 'promote' && isTime) {
      const patch = { step: trial.row.step + 1 }
      return this.apply(trial, 'advance', { actor: ENGINE, reason: verdict.reason }, { patch, isJudged: true })
    }
    if (verdict.decision !== 'pause' || trial.details.accepted === trial.row.step) return false
    return this.pause(trial, 'verdict', { actor: ENGINE, reason: verdict.reason })
  }

  #finish (trial: OpenTrial): boolean {
    if (trial.plan.promotion === 'manual') {
      return this.pause(trial, 'promotion', { actor: ENGINE, reason: 'every step has passed; waits for a person to promote' })
    }
    return this.apply(trial, 'promote', { actor: ENGINE, reason: trial.plan.analysis === null ? 'every step is done' : trial.verdict.reason })
  }

  #wait (trial: OpenTrial): boolean {
    const { pausedUntil } = trial.row
    if (pausedUntil === null || this.#options.now() < pausedUntil) return false
    return this.resume(trial, { actor: ENGINE, reason: 'the pause is over' })
  }

  /** Goes on: past a pause step, or with the verdict that paused accepted for this step. */
  resume (trial: OpenTrial, hand: Hand): boolean {
    const { step } = trial.row
    const { pause, ...details } = trial.details
    trial.forgive()
    const accepted = pause === 'verdict' ? { accepted: step } : {}
    const patch = { step: pause === 'step' ? step + 1 : step, pausedUntil: null, details: { ...details, ...accepted } }
    return this.apply(trial, 'resume', hand, { patch })
  }

  /** Holds the weight where it is until then, or until a person resumes. */
  pause (trial: OpenTrial, kind: PauseKind, hand: Hand, until: number | null = null): boolean {
    const patch = { pausedUntil: until, details: { ...trial.details, pause: kind } }
    return this.apply(trial, 'pause', hand, { patch, isJudged: kind === 'verdict' })
  }

  #complete (trial: OpenTrial): boolean {
    const { model, challenger, reason } = trial.row
    const load = this.#options.fleet.load(model, challenger)
    if (load.state === 'failed') {
      return this.apply(trial, 'fail', { actor: ENGINE, reason: `the challenger cannot be loaded: ${load.message}` })
    }
    if (load.state !== 'ready') return false
    return this.apply(trial, 'complete', { actor: ENGINE, reason }, { patch: this.#watchPatch(trial) })
  }

  /** The watch begins with the promotion, in a stage of its own. */
  #watchPatch ({ plan: { afterPromotion }, row, details }: OpenTrial): NonNullable<Change['patch']> {
    if (afterPromotion === null) return {}
    const [now, stage] = [this.#options.now(), row.stage + 1]
    const { watchMs, holdbackBps } = afterPromotion
    const watch = { watchUntil: now + watchMs, watchStage: stage, stageStartedAt: now, startedAt: now }
    return { weightBps: 10_000 - holdbackBps, stage, details: { ...details, ...watch } }
  }

  /** A look at a promotion: the champion before returns when harm is proven; else it stands when the time is over. */
  #watchOver (trial: OpenTrial): void {
    const { model, challenger } = trial.row
    if (this.#options.registry.alias(model, 'champion') !== challenger) {
      return this.settle(trial, { actor: ENGINE, reason: 'the watch ends: the champion is another by now' })
    }
    if (trial.retreat !== null) return this.#takeBack(trial)
    const now = this.#options.now()
    const verdict = trial.look(now)
    trial.save(this.#store, now)
    if (verdict.decision === 'rollback') this.harm(trial, verdict.reason)
    if (trial.isWatched && now >= watchedUntil(trial.row)!) {
      this.settle(trial, { actor: ENGINE, reason: 'the watch is over; the promotion stands' })
    }
  }

  /** Ends the watch over a promotion: everybody is the new champion's. */
  settle (trial: OpenTrial, hand: Hand): void {
    const { watchUntil: _until, ...details } = trial.details
    const { id, epoch, model } = trial.row
    trial.row = this.#store.settle(id, { epoch, details, ...hand })
    this.#forget(trial.row)
    this.#options.fleet.setTrial(model, null)
    this.#options.fleet.release(model)
    this.#options.log('info', 'promotion settled', { rollout: id, model, ...hand })
  }

  #takeBack (trial: OpenTrial): void {
    const { isJudged, ...hand } = trial.retreat!
    const verdict = trial.conclude(this.#options.now(), isJudged)
    trial.row = this.revert(trial.row, { ...hand, ...verdict === null ? {} : { verdict } })
    this.#forget(trial.row)
  }

  /** Harm is proven, or the breaker has tripped. */
  harm (trial: OpenTrial, reason: string): void {
    if (trial.isWatched) {
      if (trial.onFailure === 'rollback') this.retreat(trial, { actor: ENGINE, reason, isJudged: true })
      return
    }
    if (trial.onFailure === 'rollback') return this.retreat(trial, { actor: ENGINE, reason, isJudged: true })
    const { state, step } = trial.row
    if (state !== 'progressing' || trial.details.accepted === step) return
    this.pause(trial, 'verdict', { actor: ENGINE, reason })
  }

  /** Back to the champion: routing first, then the disk. */
  retreat (trial: OpenTrial, retreat: Retreat): void {
    if (trial.retreat === null) this.leave(trial, retreat)
    this.#persistRetreat(trial)
  }

  /** The champion alone is routed to from the next request on; the disk does not say so yet. */
  leave (trial: OpenTrial, retreat: Retreat): void {
    this.#options.fleet.setTrial(trial.row.model, null)
    if (trial.isWatched) this.#options.fleet.force(trial.row.model, trial.row.champion)
    trial.retreat = retreat
  }

  #persistRetreat (trial: OpenTrial): void {
    if (trial.isWatched) return this.#takeBack(trial)
    const { isJudged, ...hand } = trial.retreat!
    this.apply(trial, 'rollback', hand, { isJudged })
  }

  /** Takes a promotion back. */
  revert (row: RolloutRow, { verdict, ...hand }: RevertOptions): RolloutRow {
    const { fleet, registry } = this.#options
    const isDue = row.state === 'promoted' && row.reverted === null && this.#store.latest(row.model)?.id === row.id &&
      registry.alias(row.model, 'champion') === row.challenger
    if (isDue) fleet.force(row.model, row.champion)
    const reverted = this.#store.revert(row.id, { ...hand, ...verdict === undefined ? {} : { verdict } })
    fleet.release(row.model)
    this.#options.pins.drop(row.model, row.challenger)
    this.converse(row.model)
    this.#options.log('warn', 'promotion reverted', { rollout: row.id, model: row.model, champion: row.champion, ...hand })
    return reverted
  }

  /**
   * Lets an event happen: row, history, audit and the last verdict in one transaction. An end that a person or a
   * deadline brings keeps its last verdict too, as one that moved nothing.
   */
  apply (trial: OpenTrial, event: RolloutEvent, hand: Hand, change: Change = {}): boolean {
    const { patch = {}, isJudged = false, verdict: given } = change
    const { state, epoch, id } = trial.row
    const verdict = given ?? (isJudged || event === 'rollback' ? trial.conclude(this.#options.now(), isJudged) : null)
    trial.row = this.#store.apply(id, event, { epoch, ...hand, patch, ...verdict === null ? {} : { verdict } })
    trial.touch()
    const { step, weightBps, state: to } = trial.row
    this.#options.log('info', 'rollout moved', { rollout: id, event, from: state, to, step, weightBps, ...hand })
    if (isFinal(to)) this.#end(trial)
    else this.route(trial)
    return true
  }

  /** Tells routing how the trial stands. */
  route (trial: OpenTrial): void {
    this.#options.fleet.setTrial(trial.row.model, trial.setting())
  }

  /** Nothing is left to drive. */
  #forget (row: RolloutRow): void {
    this.#options.onFinal(row)
    this.#options.gates.forget(row.id)
    this.#options.probes.forget(row.id)
  }

  #end (trial: OpenTrial): void {
    const { id, model, state, reason } = trial.row
    const watching = trial.isWatched ? this.#options.onWatch(trial.row) : null
    if (watching === null) this.#forget(trial.row)
    this.#options.fleet.sync()
    this.#options.fleet.setTrial(model, watching?.setting() ?? null)
    if (state !== 'promoted') this.#options.pins.drop(model, trial.row.challenger)
    this.converse(model)
    this.#options.log('info', 'rollout ended', { rollout: id, model, state, reason })
    this.#options.onEnd(trial.row)
  }

  /** After a promotion whose rollout asked for it, sessions may end with the version they began with. */
  converse (model: string): void {
    const row = this.#store.list(model).find(({ endedAt }) => endedAt !== null)
    const isKept = row !== undefined && row.state === 'promoted' && row.reverted === null
    const plan = isKept ? parseRolloutSpec(row.spec) : null
    const conversation = plan?.spec.affinity.mode === 'conversation' && plan.pinTtlMs !== null
      ? { keys: plan.keys, issue: plan.issue, ttlMs: plan.pinTtlMs }
      : null
    this.#options.fleet.setConversation(model, conversation)
  }
}
