import { AutoTokenizer, env, type PreTrainedTokenizer } from '@huggingface/transformers'
import type { Tensor, TensorSpec } from '../tensor.js'
import { TOKENIZER_INPUTS } from './task.js'

env.allowRemoteModels = false

/** The tokens of one text. */
export interface Encoding {
  readonly index: number
  readonly ids: readonly number[]
  readonly types: readonly number[] | null
}

/** Texts side by side as a graph takes them, padded to the longest. */
export interface PaddedBatch {
  readonly inputs: readonly Tensor[]
  /** [texts, length], 1 where there is a token. */
  readonly mask: BigInt64Array
  readonly length: number
}

/** Texts in one run differ in length by no more than this. */
export const LENGTH_RATIO_MAX = 2

/** Makes of texts what the graph takes, with the model's own tokenizer. */
export class TextBatches {
  readonly #inputs: readonly TensorSpec[]
  readonly #tokenizer: PreTrainedTokenizer
  readonly #lengthMax: number
  readonly #specialIds: ReadonlySet<number>

  private constructor (inputs: readonly TensorSpec[], tokenizer: PreTrainedTokenizer, lengthMax: number) {
    for (const { name, datatype } of inputs) {
      if (!TOKENIZER_INPUTS.has(name)) throw new Error(`the graph takes "${name}", which no tokenizer gives`)
      if (datatype !== 'INT64' && datatype !== 'INT32') throw new Error(`the graph takes "${name}" as ${datatype}, expected INT64`)
    }
    this.#inputs = inputs
    this.#tokenizer = tokenizer
    this.#lengthMax = Math.min(Number(tokenizer.model_max_length), lengthMax)
    this.#specialIds = new Set(tokenizer.all_special_ids)
  }

  /** @throws Error when there is no tokenizer or the graph takes what no tokenizer gives */
  static async load (directory: string, inputs: readonly TensorSpec[], lengthMax: number): Promise<TextBatches> {
    const tokenizer = await AutoTokenizer.from_pretrained(directory, { local_files_only: true })
    return new TextBatches(inputs, tokenizer, lengthMax)
  }

  encode (texts: readonly string[]): Encoding[] {
    const encoded = this.#tokenizer([...texts], { padding: false, truncation: false, return_tensor: false })
    return encoded.input_ids.map((ids, index) => ({
      index,
      ids: this.#truncate(ids),
      types: encoded.token_type_ids?.[index] ?? null
    }))
  }

  pad (group: readonly Encoding[]): PaddedBatch {
    const length = Math.max(...group.map(({ ids }) => ids.length))
    const padId = this.#tokenizer.pad_token_id ?? 0
    const shape = [group.length, length]
    const ids = new BigInt64Array(group.length * length).fill(BigInt(padId))
    const mask = new BigInt64Array(ids.length)
    const types = new BigInt64Array(ids.length)
    group.forEach((encoding, row) => {
      const start = row * length + this.firstToken(encoding, length)
      encoding.ids.forEach((id, token) => {
        ids[start + token] = BigInt(id)
        mask[start + token] = 1n
        types[start + token] = BigInt(encoding.types?.[token] ?? 0)
      })
    })
    const inputs = this.#inputs.map(({ name, datatype }): Tensor => {
      const data = name === 'input_ids' ? ids : name === 'attention_mask' ? mask : types
      return { name, datatype, shape, data: datatype === 'INT32' ? Int32Array.from(data, Number) : data }
    })
    return { inputs, mask, length }
  }

  /** Where a text's tokens begin in a row of `length`. */
  firstToken ({ ids }: Encoding, length: number): number {
    return this.#tokenizer.padding_side === 'left' ? length - ids.length : 0
  }

  /** Cuts too long a text but keeps the special token that ends it. */
  #truncate (ids: readonly number[]): readonly number[] {
    if (ids.length <= this.#lengthMax) return ids
    const last = ids[ids.length - 1] as number
    return this.#specialIds.has(last) ? [...ids.slice(0, this.#lengthMax - 1), last] : ids.slice(0, this.#lengthMax)
  }
}

/** Texts of similar length together: the longest in a group has at most `ratioMax` times the tokens of the shortest. */
export function groupByLength (encodings: readonly Encoding[], ratioMax: number): Encoding[][] {
  const groups: Encoding[][] = []
  for (const encoding of [...encodings].sort((a, b) => a.ids.length - b.ids.length)) {
    const group = groups[groups.length - 1]
    const shortest = group?.[0]?.ids.length ?? 0
    if (group === undefined || encoding.ids.length > ratioMax * shortest) groups.push([encoding])
    else group.push(encoding)
  }
  return groups
}
