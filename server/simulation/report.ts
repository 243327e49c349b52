import { wilsonInterval } from '../../evaluators/statistics/proportion-tests.js'
import { quantileType7 } from '../../evaluators/statistics/quantiles.js'
import { murmur3 } from '../routing/bucket.js'
import type { Plan } from '../rollouts/spec.js'
import { simulateRollout, type SimulatedOutcome, type SimulatedRun } from './run.js'
import type { Scenario } from './scenario.js'

const OUTCOMES: readonly SimulatedOutcome[] = ['promoted', 'rolled-back', 'failed', 'passed', 'review', 'waiting', 'open']

/** Values of all runs: mean and quantiles. */
export interface Spread { readonly mean: number, readonly p10: number, readonly p50: number, readonly p90: number }

/** One way to end: how often, with its 95 % interval (Wilson), after how long, and for which reason most often. */
export interface OutcomeSummary {
  readonly outcome: SimulatedOutcome
  readonly runs: number
  readonly share: number
  readonly interval: { readonly lower: number, readonly upper: number }
  readonly elapsedMs: Spread
  /** The rule of the verdict that stood at the end, and how many of these runs ended with it, most first. */
  readonly rules: ReadonlyArray<{ readonly rule: number, readonly runs: number }>
  /** The reason of the first of these runs. */
  readonly example: string
}

/** What would become of a rollout in a scenario; times in milliseconds, counts per run. */
export interface SimulationReport {
  readonly runs: number
  readonly seed: number
  readonly outcomes: readonly OutcomeSummary[]
  readonly elapsedMs: Spread
  readonly requests: Spread
  readonly challengerRequests: Spread
  readonly exposedSessions: Spread
  readonly mirroredRequests: Spread
  readonly failedRequests: Spread
}

/** Runs one after the other, each from a seed of its own that follows from `seed`. */
export function * simulateRuns (plan: Plan, scenario: Scenario, runs: number, seed: number): Generator<SimulatedRun> {
  for (let run = 0; run < runs; run++) yield simulateRollout(plan, scenario, murmur3(`${seed}:${run}`))
}

/** @throws RangeError without any run */
export function summariseRuns (runs: readonly SimulatedRun[], seed: number): SimulationReport {
  if (runs.length === 0) throw new RangeError('expected at least one run')
  const spread = (value: (run: SimulatedRun) => number) => spreadOf(runs.map(value))
  return {
    runs: runs.length,
    seed,
    outcomes: OUTCOMES.flatMap((outcome) => summariseOutcome(outcome, runs)),
    elapsedMs: spread((run) => run.elapsedMs),
    requests: spread((run) => run.requests),
    challengerRequests: spread((run) => run.challengerRequests),
    exposedSessions: spread((run) => run.exposedSessions),
    mirroredRequests: spread((run) => run.mirroredRequests),
    failedRequests: spread((run) => run.failedRequests)
  }
}

function summariseOutcome (outcome: SimulatedOutcome, all: readonly SimulatedRun[]): OutcomeSummary[] {
  const runs = all.filter((run) => run.outcome === outcome)
  const [first] = runs
  if (first === undefined) return []
  const { lower, upper } = wilsonInterval({ events: runs.length, n: all.length })
  const rules = new Map<number, number>()
  for (const { verdict: { rule } } of runs) rules.set(rule, (rules.get(rule) ?? 0) + 1)
  return [{
    outcome,
    runs: runs.length,
    share: runs.length / all.length,
    interval: { lower, upper },
    elapsedMs: spreadOf(runs.map(({ elapsedMs }) => elapsedMs)),
    rules: [...rules].map(([rule, count]) => ({ rule, runs: count })).sort((a, b) => b.runs - a.runs),
    example: first.reason
  }]
}

function spreadOf (values: readonly number[]): Spread {
  const ascending = Float64Array.from(values).sort()
  const at = (p: number) => quantileType7(ascending, p)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return { mean, p10: at(0.1), p50: at(0.5), p90: at(0.9) }
}
