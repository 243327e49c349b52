import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import type { RolloutEvent } from '../../registry/rollouts/machine.js'
import type { ApplyOptions } from '../../registry/rollouts/store.js'
import { ContestTrial, isNotWorse, type Contender } from './contest.js'
import type { Hand, OpenTrial, PauseKind, Retreat } from './trial.js'

const ENGINE = 'gauntlet'

/** What a contest can have done by the engine. */
export interface Moves {
  readonly save: (trial: OpenTrial) => void
  readonly harm: (trial: OpenTrial, reason: string) => void
  readonly retreat: (trial: OpenTrial, retreat: Retreat) => void
  readonly route: (trial: OpenTrial) => void
  readonly pause: (trial: OpenTrial, kind: PauseKind, hand: Hand) => boolean
  readonly apply: (trial: OpenTrial, event: RolloutEvent, hand: Hand, change: Pick<ApplyOptions, 'patch' | 'verdict'>) => boolean
}

/** Looks at every challenger, and drops those that are proven worse. */
export function watchContest (engine: Moves, trial: ContestTrial, now: number): void {
  for (const { version, trial: alone } of trial.live()) {
    const { decision, reason } = alone.look(now)
    engine.save(alone)
    if (decision === 'rollback') trial.leaving.set(version, reason)
  }
  if (trial.leaving.size > 0) dropLeaving(engine, trial, now)
}

/**
 * Drops the challengers that are leaving: routing first, then the disk. Their sessions go back to the champion, the
 * others go on; without any left the rollout is rolled back.
 */
export function dropLeaving (engine: Moves, trial: ContestTrial, now: number): void {
  for (const [version, reason] of trial.leaving) {
    if (trial.plan.spec.onFailure === 'pause') {
      trial.leaving.delete(version)
      engine.harm(trial, `${version}: ${reason}`)
      continue
    }
    const { weightBps, trial: alone } = trial.of(version)
    const [next] = trial.live()
    if (next === undefined) return engine.retreat(trial, { actor: ENGINE, reason: `no challenger is left; ${version}: ${reason}`, isJudged: true })
    engine.route(trial)
    const { details, row: { challenger, state } } = trial
    const { dropped = [] } = details
    const patch = {
      weightBps: trial.row.weightBps - weightBps,
      challenger: challenger === version ? next.version : challenger,
      details: { ...details, dropped: [...dropped, version] }
    }
    const event = state === 'paused' ? 'pause' : 'advance'
    const concluded = alone.conclude(now, true)
    trial.leaving.delete(version)
    engine.apply(trial, event, { actor: ENGINE, reason: `${version} is dropped: ${reason}` }, {
      patch, ...concluded === null ? {} : { verdict: concluded }
    })
  }
}

/**
 * The best of those that are proven better wins; at the horizon the best of those that are proven not to be worse, and
 * without one a person is asked. False when nothing moves.
 */
export function compete (engine: Moves, trial: ContestTrial, now: number): boolean {
  const { row, plan } = trial
  const live = trial.live()
  const isAccepted = trial.details.accepted === row.step
  const doubted = live.find(({ trial: { verdict } }) => verdict.rule === 2)
  if (doubted !== undefined && !isAccepted) {
    return engine.pause(trial, 'verdict', { actor: ENGINE, reason: `${doubted.version}: ${doubted.trial.verdict.reason}` })
  }
  const isTime = now - (trial.details.stageStartedAt ?? 0) >= plan.minDurationMs
  const proven = isTime ? live.filter(({ trial: { verdict } }) => verdict.decision === 'promote') : []
  const isOver = isHorizon(trial, live, now)
  const unharmed = isOver ? live.filter(({ trial: { verdict } }) => isNotWorse(verdict)) : []
  const best = trial.best(proven.length > 0 ? proven : unharmed)
  if (best === null) {
    if (!isOver || isAccepted) return false
    return engine.pause(trial, 'verdict', { actor: ENGINE, reason: 'the horizon is reached, and no challenger is better or proven not to be worse' })
  }
  const why = proven.length > 0 ? 'wins' : 'is the best of those not worse at the horizon'
  return win(engine, trial, best, `${best.version} ${why}: ${best.trial.verdict.reason}`, now)
}

/** What is decided stays decided: the others have lost, and their sessions go back to the champion. */
function win (engine: Moves, trial: ContestTrial, best: Contender, reason: string, now: number): boolean {
  const { row } = trial
  const lost = trial.live().filter((one) => one !== best).map(({ version }) => version)
  const { dropped = [] } = trial.details
  const details = { ...trial.details, dropped: [...dropped, ...lost] }
  const patch = { step: row.step + 1, challenger: best.version, weightBps: best.weightBps, details }
  const verdict = best.trial.conclude(now, true)
  trial.verdict = best.trial.verdict
  return engine.apply(trial, 'advance', { actor: ENGINE, reason }, { patch, ...verdict === null ? {} : { verdict } })
}

/** Whether the time or the samples are used up; samples are values of the primary, of all arms together. */
function isHorizon ({ plan, details, row }: OpenTrial, live: readonly Contender[], now: number): boolean {
  const { samplesMax = Infinity, durationMs = Infinity } = plan.analysis?.budget ?? {}
  if (now - (details.startedAt ?? row.createdAt) >= durationMs) return true
  const counts = live.map(({ trial: { verdict } }) => verdict.metrics.find(({ role }) => role === 'primary')?.n)
  const challengers = counts.reduce((sum, n) => sum + (n?.challenger ?? 0), 0)
  return challengers + Math.max(0, ...counts.map((n) => n?.champion ?? 0)) >= samplesMax
}

/** The challenger that a person's word makes champion while nothing is decided. */
export function leaderOf (trial: OpenTrial): Pick<RolloutRow, 'challenger'> | Record<string, never> {
  const leader = trial instanceof ContestTrial ? trial.best(trial.live()) : null
  return leader === null ? {} : { challenger: leader.version }
}
