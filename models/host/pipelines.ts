import { join } from 'node:path'
import type { Pooling, Task } from '../host-spec.js'
import type { Tensor, TensorSpec } from '../tensor.js'
import { readModelFiles, type TextConfig } from './model-files.js'
import { OnnxRunner, type Runner } from './onnx.js'
import { normalizeRows, poolTokens, type Rows } from './pooling.js'
import { groupByLength, LENGTH_RATIO_MAX, TextBatches, type Encoding } from './text-batches.js'

/** What a text runner needs to know beside the model's own files. */
export interface TextOptions {
  readonly directory: string
  readonly modelFile: string
  readonly task: Task
  readonly pooling?: Pooling
  readonly normalize?: boolean
  readonly labels?: readonly string[]
  readonly maxTokens?: number
  /** false: every text is run by itself, so that no padding is ever seen. */
  readonly batchable: boolean
}

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
      this.labels = Array.from({ length: width }, (_, id) => options.labels?.[id] ?? config.labels?.[id] ?? `LABEL_${id}`)
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

  /** @param loaded the graph, when it was loaded before */
  static async load (options: TextOptions, threads: number, loaded?: OnnxRunner): Promise<TextRunner> {
    const { config } = readModelFiles(options.directory)
    const graph = loaded ?? await OnnxRunner.load(join(options.directory, options.modelFile), threads)
    const lengthMax = Math.min(config.positionsMax, options.maxTokens ?? Infinity)
    const batches = await TextBatches.load(options.directory, graph.inputs, lengthMax)
    const network = new TextNetwork(graph, batches, options)
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
  readonly #batches: TextBatches
  readonly #output: TensorSpec
  readonly #isBatchable: boolean

  constructor (graph: OnnxRunner, batches: TextBatches, options: TextOptions) {
    this.#graph = graph
    this.#batches = batches
    this.#output = pickOutput(graph, options.task)
    const isPerText = options.task === 'text-classification' || this.#output.shape.length === 2
    this.pooling = isPerText ? 'none' : options.pooling ?? 'mean'
    this.normalize = options.task === 'feature-extraction' && (options.normalize ?? !isPerText)
    this.#isBatchable = options.batchable
  }

  async run (texts: readonly string[]): Promise<Rows> {
    let width = 0
    let values = new Float32Array(0)
    const encodings = this.#batches.encode(texts)
    const groups = this.#isBatchable
      ? groupByLength(encodings, LENGTH_RATIO_MAX)
      : encodings.map((encoding) => [encoding])
    for (const group of groups) {
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

  async #runGroup (group: readonly Encoding[]): Promise<Rows> {
    const { inputs, mask, length } = this.#batches.pad(group)
    const [output] = await this.#graph.run(inputs, [this.#output.name])
    const rows = poolTokens(output as Tensor, mask, length, this.pooling)
    if (this.normalize) normalizeRows(rows)
    return rows
  }
}

/** The output that is read: one row per text where the graph has it, else one per token. */
export function pickOutput (graph: OnnxRunner, task: Task): TensorSpec {
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
