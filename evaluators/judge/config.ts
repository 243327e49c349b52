import { EvaluatorError } from '../errors.js'
import type { Direction, EffectMeasure, NanStrategy } from './classify.js'
import { JsonPlace } from './json.js'
import { requireThresholds, type ScoreThresholds } from './score.js'

/** Thresholds of the effect size as configured; null where the judge's default holds. */
export interface EffectSizeConfig {
  readonly measure: EffectMeasure
  readonly allowedIncrease: number | null
  readonly allowedDecrease: number | null
  readonly criticalIncrease: number | null
  readonly criticalDecrease: number | null
}

/** What the judge needs of one metric of a canary config. */
export interface CanaryMetricConfig {
  readonly name: string
  readonly groups: readonly string[]
  readonly direction: Direction
  readonly nanStrategy: NanStrategy
  readonly critical: boolean
  readonly mustHaveData: boolean
  readonly muted: boolean
  readonly effectSize: EffectSizeConfig
  readonly outliers: { readonly strategy: 'keep' | 'remove', readonly outlierFactor: number }
}

/** What the judge needs of a canary config; everything else in the document is left alone. */
export interface CanaryConfig {
  readonly name: string | null
  /** As written, or null; which names are known is the judge's business. */
  readonly judgeName: string | null
  readonly metrics: readonly CanaryMetricConfig[]
  /** Per cent by group. */
  readonly groupWeights: Readonly<Record<string, number>>
  readonly scoreThresholds: ScoreThresholds | null
}

const OUTLIER_FACTOR = 3
const MEASURES: readonly EffectMeasure[] = ['meanRatio', 'cles']

/**
 * Reads Kayenta's canary config, a parsed JSON document. Fields the judge does not use are not looked at. As in
 * Kayenta, an unknown `direction` means `either`, an unknown `nanStrategy` `remove`, an unknown `outliers.strategy`
 * `keep`, and numbers and flags may be written as strings. O(size).
 *
 * @param document what JSON.parse gave
 * @param argument how messages call the document
 * @throws EvaluatorError MALFORMED, naming the place, e.g. `config.metrics[0].name`: no metric, a metric without a
 *   name or with the name of another, a value of another type, an unknown `effectSize.measure`, an `outlierFactor`
 *   that is not above 0; OUT_OF_RANGE for thresholds that are not 0 <= marginal <= pass <= 100
 */
export function parseCanaryConfig (document: unknown, argument = 'config'): CanaryConfig {
  const root = new JsonPlace(document, argument)
  if (!root.exists) throw root.fault('an object')
  const [name, judgeName] = [root.field('name'), root.field('judge').field('name')]
  const metrics = root.field('metrics')
  const places = metrics.items()
  if (places.length === 0) throw metrics.fault('a list with at least one metric')
  const classifier = root.field('classifier')
  return {
    name: name.exists ? name.text() : null,
    judgeName: judgeName.exists ? judgeName.text() : null,
    metrics: requireDistinct(places.map(parseMetric), places),
    groupWeights: Object.fromEntries(classifier.field('groupWeights').fields().map(([group, weight]) => [group, requireNumber(weight)])),
    scoreThresholds: parseThresholds(classifier.field('scoreThresholds'))
  }
}

function parseMetric (metric: JsonPlace): CanaryMetricConfig {
  const canary = metric.field('analysisConfigurations').field('canary')
  return {
    name: metric.field('name').text(),
    groups: metric.field('groups').items().map((group) => group.text()),
    direction: canary.field('direction').choice(['either', 'increase', 'decrease']),
    nanStrategy: canary.field('nanStrategy').choice(['remove', 'replace']),
    critical: canary.field('critical').flag(),
    mustHaveData: canary.field('mustHaveData').flag(),
    muted: canary.field('muted').flag(),
    effectSize: parseEffectSize(canary.field('effectSize')),
    outliers: parseOutliers(canary.field('outliers'))
  }
}

function parseEffectSize (effectSize: JsonPlace): EffectSizeConfig {
  const written = effectSize.field('measure')
  const measure = written.exists ? MEASURES.find((each) => each === written.value) : 'meanRatio'
  if (measure === undefined) throw written.fault(`one of ${MEASURES.join(', ')}`)
  return {
    measure,
    allowedIncrease: effectSize.field('allowedIncrease').number(),
    allowedDecrease: effectSize.field('allowedDecrease').number(),
    criticalIncrease: effectSize.field('criticalIncrease').number(),
    criticalDecrease: effectSize.field('criticalDecrease').number()
  }
}

function parseOutliers (outliers: JsonPlace): CanaryMetricConfig['outliers'] {
  const factor = outliers.field('outlierFactor')
  const outlierFactor = factor.number() ?? OUTLIER_FACTOR
  if (!(outlierFactor > 0)) throw factor.fault('a number above 0')
  return { strategy: outliers.field('strategy').choice(['keep', 'remove']), outlierFactor }
}

/** Thresholds, or null where neither stands; one alone is refused. */
function parseThresholds (place: JsonPlace): ScoreThresholds | null {
  const [pass, marginal] = [place.field('pass'), place.field('marginal')]
  if (!pass.exists && !marginal.exists) return null
  const thresholds = { pass: requireNumber(pass), marginal: requireNumber(marginal) }
  requireThresholds(thresholds, place.path)
  return thresholds
}

function requireNumber (place: JsonPlace): number {
  const value = place.number()
  if (value === null) throw place.fault('a finite number')
  return value
}

function requireDistinct (metrics: CanaryMetricConfig[], places: readonly JsonPlace[]): CanaryMetricConfig[] {
  const names = new Set<string>()
  metrics.forEach(({ name }, i) => {
    if (names.has(name)) {
      throw new EvaluatorError('MALFORMED', `${places[i]!.path}.name`, `expected a name of its own, got ${JSON.stringify(name)} again`)
    }
    names.add(name)
  })
  return metrics
}
