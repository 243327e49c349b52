import { Type, type Static } from 'typebox'
import { BackendDraftSchema, backendFaults, BackendSchema } from './serving/backend.js'
import { parseJson, refuseFaults, schemaFaults } from './serving/faults.js'
import { baselineFaults, BaselineSchema, LineageSchema, MetricsSchema } from './serving/provenance.js'
import { CLOSED, exampleFaults, ExampleSchema, TensorSpecSchema } from './serving/tensors.js'
import { POOLINGS, TASKS } from './serving/words.js'

const StateName = Type.String({ minLength: 1, maxLength: 256 })

const BatchingSchema = Type.Object({
  batchable: Type.Boolean({
    description: 'Whether requests may be joined along the first dimension. Found by trying; may be forgone, not claimed.'
  }),
  maxBatch: Type.Integer({ minimum: 1, maximum: 4096, description: 'Most rows that are run together.' }),
  maxDelayMs: Type.Number({
    minimum: 0, maximum: 10_000, description: 'How long a request may wait for others to join it, in milliseconds.'
  })
}, { ...CLOSED, description: 'How requests are joined.' })

/** The `serving.json` layer: how a version is run and called. The type is derived from it. */
export const ServingSchema = Type.Object({
  schemaVersion: Type.Literal(1, { description: 'Version of this format.' }),
  task: Type.Enum([...TASKS], {
    description: 'tensor: inputs and outputs of the graph as they are. text-classification, feature-extraction: texts in, ' +
      'through the tokenizer beside the model; labels and scores, or one vector per text, out.'
  }),
  runtime: Type.Literal('onnx', { description: 'What runs the model.' }),
  modelFile: Type.String({ minLength: 1, maxLength: 1024, description: 'The model, relative to the root of the version.' }),
  inputs: Type.Array(TensorSpecSchema, {
    minItems: 1, maxItems: 256, description: 'What the model takes. May narrow free dimensions of the graph, nothing else.'
  }),
  outputs: Type.Array(TensorSpecSchema, { minItems: 1, maxItems: 256, description: 'What the model gives.' }),
  labels: Type.Optional(Type.Array(Type.String({ maxLength: 1024 }), {
    minItems: 1, maxItems: 100_000, description: 'Names of the classes, in the order of their scores.'
  })),
  pooling: Type.Optional(Type.Enum([...POOLINGS], {
    description: 'How the vectors of the tokens become one per text; none when the graph gives one per text.'
  })),
  normalize: Type.Optional(Type.Boolean({ description: 'Whether vectors are scaled to length 1.' })),
  maxTokens: Type.Optional(Type.Integer({
    minimum: 2, maximum: 1_048_576, description: 'A longer text is cut to so many tokens, those that frame it included.'
  })),
  batching: BatchingSchema,
  examples: Type.Array(ExampleSchema, { maxItems: 100, description: 'Golden examples: run whenever the version is loaded.' }),
  stateSchema: Type.Optional(Type.String({
    minLength: 1,
    maxLength: 256,
    description: 'Name of the form of the state that sessions on this version hold.'
  })),
  acceptsState: Type.Optional(Type.Array(StateName, {
    maxItems: 100, description: 'Names of forms of state, beside its own, with which a session may come to this version.'
  })),
  metrics: Type.Optional(MetricsSchema),
  lineage: Type.Optional(LineageSchema),
  baseline: Type.Optional(BaselineSchema)
}, CLOSED)

const { modelFile: _modelFile, pooling: _pooling, normalize: _normalize, maxTokens: _maxTokens, ...shared } =
  ServingSchema.properties

/** The same of a version that another server runs. */
export const RemoteServingSchema = Type.Object({
  ...shared,
  runtime: Type.Literal('remote', { description: 'A server elsewhere runs the model.' }),
  backend: BackendSchema
}, CLOSED)

const { schemaVersion: _schemaVersion, batching: _batching, runtime, backend: _backend, ...choices } =
  RemoteServingSchema.properties

/** What a user writes to publish a model that another server runs. */
export const RemoteDescriptorSchema = Type.Object(
  { runtime, backend: BackendDraftSchema, ...Type.Partial(Type.Object(choices)).properties }, CLOSED)

/** What a user may write: any part of it; the rest is read from the model. */
export const DraftSchema = Type.Partial(Type.Object({
  $schema: Type.String({ maxLength: 2048, description: 'Where editors find this schema; not kept.' }),
  ...ServingSchema.properties,
  batching: Type.Partial(BatchingSchema, CLOSED)
}), CLOSED)

export type OnnxServing = Static<typeof ServingSchema>
/** It has no file that is the model. */
export type RemoteServing = Static<typeof RemoteServingSchema> & { readonly modelFile?: never }
export type Serving = OnnxServing | RemoteServing
export type RemoteDescriptor = Static<typeof RemoteDescriptorSchema>
export type ServingDraft = Static<typeof DraftSchema>

/** Parses the user's own, possibly partial, serving.json. @throws RegistryError SERVING_INVALID naming each path */
export function parseServingDraft (text: string): ServingDraft {
  const value = parseJson(text)
  refuseFaults(draftFaults(value))
  return value as ServingDraft
}

/** What is wrong with a draft, one sentence per path. */
export function draftFaults (value: unknown): string[] {
  const faults = schemaFaults(DraftSchema, value)
  return faults.length > 0 ? faults : baselineFaults((value as ServingDraft).baseline)
}

/** Parses the serving.json of a published version. @throws RegistryError SERVING_INVALID, naming each wrong path */
export function parseServing (text: string): Serving {
  const value = parseJson(text)
  checkServing(value)
  return value
}

/** Checks shape and inner consistency. @throws RegistryError SERVING_INVALID, naming each wrong path */
export function checkServing (value: unknown): asserts value is Serving {
  refuseFaults(servingFaults(value))
}

/** What is wrong with a whole serving.json, in shape or within itself, one sentence per path. */
export function servingFaults (value: unknown): string[] {
  const faults = schemaFaults(isRemote(value) ? RemoteServingSchema : ServingSchema, value)
  if (faults.length > 0) return faults
  const serving = value as Serving
  return [
    ...'backend' in serving ? backendFaults(serving.backend) : [],
    ...exampleFaults(serving),
    ...baselineFaults(serving.baseline)
  ]
}

/** Whether a document is, or means to be, of a version that another server runs. */
export function isRemote (value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as { runtime?: unknown }).runtime === 'remote'
}
