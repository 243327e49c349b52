import { join } from 'node:path'
import type { Pooling, TokenSettings } from '../host-spec.js'
import type { Tensor, TensorSpec } from '../tensor.js'
import { readModelFiles } from './model-files.js'
import { OnnxRunner, type Runner } from './onnx.js'
import { pickOutput } from './pipelines.js'
import { asFloats, normalizeRows, poolTokens } from './pooling.js'
import { groupByLength, LENGTH_RATIO_MAX, TextBatches, type Encoding } from './text-batches.js'

/** What a token runner needs to know beside the model's own files. */
export interface TokenOptions {
  readonly directory: string
  readonly modelFile: string
  readonly pooling?: Pooling
  readonly normalize?: boolean
  readonly tokens?: TokenSettings
  /** false: every text is run by itself. */
  readonly batchable: boolean
}

/** In `token_kinds`. */
const KINDS = { padding: 0, text: 1, special: 2 } as const
const TOKEN_OUTPUTS = ['last_hidden_state', 'token_embeddings']

/** What a request asks for. */
interface Gathered {
  /** Tokens of the longest text. */
  readonly length: number
  readonly tokens: Gathering | null
  readonly embeddings: Gathering | null
}

/**
 * Texts in; out come the vectors of their tokens (`token_embeddings`), padded at the end to the longest of the request,
 * with their ids (`token_ids`) and kinds (`token_kinds`: 0 padding, 1 text, 2 framing the text), and the pooled
 * `embedding` as TextRunner gives it. A text's answer does not depend on the texts beside it.
 */
export class TokenRunner implements Runner {
  readonly inputs: readonly TensorSpec[] = [{ name: 'text', datatype: 'BYTES', shape: [-1] }]
  readonly outputs: readonly TensorSpec[]
  readonly #graph: OnnxRunner
  readonly #batches: TextBatches
  readonly #tokenOutput: TensorSpec | null
  readonly #textOutput: TensorSpec
  readonly #pooling: Pooling
  readonly #normalize: boolean
  readonly #lengthRatioMax: number
  readonly #isBatchable: boolean
  readonly #specialIds: ReadonlySet<number>

  private constructor (graph: OnnxRunner, batches: TextBatches, options: TokenOptions) {
    this.#graph = graph
    this.#batches = batches
    this.#tokenOutput = pickTokenOutput(graph, options.tokens?.output)
    this.#textOutput = pickOutput(graph, 'feature-extraction')
    const isPerText = this.#textOutput.shape.length === 2
    this.#pooling = isPerText ? 'none' : options.pooling ?? 'mean'
    this.#normalize = options.normalize ?? !isPerText
    this.#isBatchable = options.batchable
    // A graph that is not told where the padding is cannot but take it for text.
    this.#lengthRatioMax = graph.inputs.some(({ name }) => name === 'attention_mask') ? LENGTH_RATIO_MAX : 1
    this.#specialIds = new Set(batches.encode(['']).flatMap(({ ids }) => ids))
    const tokens: TensorSpec[] = [
      { name: 'token_embeddings', datatype: 'FP32', shape: [-1, -1, this.#tokenOutput?.shape[2] ?? -1] },
      { name: 'token_ids', datatype: 'INT64', shape: [-1, -1] },
      { name: 'token_kinds', datatype: 'UINT8', shape: [-1, -1] }
    ]
    const embedding: TensorSpec = { name: 'embedding', datatype: 'FP32', shape: [-1, this.#textOutput.shape.at(-1) ?? -1] }
    this.outputs = this.#tokenOutput === null ? [embedding] : [...tokens, embedding]
  }

  static async load (options: TokenOptions, threads: number): Promise<TokenRunner> {
    const { config } = readModelFiles(options.directory)
    const graph = await OnnxRunner.load(join(options.directory, options.modelFile), threads)
    const lengthMax = Math.min(config.positionsMax, options.tokens?.countMax ?? Infinity)
    return new TokenRunner(graph, await TextBatches.load(options.directory, graph.inputs, lengthMax), options)
  }

  async run (inputs: readonly Tensor[], fetch: readonly string[] | null): Promise<Tensor[]> {
    const texts = inputs[0]?.data
    if (!Array.isArray(texts) || texts.length === 0) throw new Error('no texts were given')
    const names = fetch ?? this.outputs.map(({ name }) => name)
    for (const name of names) {
      if (this.outputs.some((output) => output.name === name)) continue
      throw new Error(name.startsWith('token_') ? 'the model gives no vector per token' : `there is no output "${name}"`)
    }
    const encodings = this.#batches.encode(texts)
    const length = encodings.reduce((longest, { ids }) => Math.max(longest, ids.length), 0)
    const gathered: Gathered = {
      length,
      tokens: names.includes('token_embeddings') ? new Gathering(texts.length * length, this.#tokenOutput) : null,
      embeddings: names.includes('embedding') ? new Gathering(texts.length, this.#textOutput) : null
    }
    const groups = this.#isBatchable
      ? groupByLength(encodings, this.#lengthRatioMax)
      : encodings.map((encoding) => [encoding])
    // A text without a token, as a tokenizer that frames nothing makes of an empty one, has no vector to compute.
    for (const group of groups) if (group[0]?.ids.length !== 0) await this.#runGroup(group, gathered)
    return names.map((name) => this.#output(name, encodings, gathered))
  }

  async #runGroup (group: readonly Encoding[], { length: lengthOfAll, tokens, embeddings }: Gathered): Promise<void> {
    const fetched = new Set<string>()
    if (tokens !== null) fetched.add((this.#tokenOutput as TensorSpec).name)
    if (embeddings !== null) fetched.add(this.#textOutput.name)
    if (fetched.size === 0) return
    const { inputs, mask, length } = this.#batches.pad(group)
    const outputs = await this.#graph.run(inputs, [...fetched])
    if (tokens !== null) {
      const output = outputs[0] as Tensor
      const width = tokenWidth(output, group.length, length)
      const values = asFloats(output)
      group.forEach((encoding, row) => {
        const from = (row * length + this.#batches.firstToken(encoding, length)) * width
        tokens.put(encoding.index * lengthOfAll, values.subarray(from, from + encoding.ids.length * width), width)
      })
    }
    if (embeddings !== null) {
      const { width, values } = poolTokens(outputs[fetched.size - 1] as Tensor, mask, length, this.#pooling)
      if (this.#normalize) normalizeRows({ width, values })
      group.forEach(({ index }, row) => {
        embeddings.put(index, values.subarray(row * width, (row + 1) * width), width)
      })
    }
  }

  #output (name: string, encodings: readonly Encoding[], { length, tokens, embeddings }: Gathered): Tensor {
    const shape = [encodings.length, length]
    if (name === 'token_embeddings' && tokens !== null) {
      return { name, datatype: 'FP32', shape: [...shape, tokens.width], data: tokens.values }
    }
    if (name === 'embedding' && embeddings !== null) {
      return { name, datatype: 'FP32', shape: [encodings.length, embeddings.width], data: embeddings.values }
    }
    const ids = new BigInt64Array(encodings.length * length)
    const kinds = new Uint8Array(ids.length)
    for (const encoding of encodings) {
      encoding.ids.forEach((id, token) => {
        const at = encoding.index * length + token
        ids[at] = BigInt(id)
        kinds[at] = this.#specialIds.has(id) ? KINDS.special : KINDS.text
      })
    }
    return name === 'token_ids'
      ? { name, datatype: 'INT64', shape, data: ids }
      : { name, datatype: 'UINT8', shape, data: kinds }
  }
}

/** Rows of numbers, each put at its place as it comes; what never comes is zeros. */
class Gathering {
  width = 0
  values = new Float32Array(0)
  readonly #rows: number

  /** How wide they are is known from the graph, or from the first that comes. */
  constructor (rows: number, output: TensorSpec | null) {
    this.#rows = rows
    this.#widen(Math.max(0, output?.shape.at(-1) ?? 0))
  }

  put (row: number, values: Float32Array, width: number): void {
    if (this.width !== width) this.#widen(width)
    this.values.set(values, row * width)
  }

  #widen (width: number): void {
    this.width = width
    this.values = new Float32Array(this.#rows * width)
  }
}

/** @throws Error when the output asked for is not there or has no row per token */
function pickTokenOutput (graph: OnnxRunner, asked: string | undefined): TensorSpec | null {
  const isPerToken = ({ shape }: TensorSpec): boolean => shape.length === 3
  if (asked !== undefined) {
    const output = graph.outputs.find(({ name }) => name === asked)
    if (output === undefined) throw new Error(`the graph has no output "${asked}"`)
    if (!isPerToken(output)) throw new Error(`output "${asked}" has shape [${output.shape.join(', ')}], expected [texts, tokens, width]`)
    return output
  }
  const perToken = graph.outputs.filter(isPerToken)
  const named = TOKEN_OUTPUTS.map((name) => perToken.find((output) => output.name === name))
  return named.find((each) => each !== undefined) ?? perToken[0] ?? null
}

function tokenWidth ({ name, shape }: Tensor, texts: number, length: number): number {
  const [rows, tokens, width] = shape
  if (shape.length === 3 && rows === texts && tokens === length && width !== undefined) return width
  throw new Error(`output "${name}" has shape [${shape.join(', ')}], expected [${texts}, ${length}, width]`)
}
