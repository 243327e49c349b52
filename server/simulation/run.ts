import { seededRandom, type Random } from '../../evaluators/statistics/random.js'
import type { Verdict } from '../../evaluators/verdict.js'
import type { Tensor } from '../../models/tensor.js'
import { isFinal } from '../../registry/rollouts/machine.js'
import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import type { TrialSetting } from '../fleet.js'
import { assign, type Arm } from '../routing/assign.js'
import type { Details } from '../rollouts/trial.js'
import type { Plan } from '../rollouts/spec.js'
import type { Prediction } from '../traffic/messages.js'
import type { MirrorSide } from '../traffic/mirror.js'
import { createArm, swing, type ArmModel } from './draws.js'
import { DueQueue } from './due-queue.js'
import type { Scenario } from './scenario.js'
import { SessionPool, type Session } from './session-pool.js'
import { simulateGate } from './simulated-gate.js'
import { Stage } from './stage.js'

/**
 * How a simulated rollout ended. `passed`: every step passed and nobody promoted; `review`: a verdict asks for a
 * person; `waiting`: the plan waits for one; `open`: the time of the scenario was over.
 */
export type SimulatedOutcome = 'promoted' | 'rolled-back' | 'failed' | 'passed' | 'review' | 'waiting' | 'open'

export interface TimelineEntry {
  readonly elapsedMs: number
  readonly event: string
  readonly state: string
  readonly step: number
  readonly weightBps: number
  readonly reason: string
}

/** One simulated rollout. Times in milliseconds from its beginning; counts until its end. */
export interface SimulatedRun {
  readonly outcome: SimulatedOutcome
  readonly reason: string
  readonly verdict: Verdict
  readonly elapsedMs: number
  readonly requests: number
  readonly sessions: number
  /** Requests that the challenger answered, or failed to. */
  readonly challengerRequests: number
  /** Sessions that the challenger was chosen for at least once. */
  readonly exposedSessions: number
  readonly mirroredRequests: number
  /** Requests of users that failed, failover included. */
  readonly failedRequests: number
  readonly timeline: readonly TimelineEntry[]
}

interface Heard { readonly prediction: Prediction, readonly key: string, readonly value: number }

const ENGINE_LOOKS_MS = { least: 1_000, shareOfStage: 1 / 200 }
const HAND = { actor: 'simulation', reason: 'as the scenario says' }
const WEEKEND = [0, 6]

/** Runs one rollout through the real engine on a clock moved by hand. The same seed gives the same run. O(requests). */
export function simulateRollout (plan: Plan, scenario: Scenario, seed: number): SimulatedRun {
  return new Simulation(plan, scenario, seededRandom(seed)).run()
}

class Simulation {
  readonly #plan: Plan
  readonly #scenario: Scenario
  readonly #random: Random
  readonly #stage: Stage
  readonly #sessions: SessionPool
  readonly #arms: Readonly<Record<Arm, ArmModel>>
  /** Challengers that differ from the others. */
  readonly #versions: ReadonlyMap<string, ArmModel>
  readonly #heard = new DueQueue<Heard>()
  readonly #timeline: TimelineEntry[] = []
  readonly #counts = { requests: 0, challengerRequests: 0, exposedSessions: 0, mirroredRequests: 0, failedRequests: 0 }
  #now: number
  #movedAt: number
  #row: RolloutRow | null = null

  constructor (plan: Plan, scenario: Scenario, random: Random) {
    this.#plan = plan
    this.#scenario = scenario
    this.#random = random
    this.#now = this.#movedAt = scenario.startAt
    this.#stage = new Stage({
      now: () => this.#now,
      gate: (gate) => simulateGate(gate, scenario),
      salt: random.uniform().toString(16).slice(2, 18),
      onMove: (row, event) => {
        this.#row = row
        this.#movedAt = this.#now
        const { state, step, weightBps, reason } = row
        this.#timeline.push({ elapsedMs: this.#elapsedMs, event, state, step, weightBps, reason })
      }
    })
    const { document: { traffic }, arms: { champion, challenger, versions } } = scenario
    this.#sessions = new SessionPool({ traffic, keys: plan.keys, attributes: plan.attributes, random })
    this.#versions = new Map(Object.entries(versions).map(([version, arm]) => [version, createArm(arm, random)]))
    this.#arms = { champion: createArm(champion, random), challenger: createArm(challenger, random) }
  }

  run (): SimulatedRun {
    const { controller } = this.#stage
    controller.start(this.#plan.spec, HAND)
    const endAt = this.#now + this.#scenario.maxDurationMs
    let requestAt = this.#nextRequest()
    let lookAt = this.#nextLook()
    let outcome = this.#outcome()
    while (outcome === null) {
      const personAt = this.#isWaiting() ? this.#movedAt + this.#scenario.personAfterMs : Infinity
      const pauseAt = this.#row!.pausedUntil ?? Infinity
      this.#now = Math.min(requestAt, lookAt, this.#heard.nextAt, personAt, pauseAt, endAt)
      if (this.#now >= endAt) outcome = 'open'
      else if (this.#now === personAt) this.#actByHand()
      else if (this.#now === lookAt || this.#now === pauseAt) controller.look()
      else if (this.#now === requestAt) {
        this.#request()
        requestAt = this.#nextRequest()
      } else this.#hear()
      if (this.#stage.setting === null && !isFinal(this.#row!.state)) controller.look()
      if (this.#now >= lookAt || this.#movedAt === this.#now) lookAt = this.#nextLook()
      outcome ??= this.#outcome()
    }
    const { row, verdict } = controller.get(this.#row!.id)
    return {
      outcome,
      reason: row.reason,
      verdict,
      elapsedMs: this.#elapsedMs,
      ...this.#counts,
      sessions: this.#sessions.begun,
      timeline: this.#timeline
    }
  }

  get #elapsedMs (): number {
    return this.#now - this.#scenario.startAt
  }

  /** A Poisson process whose rate changes slowly beside the time between two requests. */
  #nextRequest (): number {
    const { perSecond, daily, weekend } = this.#scenario.document.traffic
    const factor = weekend === 1 || !WEEKEND.includes(new Date(this.#now).getUTCDay()) ? 1 : weekend
    const perMs = perSecond / 1_000 * factor * (1 + swing(daily, this.#elapsedMs))
    return this.#now - Math.log(1 - this.#random.uniform()) / Math.max(perMs, Number.MIN_VALUE)
  }

  /** Looks are valid at any time; the longer nothing moved, the rarer they are, by a two-hundredth of that time. */
  #nextLook (): number {
    const { lookEveryMs } = this.#scenario
    const { least, shareOfStage } = ENGINE_LOOKS_MS
    return this.#now + (lookEveryMs ?? Math.max(least, (this.#now - this.#movedAt) * shareOfStage))
  }

  #request (): void {
    this.#counts.requests++
    const session = this.#sessions.next()
    const { setting } = this.#stage
    if (setting === null || !setting.isRouting) {
      if (this.#arms.champion.answer(this.#elapsedMs).failed) this.#counts.failedRequests++
      return
    }
    const pinned = setting.pinTtlMs === null ? undefined : () => session.pin
    const requestId = `r${this.#counts.requests}`
    const by = { pinned, newId: () => requestId }
    const { arm, bucket, isOutside = false, version } = assign(setting, session.carrier, by)
    const model = this.#versions.get(version ?? '') ?? this.#arms[arm]
    const { failed, latencyMs } = model.answer(this.#elapsedMs)
    const { rolloutId, stage, weightBps } = setting
    if (arm === 'challenger') this.#expose(session, failed)
    else if (failed) this.#counts.failedRequests++
    if (!failed) session.pin ??= arm
    this.#stage.controller.observe({ requestId, rolloutId, stage, weightBps, arm, bucket, failed, latencyMs })
    if (arm === 'champion' && !isOutside) this.#mirror(setting, requestId, bucket, { failed, latencyMs })
    if (failed) return
    const prediction = { requestId, rolloutId, at: this.#now, stage, weightBps, arm, bucket, failed, latencyMs }
    for (const { key, value, delayMs } of model.tell(this.#elapsedMs, session.lean)) {
      this.#heard.add(this.#now + delayMs, { prediction, key, value })
    }
  }

  /** The champion answers for a challenger that fails. */
  #expose (session: Session, failed: boolean): void {
    this.#counts.challengerRequests++
    if (!session.isExposed) this.#counts.exposedSessions++
    session.isExposed = true
    if (failed && this.#arms.champion.answer(this.#elapsedMs).failed) this.#counts.failedRequests++
  }

  #mirror (
    { rolloutId, stage, mirrorBps }: TrialSetting, requestId: string, bucket: number | null,
    champion: Omit<MirrorSide, 'outputs'>
  ): void {
    if (mirrorBps === 0 || this.#random.uniform() * 10_000 >= mirrorBps) return
    this.#counts.mirroredRequests++
    const challenger = this.#arms.challenger.answer(this.#elapsedMs)
    const { agreement = 1 } = this.#scenario.arms.challenger
    const isSame = this.#random.uniform() < agreement
    this.#stage.controller.observeMirrored({
      rolloutId,
      requestId,
      stage,
      bucket,
      champion: { ...champion, outputs: champion.failed ? null : this.#outputs(true) },
      challenger: { ...challenger, outputs: challenger.failed ? null : this.#outputs(isSame) }
    })
  }

  /** Outputs that agree with the champion's by every method, or by none. */
  #outputs (isSame: boolean): Tensor[] {
    const names = new Set(this.#plan.agreements.map(({ output = 'output' }) => output))
    const data = Float32Array.from(isSame ? [1, 0] : [0, 1])
    return [...names].map((name) => ({ name, datatype: 'FP32', shape: [1, 2], data }))
  }

  #hear (): void {
    const { prediction, key, value } = this.#heard.take()
    this.#stage.controller.feedback({ prediction, accepted: [key], duplicates: [], at: this.#now }, { [key]: value })
  }

  #isWaiting (): boolean {
    const { state, pausedUntil } = this.#row!
    return state === 'paused' && pausedUntil === null
  }

  /** What the scenario's person does about the pause at hand. */
  #decision (): string {
    const { person } = this.#scenario.document
    const { pause } = this.#row!.details as Details
    return pause === 'promotion' ? person.promotion : pause === 'verdict' ? person.verdict : person.step
  }

  #actByHand (): void {
    const { controller } = this.#stage
    const { id } = this.#row!
    const decision = this.#decision()
    if (decision === 'promote') controller.promote(id, HAND)
    else if (decision === 'rollback') controller.rollback(id, HAND)
    else controller.proceed(id, HAND)
  }

  /** How it ended; null while it goes on. */
  #outcome (): SimulatedOutcome | null {
    const { state, details } = this.#row!
    if (state === 'promoted' || state === 'rolled-back' || state === 'failed') return state
    if (!this.#isWaiting() || this.#decision() !== 'stop') return null
    const { pause } = details as Details
    return pause === 'promotion' ? 'passed' : pause === 'verdict' ? 'review' : 'waiting'
  }
}
