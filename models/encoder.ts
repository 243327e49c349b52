import { availableParallelism } from 'node:os'
import type { HostSpec, Pooling, TokenSettings } from './host-spec.js'
import { ModelPool, type LiveModel, type PoolOptions } from './pool.js'
import type { Tensor } from './tensor.js'

/**
 * A model that turns texts into embeddings, in a host process of its own:
 *
 *     const { directory, serving } = await registry.materialise('minilm', '1.0.0')
 *     const encoder = await createEncoder({ name: 'minilm', version: '1.0.0', directory, ...serving })
 *     try {
 *       const [candidate, reference] = await encoder.encode(['a text', 'another'])   // one vector per token
 *       const [a, b] = await encoder.embed(['a sentence', 'another'])                // one vector per text
 *     } finally {
 *       await encoder.close()
 *     }
 *
 * All vectors of a call are in memory at once (4 bytes · tokens · width), so give a large file in pieces of some
 * hundred texts. White space around a text reaches the tokenizer: BERTScore trims its texts, and so must its caller.
 */
export interface Encoder {
  /**
   * One vector per token of each text, in the order of the texts; equal texts are run once and share their result.
   * @throws ModelsError INFERENCE_FAILED when the model fails or has no vector per token, HOST_CRASHED, HOST_NOT_READY
   */
  encode (texts: readonly string[]): Promise<EncodedText[]>
  /**
   * One vector per text, pooled and normalised as the version would answer as a model of task feature-extraction.
   * @throws ModelsError as `encode` does
   */
  embed (texts: readonly string[]): Promise<Float32Array[]>
  /** Ends the host. What is under way, and every later call, is refused with HOST_NOT_READY. */
  close (): Promise<void>
}

/** The tokens of a text, without padding. The evaluators on embeddings take it as it is. */
export interface EncodedText {
  /** Ids by the model's own tokenizer, those that frame the text included. */
  readonly ids: Int32Array
  /** 1 where a token is one of those that frame every text (CLS and SEP of BERT), else 0. */
  readonly isSpecial: Uint8Array
  /** Numbers per token. */
  readonly width: number
  /** Row-major, `ids.length` rows of `width` numbers, not normalised. */
  readonly values: Float32Array
}

/** A materialised text model in the Hugging Face layout, with what its `serving.json` says. */
export interface EncoderSource {
  readonly name: string
  readonly version: string
  /** Real files, no links. */
  readonly directory: string
  /** Relative to `directory`. */
  readonly modelFile: string
  readonly pooling?: Pooling
  readonly normalize?: boolean
  /** `batchable: false`: every text is run by itself. */
  readonly batching?: { readonly batchable: boolean }
  readonly tokens?: TokenSettings
}

export interface EncoderOptions {
  /** Texts in one request to the host; 32. */
  readonly textsPerBatchMax?: number
  /** Requests under way at once, of which the host runs one; 2. */
  readonly batchesUnderWayMax?: number
  /** Texts whose token embeddings are kept for later calls, the least recently used being dropped; 0. */
  readonly cachedTextsMax?: number
  /** Threads that one operator of the model may use; as many as the machine has processors. */
  readonly threads?: number
  /** How long loading, or one request, may take; 120,000. */
  readonly timeoutMs?: number
  readonly log?: PoolOptions['log']
}

const TEXTS_PER_BATCH_MAX = 32
const BATCHES_UNDER_WAY_MAX = 2
const TIMEOUT_MS = 120_000
/** Texts of a batch times the characters of its longest: bounds what padding can cost, and the frame of the answer. */
const PADDED_CHARACTERS_MAX = 32 * 1024
const TOKEN_OUTPUTS = ['token_embeddings', 'token_ids', 'token_kinds'] as const
const SPECIAL_KIND = 2

/**
 * Starts a host for the model and waits until it answers.
 * @throws ModelsError LOAD_FAILED when the model cannot be loaded or is not a text model
 * @throws RangeError when an option is not a whole number in its range
 */
export async function createEncoder (source: EncoderSource, options: EncoderOptions = {}): Promise<Encoder> {
  const { timeoutMs = TIMEOUT_MS, threads = availableParallelism() } = options
  const limits: EncoderLimits = {
    textsPerBatchMax: options.textsPerBatchMax ?? TEXTS_PER_BATCH_MAX,
    batchesUnderWayMax: options.batchesUnderWayMax ?? BATCHES_UNDER_WAY_MAX,
    cachedTextsMax: options.cachedTextsMax ?? 0
  }
  requireWhole('textsPerBatchMax', limits.textsPerBatchMax, 1)
  requireWhole('batchesUnderWayMax', limits.batchesUnderWayMax, 1)
  requireWhole('cachedTextsMax', limits.cachedTextsMax, 0)
  if (source.tokens?.countMax !== undefined) requireWhole('tokens.countMax', source.tokens.countMax, 2)
  const pool = new ModelPool({
    queueMax: Infinity,
    loadTimeoutMs: timeoutMs,
    hangTimeoutMs: timeoutMs,
    restartBackoffMs: { first: 100, max: 1_000 },
    restartsMax: 2,
    threads,
    now: () => performance.now(),
    log: options.log ?? (() => {})
  })
  try {
    const live = pool.ensure(hostSpec(source))
    await live.whenReady()
    return new HostedEncoder(pool, live, limits)
  } catch (error) {
    await pool.close()
    throw error
  }
}

interface EncoderLimits {
  readonly textsPerBatchMax: number
  readonly batchesUnderWayMax: number
  readonly cachedTextsMax: number
}

/** Requests are batches already: the dispatcher joins none of them. */
function hostSpec (source: EncoderSource): HostSpec {
  const { name, version, directory, modelFile, pooling, normalize, batching, tokens } = source
  return {
    name,
    version,
    directory,
    modelFile,
    task: 'token-embedding',
    inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }],
    outputs: [],
    ...(pooling === undefined ? {} : { pooling }),
    ...(normalize === undefined ? {} : { normalize }),
    ...(tokens === undefined ? {} : { tokens }),
    batching: { batchable: batching?.batchable ?? true, maxBatch: 1, maxDelayMs: 0 },
    examples: []
  }
}

class HostedEncoder implements Encoder {
  readonly #pool: ModelPool
  readonly #live: LiveModel
  readonly #limits: EncoderLimits
  /** In order of use, the latest last. */
  readonly #cache = new Map<string, EncodedText>()

  constructor (pool: ModelPool, live: LiveModel, limits: EncoderLimits) {
    this.#pool = pool
    this.#live = live
    this.#limits = limits
  }

  async encode (texts: readonly string[]): Promise<EncodedText[]> {
    const known = new Map<string, EncodedText>()
    const missing = new Set<string>()
    for (const text of texts) {
      const cached = this.#cache.get(text)
      if (cached === undefined) missing.add(text)
      else known.set(text, cached)
    }
    await this.#run([...missing], TOKEN_OUTPUTS, (batch, outputs) => {
      splitTexts(outputs).forEach((encoded, index) => known.set(batch[index] as string, encoded))
    })
    this.#remember(known)
    return texts.map((text) => known.get(text) as EncodedText)
  }

  async embed (texts: readonly string[]): Promise<Float32Array[]> {
    const known = new Map<string, Float32Array>()
    await this.#run([...new Set(texts)], ['embedding'], (batch, [embedding]) => {
      const { shape, data } = embedding as Tensor
      const width = shape[1] as number
      batch.forEach((text, row) => known.set(text, (data as Float32Array).slice(row * width, (row + 1) * width)))
    })
    return texts.map((text) => known.get(text) as Float32Array)
  }

  async close (): Promise<void> {
    this.#cache.clear()
    await this.#pool.close()
  }

  /** Sends all batches, some at a time; after the first failure no more are sent. */
  async #run (
    texts: readonly string[], outputs: readonly string[], take: (batch: readonly string[], outputs: Tensor[]) => void
  ): Promise<void> {
    const batches = batchesOf(texts, this.#limits.textsPerBatchMax)
    let next = 0
    const work = async (): Promise<void> => {
      for (let batch = batches[next++]; batch !== undefined; batch = batches[next++]) {
        const input: Tensor = { name: 'text', datatype: 'BYTES', shape: [batch.length], data: batch }
        try {
          take(batch, await this.#live.infer([input], { deadlineAt: Infinity, outputs, retryOnCrash: true }))
        } catch (error) {
          next = batches.length
          throw error
        }
      }
    }
    const workers = Math.min(this.#limits.batchesUnderWayMax, batches.length)
    await Promise.all(Array.from({ length: workers }, work))
  }

  #remember (used: ReadonlyMap<string, EncodedText>): void {
    if (this.#limits.cachedTextsMax === 0) return
    for (const [text, encoded] of used) {
      this.#cache.delete(text)
      this.#cache.set(text, encoded)
    }
    for (const text of this.#cache.keys()) {
      if (this.#cache.size <= this.#limits.cachedTextsMax) break
      this.#cache.delete(text)
    }
  }
}

/** Texts of similar length together, so that little of a batch is padding. */
function batchesOf (texts: readonly string[], textsMax: number): string[][] {
  const batches: string[][] = []
  let batch: string[] = []
  for (const text of [...texts].sort((a, b) => a.length - b.length)) {
    const isFull = batch.length === textsMax || (batch.length + 1) * text.length > PADDED_CHARACTERS_MAX
    if (batch.length === 0 || isFull) batches.push(batch = [])
    batch.push(text)
  }
  return batches
}

/** The tokens of each text of an answer, in memory of their own. */
function splitTexts ([embeddings, tokenIds, tokenKinds]: readonly Tensor[]): EncodedText[] {
  const [texts, length, width] = (embeddings as Tensor).shape as [number, number, number]
  const values = (embeddings as Tensor).data as Float32Array
  const ids = (tokenIds as Tensor).data as BigInt64Array
  const kinds = (tokenKinds as Tensor).data as Uint8Array
  return Array.from({ length: texts }, (_, text) => {
    const start = text * length
    let end = start + length
    while (end > start && kinds[end - 1] === 0) end--
    return {
      ids: Int32Array.from(ids.subarray(start, end), Number),
      isSpecial: kinds.slice(start, end).map((kind) => kind === SPECIAL_KIND ? 1 : 0),
      width,
      values: values.slice(start * width, end * width)
    }
  })
}

function requireWhole (option: string, value: number, min: number): void {
  if (Number.isSafeInteger(value) && value >= min) return
  throw new RangeError(`${option} must be a whole number of at least ${min}, got ${value}`)
}
