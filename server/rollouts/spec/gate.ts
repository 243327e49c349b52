import { Type, type Static } from 'typebox'
import { METRICS } from '../../evaluation/metric-catalogue.js'
import { EMBEDDING_METRICS } from '../../evaluation/embedding-metrics.js'
import { ANSWER_METRICS } from '../gate/answer-metrics.js'
import type { GateSpec } from '../gate/judge.js'
import type { Fault } from '../spec-error.js'
import { Duration, durationMs } from './duration.js'

const strict = { additionalProperties: false }

const GateMetric = Type.Object({
  metric: Type.String({ minLength: 1, maxLength: 64, description: 'accuracy, or one that gauntlet score knows' }),
  min: Type.Optional(Type.Number({ description: 'least value of the challenger' })),
  max: Type.Optional(Type.Number({ description: 'greatest value of the challenger' })),
  margin: Type.Optional(Type.Object({
    absolute: Type.Number({ minimum: 0, description: 'how much worse than the champion is still good enough' })
  }, strict))
}, strict)

/** The gate of a rollout: rows with known answers, replayed before anybody is served. */
export const GateSchema = Type.Object({
  dataset: Type.String({
    minLength: 1, maxLength: 512, description: 'a published dataset: NAME:VERSION, NAME@ALIAS or NAME, its newest version'
  }),
  metrics: Type.Array(GateMetric, { minItems: 1, maxItems: 50 }),
  output: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'output that answers; the first one' })),
  limit: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1_000, description: 'rows at most' }),
  minRows: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 1, description: 'fewer rows are no proof' }),
  failuresMax: Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0, description: 'rows that the challenger may fail on' }),
  concurrency: Type.Integer({ minimum: 1, maximum: 64, default: 4, description: 'rows under way at once' }),
  rowTimeout: Type.Union([Duration], { default: '10s' }),
  timeout: Type.Union([Duration], { default: '10m', description: 'longest time for all rows' }),
  encoder: Type.Optional(Type.String({ minLength: 1, maxLength: 512, description: 'model that embeds texts: NAME:VERSION' }))
}, { ...strict, description: 'rows with known answers that both versions answer before anybody is served' })

type GateDocument = Static<typeof GateSchema>

/** What runs a gate needs, and what judges it. */
export interface GatePlan {
  readonly dataset: string
  readonly output: string | null
  readonly limit: number
  readonly concurrency: number
  readonly rowTimeoutMs: number
  readonly timeoutMs: number
  readonly encoder: string | null
  readonly spec: GateSpec
}

/** What a schema cannot say about a gate. */
export function gateFaults (gate: GateDocument | undefined): Fault[] {
  if (gate === undefined) return []
  const faults = gate.metrics.flatMap((limits, index): Fault[] => {
    const { metric, min, max, margin } = limits
    const path = `gate.metrics[${index}]`
    if (!METRICS.includes(metric) && !(ANSWER_METRICS as readonly string[]).includes(metric)) {
      return [{ path: `${path}.metric`, message: `must be one of ${[...ANSWER_METRICS, ...METRICS].join(', ')}` }]
    }
    if (gate.metrics.findIndex((other) => other.metric === metric) !== index) {
      return [{ path: `${path}.metric`, message: `${metric} is there twice` }]
    }
    if (min === undefined && max === undefined && margin === undefined) {
      return [{ path, message: 'expected at least one of min, max, margin' }]
    }
    if (EMBEDDING_METRICS.includes(metric) && gate.encoder === undefined) {
      return [{ path: 'gate.encoder', message: `is required by ${metric}` }]
    }
    return []
  })
  if (gate.minRows > gate.limit) faults.push({ path: 'gate.minRows', message: `must be at most gate.limit, ${gate.limit}` })
  return faults
}

/** Compiles a valid gate. Pure. */
export function compileGate (gate: GateDocument): GatePlan {
  const { dataset, output = null, encoder = null, limit, concurrency, minRows, failuresMax, metrics } = gate
  return {
    dataset: dataset.replace(/^dataset:/, ''),
    output,
    limit,
    concurrency,
    rowTimeoutMs: durationMs(gate.rowTimeout),
    timeoutMs: durationMs(gate.timeout),
    encoder,
    spec: { kind: 'gate', minRows, failuresMax, metrics }
  }
}
