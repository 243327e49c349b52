import { Type, type Static } from 'typebox'
import { parseJson, refuseFaults, schemaFaults } from './serving/faults.js'
import { CLOSED, exampleFaults, ExampleSchema, TensorSpecSchema } from './serving/tensors.js'
import { POOLINGS, TASKS } from './serving/words.js'

const BatchingSchema = Type.Object({
  batchable: Type.Boolean(),
  maxBatch: Type.Integer({ minimum: 1, maximum: 4096 }),
  maxDelayMs: Type.Number({ minimum: 0, maximum: 10_000 })
}, CLOSED)

/** The `serving.json` layer: how a version is run and called. The type is derived from it. */
export const ServingSchema = Type.Object({
  schemaVersion: Type.Literal(1),
  task: Type.Enum([...TASKS]),
  runtime: Type.Literal('onnx'),
  modelFile: Type.String({ minLength: 1, maxLength: 1024 }),
  inputs: Type.Array(TensorSpecSchema, { minItems: 1, maxItems: 256 }),
  outputs: Type.Array(TensorSpecSchema, { minItems: 1, maxItems: 256 }),
  labels: Type.Optional(Type.Array(Type.String({ maxLength: 1024 }), { minItems: 1, maxItems: 100_000 })),
  pooling: Type.Optional(Type.Enum([...POOLINGS])),
  normalize: Type.Optional(Type.Boolean()),
  batching: BatchingSchema,
  examples: Type.Array(ExampleSchema, { maxItems: 100 })
}, CLOSED)

/** What a user may write: any part of it; the rest is read from the model. */
const DraftSchema = Type.Partial(Type.Object({
  ...ServingSchema.properties, batching: Type.Partial(BatchingSchema, CLOSED)
}), CLOSED)

export type Serving = Static<typeof ServingSchema>
export type ServingDraft = Static<typeof DraftSchema>

/** Parses the user's own, possibly partial, serving.json. @throws RegistryError SERVING_INVALID naming each path */
export function parseServingDraft (text: string): ServingDraft {
  const value = parseJson(text)
  refuseFaults(schemaFaults(DraftSchema, value))
  return value as ServingDraft
}

/** Parses the serving.json of a published version. @throws RegistryError SERVING_INVALID, naming each wrong path */
export function parseServing (text: string): Serving {
  const value = parseJson(text)
  checkServing(value)
  return value
}

/** Checks shape and inner consistency. @throws RegistryError SERVING_INVALID, naming each wrong path */
export function checkServing (value: unknown): asserts value is Serving {
  refuseFaults(schemaFaults(ServingSchema, value))
  refuseFaults(exampleFaults(value as Serving))
}
