import { requireBetween, requireFinite } from '../errors.js'
import type { ScoreThresholds } from './score.js'

const MINUTE_MS = 60_000

/** Slack for a quotient that floating point leaves a hair below a whole number. */
const RATIO_GUARD = 1e-9

/** How often a run is judged, and over which time; minutes, as Kayenta's requests give them. */
export interface RunSchedule {
  readonly startMs: number
  readonly lifetimeDurationMins: number
  /** Wait before the first interval begins, default 0. */
  readonly beginAfterMins?: number
  /** Default, and at most, the lifetime. */
  readonly analysisIntervalMins?: number
  /** 0 (the default): each judgement sees everything since the start; above 0: only so much before its end. */
  readonly lookbackMins?: number
}

/** What one judgement of a run looks at: [startMs, endMs]. */
export interface JudgementWindow { readonly startMs: number, readonly endMs: number }

/** How a run ended. */
export interface RunConclusion {
  readonly didPass: boolean
  /** Place of the score that stopped the run, or null when it ran to its end. */
  readonly stoppedAt: number | null
  readonly reason: string
}

/**
 * The judgements of a run: ⌊lifetime / interval⌋ of them, the i-th (from 1) ending at start + warm-up wait +
 * i·interval, over a window that grows from the start or slides with `lookbackMins`. O(judgements).
 *
 * @throws EvaluatorError OUT_OF_RANGE for a lifetime or interval that is not above 0, or a wait or lookback below 0
 */
export function judgementWindows (schedule: RunSchedule): JudgementWindow[] {
  const { startMs, lifetimeDurationMins: lifetime, beginAfterMins = 0, lookbackMins = 0 } = schedule
  requireBetween('startMs', startMs, -8.64e15, 8.64e15)
  requireBetween('lifetimeDurationMins', lifetime, Number.MIN_VALUE, 5e7)
  const { analysisIntervalMins = lifetime } = schedule
  requireBetween('analysisIntervalMins', analysisIntervalMins, lifetime / 1e6, Number.MAX_VALUE)
  const interval = Math.min(analysisIntervalMins, lifetime)
  requireBetween('beginAfterMins', beginAfterMins, 0, 5e7)
  requireBetween('lookbackMins', lookbackMins, 0, 5e7)
  return Array.from({ length: Math.floor(lifetime / interval + RATIO_GUARD) }, (_, i) => {
    const endMs = startMs + (beginAfterMins + (i + 1) * interval) * MINUTE_MS
    return { startMs: lookbackMins > 0 ? endMs - lookbackMins * MINUTE_MS : startMs, endMs }
  })
}

/**
 * Whether a run passed, from the scores of its judgements in order: it stops, failed, at the first score at or below
 * `marginal` (a score exactly there is labelled Marginal, and still stops it); otherwise the last score decides: at or
 * above `pass`, or no `pass` given, is a pass. No score at all is a failure. O(judgements).
 *
 * @param scores 0 to 100 each; what follows the one that stops the run is not looked at
 * @param thresholds either may be missing
 * @throws EvaluatorError NOT_FINITE for a score, OUT_OF_RANGE for a threshold outside 0..100
 */
export function concludeRun (scores: readonly number[], thresholds: Partial<ScoreThresholds> = {}): RunConclusion {
  requireFinite('scores', scores, 0)
  const { pass, marginal } = thresholds
  for (const name of ['pass', 'marginal'] as const) {
    const threshold = thresholds[name]
    if (threshold !== undefined) requireBetween(`thresholds.${name}`, threshold, 0, 100)
  }
  const last = scores.at(-1)
  if (last === undefined) return { didPass: false, stoppedAt: null, reason: 'no judgement was made' }
  const stoppedAt = marginal === undefined ? -1 : scores.findIndex((score) => score <= marginal)
  if (stoppedAt >= 0) {
    return { didPass: false, stoppedAt, reason: `score ${scores[stoppedAt]} is not above marginal ${marginal}` }
  }
  if (pass !== undefined && last < pass) {
    return { didPass: false, stoppedAt: null, reason: `last score ${last} is below pass ${pass}` }
  }
  return { didPass: true, stoppedAt: null, reason: `last score ${last}` }
}
