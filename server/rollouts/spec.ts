import { Type, type Static } from 'typebox'
import type { AnalysisSpec, MetricSpec } from '../../evaluators/verdict.js'
import { type KeySource, parseKeySource } from '../routing/affinity-key.js'
import { type Fault, parseDocument, SpecError } from './faults.js'

const strict = { additionalProperties: false }

const Duration = Type.Union([Type.String({ pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$' }), Type.Number({ minimum: 0 })], {
  description: 'expected a duration such as 500ms, 5s, 10m, 1h or 1d, or a number of seconds'
})

const Margin = Type.Object({
  absolute: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  relative: Type.Optional(Type.Number({ exclusiveMinimum: 0 }))
}, strict)

const Metric = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 64 }),
  source: Type.Union([Type.Literal('errors'), Type.Literal('latency'), Type.Literal('feedback')]),
  key: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  quantile: Type.Optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 })),
  limit: Type.Optional(Duration),
  role: Type.Union([Type.Literal('primary'), Type.Literal('critical'), Type.Literal('monitor')]),
  direction: Type.Optional(Type.Union([Type.Literal('up'), Type.Literal('down')])),
  margin: Type.Optional(Margin),
  twoSided: Type.Optional(Type.Boolean()),
  heavyTailed: Type.Optional(Type.Boolean())
}, strict)

const Step = Type.Object({
  setWeight: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: 'per cent of the sessions' })),
  pause: Type.Optional(Type.Object({ duration: Type.Optional(Duration) }, strict)),
  analysis: Type.Optional(Type.Object({}, strict))
}, strict)

const Analysis = Type.Object({
  alpha: Type.Number({ exclusiveMinimum: 0, maximum: 0.5, default: 0.05 }),
  mode: Type.Union([Type.Literal('superiority'), Type.Literal('equivalence')], { default: 'superiority' }),
  minSamples: Type.Integer({ minimum: 2, maximum: 1_000_000_000, default: 200 }),
  plannedSamples: Type.Integer({ minimum: 2, maximum: 1_000_000_000, default: 5_000 }),
  minDuration: Type.Optional(Duration),
  maxDuration: Type.Optional(Duration),
  maxSamples: Type.Optional(Type.Integer({ minimum: 2, maximum: 1_000_000_000 })),
  metrics: Type.Array(Metric, { minItems: 1, maxItems: 50 })
}, strict)

const Breaker = Type.Object({
  maxErrorRate: Type.Number({ minimum: 0, maximum: 1, default: 0.5 }),
  minRequests: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 20 }),
  windowSeconds: Type.Number({ minimum: 1, maximum: 3_600, default: 10 })
}, strict)

/** The document a rollout is started with; immutable afterwards. */
export const RolloutSpecSchema = Type.Object({
  model: Type.String({ minLength: 1, maxLength: 128 }),
  challenger: Type.String({ minLength: 1, maxLength: 128, description: 'a version, quoted in YAML: "2.0.0"' }),
  affinity: Type.Object({
    keys: Type.Array(Type.String({ maxLength: 256 }), {
      minItems: 1, maxItems: 10, default: ['header:x-session-id', 'cookie:gauntlet_session']
    }),
    mode: Type.Literal('hash', { default: 'hash' })
  }, { ...strict, default: {} }),
  strategy: Type.Object({
    canary: Type.Object({ steps: Type.Array(Step, { minItems: 1, maxItems: 100 }) }, strict)
  }, strict),
  analysis: Type.Optional(Analysis),
  breaker: Type.Object({ ...Breaker.properties }, { ...strict, default: {} }),
  onFailure: Type.Union([Type.Literal('rollback'), Type.Literal('pause')], { default: 'rollback' }),
  promotion: Type.Union([Type.Literal('automatic'), Type.Literal('manual')], { default: 'automatic' }),
  allowSignatureChange: Type.Boolean({ default: false })
}, strict)

export type RolloutSpec = Readonly<Static<typeof RolloutSpecSchema>>

/** One step of the plan the engine walks. A pause without a duration waits for a person. */
export type PlanStep =
  | { readonly kind: 'setWeight', readonly weightBps: number }
  | { readonly kind: 'pause', readonly durationMs: number | null }
  | { readonly kind: 'analysis' }

/** What the engine needs of a spec, parsed. */
export interface Plan {
  readonly spec: RolloutSpec
  readonly steps: readonly PlanStep[]
  readonly keys: readonly KeySource[]
  readonly analysis: AnalysisSpec | null
  /** No statistical promotion before a weight has been in place this long; 0 is off. */
  readonly minDurationMs: number
}

/**
 * Validates a rollout document whole and compiles it.
 * @throws SpecError naming the path of every wrong field
 */
export function parseRolloutSpec (document: unknown): Plan {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new SpecError([{ path: '', message: 'expected an object with model, challenger and strategy' }])
  }
  const spec = parseDocument(RolloutSpecSchema, document)
  const faults = [...stepFaults(spec), ...keyFaults(spec), ...metricFaults(spec)]
  if (faults.length > 0) throw new SpecError(faults)
  return {
    spec,
    steps: spec.strategy.canary.steps.map(compileStep),
    keys: spec.affinity.keys.map((key) => parseKeySource(key)!),
    analysis: spec.analysis === undefined ? null : compileAnalysis(spec.analysis),
    minDurationMs: spec.analysis?.minDuration === undefined ? 0 : durationMs(spec.analysis.minDuration)
  }
}

/** Milliseconds of `5s`, `500ms`, `10m`, `1h`, `1d`, or of a number of seconds. */
export function durationMs (duration: string | number): number {
  if (typeof duration === 'number') return duration * 1_000
  const unit = duration.match(/[a-z]+$/)![0] as keyof typeof UNIT_MS
  return Number.parseFloat(duration) * UNIT_MS[unit]
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

type SpecStep = RolloutSpec['strategy']['canary']['steps'][number]

function compileStep (step: SpecStep): PlanStep {
  if (step.setWeight !== undefined) return { kind: 'setWeight', weightBps: Math.round(step.setWeight * 100) }
  if (step.pause === undefined) return { kind: 'analysis' }
  return { kind: 'pause', durationMs: step.pause.duration === undefined ? null : durationMs(step.pause.duration) }
}

function compileAnalysis (analysis: NonNullable<RolloutSpec['analysis']>): AnalysisSpec {
  const { alpha, mode, minSamples, plannedSamples, maxDuration, maxSamples } = analysis
  const budget = {
    ...maxSamples === undefined ? {} : { samplesMax: maxSamples },
    ...maxDuration === undefined ? {} : { durationMs: durationMs(maxDuration) }
  }
  const spec = { alpha, mode, minSamples, plannedSamples, metrics: analysis.metrics.map(compileMetric) }
  return Object.keys(budget).length === 0 ? spec : { ...spec, budget }
}

function compileMetric ({ limit, direction = 'down', ...metric }: SpecMetric): MetricSpec {
  const limited = limit === undefined ? metric : { ...metric, limitMs: durationMs(limit) }
  return { ...limited, direction } as MetricSpec
}

function stepFaults (spec: RolloutSpec): Fault[] {
  const faults: Fault[] = []
  let weight = 0
  spec.strategy.canary.steps.forEach((step, index) => {
    const path = `strategy.canary.steps[${index}]`
    if (Object.keys(step).length !== 1) faults.push({ path, message: 'expected exactly one of setWeight, pause, analysis' })
    weight = step.setWeight ?? weight
    if (step.analysis === undefined) return
    if (spec.analysis === undefined) faults.push({ path: 'analysis', message: 'is required by an analysis step' })
    if (weight <= 0 || weight >= 100) {
      faults.push({ path, message: `analysis at a weight of ${weight} % compares nothing; set a weight between 0 and 100 first` })
    }
  })
  return faults
}

function keyFaults (spec: RolloutSpec): Fault[] {
  return spec.affinity.keys.flatMap((key, index) => parseKeySource(key) !== null
    ? []
    : [{ path: `affinity.keys[${index}]`, message: 'expected header:NAME, cookie:NAME or body:/json/pointer' }])
}

function metricFaults (spec: RolloutSpec): Fault[] {
  if (spec.analysis === undefined) return []
  const names = new Set<string>()
  const faults = spec.analysis.metrics.flatMap((metric, index) => {
    const path = `analysis.metrics[${index}]`
    const found = [...oneMetricFaults(metric, path)]
    if (names.has(metric.name)) found.push({ path: `${path}.name`, message: `${metric.name} is there twice` })
    names.add(metric.name)
    return found
  })
  const roles = spec.analysis.metrics.map((metric) => metric.role)
  if (spec.analysis.mode === 'superiority' && !roles.includes('primary')) {
    faults.push({ path: 'analysis.metrics', message: 'mode superiority needs a metric of role primary' })
  }
  if (spec.analysis.mode === 'equivalence' && roles.every((role) => role === 'monitor')) {
    faults.push({ path: 'analysis.metrics', message: 'mode equivalence needs a metric of role critical or primary' })
  }
  return faults
}

type SpecMetric = NonNullable<RolloutSpec['analysis']>['metrics'][number]

function * oneMetricFaults (metric: SpecMetric, path: string): Generator<Fault> {
  const isFeedback = metric.source === 'feedback'
  if (isFeedback !== (metric.key !== undefined)) {
    yield { path: `${path}.key`, message: isFeedback ? 'is required for source feedback' : 'is only for source feedback' }
  }
  yield * latencyFaults(metric, path)
  if (isFeedback && metric.direction === undefined) {
    yield { path: `${path}.direction`, message: 'is required for source feedback: up when a higher value is better, else down' }
  }
  if (!isFeedback && metric.direction === 'up') {
    yield { path: `${path}.direction`, message: `${metric.source} are better when lower: expected down` }
  }
  if (metric.margin !== undefined && Object.keys(metric.margin).length !== 1) {
    yield { path: `${path}.margin`, message: 'expected exactly one of absolute, relative' }
  }
  if (metric.role === 'critical' && metric.margin === undefined) {
    yield { path: `${path}.margin`, message: 'is required for role critical' }
  }
  yield * kindFaults(metric, path)
}

function * latencyFaults ({ source, quantile, limit }: SpecMetric, path: string): Generator<Fault> {
  if (source !== 'latency') {
    if (quantile !== undefined) yield { path: `${path}.quantile`, message: 'is only for source latency' }
    if (limit !== undefined) yield { path: `${path}.limit`, message: 'is only for source latency' }
  } else if (quantile === undefined && limit === undefined) {
    yield { path: `${path}.quantile`, message: 'is required for source latency, unless there is a limit' }
  } else if (quantile !== undefined && limit !== undefined) {
    yield { path: `${path}.limit`, message: 'expected exactly one of quantile, limit' }
  } else if (limit !== undefined && durationMs(limit) <= 0) {
    yield { path: `${path}.limit`, message: 'expected a duration above 0' }
  }
}

/** What is only for some metrics: a margin to both sides, and means of values with rare large ones. */
function * kindFaults ({ source, role, margin, twoSided, heavyTailed }: SpecMetric, path: string): Generator<Fault> {
  if (twoSided === true && (role === 'primary' || margin === undefined)) {
    yield { path: `${path}.twoSided`, message: 'needs a margin and cannot be had by role primary, which has a better side' }
  }
  if (heavyTailed !== undefined && source !== 'feedback') {
    yield { path: `${path}.heavyTailed`, message: 'is only for source feedback' }
  }
}
