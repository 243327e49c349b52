import { Type, type Static } from 'typebox'
import { CLOSED } from './tensors.js'

/** Most bytes of a stored baseline, as JSON. */
export const BASELINE_BYTES_MAX = 256 * 1024

const METRICS_MAX = 1000

/** Figures of the training run, for people and for comparing versions; nothing here acts on them. */
export const MetricsSchema = Type.Record(
  Type.String({ pattern: '^[A-Za-z0-9@_./ -]{1,128}$' }),
  Type.Number({ minimum: -Number.MAX_VALUE, maximum: Number.MAX_VALUE }),
  { ...CLOSED, maxProperties: METRICS_MAX, description: 'Figures of the training run by name, for example accuracy.' }
)

/** What a version was made from. */
export const LineageSchema = Type.Object({
  parent: Type.Optional(Type.String({
    minLength: 1, maxLength: 512, description: 'The version it was made from: sha256:… of its manifest, or name:version.'
  })),
  datasets: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 512 }), {
    maxItems: 100, description: 'Digests or names of the data it was trained on.'
  }))
}, { ...CLOSED, description: 'What the version was made from.' })

/**
 * Sketches of the training data, by which drift is told later. What a column's sketch holds is known to those who make
 * and read it; here it is a bounded document.
 */
export const BaselineSchema = Type.Object({
  version: Type.Literal(1),
  rows: Type.Integer({ minimum: 0, description: 'Rows of the data it was made of.' }),
  columns: Type.Record(Type.String(), Type.Object({
    kind: Type.Enum(['numeric', 'categorical', 'text', 'embedding'])
  }))
}, { ...CLOSED, description: 'Sketches of the training data, by which drift is told later.' })

export type Baseline = Static<typeof BaselineSchema>

/** What is wrong with a baseline beside its schema. */
export function baselineFaults (baseline: Baseline | undefined): string[] {
  if (baseline === undefined) return []
  const sizeBytes = Buffer.byteLength(JSON.stringify(baseline))
  if (sizeBytes <= BASELINE_BYTES_MAX) return []
  return [`/baseline must be at most ${BASELINE_BYTES_MAX} bytes and has ${sizeBytes}`]
}
