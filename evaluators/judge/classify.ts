import { EvaluatorError, requireBetween, requireChoice, requireFlag, requireList } from '../errors.js'
import type { Random } from '../statistics/random.js'
import { centre, commonLanguageEffectSize, meanRatio } from './describe.js'
import {
  ascending, estimateScaledShift, estimateShift, requireMeasurable, type ShiftEstimate, type Sides
} from './rank-shift.js'

/** Which way a metric may not move. */
const DIRECTIONS = ['increase', 'decrease', 'either'] as const
export type Direction = typeof DIRECTIONS[number]
/** What becomes of steps without data: dropped, or counted as 0. */
const NAN_STRATEGIES = ['remove', 'replace'] as const
export type NanStrategy = typeof NAN_STRATEGIES[number]

const MEASURES = ['meanRatio', 'cles'] as const
export type EffectMeasure = typeof MEASURES[number]

/** Kayenta's labels of a metric, and the strict judge's for what cannot be told, `Inconclusive`. */
export const CLASSIFICATIONS = ['Pass', 'High', 'Low', 'Nodata', 'NodataFailMetric', 'Error', 'Inconclusive'] as const
export type Classification = typeof CLASSIFICATIONS[number]

/** What the label of one metric depends on besides its values. */
export interface MetricRules {
  readonly direction: Direction
  readonly nanStrategy: NanStrategy
  readonly critical: boolean
  readonly mustHaveData: boolean
}

/** The gate behind the rank test: no unit; a mean ratio (1 = no effect) or a probability (0.5 = no effect). */
export interface EffectSizeRules {
  readonly measure: EffectMeasure
  /** High only from this effect on. */
  readonly allowedIncrease: number
  /** Low only up to this effect. */
  readonly allowedDecrease: number
  /** A critical metric's High is critical from this effect on. */
  readonly criticalIncrease: number
  readonly criticalDecrease: number
  /** Whether the ratio is 1 + (difference of means) / |mean of the control|, which keeps its sense below 0. */
  readonly isSigned?: boolean
}

export interface ShiftRules extends MetricRules {
  readonly effectSize: EffectSizeRules
  /** Half width of the band around no shift, as a share of the estimated shift; >= 0. */
  readonly tolerance: number
  /** Between 0 and 1. */
  readonly confidenceLevel: number
  /** Whether values of a small spread are scaled up before the solver sees them; not what Kayenta does. */
  readonly isScaleFree?: boolean
}

export interface MetricClassification {
  readonly classification: Classification
  /** Whether the label sinks the whole judgement. */
  readonly critical: boolean
  /** Mean of the experiment / mean of the control, 1 where nothing was compared; null where it is not defined. */
  readonly deviation: number | null
  readonly reason: string
  /** What the rank test found; null where none was needed. */
  readonly comparison: ShiftComparison | null
}

export interface ShiftComparison extends ShiftEstimate {
  /** In the measure of the rules; null where it is not defined, which opens the gate. */
  readonly effectSize: number | null
  /** Whether noise was added because both sides were constant: the interval is random in its fifth digit then. */
  readonly isJittered: boolean
}

/** Standard deviation of the jitter, as a share of the constant it is added to. */
const JITTER = 1e-5

/**
 * Classifies a metric as Kayenta's Mann-Whitney classifier does, first match wins: a side without values (Nodata, or
 * NodataFailMetric where data is a must; Pass when missing steps count as 0), equal values, one common value (Pass);
 * otherwise the interval of `estimateShift` against the band ±tolerance·|estimate|, with the effect size behind it.
 * A test that cannot be computed (one value against one) is Error, which is never critical. O((n + m) log(n + m)).
 *
 * Netflix, Google (2018), Kayenta, NetflixACAJudge-v1.0.
 *
 * @param sides values that remain after `NaN` and outliers are dealt with
 * @param rules as above; an effect size that is not defined passes its gates
 * @param random source of the jitter that is needed when both sides are constant
 * @throws EvaluatorError NOT_FINITE, OUT_OF_RANGE
 */
export function classifyByShift (sides: Sides, rules: ShiftRules, random: Random): MetricClassification {
  requireRules(rules)
  const missing = classifyMissing(sides, rules, 1)
  if (missing !== null) return missing
  const ordered = { experiment: ascending('experiment', sides.experiment), control: ascending('control', sides.control) }
  if (isEqual(ordered.experiment, ordered.control)) return passing('both sides hold the same values')
  const isConstant = { experiment: spans(ordered.experiment) === 0, control: spans(ordered.control) === 0 }
  const isJittered = isConstant.experiment && isConstant.control
  if (isJittered && ordered.experiment[0] === ordered.control[0]) return passing('both sides hold one value')
  const deviation = meanRatio(sides)
  const compared = isJittered
    ? { experiment: jitter(ordered.experiment, random), control: jitter(ordered.control, random) }
    : ordered
  let shift: ShiftEstimate
  try {
    shift = (rules.isScaleFree === true ? estimateScaledShift : estimateShift)(compared, rules.confidenceLevel)
  } catch (error) {
    if (!(error instanceof EvaluatorError)) throw error
    return { classification: 'Error', critical: false, deviation, reason: error.message, comparison: null }
  }
  const effectSize = measureEffect(ordered, rules.effectSize)
  return { ...decide(shift, effectSize, rules), deviation, comparison: { ...shift, effectSize, isJittered } }
}

/**
 * Classifies a metric by its plain means: High when the experiment's is greater, Low when it is smaller, as far as
 * the direction asks. A benchmark for {@link classifyByShift}, not fit for decisions. O(n + m).
 *
 * Kayenta's MeanInequalityClassifier.
 *
 * @returns deviation 0 where a side has no values, 1 for Pass
 * @throws EvaluatorError NOT_FINITE, OUT_OF_RANGE
 */
export function classifyByMeans (sides: Sides, rules: MetricRules): MetricClassification {
  requireMetricRules(rules)
  const missing = classifyMissing(sides, rules, 0)
  if (missing !== null) return missing
  requireMeasurable('experiment', sides.experiment, 1)
  requireMeasurable('control', sides.control, 1)
  const [above, below] = [centre(sides.experiment).mean, centre(sides.control).mean]
  const label = above > below ? 'High' : 'Low'
  const isAllowed = rules.direction === (label === 'High' ? 'decrease' : 'increase')
  if (above === below || isAllowed) return passing('the means do not differ that way')
  const ratio = above / below
  const deviation = Number.isFinite(ratio) ? ratio : null
  const reason = `the mean is ${show(above)} against ${show(below)}`
  return { classification: label, critical: rules.critical, deviation, reason, comparison: null }
}

function requireMetricRules ({ direction, nanStrategy, critical, mustHaveData }: MetricRules): void {
  requireChoice('direction', direction, DIRECTIONS)
  requireChoice('nanStrategy', nanStrategy, NAN_STRATEGIES)
  requireFlag('critical', critical)
  requireFlag('mustHaveData', mustHaveData)
}

function requireRules (rules: ShiftRules): void {
  requireMetricRules(rules)
  const { effectSize, tolerance, confidenceLevel } = rules
  requireChoice('effectSize.measure', effectSize.measure, MEASURES)
  requireBetween('tolerance', tolerance, 0, Number.MAX_VALUE)
  if (!(typeof confidenceLevel === 'number' && confidenceLevel > 0 && confidenceLevel < 1)) {
    throw new EvaluatorError('OUT_OF_RANGE', 'confidenceLevel', `expected between 0 and 1, got ${confidenceLevel}`)
  }
  for (const name of ['allowedIncrease', 'allowedDecrease', 'criticalIncrease', 'criticalDecrease'] as const) {
    requireBetween(`effectSize.${name}`, effectSize[name], -Number.MAX_VALUE, Number.MAX_VALUE)
  }
}

/** The label where a side has no values; null where both have. */
function classifyMissing (
  { experiment, control }: Sides, rules: MetricRules, deviation: number
): MetricClassification | null {
  requireList('experiment', experiment)
  requireList('control', control)
  if (experiment.length > 0 && control.length > 0) return null
  if (rules.nanStrategy === 'replace') return passing('missing data counts as 0')
  const isFailure = rules.mustHaveData && !rules.critical
  return {
    classification: isFailure ? 'NodataFailMetric' : 'Nodata',
    critical: !isFailure && rules.critical,
    deviation,
    reason: 'missing data',
    comparison: null
  }
}

function passing (reason: string): MetricClassification {
  return { classification: 'Pass', critical: false, deviation: 1, reason, comparison: null }
}

function decide (
  shift: ShiftEstimate, effect: number | null, rules: ShiftRules
): Pick<MetricClassification, 'classification' | 'critical' | 'reason'> {
  const { direction, critical, effectSize: gate, tolerance } = rules
  const band = tolerance * Math.abs(shift.estimate)
  const said = `shift [${show(shift.ciLow)}, ${show(shift.ciHigh)}], band ±${show(band)}, ` +
    `${gate.measure} ${effect === null ? 'undefined' : show(effect)}`
  if (direction !== 'decrease' && shift.ciLow > band && (effect === null || effect >= gate.allowedIncrease)) {
    const isCritical = critical && (effect === null || effect >= gate.criticalIncrease)
    return { classification: 'High', critical: isCritical, reason: `higher than the control: ${said}` }
  }
  if (direction !== 'increase' && shift.ciHigh < -band && (effect === null || effect <= gate.allowedDecrease)) {
    const isCritical = critical && (effect === null || effect <= gate.criticalDecrease)
    return { classification: 'Low', critical: isCritical, reason: `lower than the control: ${said}` }
  }
  return { classification: 'Pass', critical: false, reason: `within bounds: ${said}` }
}

function measureEffect (sides: Sides, { measure, isSigned }: EffectSizeRules): number | null {
  if (measure === 'cles') return commonLanguageEffectSize(sides)
  if (isSigned !== true) return meanRatio(sides)
  const [above, below] = [centre(sides.experiment).mean, centre(sides.control).mean]
  const ratio = 1 + (above - below) / Math.abs(below)
  return Number.isFinite(ratio) ? ratio : null
}

/** Each of the equal values with Gaussian noise; a constant 0 gets none. */
function jitter (values: Float64Array, random: Random): Float64Array {
  return values.map((value) => value === 0 ? 0 : value + value * JITTER * random.normal())
}

function isEqual (a: Float64Array, b: Float64Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

const spans = (ordered: Float64Array): number => ordered.at(-1)! - ordered[0]!

const show = (value: number): string => String(Number(value.toPrecision(4)))
