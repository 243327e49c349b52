import { ModelsError } from '../errors.js'
import { parseWithBigInts } from '../oip-numbers.js'
import { decodeTensor, encodeTensor, type RawTensor } from '../oip-tensors.js'
import { ELEMENT_BYTES, type Datatype, type Tensor, type TensorSpec } from '../tensor.js'
import type { Answer, HttpClient } from './http-client.js'
import type { RemoteBackend } from './spec.js'

const SAID_MAX = 300
const SPECS_MAX = 256

/** Another server says that it is not ready, or not now: to be asked again later. */
export class NotNow extends Error {
  override readonly name = 'NotNow'
}

/** One model of one server that speaks the Open Inference Protocol V2 over HTTP. */
export class OipClient {
  readonly #http: HttpClient
  readonly #base: string

  constructor (http: HttpClient, { url, modelName, modelVersion }: RemoteBackend) {
    const version = modelVersion === undefined ? '' : `/versions/${encodeURIComponent(modelVersion)}`
    this.#http = http
    this.#base = `${url}/v2/models/${encodeURIComponent(modelName)}${version}`
  }

  /** @throws CallFault, NotNow, ModelsError INFERENCE_FAILED when there is no such model */
  async checkReady (timeoutMs: number): Promise<void> {
    const answer = await this.#http.call({ method: 'GET', url: `${this.#base}/ready`, timeoutMs })
    if (answer.status >= 500) throw new NotNow(`the server says that the model is not ready: ${describe(answer)}`)
    refuse(answer)
  }

  /** What the model takes and gives. @throws CallFault, NotNow, ModelsError INFERENCE_FAILED */
  async signature (timeoutMs: number): Promise<{ inputs: TensorSpec[], outputs: TensorSpec[] }> {
    const answer = await this.#http.call({ method: 'GET', url: this.#base, timeoutMs })
    if (answer.status >= 500) throw new NotNow(`the server does not say what the model takes: ${describe(answer)}`)
    refuse(answer)
    const { inputs, outputs } = parse(answer) as { inputs?: unknown, outputs?: unknown }
    return { inputs: toSpecs(inputs, 'inputs'), outputs: toSpecs(outputs, 'outputs') }
  }

  /**
   * The outputs in the order of `wanted`.
   * @throws CallFault, NotNow; ModelsError QUEUE_FULL, DEADLINE_EXCEEDED, INFERENCE_FAILED as the server answers
   */
  async infer (
    inputs: readonly Tensor[], wanted: readonly TensorSpec[], timeoutMs: number
  ): Promise<Tensor[]> {
    const names = wanted.map(({ name }) => `{"name":${JSON.stringify(name)}}`)
    const body = `{"inputs":[${inputs.map(encodeTensor).join()}],"outputs":[${names.join()}]}`
    const answer = await this.#http.call({ method: 'POST', url: `${this.#base}/infer`, body, timeoutMs })
    if (answer.status === 429) throw new ModelsError('QUEUE_FULL', `the server has too much to do: ${describe(answer)}`)
    if (answer.status === 504) throw new ModelsError('DEADLINE_EXCEEDED', `the server was too slow: ${describe(answer)}`)
    if (answer.status === 502 || answer.status === 503) throw new NotNow(`the server cannot answer: ${describe(answer)}`)
    refuse(answer)
    return readOutputs(answer, wanted)
  }
}

function readOutputs (answer: Answer, wanted: readonly TensorSpec[]): Tensor[] {
  const isLong = wanted.some(({ datatype }) => datatype === 'INT64' || datatype === 'UINT64')
  const { outputs } = parse(answer, isLong) as { outputs?: unknown }
  if (!Array.isArray(outputs)) throw failed('the server answers without outputs')
  return wanted.map((spec) => {
    const index = outputs.findIndex((raw: RawTensor | null) => raw?.name === spec.name)
    if (index < 0) throw failed(`the server answers without the output "${spec.name}"`)
    const tensor = readTensor(outputs[index] as RawTensor, index)
    const isFitting = tensor.datatype === spec.datatype && tensor.shape.length === spec.shape.length &&
      tensor.shape.every((size, axis) => spec.shape[axis] === -1 || spec.shape[axis] === size)
    if (isFitting) return tensor
    throw failed(`the server answers with output "${spec.name}" as ${tensor.datatype} [${tensor.shape.join(', ')}], ` +
      `expected ${spec.datatype} [${spec.shape.join(', ')}]`)
  })
}

/** What is wrong with an answer is not the fault of who asked. */
function readTensor (raw: RawTensor, index: number): Tensor {
  try {
    return decodeTensor(raw, `outputs[${index}]`, 'output')
  } catch (error) {
    if (!(error instanceof ModelsError)) throw error
    throw new ModelsError('INFERENCE_FAILED', `the server answers ${error.message}`, { cause: error })
  }
}

function toSpecs (list: unknown, kind: string): TensorSpec[] {
  if (!Array.isArray(list) || list.length === 0 || list.length > SPECS_MAX) {
    throw failed(`the server does not say the ${kind} of the model`)
  }
  return list.map((raw: { name?: unknown, datatype?: unknown, shape?: unknown } | null, index) => {
    const { name, datatype, shape } = raw ?? {}
    const isSize = (size: unknown): boolean => Number.isSafeInteger(Number(size)) && Number(size) >= -1
    const isShape = Array.isArray(shape) && shape.every(isSize)
    if (typeof name !== 'string' || typeof datatype !== 'string' || !isShape) {
      throw failed(`the server says of ${kind}[${index}] no name, datatype and shape`)
    }
    if (!Object.hasOwn(ELEMENT_BYTES, datatype)) {
      throw failed(`the server has ${kind}[${index}] of datatype ${datatype.slice(0, 20)}, which is not known here`)
    }
    return { name, datatype: datatype as Datatype, shape: shape.map(Number) } // some servers write sizes as text
  })
}

function refuse (answer: Answer): void {
  if (answer.status >= 200 && answer.status < 300) return
  const isRedirect = answer.status >= 300 && answer.status < 400
  throw failed(isRedirect
    ? `the server answers with a redirect (HTTP ${answer.status}), which is not followed`
    : `the server refuses: ${describe(answer)}`)
}

function parse ({ body }: Answer, isLong = false): object {
  const text = body.toString('utf8')
  try {
    const value = isLong ? parseWithBigInts(text) : JSON.parse(text) as unknown
    if (typeof value === 'object' && value !== null) return value
  } catch { /* told below */ }
  throw failed('the server does not answer with a JSON object')
}

/** The status, and what the server says about it. */
function describe ({ status, body }: Answer): string {
  let said: unknown
  try {
    said = (JSON.parse(body.toString('utf8')) as { error?: unknown } | null)?.error
  } catch { /* the status alone, then */ }
  // eslint-disable-next-line no-control-regex -- what another server says goes into a log
  return typeof said === 'string' ? `HTTP ${status}, ${said.replaceAll(/[\u0000-\u001f\u007f]/g, ' ').slice(0, SAID_MAX)}` : `HTTP ${status}`
}

function failed (message: string): ModelsError {
  return new ModelsError('INFERENCE_FAILED', message)
}
