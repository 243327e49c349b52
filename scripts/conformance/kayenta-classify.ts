import {
  classifyByMeans, classifyByShift, type Direction, type EffectMeasure, type MetricClassification, type NanStrategy
} from '../../evaluators/judge/classify.js'
import { detectOutliersByQuartiles, removeNaN, removeOutliers, replaceNaN } from '../../evaluators/judge/transform.js'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { type Case, compareAll, compareFigures, isObject, kind, oneOf, values } from './kayenta-case.js'

const DEFAULTS = { tolerance: 0.25, confLevel: 0.98 } as const
/** Seed of the jitter of constant sides; figures that depend on it are not compared. */
const SEED = 1
const NO_EFFECT = 1

const CLASSIFIER = 'classifier params direction nanStrategy critical mustHaveData expected experiment control recomputed ' +
  'recomputedAtJudgeDefaults absTol numAbsTol'

/** A case of Kayenta's classifier tests, at its own parameters and at the judge's. */
export const checkClassifier = kind(CLASSIFIER, (each, section, place) => {
  const { recomputedAtJudgeDefaults: atDefaults, ...own } = each
  const params = isObject(each['params']) ? each['params'] : {}
  const classify = (over: Case): unknown => figuresOf(classifyCase({ ...each, ...params, ...over }))
  compareAll(own, section, place, classify({}))
  if (atDefaults === undefined) return
  compareFigures(section, `${place}.recomputedAtJudgeDefaults`, classify(DEFAULTS), atDefaults)
})

/** A classification at given parameters. */
export const checkDerivedClassifier = kind(
  'tolerance confLevel config expected numAbsTol absTol experiment control recomputed', (each, section, place) => {
    const config = isObject(each['config']) ? each['config'] : {}
    compareAll(each, section, place, figuresOf(classifyCase({ ...each, ...config })))
  })

const THRESHOLDS = ['allowedIncrease', 'allowedDecrease', 'criticalIncrease', 'criticalDecrease'] as const
const KNOWN_PARAMS: readonly string[] = [
  ...THRESHOLDS, 'tolerance', 'confLevel', 'effectSizeMeasure', 'direction', 'nanStrategy', 'critical', 'mustHaveData', 'outliers'
]

/** One classification from flat fields; thresholds that are absent are 1, as the classifier itself has it. */
function classifyCase (each: Case): MetricClassification {
  for (const group of [each['params'], each['config']]) {
    const unknown = Object.keys(isObject(group) ? group : {}).find((name) => !KNOWN_PARAMS.includes(name))
    if (unknown !== undefined) throw new Error(`no such parameter: ${unknown}`)
  }
  const nanStrategy: NanStrategy = each['nanStrategy'] === 'replace' ? 'replace' : 'remove'
  const rules = {
    direction: oneOf<Direction>(each['direction'], ['either', 'increase', 'decrease']),
    nanStrategy,
    critical: each['critical'] === true,
    mustHaveData: each['mustHaveData'] === true
  }
  const transform = (name: string): number[] => withoutOutliers(
    nanStrategy === 'replace' ? replaceNaN(values(each, name), 0) : removeNaN(values(each, name)), each['outliers'])
  const sides = { experiment: transform('experiment'), control: transform('control') }
  if (each['classifier'] === 'MeanInequality') return classifyByMeans(sides, rules)
  if (each['classifier'] !== undefined && each['classifier'] !== 'MannWhitney') {
    throw new Error(`no such classifier: ${String(each['classifier'])}`)
  }
  const [allowedIncrease, allowedDecrease, criticalIncrease, criticalDecrease] =
    THRESHOLDS.map((name) => Number(each[name] ?? NO_EFFECT)) as [number, number, number, number]
  const measure = oneOf<EffectMeasure>(each['effectSizeMeasure'], ['meanRatio', 'cles'])
  return classifyByShift(sides, {
    ...rules,
    effectSize: { measure, allowedIncrease, allowedDecrease, criticalIncrease, criticalDecrease },
    tolerance: Number(each['tolerance'] ?? DEFAULTS.tolerance),
    confidenceLevel: Number(each['confLevel'] ?? DEFAULTS.confLevel)
  }, seededRandom(SEED))
}

function withoutOutliers (kept: number[], outliers: unknown): number[] {
  if (!isObject(outliers) || outliers['strategy'] !== 'remove') return kept
  const options = { factor: Number(outliers['outlierFactor'] ?? 3), reducesSensitivity: true }
  return removeOutliers(kept, detectOutliersByQuartiles(kept, options))
}

function figuresOf (found: MetricClassification): Record<string, unknown> {
  const { classification, critical, deviation, comparison } = found
  const label = { classification, critical, deviation: deviation ?? NaN }
  if (comparison === null) return label
  const { ciLow, ciHigh, estimate, effectSize, isJittered } = comparison
  return { ...label, ciLow, ciHigh, estimate, effectSize: effectSize ?? NaN, noise: isJittered }
}
