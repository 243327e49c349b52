import type { Verdict } from '../../evaluators/verdict.js'
import type { ConcludedVerdict, RolloutRow } from '../../registry/rollouts/rollout.js'
import type { TrialSetting } from '../fleet.js'
import type { Outcome } from '../inference.js'
import { armOf, rangesOf, type ArmRange } from '../routing/arms.js'
import type { ReplayedPrediction } from '../traffic/messages.js'
import { parseRolloutSpec, type Plan } from './spec.js'
import { OpenTrial } from './trial.js'

/** A challenger of several, and how it does beside the champion. */
export interface Contender { readonly version: string, readonly weightBps: number, readonly trial: OpenTrial }

/** A challenger of several, its share of the sessions (0 once it is out), and the verdict on it. */
export interface Standing { readonly version: string, readonly weightBps: number, readonly verdict: Verdict }

/**
 * The challengers of one rollout that has several. Each is on a trial of its own beside the champion, at the risk
 * alpha / challengers: its weight there is its share of the sessions of the two.
 */
export class ContestTrial extends OpenTrial {
  readonly #ranges: readonly ArmRange[]
  readonly #contenders: readonly Contender[]
  readonly #reservedBps: number
  /** Challengers that routing has left but the row does not know of yet, and why. */
  readonly leaving = new Map<string, string>()

  constructor (row: RolloutRow, plan: Plan) {
    super(row, plan)
    const { contest } = plan
    this.#ranges = rangesOf(contest!)
    this.#reservedBps = this.#ranges.at(-1)!.toBps
    this.#contenders = contest!.map(({ version, weightBps }) =>
      ({ version, weightBps, trial: new OpenTrial(this.#rowOf(row, version, weightBps), aloneIn(plan)) }))
  }

  override get versions (): readonly string[] {
    return this.#contenders.map(({ version }) => version)
  }

  /** Those that are neither dropped nor leaving. */
  live (): Contender[] {
    const { dropped = [] } = this.details
    return this.#contenders.filter(({ version }) => !dropped.includes(version) && !this.leaving.has(version))
  }

  /** @throws Error for a version that is no challenger here */
  of (version: string): Contender {
    const found = this.#contenders.find((contender) => contender.version === version)
    if (found === undefined) throw new Error(`version ${version} is not on trial`)
    return found
  }

  override setting (): TrialSetting {
    const live = new Set(this.live().map(({ version }) => version))
    const arms = { reservedBps: this.#reservedBps, ranges: this.#ranges.filter(({ version }) => live.has(version)) }
    return { ...super.setting(), arms }
  }

  /** The verdict on the version that is ahead. */
  override look (at: number): Verdict {
    for (const { trial } of this.#contenders) trial.look(at)
    this.verdict = this.of(this.row.challenger).trial.verdict
    return this.verdict
  }

  override conclude (at: number, isActedOn: boolean): ConcludedVerdict | null {
    return this.of(this.row.challenger).trial.conclude(at, isActedOn)
  }

  override forgive (): void {
    for (const { trial } of this.#contenders) trial.forgive()
  }

  /** How each challenger stands. */
  standings (at: number): Standing[] {
    const live = new Set(this.live().map(({ version }) => version))
    return this.#contenders.map(({ version, weightBps, trial }) =>
      ({ version, weightBps: live.has(version) ? weightBps : 0, verdict: trial.look(at) }))
  }

  override touch (): void {
    for (const { version, weightBps, trial } of this.#contenders) {
      trial.row = this.#rowOf(this.row, version, weightBps)
      trial.touch()
    }
  }

  /** Counts a request; the sentence of the breach when it trips the breaker of its challenger, which then leaves. */
  override observe (outcome: Outcome, at: number): string | null {
    for (const { version, trial } of this.#concerned(outcome.arm, outcome.bucket)) {
      const breach = trial.observe({ ...outcome, weightBps: trial.row.weightBps }, at)
      if (breach === null || this.leaving.has(version)) continue
      this.leaving.set(version, breach)
      return breach
    }
    return null
  }

  override replay ({ prediction, ...told }: ReplayedPrediction): void {
    for (const { trial } of this.#concerned(prediction.arm, prediction.bucket)) {
      trial.replay({ prediction: { ...prediction, weightBps: trial.row.weightBps }, ...told })
    }
  }

  override feedback (...[request, bucket, told]: Parameters<OpenTrial['feedback']>): void {
    for (const { trial } of this.#concerned(request.arm, bucket)) {
      trial.feedback({ ...request, weightBps: trial.row.weightBps }, bucket, told)
    }
  }

  /** The version with the best estimate of the primary among these; the first where there is none. Null without any. */
  best (among: readonly Contender[]): Contender | null {
    return among.reduce<Contender | null>((best, one) =>
      best === null || estimateOf(one.trial.verdict) > estimateOf(best.trial.verdict) ? one : best, null)
  }

  /** The champion's requests are compared with every challenger's, those of a challenger with the champion's alone. */
  #concerned (arm: Outcome['arm'], bucket: number | null): readonly Contender[] {
    if (bucket === null) return []
    if (arm === 'champion') return this.#contenders
    const range = armOf(this.#ranges, bucket)
    return range === null ? [] : [this.of(range.version)]
  }

  #rowOf (row: RolloutRow, challenger: string, weightBps: number): RolloutRow {
    const champion = 10_000 - this.#reservedBps
    return { ...row, challenger, weightBps: row.stage === 0 ? 0 : 10_000 * weightBps / (weightBps + champion) }
  }
}

/** A rollout in memory, of one challenger or of several. */
export function openTrial (row: RolloutRow): OpenTrial {
  const plan = parseRolloutSpec(row.spec)
  return plan.contest === null ? new OpenTrial(row, plan) : new ContestTrial(row, plan)
}

/** The estimated effect on the primary; least where it is not known. */
export function estimateOf ({ metrics }: Verdict): number {
  return metrics.find(({ role }) => role === 'primary')?.estimate ?? -Infinity
}

/**
 * Whether a version is proven not to be worse beyond any margin, and seems better in the primary: what may win once the
 * horizon is reached. Pure.
 */
export function isNotWorse (verdict: Verdict): boolean {
  if (verdict.decision === 'pause' || verdict.decision === 'rollback') return false
  return estimateOf(verdict) > 0 && verdict.metrics.every(({ role, outcome, lower, margin }) => {
    if (role === 'monitor') return true
    return role === 'critical' ? outcome === 'pass' : lower !== null && margin !== null && lower > -margin
  })
}

/** What one challenger is judged by: the horizon is the contest's, not its own. */
function aloneIn (plan: Plan): Plan {
  const { budget: _budget, ...analysis } = plan.analysis!
  return { ...plan, contest: null, analysis: { ...analysis, alpha: analysis.alpha / plan.contest!.length } }
}
