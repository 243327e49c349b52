import { EvaluatorError, requireBetween, requireChoice, requireFlag, requireList } from '../errors.js'
import { requireTexts } from '../text/texts.js'
import { CLASSIFICATIONS, type Classification } from './classify.js'

/** A metric as the scorer sees it; a metric in several groups counts in each. */
export interface ScoredMetric {
  readonly classification: Classification
  readonly critical: boolean
  readonly groups: readonly string[]
  /** Shown, but left out of every score. */
  readonly muted?: boolean
}

/** 0 to 100; a group of metrics that had no data (or no result) has score 0 and `hasNoData`. */
export interface GroupScore { readonly name: string, readonly score: number, readonly hasNoData: boolean }

export interface CanaryScore {
  /** 0 to 100, two decimals; outside that range only when the weights are. */
  readonly score: number
  /** In the order in which the metrics name them. */
  readonly groupScores: readonly GroupScore[]
  /** Why the score is 0 whatever the groups say; null where they decide. */
  readonly zeroedBecause: 'critical' | 'nodata>=50%' | null
}

/** At `pass` or above is Pass, at `marginal` or above is Marginal; 0 to 100, marginal not above pass. */
export interface ScoreThresholds { readonly pass: number, readonly marginal: number }
export type ScoreLabel = 'Pass' | 'Marginal' | 'Fail'

const NO_DATA_SHARE = 0.5

const WEIGHT_MAX = 1e12

/**
 * Score of a judgement as Kayenta's weighted sum: 0 when a metric is critical on its result and not Pass, or when half
 * of the metrics or more are Nodata; otherwise Σ group score · weight / 100, half-up to two decimals. A group scores
 * 100 · Pass / (Pass + High + Low + NodataFailMetric), and counts as 100 when that has no metric. Groups without a
 * weight share equally what the weights leave of 100. O(metrics · groups).
 *
 * Kayenta's traps are kept: a weighted group without a metric costs its weight, weights above 100 make the others'
 * negative, Error is outside the score, and without a metric (or all muted) the score is 0.
 *
 * @param metrics the classified metrics
 * @param groupWeights by group, per cent, magnitude at most 1e12
 * @throws EvaluatorError OUT_OF_RANGE for a weight, MALFORMED for a metric
 */
export function scoreCanary (
  metrics: readonly ScoredMetric[], groupWeights: Readonly<Record<string, number>> = {}
): CanaryScore {
  const weights = new Map(Object.entries(groupWeights))
  for (const [name, weight] of weights) requireBetween(`groupWeights.${name}`, weight, -WEIGHT_MAX, WEIGHT_MAX)
  requireMetrics(metrics)
  const heard = metrics.filter(({ muted }) => muted !== true)
  const groupScores = scoreGroups(heard)
  const zeroedBecause = findZeroing(heard)
  return { score: zeroedBecause === null ? sumGroups(groupScores, weights) : 0, groupScores, zeroedBecause }
}

/**
 * Label of a score: Pass from `pass` on, else Marginal from `marginal` on, else Fail. O(1).
 * @throws EvaluatorError OUT_OF_RANGE for thresholds outside 0..100 or in the wrong order, or a score that is NaN
 */
export function labelScore (score: number, thresholds: ScoreThresholds): ScoreLabel {
  requireBetween('score', score, -Number.MAX_VALUE, Number.MAX_VALUE)
  requireThresholds(thresholds)
  if (score >= thresholds.pass) return 'Pass'
  return score >= thresholds.marginal ? 'Marginal' : 'Fail'
}

/** Refuses thresholds that are not 0 <= marginal <= pass <= 100. @throws EvaluatorError OUT_OF_RANGE */
export function requireThresholds ({ pass, marginal }: ScoreThresholds, argument = 'thresholds'): void {
  requireBetween(`${argument}.pass`, pass, 0, 100)
  requireBetween(`${argument}.marginal`, marginal, 0, 100)
  if (marginal > pass) {
    throw new EvaluatorError('OUT_OF_RANGE', `${argument}.marginal`, `expected at most pass (${pass}), got ${marginal}`)
  }
}

/** Whether a label says that nothing is known: it stays outside the score. */
export function isUnsettled (classification: Classification): boolean {
  return classification === 'Nodata' || classification === 'Error' || classification === 'Inconclusive'
}

function requireMetrics (metrics: readonly ScoredMetric[]): void {
  requireList('metrics', metrics)
  metrics.forEach(({ classification, critical, groups, muted = false }, i) => {
    requireChoice(`metrics[${i}].classification`, classification, CLASSIFICATIONS)
    requireFlag(`metrics[${i}].critical`, critical)
    requireFlag(`metrics[${i}].muted`, muted)
    requireTexts(`metrics[${i}].groups`, groups)
  })
}

function findZeroing (metrics: readonly ScoredMetric[]): CanaryScore['zeroedBecause'] {
  if (metrics.some(({ critical, classification }) => critical && classification !== 'Pass')) return 'critical'
  const missing = metrics.filter(({ classification }) => classification === 'Nodata').length
  return metrics.length > 0 && missing / metrics.length >= NO_DATA_SHARE ? 'nodata>=50%' : null
}

function scoreGroups (metrics: readonly ScoredMetric[]): GroupScore[] {
  const tallies = new Map<string, { passed: number, counted: number }>()
  for (const { classification, groups } of metrics) {
    for (const group of new Set(groups)) {
      const tally = tallies.get(group) ?? { passed: 0, counted: 0 }
      if (classification === 'Pass') tally.passed++
      if (!isUnsettled(classification)) tally.counted++
      tallies.set(group, tally)
    }
  }
  return [...tallies].map(([name, { passed, counted }]) => ({
    name, score: counted === 0 ? 0 : 100 * passed / counted, hasNoData: counted === 0
  }))
}

function sumGroups (groups: readonly GroupScore[], weights: ReadonlyMap<string, number>): number {
  const unweighted = groups.filter(({ name }) => !weights.has(name)).length
  const rest = 100 - [...weights.values()].reduce((sum, weight) => sum + weight, 0)
  const total = groups.reduce((sum, { name, score, hasNoData }) =>
    sum + (hasNoData ? 100 : score) * (weights.get(name) ?? rest / unweighted) / 100, 0)
  return roundHalfUp(total)
}

/** Two decimals, half away from zero, of the number as it is written: 66.665 becomes 66.67. */
function roundHalfUp (value: number): number {
  const written = String(Math.abs(value))
  if (written.includes('e')) return Math.round(value * 100) / 100
  return Math.sign(value) * Number(`${Math.round(Number(`${written}e2`))}e-2`)
}
