import { Type, type Static } from 'typebox'
import { EvaluatorError } from '../../../evaluators/errors.js'
import type { IntervalMetric, IntervalSpec } from '../../../evaluators/interval-verdict.js'
import { parseCanaryConfig } from '../../../evaluators/judge/config.js'
import { JUDGE_NAMES } from '../../../evaluators/judge/judge.js'
import { requireStrictConfig } from '../../../evaluators/judge/strict.js'
import type { Fault } from '../spec-error.js'
import { Duration, durationMs } from './duration.js'

const strict = { additionalProperties: false }

const Effect = Type.Optional(Type.Number({ minimum: 0, maximum: 1_000_000 }))

const Canary = Type.Object({
  direction: Type.Enum(['either', 'increase', 'decrease'], { default: 'either', description: 'which change is bad' }),
  nanStrategy: Type.Enum(['remove', 'replace'], { default: 'remove' }),
  critical: Type.Boolean({ default: false }),
  mustHaveData: Type.Boolean({ default: false }),
  muted: Type.Boolean({ default: false, description: 'shown, not scored' }),
  effectSize: Type.Optional(Type.Object({
    measure: Type.Enum(['meanRatio', 'cles'], { default: 'meanRatio' }),
    allowedIncrease: Effect,
    allowedDecrease: Effect,
    criticalIncrease: Effect,
    criticalDecrease: Effect
  }, strict)),
  outliers: Type.Optional(Type.Object({
    strategy: Type.Enum(['keep', 'remove'], { default: 'keep' }),
    outlierFactor: Type.Number({ exclusiveMinimum: 0, default: 3 })
  }, strict))
}, { ...strict, default: {} })

const Query = Type.Object({
  type: Type.Enum(['gauntlet'], { default: 'gauntlet' }),
  source: Type.Enum(['errors', 'latency', 'feedback']),
  key: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'key of the feedback' })),
  quantile: Type.Optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }))
}, strict)

const Score = Type.Number({ minimum: 0, maximum: 100 })

/** Kayenta's canary config over the rollout's own series, and when it is judged. */
export const CanaryJudgeSchema = Type.Object({
  lifetime: Type.Union([Duration], { description: 'the judgement at its end decides' }),
  interval: Type.Optional(Type.Union([Duration], { description: 'between two judgements; the lifetime' })),
  step: Type.Union([Duration], { default: '60s', description: 'what one value of a series is measured over' }),
  lookback: Type.Optional(Type.Union([Duration], { description: 'how much before its end a judgement sees; everything' })),
  judge: Type.Object({
    name: Type.Enum(Object.values(JUDGE_NAMES), { default: JUDGE_NAMES.strict })
  }, { ...strict, default: {} }),
  metrics: Type.Array(Type.Object({
    name: Type.String({ minLength: 1, maxLength: 64 }),
    groups: Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 10 }),
    query: Query,
    analysisConfigurations: Type.Object({ canary: Canary }, { ...strict, default: {} })
  }, strict), { minItems: 1, maxItems: 20 }),
  classifier: Type.Object({
    groupWeights: Type.Record(Type.String(), Score, { default: {}, maxProperties: 200 }),
    scoreThresholds: Type.Object({ pass: Score, marginal: Score }, strict)
  }, strict)
}, { ...strict, description: 'judged as by Kayenta, which claims no error level' })

export type CanaryJudgeDocument = Static<typeof CanaryJudgeSchema>

/** Values a side that the judge needs at least, and that a window may have: what a judgement costs grows with them. */
const STEPS = { min: 5, max: 500 }
const JUDGEMENTS_MAX = 1_000
const PATH = 'analysis.judge.kayenta'

/** What a schema cannot say about the judge. */
export function canaryJudgeFaults (judge: CanaryJudgeDocument): Fault[] {
  const faults = [...timeFaults(judge)]
  for (const [index, { query: { source, key, quantile } }] of judge.metrics.entries()) {
    const path = `${PATH}.metrics[${index}].query`
    if ((source === 'feedback') !== (key !== undefined)) {
      faults.push({ path: `${path}.key`, message: source === 'feedback' ? 'is required for source feedback' : 'is only for source feedback' })
    }
    if ((source === 'latency') !== (quantile !== undefined)) {
      faults.push({ path: `${path}.quantile`, message: source === 'latency' ? 'is required for source latency' : 'is only for source latency' })
    }
  }
  if (faults.length > 0) return faults
  try {
    const config = parseCanaryConfig(judge, PATH)
    if (config.judgeName === JUDGE_NAMES.strict) requireStrictConfig(config, PATH)
    return []
  } catch (error) {
    if (!(error instanceof EvaluatorError)) throw error
    return [{ path: error.argument, message: error.message.replace(`${error.argument}: `, '') }]
  }
}

function * timeFaults ({ lifetime, interval = lifetime, step, lookback }: CanaryJudgeDocument): Generator<Fault> {
  const [stepMs, intervalMs, lifetimeMs] = [step, interval, lifetime].map(durationMs) as [number, number, number]
  if (stepMs < 1_000) return yield { path: `${PATH}.step`, message: 'expected at least 1s' }
  const isWhole = (spanMs: number): boolean => Number.isInteger(spanMs / stepMs)
  if (!isWhole(intervalMs) || intervalMs < STEPS.min * stepMs) {
    const path = interval === lifetime ? `${PATH}.lifetime` : `${PATH}.interval`
    yield { path, message: `expected a whole number of steps of ${step}, at least ${STEPS.min}` }
  }
  if (lifetimeMs < intervalMs || lifetimeMs > JUDGEMENTS_MAX * intervalMs) {
    yield { path: `${PATH}.lifetime`, message: `expected 1 to ${JUDGEMENTS_MAX} intervals of ${interval}` }
  }
  const lookbackMs = lookback === undefined ? lifetimeMs : durationMs(lookback)
  if (lookback !== undefined && (!isWhole(lookbackMs) || lookbackMs < STEPS.min * stepMs)) {
    yield { path: `${PATH}.lookback`, message: `expected a whole number of steps of ${step}, at least ${STEPS.min}` }
  }
  if (Math.min(lookbackMs, lifetimeMs) > STEPS.max * stepMs) {
    const path = lookback === undefined ? `${PATH}.lifetime` : `${PATH}.lookback`
    yield { path, message: `expected at most ${STEPS.max} steps of ${step} in a judgement: a longer step, or a shorter lookback` }
  }
}

/** Compiles a valid judge. Pure. */
export function compileCanaryJudge (judge: CanaryJudgeDocument): IntervalSpec {
  const { lifetime, interval = lifetime, step, lookback, judge: { name }, metrics, classifier } = judge
  return {
    kind: 'kayenta',
    stepMs: durationMs(step),
    intervalMs: durationMs(interval),
    lifetimeMs: durationMs(lifetime),
    lookbackMs: lookback === undefined ? null : durationMs(lookback),
    thresholds: classifier.scoreThresholds,
    config: { judge: { name }, metrics, classifier },
    metrics: metrics.map(compileMetric)
  }
}

type MetricOfDocument = CanaryJudgeDocument['metrics'][number]

function compileMetric ({ name, query, analysisConfigurations: { canary } }: MetricOfDocument): IntervalMetric {
  const { source, key, quantile } = query
  return {
    name,
    source,
    ...key === undefined ? {} : { key },
    ...quantile === undefined ? {} : { quantile },
    role: canary.muted ? 'monitor' : canary.critical ? 'critical' : 'primary',
    direction: canary.direction === 'decrease' ? 'up' : 'down'
  }
}
