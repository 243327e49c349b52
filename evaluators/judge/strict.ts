import { EvaluatorError } from '../errors.js'
import type { Random } from '../statistics/random.js'
import { type Classification, classifyByShift, type EffectMeasure, type MetricClassification, type ShiftRules } from './classify.js'
import type { CanaryConfig } from './config.js'
import type { Sides } from './rank-shift.js'
import {
  type CanaryScore, isUnsettled, labelScore, scoreCanary, type ScoredMetric, type ScoreLabel, type ScoreThresholds
} from './score.js'

/** Values per side below which nothing is concluded, and below which a warning is given. */
export const SAMPLES_MIN = 5
export const SAMPLES_ADVISED = 50

/** The gate where a config sets none: ±10 % of the mean, or ±10 points of a probability. */
export const STRICT_GATE: Readonly<Record<EffectMeasure, { increase: number, decrease: number }>> = {
  meanRatio: { increase: 1.1, decrease: 0.9 },
  cles: { increase: 0.6, decrease: 0.4 }
}

export interface StrictScore extends CanaryScore {
  readonly label: ScoreLabel | 'Inconclusive'
  readonly reason: string
}

/** Slack for weights that are decimal fractions. */
const WEIGHT_SLACK = 1e-9

/**
 * Refuses a config whose weights would be scored in silence in a way nobody meant: weights that do not total 100, are
 * below 0, name a group without a metric that counts, or leave such a group out; a metric that counts and is in no
 * group. A config without weights is fine: its groups count alike. O(metrics).
 *
 * @throws EvaluatorError MALFORMED or OUT_OF_RANGE, naming the place
 */
export function requireStrictConfig ({ metrics, groupWeights }: CanaryConfig, argument = 'config'): void {
  const groups = new Set<string>()
  metrics.forEach(({ muted, groups: named }, i) => {
    if (muted) return
    if (named.length === 0) {
      throw new EvaluatorError('MALFORMED', `${argument}.metrics[${i}].groups`, 'expected at least one group, got none')
    }
    for (const group of named) groups.add(group)
  })
  const place = `${argument}.classifier.groupWeights`
  const weights = Object.entries(groupWeights)
  if (weights.length === 0) return
  for (const [group, weight] of weights) {
    const here = `${place}[${JSON.stringify(group)}]`
    if (!groups.has(group)) throw new EvaluatorError('MALFORMED', here, 'expected the name of a group with a metric that is not muted')
    if (weight < 0) throw new EvaluatorError('OUT_OF_RANGE', here, `expected a weight of 0 or more, got ${weight}`)
    groups.delete(group)
  }
  const total = weights.reduce((sum, [, weight]) => sum + weight, 0)
  if (Math.abs(total - 100) > WEIGHT_SLACK) {
    throw new EvaluatorError('OUT_OF_RANGE', place, `expected weights that total 100, got ${total}`)
  }
  const [forgotten] = groups
  if (forgotten !== undefined) {
    throw new EvaluatorError('MALFORMED', place, `expected a weight (perhaps 0) for group ${JSON.stringify(forgotten)} too`)
  }
}

/**
 * Labels a metric as `classifyByShift`, with these differences: a side without values is never Pass; a side with fewer
 * than 5 is Inconclusive; so is a test that cannot be computed, and critical on a critical metric. The rules' gates are
 * the caller's. Same cost.
 *
 * @throws EvaluatorError NOT_FINITE, OUT_OF_RANGE
 */
export function classifyStrictly (sides: Sides, rules: ShiftRules, random: Random): MetricClassification {
  const least = Math.min(sides.experiment.length, sides.control.length)
  if (least > 0 && least < SAMPLES_MIN) {
    const reason = `too little data: control ${sides.control.length}, experiment ${sides.experiment.length}, ` +
      `at least ${SAMPLES_MIN} each are needed`
    return { classification: 'Inconclusive', critical: false, deviation: null, reason, comparison: null }
  }
  const found = classifyByShift(sides, { ...rules, nanStrategy: 'remove' }, random)
  if (found.classification !== 'Error') return found
  const reason = `cannot be computed: ${found.reason}`
  return { ...found, classification: 'Inconclusive', critical: rules.critical, reason }
}

/**
 * Score and label of strictly labelled metrics: what is not settled (Inconclusive, Nodata) counts as failed in the
 * score, so that it never flatters. The label is Fail when a critical metric failed, or when the score stays below
 * `marginal` even if all that is not settled turned out well; Inconclusive while anything is not settled, or nothing
 * counts at all; otherwise that of the score. O(metrics · groups).
 *
 * @throws EvaluatorError OUT_OF_RANGE for thresholds that are not 0 <= marginal <= pass <= 100
 */
export function scoreStrictly (
  metrics: readonly ScoredMetric[], groupWeights: Readonly<Record<string, number>>, thresholds: ScoreThresholds
): StrictScore {
  const heard = metrics.filter(({ muted }) => muted !== true)
  const settle = (as: Classification): ScoredMetric[] =>
    heard.map((metric) => isUnsettled(metric.classification) ? { ...metric, classification: as } : metric)
  const worst = scoreCanary(settle('High'), groupWeights)
  if (worst.zeroedBecause !== null) return { ...worst, label: 'Fail', reason: 'a critical metric failed' }
  const label = labelScore(worst.score, thresholds)
  const unsettled = heard.filter(({ classification }) => isUnsettled(classification)).length
  if (heard.length === 0) return { ...worst, label: 'Inconclusive', reason: 'no metric counts' }
  if (unsettled === 0) return { ...worst, label, reason: `score ${worst.score}` }
  const best = scoreCanary(settle('Pass'), groupWeights).score
  if (best < thresholds.marginal) return { ...worst, label: 'Fail', reason: `the score is at best ${best}` }
  const reason = `${unsettled} of ${heard.length} metrics are not settled; the score is between ${worst.score} and ${best}`
  return { ...worst, label: 'Inconclusive', reason }
}
