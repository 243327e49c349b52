import { EvaluatorError, requireBetween } from '../errors.js'
import { type Random, seededRandom } from '../statistics/random.js'
import { type Classification, classifyByShift, type MetricClassification, type ShiftRules } from './classify.js'
import { type CanaryConfig, type CanaryMetricConfig, parseCanaryConfig } from './config.js'
import { type SideSummary, summariseSide } from './describe.js'
import type { Sides } from './rank-shift.js'
import {
  type GroupScore, labelScore, requireThresholds, scoreCanary, type ScoreLabel, type ScoreThresholds
} from './score.js'
import { emptySeries, type MetricSeries, parseMetricSeries } from './series.js'
import { classifyStrictly, requireStrictConfig, SAMPLES_ADVISED, scoreStrictly, STRICT_GATE } from './strict.js'
import { detectOutliersByQuartiles, removeNaN, removeOutliers, replaceNaN } from './transform.js'

/** Kayenta's judge as it is, or the stricter one around it. */
export type JudgePreset = 'netflix-v1.0' | 'strict'

/** How a canary config (and a result) names the presets. */
export const JUDGE_NAMES: Readonly<Record<JudgePreset, string>> = {
  'netflix-v1.0': 'NetflixACAJudge-v1.0',
  strict: 'GauntletJudge-v1.0'
}

export interface JudgeOptions {
  readonly thresholds: ScoreThresholds
  /** Default: the one that the config's `judge.name` names; `strict` where it names none. */
  readonly preset?: JudgePreset
  /** A run's id or number: the same one gives the same jitter. Default 0. */
  readonly seed?: string | number
  /** Steps of the window: shorter series are continued without data up to this length. Default 0. */
  readonly points?: number
}

/** One metric (of one set of tags) as judged; Kayenta's field names. */
export interface JudgedMetric {
  readonly name: string
  readonly id: string
  readonly tags: Readonly<Record<string, string>>
  readonly groups: readonly string[]
  readonly classification: Classification
  readonly classificationReason: string
  readonly critical: boolean
  readonly muted: boolean
  readonly experimentMetadata: { readonly stats: SideSummary }
  readonly controlMetadata: { readonly stats: SideSummary }
  /** Mean of the experiment / mean of the control; null where it is not defined. */
  readonly resultMetadata: { readonly ratio: number | null }
}

/** A group's score, 0 to 100; Kayenta leaves the other fields empty. */
export interface JudgedGroup {
  readonly name: string
  readonly score: number
  readonly classification: ''
  readonly classificationReason: ''
}

/** The result of a judgement; Kayenta's form and field names. JSON. */
export interface JudgeResult {
  readonly judgeName: string
  readonly score: {
    readonly score: number
    readonly classification: ScoreLabel | 'Inconclusive'
    readonly classificationReason: string
  }
  readonly groupScores: readonly JudgedGroup[]
  readonly results: readonly JudgedMetric[]
  /** Only of the strict judge: samples that are smaller than advised. */
  readonly warnings?: readonly string[]
}

/** Longest window that shorter series are continued to. */
export const POINTS_MAX = 10_000_000

/** The judge's constants. */
const TOLERANCE = 0.25
const CONFIDENCE_LEVEL = 0.98
/** The effect at which nothing changed: Kayenta's gate where a config sets none. */
const NO_EFFECT = { meanRatio: 1, cles: 0.5 } as const

/**
 * Judges an experiment against its control from a canary config and the measured series, as Kayenta does: missing
 * steps and outliers are dealt with per side, each metric is classified (`classifyByShift`, tolerance 0.25, confidence
 * 0.98), groups are scored and weighted, and the score is labelled. Preset `netflix-v1.0` keeps Kayenta's behaviour
 * with its traps; `strict` differs: at least 5 values per side, else Inconclusive; effects within ±10 % pass unless the
 * config says otherwise; a test that cannot be computed is Inconclusive and fails a critical metric; missing data never
 * passes; weights must total 100 and name the groups; small scales and negative means are handled; a warning below 50
 * values. O(values · log(values)).
 *
 * Netflix, Google (2018), Kayenta, NetflixACAJudge-v1.0; the strict rules are this project's.
 *
 * @param config the config, parsed JSON (see `parseCanaryConfig`)
 * @param metrics the series, parsed JSON (see `parseMetricSeries`); a metric of the config without one has no data
 * @param options thresholds of the score, 0 to 100
 * @returns what Kayenta would answer, as JSON; scores 0 to 100
 * @throws EvaluatorError MALFORMED or OUT_OF_RANGE, naming the place, for a config or series of the wrong form, a
 *   series that no metric of the config is named like, an unknown judge
 */
export function judgeCanary (config: unknown, metrics: unknown, options: JudgeOptions): JudgeResult {
  const { thresholds, seed = 0, points = 0 } = options
  requireThresholds(thresholds)
  if (!Number.isInteger(points)) throw new EvaluatorError('OUT_OF_RANGE', 'points', `expected an integer, got ${points}`)
  requireBetween('points', points, 0, POINTS_MAX)
  const parsed = parseCanaryConfig(config)
  const preset = options.preset ?? presetOf(parsed)
  if (preset === 'strict') requireStrictConfig(parsed)
  const series = parseMetricSeries(metrics, 'metrics', points)
  requireKnown(series, parsed)
  const results = parsed.metrics.flatMap((metric) => {
    const own = series.filter(({ name }) => name === metric.name)
    return (own.length > 0 ? own : [emptySeries(metric.name, points)])
      .map((each) => judgeMetric(metric, each, preset, seededRandom(hash(`${seed}/${each.id}`))))
  })
  const score = preset === 'strict'
    ? scoreStrictly(results, parsed.groupWeights, thresholds)
    : scoreFaithfully(results, parsed.groupWeights, thresholds)
  return {
    judgeName: JUDGE_NAMES[preset],
    score: { score: score.score, classification: score.label, classificationReason: score.reason },
    groupScores: score.groupScores.map((group) =>
      ({ name: group.name, score: group.score, classification: '', classificationReason: '' })),
    results,
    ...(preset === 'strict' ? { warnings: warnOfFew(results) } : {})
  }
}

/** The preset that a config asks for. @throws EvaluatorError MALFORMED for a judge that is not known */
function presetOf ({ judgeName }: CanaryConfig): JudgePreset {
  if (judgeName === null) return 'strict'
  const found = Object.entries(JUDGE_NAMES).find(([, name]) => name === judgeName)
  if (found !== undefined) return found[0] as JudgePreset
  const known = Object.values(JUDGE_NAMES).join(' or ')
  throw new EvaluatorError('MALFORMED', 'config.judge.name', `expected ${known}, got ${JSON.stringify(judgeName)}`)
}

function requireKnown (series: readonly MetricSeries[], { metrics }: CanaryConfig): void {
  const names = new Set(metrics.map(({ name }) => name))
  const stranger = series.find(({ name }) => !names.has(name))
  if (stranger === undefined) return
  const known = [...names].slice(0, 10).join(', ')
  throw new EvaluatorError('MALFORMED', `metrics ${JSON.stringify(stranger.name)}`, `expected a metric of the config: ${known}`)
}

function judgeMetric (
  metric: CanaryMetricConfig, series: MetricSeries, preset: JudgePreset, random: Random
): JudgedMetric {
  const sides = { control: transform(series.control, metric), experiment: transform(series.experiment, metric) }
  const verdict = classifyFor(preset, sides, rulesOf(metric, preset), random)
  const { name, id, tags } = series
  return {
    name,
    id,
    tags,
    groups: metric.groups,
    classification: verdict.classification,
    classificationReason: verdict.reason,
    critical: verdict.critical,
    muted: metric.muted,
    experimentMetadata: { stats: summariseSide(sides.experiment) },
    controlMetadata: { stats: summariseSide(sides.control) },
    resultMetadata: { ratio: verdict.deviation }
  }
}

function classifyFor (preset: JudgePreset, sides: Sides, rules: ShiftRules, random: Random): MetricClassification {
  return preset === 'strict' ? classifyStrictly(sides, rules, random) : classifyByShift(sides, rules, random)
}

/** One side without its missing steps and, if asked, its outliers. */
function transform (values: Float64Array, { nanStrategy, outliers }: CanaryMetricConfig): number[] {
  const present = nanStrategy === 'replace' ? replaceNaN(values, 0) : removeNaN(values)
  if (outliers.strategy === 'keep') return present
  const flags = detectOutliersByQuartiles(present, { factor: outliers.outlierFactor, reducesSensitivity: true })
  return removeOutliers(present, flags)
}

function rulesOf (metric: CanaryMetricConfig, preset: JudgePreset): ShiftRules {
  const { direction, nanStrategy, critical, mustHaveData, effectSize } = metric
  const { measure } = effectSize
  const none = NO_EFFECT[measure]
  const isStrict = preset === 'strict'
  const gate = isStrict ? STRICT_GATE[measure] : { increase: none, decrease: none }
  return {
    direction,
    nanStrategy,
    critical,
    mustHaveData,
    effectSize: {
      measure,
      allowedIncrease: effectSize.allowedIncrease ?? gate.increase,
      allowedDecrease: effectSize.allowedDecrease ?? gate.decrease,
      criticalIncrease: effectSize.criticalIncrease ?? none,
      criticalDecrease: effectSize.criticalDecrease ?? none,
      isSigned: isStrict
    },
    tolerance: TOLERANCE,
    confidenceLevel: CONFIDENCE_LEVEL,
    isScaleFree: isStrict
  }
}

function scoreFaithfully (
  results: readonly JudgedMetric[], groupWeights: Readonly<Record<string, number>>, thresholds: ScoreThresholds
): { score: number, label: ScoreLabel, reason: string, groupScores: readonly GroupScore[] } {
  const { score, groupScores, zeroedBecause } = scoreCanary(results, groupWeights)
  const label = labelScore(score, thresholds)
  if (zeroedBecause === null) return { score, label, groupScores, reason: `score ${score}` }
  if (zeroedBecause === 'nodata>=50%') {
    return { score, label, groupScores, reason: 'half of the metrics or more have no data' }
  }
  const sinking = results.filter((each) => each.critical && !each.muted && each.classification !== 'Pass')
  const named = sinking.map(({ id, classification }) => `${id} is ${classification}`).join(', ')
  return { score, label, groupScores, reason: `Canary Failed: critical metric ${named}` }
}

function warnOfFew (results: readonly JudgedMetric[]): string[] {
  return results.flatMap(({ id, controlMetadata, experimentMetadata }) => {
    const [control, experiment] = [controlMetadata.stats.count, experimentMetadata.stats.count]
    return Math.min(control, experiment) >= SAMPLES_ADVISED
      ? []
      : [`${id}: control ${control}, experiment ${experiment} values; ${SAMPLES_ADVISED} each are advised`]
  })
}

/** 32-bit FNV-1a of the UTF-16 code units. */
function hash (text: string): number {
  let state = 0x811c9dc5
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193)
  return state
}
