import { parseWithBigInts } from '../../models/oip-numbers.js'
import { decodeTensor, type RawTensor } from '../../models/oip-tensors.js'
import type { Tensor } from '../../models/tensor.js'
import { GatewayError } from '../errors.js'

/** An inference request, checked in form but not yet against a model. */
export interface InferBody {
  readonly id: string | undefined
  readonly inputs: readonly Tensor[]
  /** Names of the wanted outputs; empty means all. */
  readonly outputs: readonly string[]
  /** The parsed document, for key sources that point into it. */
  readonly document: unknown
}

/**
 * Reads the body of an inference request whatever its content type says; unknown keys are ignored.
 * @throws GatewayError BAD_REQUEST, or ModelsError INVALID_INPUT, naming the wrong field and what was expected
 */
export function parseInferBody (body: Buffer): InferBody {
  const text = body.toString('utf8')
  const parsed = parseJson(text)
  const document = parsed as { id?: unknown, inputs?: unknown, outputs?: unknown, parameters?: unknown }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new GatewayError('BAD_REQUEST', 'body: expected a JSON object with inputs')
  }
  if (document.id !== undefined && typeof document.id !== 'string') throw new GatewayError('BAD_REQUEST', 'id: expected a string')
  if (!Array.isArray(document.inputs)) throw new GatewayError('BAD_REQUEST', 'inputs: expected an array of tensors')
  const rounded = document.inputs as RawTensor[]
  const raw = has64Bit(rounded) ? (parseWithBigInts(text) as { inputs: RawTensor[] }).inputs : rounded
  return {
    id: document.id,
    inputs: raw.map((tensor, index) => decodeTensor(tensor, `inputs[${index}]`)),
    outputs: outputNames(document.outputs),
    document: withExactSequence(document, text)
  }
}

/** A sequence id may have 64 bits: one that was rounded would be that of other sequences as well. */
function withExactSequence (document: { readonly parameters?: unknown }, text: string): unknown {
  const parameters = document.parameters as { sequence_id?: unknown } | null | undefined
  const rounded = parameters?.sequence_id
  if (typeof rounded !== 'number' || Number.isSafeInteger(rounded)) return document
  const exact = (parseWithBigInts(text) as { parameters: { sequence_id: unknown } }).parameters.sequence_id
  return { ...document, parameters: { ...parameters, sequence_id: exact } }
}

/** Parses JSON text. @throws GatewayError BAD_REQUEST */
export function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const detail = text.trim() === '' ? 'it is empty' : (error as Error).message
    throw new GatewayError('BAD_REQUEST', `body: expected JSON: ${detail}`, { cause: error })
  }
}

function has64Bit (inputs: readonly RawTensor[]): boolean {
  return inputs.some((tensor) => tensor?.datatype === 'INT64' || tensor?.datatype === 'UINT64')
}

function outputNames (outputs: unknown): string[] {
  if (outputs === undefined) return []
  if (!Array.isArray(outputs)) throw new GatewayError('BAD_REQUEST', 'outputs: expected an array')
  const names = outputs.map((output: unknown, index) => {
    const name = (output as { name?: unknown } | null)?.name
    if (typeof name !== 'string') throw new GatewayError('BAD_REQUEST', `outputs[${index}].name: expected a string`)
    return name
  })
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new GatewayError('BAD_REQUEST', `outputs: "${twice}" is there twice`)
  return names
}
