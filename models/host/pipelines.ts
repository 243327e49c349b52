import { join } from 'node:path'
import { AutoTokenizer, env, type PreTrainedTokenizer } from '@huggingface/transformers'
import type { Pooling, Task } from '../host-spec.js'
import { numberFromHalf } from '../json-tensor.js'
import type { Tensor, TensorSpec } from '../tensor.js'
import { readModelFiles, type TextConfig } from './model-files.js'
import { OnnxRunner, type Runner } from './onnx.js'

env.allowRemoteModels = false

/** What a text runner needs to know beside the model's own files. */
export interface TextOptions {
  readonly directory: string
  readonly modelFile: string
  readonly task: Task
  readonly pooling?: Pooling
  readonly normalize?: boolean
  /** false: every text is run by itself, so that no padding is ever seen. */
  readonly batchable: boolean
}

/** What the network said about texts: `width` numbers for each, in the order of the texts. */
interface Rows {
  readonly width: number
  readonly values: Float32Array
}

/** The tokens of one text. */
interface Encoding {
  readonly index: number
  readonly ids: readonly number[]
  readonly types: readonly number[] | null
}

const TOKENIZER_INPUTS = new Set(['input_ids', 'attention_mask', 'token_type_ids'])
const PROBE_TEXT = ['a']

/** Texts in, labels or embeddings out: the model's own tokenizer before its graph, soft-max or pooling after it. */
export class TextRunner implements Runner {
  readonly inputs: readonly TensorSpec[] = [{ name: 'text', datatype: 'BYTES', shape: [-1] }]
  readonly outputs: readonly TensorSpec[]
  readonly labels: readonly string[] | null
  readonly pooling: Pooling | null
  readonly normalize: boolean
  readonly #network: TextNetwork
  readonly #isMultiLabel: boolean

  private constructor (network: TextNetwork, options: TextOptions, config: TextConfig, width: number) {
    this.#network = network
    if (options.task === 'text-classification') {
      this.labels = Array.from({ length: width }, (_, id) => config.labels?.[id] ?? `LABEL_${id}`)
      this.outputs = [
        { name: 'label', datatype: 'BYTES', shape: [-1] },
        { name: 'score', datatype: 'FP32', shape: [-1] },
        { name: 'scores', datatype: 'FP32', shape: [-1, width] }
      ]
    } else {
      this.labels = null
      this.outputs = [{ name: 'embedding', datatype: 'FP32', shape: [-1, width] }]
    }
    this.#isMultiLabel = config.isMultiLabel || width === 1
    this.pooling = options.task === 'feature-extraction' ? network.pooling : null
    this.normalize = network.normalize
  }

  static async load (options: TextOptions, threads: number): Promise<TextRunner> {
    const { config } = readModelFiles(options.directory)
    const tokenizer = await AutoTokenizer.from_pretrained(options.directory, { local_files_only: true })
    const graph = await OnnxRunner.load(join(options.directory, options.modelFile), threads)
    const network = new TextNetwork(graph, tokenizer, options, config)
    const { width } = await network.run(PROBE_TEXT)
    return new TextRunner(network, options, config, width)
  }

  async run (inputs: readonly Tensor[], fetch: readonly string[] | null): Promise<Tensor[]> {
    const texts = inputs[0]?.data
    if (!Array.isArray(texts) || texts.length === 0) throw new Error('no texts were given')
    const rows = await this.#network.run(texts)
    const all = this.labels === null
      ? [{ name: 'embedding', datatype: 'FP32', shape: [texts.length, rows.width], data: rows.values } as const]
      : classify(rows, this.labels, this.#isMultiLabel)
    if (fetch === null) return all
    return fetch.map((name) => {
      const output = all.find((candidate) => candidate.name === name)
      if (output === undefined) throw new Error(`there is no output "${name}"`)
      return output
    })
  }
}

/** A graph that takes tokens and gives one row of numbers per text. */
class TextNetwork {
  readonly pooling: Pooling
  readonly normalize: boolean
  readonly #graph: OnnxRunner
  readonly #tokenizer: PreTrainedTokenizer
  readonly #output: TensorSpec
  readonly #lengthMax: number
  readonly #isBatchable: boolean
  readonly #specialIds: ReadonlySet<number>

  constructor (graph: OnnxRunner, tokenizer: PreTrainedTokenizer, options: TextOptions, config: TextConfig) {
    for (const { name, datatype } of graph.inputs) {
      if (!TOKENIZER_INPUTS.has(name)) throw new Error(`the graph takes "${name}", which no tokenizer gives`)
      if (datatype !== 'INT64' && datatype !== 'INT32') throw new Error(`the graph takes "${name}" as ${datatype}, expected INT64`)
    }
    this.#graph = graph
    this.#tokenizer = tokenizer
    this.#output = pickOutput(graph, options.task)
    const isPerText = options.task === 'text-classification' || this.#output.shape.length === 2
    this.pooling = isPerText ? 'none' : options.pooling ?? 'mean'
    this.normalize = options.task === 'feature-extraction' && (options.normalize ?? !isPerText)
    this.#lengthMax = Math.min(Number(tokenizer.model_max_length), config.positionsMax)
    this.#isBatchable = options.batchable
    this.#specialIds = new Set(tokenizer.all_special_ids)
  }

  async run (texts: readonly string[]): Promise<Rows> {
    let width = 0
    let values = new Float32Array(0)
    for (const group of groupByLength(this.#encode(texts), this.#isBatchable)) {
      const rows = await this.#runGroup(group)
      if (width === 0) {
        width = rows.width
        values = new Float32Array(texts.length * width)
      }
      group.forEach(({ index }, row) => {
        values.set(rows.values.subarray(row * width, (row + 1) * width), index * width)
      })
    }
    return { width, values }
  }

  #encode (texts: readonly string[]): Encoding[] {
    const encoded = this.#tokenizer([...texts], { padding: false, truncation: false, return_tensor: false })
    return encoded.input_ids.map((ids, index) => ({
      index,
      ids: this.#truncate(ids),
      types: encoded.token_type_ids?.[index] ?? null
    }))
  }

  /** Cuts too long a text but keeps the special token that ends it. */
  #truncate (ids: readonly number[]): readonly number[] {
    if (ids.length <= this.#lengthMax) return ids
    const last = ids[ids.length - 1] as number
    return this.#specialIds.has(last) ? [...ids.slice(0, this.#lengthMax - 1), last] : ids.slice(0, this.#lengthMax)
  }

  async #runGroup (group: readonly Encoding[]): Promise<Rows> {
    const length = Math.max(...group.map(({ ids }) => ids.length))
    const padId = this.#tokenizer.pad_token_id ?? 0
    const isLeft = this.#tokenizer.padding_side === 'left'
    const shape = [group.length, length]
    const ids = new BigInt64Array(group.length * length).fill(BigInt(padId))
    const mask = new BigInt64Array(ids.length)
    const types = new BigInt64Array(ids.length)
    group.forEach((encoding, row) => {
      const start = row * length + (isLeft ? length - encoding.ids.length : 0)
      encoding.ids.forEach((id, token) => {
        ids[start + token] = BigInt(id)
        mask[start + token] = 1n
        types[start + token] = BigInt(encoding.types?.[token] ?? 0)
      })
    })
    const inputs = this.#graph.inputs.map(({ name, datatype }): Tensor => {
      const data = name === 'input_ids' ? ids : name === 'attention_mask' ? mask : types
      return { name, datatype, shape, data: datatype === 'INT32' ? Int32Array.from(data, Number) : data }
    })
    const [output] = await this.#graph.run(inputs, [this.#output.name])
    const rows = this.#pool(output as Tensor, mask, length)
    if (this.normalize) normalizeRows(rows)
    return rows
  }

  #pool (output: Tensor, mask: BigInt64Array, length: number): Rows {
    const values = asFloats(output)
    const texts = output.shape[0] as number
    const width = output.shape[output.shape.length - 1] as number
    if (output.shape.length === 2) return { width, values }
    if (output.shape.length !== 3 || this.pooling === 'none') {
      throw new Error(`output "${output.name}" has shape [${output.shape.join(', ')}], which is not one row per text`)
    }
    const pooled = new Float32Array(texts * width)
    for (let text = 0; text < texts; text++) {
      const isTaken = (token: number): boolean => mask[text * length + token] === 1n
      let taken = 0
      for (let token = 0; token < length; token++) {
        if (!isTaken(token)) continue
        taken++
        const from = (text * length + token) * width
        for (let at = 0; at < width; at++) (pooled[text * width + at] as number) += values[from + at] as number
        if (this.pooling === 'cls') break
      }
      for (let at = 0; at < width; at++) (pooled[text * width + at] as number) /= Math.max(taken, 1)
    }
    return { width, values: pooled }
  }
}

/** Texts of similar length together: the longest in a group has at most twice the tokens of the shortest. */
function groupByLength (encodings: readonly Encoding[], isBatchable: boolean): Encoding[][] {
  if (!isBatchable) return encodings.map((encoding) => [encoding])
  const groups: Encoding[][] = []
  for (const encoding of [...encodings].sort((a, b) => a.ids.length - b.ids.length)) {
    const group = groups[groups.length - 1]
    const shortest = group?.[0]?.ids.length ?? 0
    if (group === undefined || encoding.ids.length > 2 * shortest) groups.push([encoding])
    else group.push(encoding)
  }
  return groups
}

function pickOutput (graph: OnnxRunner, task: Task): TensorSpec {
  const names = task === 'text-classification' ? ['logits'] : ['sentence_embedding', 'last_hidden_state', 'token_embeddings']
  const named = names.map((name) => graph.outputs.find((output) => output.name === name))
  const output = named.find((each) => each !== undefined) ?? graph.outputs[0]
  if (output === undefined) throw new Error('the graph has no tensor output')
  return output
}

function classify ({ width, values }: Rows, labels: readonly string[], isMultiLabel: boolean): Tensor[] {
  const texts = values.length / width
  const scores = new Float32Array(values.length)
  const label: string[] = []
  const score = new Float32Array(texts)
  for (let text = 0; text < texts; text++) {
    const logits = values.subarray(text * width, (text + 1) * width)
    const row = isMultiLabel ? logits.map((logit) => 1 / (1 + Math.exp(-logit))) : softMax(logits)
    scores.set(row, text * width)
    const best = row.reduce((top, value, id) => value > (row[top] as number) ? id : top, 0)
    label.push(labels[best] as string)
    score[text] = row[best] as number
  }
  return [
    { name: 'label', datatype: 'BYTES', shape: [texts], data: label },
    { name: 'score', datatype: 'FP32', shape: [texts], data: score },
    { name: 'scores', datatype: 'FP32', shape: [texts, width], data: scores }
  ]
}

function softMax (logits: Float32Array): Float32Array {
  const largest = logits.reduce((top, value) => Math.max(top, value), -Infinity)
  const exponentials = Float64Array.from(logits, (logit) => Math.exp(logit - largest))
  const sum = exponentials.reduce((total, value) => total + value, 0)
  return Float32Array.from(exponentials, (value) => value / sum)
}

function normalizeRows ({ width, values }: Rows): void {
  for (let start = 0; start < values.length; start += width) {
    let squares = 0
    for (let at = 0; at < width; at++) squares += (values[start + at] as number) ** 2
    const norm = Math.max(Math.sqrt(squares), 1e-12)
    for (let at = 0; at < width; at++) (values[start + at] as number) /= norm
  }
}

function asFloats (output: Tensor): Float32Array {
  if (output.data instanceof Float32Array) return output.data
  if (output.datatype === 'FP16') return Float32Array.from(output.data as Uint16Array, numberFromHalf)
  if (output.datatype === 'FP64') return Float32Array.from(output.data as Float64Array)
  throw new Error(`output "${output.name}" has datatype ${output.datatype}, expected FP32`)
}
