import { Type, type Static, type TSchema } from 'typebox'
import { Settings } from 'typebox/system'
import { Value } from 'typebox/value'
import { RegistryError } from './errors.js'
import { quote } from './names.js'

const FAULTS_MAX = 50
const CLOSED = { additionalProperties: false }

export const TASKS = ['tensor', 'text-classification', 'feature-extraction'] as const

/** The tensor datatypes of the Open Inference Protocol. */
const DATATYPES = [
  'BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64', 'FP16', 'FP32', 'FP64', 'BYTES'
] as const

const TensorName = Type.String({ minLength: 1, maxLength: 256 })

const TensorSpecSchema = Type.Object({
  name: TensorName,
  datatype: Type.Enum([...DATATYPES]),
  shape: Type.Array(Type.Integer({ minimum: -1 }), { maxItems: 16 })
}, CLOSED)

const JsonTensorSchema = Type.Object({
  name: TensorName,
  datatype: Type.Enum([...DATATYPES]),
  shape: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 16 }),
  data: Type.Array(Type.Unsafe<number | string | boolean>({ type: ['number', 'string', 'boolean'] }))
}, CLOSED)

const ExampleSchema = Type.Object({
  inputs: Type.Array(JsonTensorSchema, { minItems: 1, maxItems: 256 }),
  outputs: Type.Array(JsonTensorSchema, { minItems: 1, maxItems: 256 }),
  tolerance: Type.Number({ minimum: 0 })
}, CLOSED)

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
  pooling: Type.Optional(Type.Enum(['mean', 'cls', 'none'])),
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
type TensorSpec = Static<typeof TensorSpecSchema>
type JsonTensor = Static<typeof JsonTensorSchema>

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

/**
 * What an application that calls the champion would notice if the challenger answered: one sentence per difference
 * in task, labels, and the names, datatypes and shapes of inputs and outputs. Empty when compatible. Pure.
 */
export function compareSignatures (champion: Serving, challenger: Serving): string[] {
  const differences: string[] = []
  if (champion.task !== challenger.task) {
    differences.push(`the task is ${champion.task} for the champion and ${challenger.task} for the challenger`)
  }
  differences.push(...compareSpecs('input', champion.inputs, challenger.inputs))
  differences.push(...compareSpecs('output', champion.outputs, challenger.outputs))
  const [ours, theirs] = [champion.labels ?? null, challenger.labels ?? null]
  if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
    differences.push(
      `the labels are ${describeLabels(ours)} for the champion and ${describeLabels(theirs)} for the challenger`)
  }
  return differences
}

function compareSpecs (kind: 'input' | 'output', champion: TensorSpec[], challenger: TensorSpec[]): string[] {
  const differences: string[] = []
  const others = new Map(challenger.map((spec) => [spec.name, spec]))
  for (const spec of champion) {
    const other = others.get(spec.name)
    others.delete(spec.name)
    const name = `${kind} ${quote(spec.name)}`
    if (other === undefined) {
      differences.push(`the challenger has no ${name}`)
      continue
    }
    if (spec.datatype !== other.datatype) {
      differences.push(`${name} is ${spec.datatype} for the champion and ${other.datatype} for the challenger`)
    }
    if (spec.shape.join() !== other.shape.join()) {
      differences.push(
        `${name} has shape [${spec.shape.join()}] for the champion and [${other.shape.join()}] for the challenger`)
    }
  }
  for (const name of others.keys()) differences.push(`the champion has no ${kind} ${quote(name)}`)
  return differences
}

function describeLabels (labels: string[] | null): string {
  if (labels === null) return 'none'
  const shown = labels.slice(0, 8).map(quote).join(', ')
  return labels.length > 8 ? `${shown} and ${labels.length - 8} more` : shown
}

function exampleFaults (serving: Serving): string[] {
  return serving.examples.flatMap((example, index) => [
    ...tensorFaults(`/examples/${index}/inputs`, example.inputs, serving.inputs, 'input'),
    ...tensorFaults(`/examples/${index}/outputs`, example.outputs, serving.outputs, 'output'),
    ...serving.inputs
      .filter((spec) => !example.inputs.some((tensor) => tensor.name === spec.name))
      .map((spec) => `/examples/${index}/inputs lacks the input ${quote(spec.name)}`)
  ])
}

function tensorFaults (path: string, tensors: JsonTensor[], specs: TensorSpec[], kind: string): string[] {
  return tensors.flatMap((tensor, index) => {
    const spec = specs.find(({ name }) => name === tensor.name)
    if (spec === undefined) return [`${path}/${index}/name ${quote(tensor.name)} is not an ${kind} of the model`]
    const faults: string[] = []
    if (spec.datatype !== tensor.datatype) faults.push(`${path}/${index}/datatype must be ${spec.datatype}`)
    if (!fits(tensor.shape, spec.shape)) faults.push(`${path}/${index}/shape must fit [${spec.shape.join()}]`)
    const count = tensor.shape.reduce((product, dimension) => product * dimension, 1)
    if (tensor.data.length !== count) {
      faults.push(`${path}/${index}/data must have ${count} elements, as its shape says, and has ${tensor.data.length}`)
    }
    return faults
  })
}

/** Whether a concrete or narrower shape is one that `shape`, with -1 for any length, allows. */
export function fits (concrete: readonly number[], shape: readonly number[]): boolean {
  return concrete.length === shape.length &&
    concrete.every((length, axis) => shape[axis] === -1 || shape[axis] === length)
}

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RegistryError('SERVING_INVALID', `serving.json is not JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** Throws one error that lists every fault. @throws RegistryError SERVING_INVALID */
export function refuseFaults (faults: readonly string[]): void {
  if (faults.length > 0) throw new RegistryError('SERVING_INVALID', `serving.json: ${faults.join('; ')}`)
}

function schemaFaults (schema: TSchema, value: unknown): string[] {
  const { maxErrors } = Settings.Get()
  Settings.Set({ maxErrors: FAULTS_MAX })
  try {
    return [...new Set(Value.Errors(schema, value).flatMap(describeFault))]
  } finally {
    Settings.Set({ maxErrors })
  }
}

function describeFault (error: ReturnType<typeof Value.Errors>[number]): string[] {
  const { instancePath: path, keyword } = error
  if (keyword === 'additionalProperties') return [] // each such field is also reported by itself, as 'boolean'
  if (keyword === 'boolean') return [`${path} is not a known field`]
  if (keyword === 'required') return error.params.requiredProperties.map((name) => `${path}/${name} is missing`)
  if (keyword === 'enum') return [`${path} must be one of ${error.params.allowedValues.map(String).join(', ')}`]
  if (keyword === 'const') return [`${path} must be ${JSON.stringify(error.params.allowedValue)}`]
  return [`${path === '' ? 'the document' : path} ${error.message}`]
}
