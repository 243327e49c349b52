import { Type, type Static } from 'typebox'
import { quote } from '../names.js'
import { DATATYPES } from './words.js'

export const CLOSED = { additionalProperties: false }

const TensorName = Type.String({ minLength: 1, maxLength: 256 })

export const TensorSpecSchema = Type.Object({
  name: TensorName,
  datatype: Type.Enum([...DATATYPES]),
  shape: Type.Array(Type.Integer({ minimum: -1 }), { maxItems: 16, description: '-1 is a dimension of any length.' })
}, CLOSED)

const JsonTensorSchema = Type.Object({
  name: TensorName,
  datatype: Type.Enum([...DATATYPES]),
  shape: Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 16 }),
  data: Type.Array(Type.Unsafe<number | string | boolean>({ type: ['number', 'string', 'boolean'] }), {
    description: 'All elements in row-major order; 64-bit integers beyond 2^53 as strings.'
  })
}, CLOSED)

export const ExampleSchema = Type.Object({
  inputs: Type.Array(JsonTensorSchema, { minItems: 1, maxItems: 256 }),
  outputs: Type.Array(JsonTensorSchema, { minItems: 1, maxItems: 256 }),
  tolerance: Type.Number({
    minimum: 0, description: 'Real numbers may differ by tolerance * max(1, |expected|); all else must be equal.'
  })
}, CLOSED)

export type TensorSpec = Static<typeof TensorSpecSchema>
export type JsonTensor = Static<typeof JsonTensorSchema>
export type Example = Static<typeof ExampleSchema>

interface Signature {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly examples: readonly Example[]
}

/** What of the golden examples does not fit the inputs and outputs of the model. */
export function exampleFaults (serving: Signature): string[] {
  return serving.examples.flatMap((example, index) => [
    ...tensorFaults(`/examples/${index}/inputs`, example.inputs, serving.inputs, 'input'),
    ...tensorFaults(`/examples/${index}/outputs`, example.outputs, serving.outputs, 'output'),
    ...serving.inputs
      .filter((spec) => !example.inputs.some((tensor) => tensor.name === spec.name))
      .map((spec) => `/examples/${index}/inputs lacks the input ${quote(spec.name)}`)
  ])
}

function tensorFaults (
  path: string, tensors: readonly JsonTensor[], specs: readonly TensorSpec[], kind: string
): string[] {
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
