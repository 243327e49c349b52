import { Type, type Static } from 'typebox'
import type { Fault } from '../spec-error.js'
import { Duration, durationMs } from './duration.js'

/** Probes of a challenger while its rollout is open. */
export const ProbesSchema = Type.Object({
  dataset: Type.String({
    minLength: 1, maxLength: 512, description: 'a published dataset: NAME:VERSION, NAME@ALIAS or NAME, its newest version'
  }),
  interval: Type.Union([Duration], { default: '30s', description: 'from the beginning of a round to that of the next' }),
  failureLimit: Type.Integer({ minimum: 1, maximum: 1_000, default: 3, description: 'failed rounds in a row that trip the breaker' }),
  timeout: Type.Union([Duration], { default: '10s', description: 'longest wait for an answer' }),
  tolerance: Type.Number({ minimum: 0, default: 1e-3, description: 'numbers may differ by so much times max(1, |expected|)' }),
  limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 20, description: 'rows per round' }),
  output: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'output that answers; the first one' }))
}, { additionalProperties: false, description: 'rows with known answers that are sent to the challenger on a schedule' })

/** Probes as they are run. */
export interface ProbesPlan {
  readonly dataset: string
  readonly intervalMs: number
  readonly failureLimit: number
  readonly timeoutMs: number
  readonly tolerance: number
  readonly limit: number
  readonly output: string | null
}

const INTERVAL_MIN_MS = 50

/** What a schema cannot say about probes. */
export function probesFaults (probes: Static<typeof ProbesSchema> | undefined): Fault[] {
  if (probes === undefined) return []
  return [
    ...durationMs(probes.interval) >= INTERVAL_MIN_MS
      ? []
      : [{ path: 'probes.interval', message: `expected at least ${INTERVAL_MIN_MS}ms` }],
    ...durationMs(probes.timeout) > 0 ? [] : [{ path: 'probes.timeout', message: 'expected a duration above 0' }]
  ]
}

/** Compiles valid probes. Pure. */
export function compileProbes (probes: Static<typeof ProbesSchema>): ProbesPlan {
  const { dataset, interval, timeout, failureLimit, tolerance, limit, output } = probes
  return {
    failureLimit,
    tolerance,
    limit,
    dataset: dataset.replace(/^dataset:/, ''),
    output: output ?? null,
    intervalMs: durationMs(interval),
    timeoutMs: durationMs(timeout)
  }
}
