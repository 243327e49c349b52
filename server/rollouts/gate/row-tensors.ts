import type { JsonTensor } from '../../../models/host-spec.js'
import { tensorFromJson, tensorToJson } from '../../../models/json-tensor.js'
import type { Tensor, TensorSpec } from '../../../models/tensor.js'
import { GatewayError } from '../../errors.js'

const INPUT_EXPECTED =
  'expected a text, a number, a list of numbers, an object of these by input, or { inputs: [tensors] }'

/**
 * The tensors of one request from the input of a row: tensors as the Open Inference Protocol writes them, an object
 * with a value per input, or the value of the only input. Free dimensions in front become 1, the last free one takes
 * what is there.
 * @throws GatewayError BAD_REQUEST saying what was expected; ModelsError INVALID_INPUT for an element of another kind
 */
export function tensorsOf (input: unknown, specs: readonly TensorSpec[]): Tensor[] {
  if (isObject(input)) {
    const { inputs } = input as { inputs?: unknown }
    if (Array.isArray(inputs)) return inputs.map((tensor) => tensorFromJson(tensor as JsonTensor))
    return Object.entries(input).map(([name, value]) => {
      const spec = specs.find((candidate) => candidate.name === name)
      if (spec === undefined) {
        throw new GatewayError('BAD_REQUEST', `input "${name}" is not one of ${specs.map((each) => each.name).join(', ')}`)
      }
      return tensorOf(value, spec)
    })
  }
  const [only] = specs
  if (specs.length !== 1 || only === undefined) {
    throw new GatewayError('BAD_REQUEST', `the model has ${specs.length} inputs: ${INPUT_EXPECTED}`)
  }
  return [tensorOf(input, only)]
}

function tensorOf (value: unknown, { name, datatype, shape }: TensorSpec): Tensor {
  const flat = (Array.isArray(value) ? (value as unknown[]).flat(16) : [value]).map((each) => elementOf(each, datatype))
  const fixed = shape.reduce((product, size) => size === -1 ? product : product * size, 1)
  const free = flat.length / fixed
  if (!Number.isInteger(free)) {
    throw new GatewayError('BAD_REQUEST', `input "${name}": ${flat.length} elements do not fit the shape [${shape.join(', ')}]`)
  }
  const last = shape.lastIndexOf(-1)
  const sizes = shape.map((size, axis) => size !== -1 ? size : axis === last ? free : 1)
  return tensorFromJson({ name, datatype, shape: sizes, data: flat })
}

/** Cells of CSV are all text. */
function elementOf (value: unknown, datatype: TensorSpec['datatype']): number | string | boolean {
  if (datatype === 'BYTES') return typeof value === 'object' ? refused(value) : String(value)
  if (typeof value === 'string' && value.trim() !== '' && datatype !== 'INT64' && datatype !== 'UINT64') {
    if (datatype === 'BOOL') return value.toLowerCase() === 'true' || value === '1'
    return Number.isNaN(Number(value)) ? refused(value) : Number(value)
  }
  return typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' ? value : refused(value)
}

function refused (value: unknown): never {
  throw new GatewayError('BAD_REQUEST', `${value === null ? 'null' : typeof value} is no element of a tensor: ${INPUT_EXPECTED}`)
}

/**
 * The one answer of outputs to a row: the text; the label of the greatest score, where there is a score per label, or
 * of a class number; else the number. Null when there is none of these.
 */
export function answerOf (
  outputs: readonly Tensor[], labels: readonly string[] | undefined, output: string | null
): string | null {
  const tensor = output === null ? outputs[0] : outputs.find(({ name }) => name === output)
  if (tensor === undefined) return null
  const { data, datatype } = tensorToJson(tensor)
  if (data.length === 1) {
    const [value] = data as [number | string | boolean]
    const isClass = typeof value === 'number' && /INT/.test(datatype)
    return isClass ? labels?.[value] ?? String(value) : String(value)
  }
  if (labels?.length !== data.length) return null
  const scores = data.map(Number)
  return labels[scores.indexOf(Math.max(...scores))] ?? null
}

/** What a row says is right, as text; a number that is a place among the labels is the label. Null when it is none. */
export function expectedOf (value: unknown, labels: readonly string[] | undefined): string | null {
  if (typeof value === 'number' && labels !== undefined) return labels[value] ?? String(value)
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null
}

function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
