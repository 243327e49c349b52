import { decideByIntervals, type IntervalSpec } from '../../evaluators/interval-verdict.js'
import { type AnalysisSpec, decide, type Evidence, type Verdict } from '../../evaluators/verdict.js'
import type { ConcludedVerdict, RolloutRow } from '../../registry/rollouts/rollout.js'
import type { RolloutStore } from '../../registry/rollouts/store.js'
import type { Outcome } from '../inference.js'
import type { TrialSetting } from '../fleet.js'
import type { Mirrored, ReplayedPrediction } from '../traffic/messages.js'
import type { MirrorPair } from '../traffic/mirror.js'
import { Pairs } from '../traffic/pairs.js'
import { type Place, type Told, Windows } from '../traffic/windows.js'
import { agreementOf } from './agreement.js'
import { Breaker } from './breaker.js'
import { compileTargeting, type Aim } from '../routing/targeting.js'
import { JudgedRun } from './judged-run.js'
import { analysisFault, settingAfter, type Setting } from './plan.js'
import { type Plan, parseRolloutSpec } from './spec.js'
import { watchedUntil } from './watch.js'
import { PACKAGE_VERSION } from '../version.js'

/**
 * Why a rollout is paused: a step of its plan, a person, a verdict that needs one, the last word before promotion, or
 * a person has switched the challenger off for everybody.
 */
export type PauseKind = 'step' | 'manual' | 'verdict' | 'promotion' | 'off'

/** Who acts, and why. */
export interface Hand { readonly actor: string, readonly reason: string }

/** Why a trial is left; `isJudged` when it is for its last verdict. */
export interface Retreat extends Hand { readonly isJudged: boolean }

/** What the engine keeps in a rollout's row beside the columns. */
export interface Details {
  readonly stageStartedAt?: number
  /** When the first weight was set: what the budget of time counts from. */
  readonly startedAt?: number
  readonly pause?: PauseKind
  /** When the watch after the promotion ends, and the stage that it began with. */
  readonly watchUntil?: number
  readonly watchStage?: number
  /** The step whose verdict a person has accepted by resuming: it does not pause there again. */
  readonly accepted?: number
  /** Challengers of several that are out. */
  readonly dropped?: readonly string[]
}

/** What of a request says which statistics it belongs to. */
type Routed = Pick<Outcome, 'stage' | 'weightBps' | 'arm' | 'failed'>

/** An unchanged verdict is stored again after this long, so that the record shows how the numbers went. */
const SAVE_EVERY_MS = 10_000

/** What is asked where only the breaker can tell. */
const BREAKER_ALONE: AnalysisSpec = { alpha: 0.05, mode: 'equivalence', minSamples: 1, plannedSamples: 1, metrics: [] }

const NO_ETA = { samples: null, samplesAtPower: null, days: null, daysAtPower: null, assumed: null, reason: 'no metric was looked at' }

/** A verdict is the reason for waiting too: what is said before there is any number. */
export const NO_VERDICT: Verdict = {
  decision: 'continue', rule: 6, reason: 'no observation yet', metrics: [], health: [], eta: NO_ETA
}

/** One open rollout in memory: its plan, its statistics, its breaker and its last verdict. */
export class OpenTrial {
  row: RolloutRow
  readonly plan: Plan
  verdict: Verdict = NO_VERDICT
  /** Set when routing has retreated but the row does not say so yet. */
  retreat: Retreat | null = null
  breach: string | null = null
  readonly #windows: Windows
  readonly #pairs: Pairs
  readonly #run: JudgedRun | null
  readonly #breaker: Breaker
  #isDirty = true
  #wasTimeUp = false
  #saved: { readonly at: number, readonly digest: string } = { at: -Infinity, digest: '' }
  #force: { readonly step: number, readonly setting: Setting, readonly aim: Aim | null } | null = null

  constructor (row: RolloutRow, plan = parseRolloutSpec(row.spec)) {
    this.row = row
    this.plan = plan
    this.#windows = new Windows(this.plan.analysis)
    this.#pairs = new Pairs(this.plan.analysis)
    this.#run = this.plan.judge === null ? null : new JudgedRun(this.plan.judge)
    this.#breaker = new Breaker(this.plan.spec.breaker)
  }

  /** Whether there are metrics, and a share or rules that they are of. */
  get #isMeasured (): boolean {
    return this.plan.analysis !== null && this.row.stage > 0
  }

  get #analysis (): AnalysisSpec {
    return this.#isMeasured ? this.plan.analysis! : BREAKER_ALONE
  }

  /** What proven harm leads to now. */
  get onFailure (): 'rollback' | 'pause' | 'notify' {
    const { afterPromotion, spec: { onFailure } } = this.plan
    return this.isWatched && afterPromotion !== null ? afterPromotion.onFailure : onFailure
  }

  get details (): Details {
    return this.row.details as Details
  }

  /** What must be warm before anything moves. */
  get versions (): readonly string[] {
    return [this.row.challenger]
  }

  /** Whether the challenger is champion by now and is watched against the champion before. */
  get isWatched (): boolean {
    return watchedUntil(this.row) !== null
  }

  /** Whether the challenger is in use now. */
  get isRouting (): boolean {
    if (this.isOff) return false
    if (this.isWatched) return true
    return this.row.state === 'progressing' || this.row.state === 'paused' || (this.row.state === 'promoting' && this.row.stage > 0)
  }

  /** Whether a person has switched the challenger off for everybody. */
  get isOff (): boolean {
    return this.row.state === 'paused' && this.details.pause === 'off'
  }

  /** How routing sees this trial. */
  setting (): TrialSetting {
    const { id, model, challenger, salt, weightBps, stage } = this.row
    const { keys, issue, layer, pinTtlMs } = this.plan
    const { isRouting, isOff } = this
    const always = { rolloutId: id, model, challenger, salt, weightBps, stage, keys, issue, layer, isRouting, isOff }
    if (this.isWatched) return { ...always, control: this.row.champion, aim: null, mirrorBps: 0, pinTtlMs: null }
    const { aim, setting: { mirrorBps } } = this.#inForce()
    return { ...always, aim, mirrorBps, pinTtlMs }
  }

  /** Counts a request; the sentence of the breach when it trips the breaker. */
  observe (outcome: Outcome, at: number): string | null {
    if (this.#isBefore(outcome)) return null
    if (outcome.bucket !== null) this.#request(outcome, outcome.bucket, at)
    if (outcome.arm !== 'challenger') return null
    const breach = this.#breaker.observe(at, outcome.failed)
    this.breach ??= breach
    return breach
  }

  /** What is kept of a mirrored request: how both did, and how far they agree. */
  score ({ champion, challenger, ...pair }: MirrorPair, at: number): Mirrored {
    const scores: Record<string, number> = {}
    for (const { name, ...agreement } of champion.outputs === null ? [] : this.plan.agreements) {
      const score = challenger.outputs === null ? 0 : agreementOf(champion.outputs!, challenger.outputs, agreement)
      if (score !== null) scores[name] = score
    }
    const side = ({ failed, latencyMs }: MirrorPair['champion']) => ({ failed, latencyMs })
    return { ...pair, at, champion: side(champion), challenger: side(challenger), scores }
  }

  /** Counts a mirrored request; the sentence of the breach when the challenger's part trips the breaker. */
  observeMirrored (mirrored: Mirrored): string | null {
    this.replayMirrored(mirrored)
    const breach = this.#breaker.observe(mirrored.at, mirrored.challenger.failed)
    this.breach ??= breach
    return breach
  }

  /** Counts a mirrored request that an earlier process of the gateway has logged. */
  replayMirrored (mirrored: Mirrored): void {
    if (this.#isBefore(mirrored)) return
    this.#pairs.add(mirrored)
    for (const arm of ['champion', 'challenger'] as const) {
      const { failed, latencyMs } = mirrored[arm]
      const { at, stage } = mirrored
      // Both arms compute every mirrored request: half each.
      const place = { at, stage, weightBps: 5_000, arm, bucket: mirrored.bucket ?? 0 }
      if (!failed) this.#windows.mirroredLatency(place, latencyMs)
      if (!isSplit(this.row)) this.#run?.series(this.row).request({ at, stage, arm }, failed, latencyMs)
    }
    this.#isDirty = true
  }

  /** Counts a request, and its feedback, that an earlier process of the gateway has logged. */
  replay ({ prediction, values, times }: ReplayedPrediction): void {
    const { bucket, at } = prediction
    if (bucket === null || this.#isBefore(prediction)) return
    this.#request(prediction, bucket, at)
    for (const [key, value] of Object.entries(values)) {
      this.feedback(prediction, bucket, { key, value, at: times[key] ?? at })
    }
  }

  /**
   * Counts one value of feedback, which came at `told.at`. An answer of the champion in the challenger's place says
   * nothing of either.
   */
  feedback (request: Routed & { readonly at: number }, bucket: number, told: Told): void {
    if (request.failed || this.#isBefore(request)) return
    this.#windows.feedback({ ...place(request), at: request.at, bucket }, told)
    this.#run?.series(this.row).feedback({ ...place(request), at: told.at }, told.key, told.value)
    this.#isDirty = true
  }

  /** The verdict on everything seen so far; kept until something new is seen, or the time is up. */
  look (at: number): Verdict {
    if (!this.#isMeasured && this.breach === null) return this.verdict
    if (this.#isNew(at)) this.verdict = this.#draw(at).verdict
    return this.verdict
  }

  /** Stores the last verdict with its evidence, when it says something else than the one before or that is long ago. */
  save (store: Pick<RolloutStore, 'saveVerdict'>, at: number): void {
    if (this.verdict === NO_VERDICT) return
    const isLong = this.plan.judge === null && at - this.#saved.at >= SAVE_EVERY_MS
    if (this.#digest() === this.#saved.digest && !isLong) return
    const concluded = this.conclude(at, false)
    if (concluded !== null) store.saveVerdict(this.row.id, concluded)
  }

  /** The verdict on everything seen so far, with its evidence, to be stored; null when there is nothing to judge by. */
  conclude (at: number, isActedOn: boolean): ConcludedVerdict | null {
    if (!this.#isMeasured && this.breach === null) return null
    const { analysis, evidence, verdict } = this.#draw(at, true)
    this.verdict = verdict
    const { decision, reason } = verdict
    const digest = this.#digest()
    const news = isActedOn || digest !== this.#saved.digest ? newsOf(verdict, isActedOn) : null
    this.#saved = { at, digest }
    return { at, decision, reason, verdict, evidence, analysis, acted: isActedOn, engine: PACKAGE_VERSION, news }
  }

  /** A verdict drawn from something else than traffic, to be stored with what moves the rollout because of it. */
  adopt (verdict: Verdict, evidence: unknown, analysis: unknown, at: number): ConcludedVerdict {
    this.verdict = verdict
    const { decision, reason } = verdict
    const news = newsOf(verdict, true)
    return { at, decision, reason, verdict, evidence, analysis, acted: true, engine: PACKAGE_VERSION, news }
  }

  /** A person goes on in spite of a breach. */
  forgive (): void {
    this.breach = null
  }

  /** A new weight or a lapsed breach changes what a look says. */
  touch (): void {
    this.#isDirty = true
  }

  /** Rules are compiled when the step changes, not for every snapshot. */
  #inForce (): { readonly setting: Setting, readonly aim: Aim | null } {
    const { steps, attributes } = this.plan
    const { step } = this.row
    if (this.#force?.step === step) return this.#force
    const setting = settingAfter(steps, step)
    const aim = setting.targeting === null ? null : compileTargeting(setting.targeting, attributes)
    this.#force = { step, setting, aim }
    return this.#force
  }

  /** The judge that decides at the present weight; none where nothing is compared, or after the promotion. */
  get #judge (): IntervalSpec | null {
    if (!this.#isMeasured || this.isWatched) return null
    return analysisFault(this.#inForce().setting) === null ? this.plan.judge : null
  }

  /** Whether a look can say something else than the one before. */
  #isNew (at: number): boolean {
    if (this.#judge !== null) return this.#run!.isNew(this.row, this.breach, at)
    const isUp = this.#isTimeUp(at)
    const isOther = this.#isDirty || isUp !== this.#wasTimeUp
    this.#isDirty = false
    this.#wasTimeUp = isUp
    return isOther
  }

  /** One to be stored is drawn from what will be read again, so that it can be recomputed to the same bytes. */
  #draw (at: number, isStored = false): { analysis: unknown, evidence: unknown, verdict: Verdict } {
    const read = <T>(evidence: T): T => isStored ? JSON.parse(JSON.stringify(evidence)) as T : evidence
    const judge = this.#judge
    if (judge !== null) {
      const evidence = read(this.#run!.evidence(this.row, this.#evidence(at), at))
      return { analysis: judge, evidence, verdict: decideByIntervals(judge, evidence) }
    }
    const evidence = read(this.#evidence(at))
    return { analysis: this.#analysis, evidence, verdict: decide(this.#analysis, evidence) }
  }

  #evidence (at: number): Evidence {
    const { stage, weightBps } = this.row
    const seen = this.#windows.evidence({ stage, breaker: this.breach, elapsedMs: this.#elapsedMs(at) })
    const evidence = this.plan.challengers.length > 1 ? { ...seen, challenger: this.row.challenger } : seen
    const pairs = this.#pairs.evidence(isSplit({ weightBps }))
    return Object.keys(pairs).length === 0 ? evidence : { ...evidence, pairs }
  }

  /** Verdicts with equal ones say the same, but for their numbers. */
  #digest (): string {
    const { decision, metrics, judge } = this.verdict
    return [this.row.stage, decision, judge?.judgement, ...metrics.map((metric) => metric.outcome)].join()
  }

  #elapsedMs (at: number): number {
    return Math.max(0, at - (this.details.startedAt ?? this.row.createdAt))
  }

  #isTimeUp (at: number): boolean {
    return this.#elapsedMs(at) >= (this.plan.analysis?.budget?.durationMs ?? Infinity)
  }

  /** What was seen before a promotion says nothing of the time after it. */
  #isBefore ({ stage }: Pick<Routed, 'stage'>): boolean {
    return stage < (this.details.watchStage ?? 0)
  }

  #request (request: Routed & { readonly latencyMs: number }, bucket: number, at: number): void {
    if (!isSplit(request)) return
    this.#windows.request({ ...place(request), at, bucket }, request.failed, request.latencyMs)
    this.#run?.series(this.row).request({ ...place(request), at }, request.failed, request.latencyMs)
    this.#isDirty = true
  }
}

/** What others are told of a verdict. */
function newsOf ({ decision, rule, reason, metrics }: Verdict, isActedOn: boolean): Record<string, unknown> {
  const told = metrics.map(({ name, role, outcome, estimate, lower, upper, margin, n }) =>
    ({ name, role, outcome, estimate, lower, upper, margin, n }))
  return { decision, rule, reason, acted: isActedOn, metrics: told }
}

function isSplit ({ weightBps }: { readonly weightBps: number }): boolean {
  return weightBps > 0 && weightBps < 10_000
}

function place ({ stage, weightBps, arm }: Routed): Omit<Place, 'at' | 'bucket'> {
  return { stage, weightBps, arm }
}
