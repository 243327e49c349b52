import type { Datatype, TensorSpec } from './tensor.js'

/** What a version is used for: raw tensors, or texts through the model's own tokenizer. */
export type Task = 'tensor' | 'text-classification' | 'feature-extraction'

/** What a host does: a task, or `token-embedding`, which no version is published for: see `createEncoder`. */
export type HostTask = Task | 'token-embedding'

/** Which vectors of the tokens are wanted, and of how many tokens of a text. */
export interface TokenSettings {
  /** The graph's output [texts, tokens, width]; `last_hidden_state` or `token_embeddings` unless told. */
  readonly output?: string
  /** A longer text is cut to so many tokens, those that frame it included; the model's own limit unless it is less. */
  readonly countMax?: number
}

/** How token vectors become one vector per text; `none` when the model's own output is already one per text. */
export type Pooling = 'mean' | 'cls' | 'none'

/** A tensor as it stands in JSON; 64-bit integers beyond 2^53 may be written as strings. */
export interface JsonTensor {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
  readonly data: readonly (number | string | boolean)[]
}

/** An input with the outputs it must give: floats within `tolerance` * max(1, |expected|), all else exactly. */
export interface GoldenExample {
  readonly inputs: readonly JsonTensor[]
  readonly outputs: readonly JsonTensor[]
  readonly tolerance: number
}

/** Everything a model host needs to serve one version. */
export interface HostSpec {
  readonly name: string
  readonly version: string
  /** A materialised copy: real files, no links. */
  readonly directory: string
  /** Relative to `directory`: `model.onnx` or `onnx/model.onnx`. */
  readonly modelFile: string
  readonly task: HostTask
  /** As the application sees them: text tasks take one BYTES input `text` [-1]. */
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly pooling?: Pooling
  readonly normalize?: boolean
  /** Names of the classes instead of those of config.json. */
  readonly labels?: readonly string[]
  /** Longer texts are cut to so many tokens; the model's own limit unless it is less. */
  readonly maxTokens?: number
  /** For the task `token-embedding`. */
  readonly tokens?: TokenSettings
  readonly batching: { readonly batchable: boolean, readonly maxBatch: number, readonly maxDelayMs: number }
  readonly examples: readonly GoldenExample[]
}

/** What a model says about itself when it is published. */
export interface Inspection {
  readonly task: Task
  readonly inputs: TensorSpec[]
  readonly outputs: TensorSpec[]
  readonly labels: string[] | null
  readonly pooling?: Pooling
  readonly normalize?: boolean
  readonly batchable: boolean
  /** From which file, or how, each field was found. */
  readonly origins: Readonly<Record<string, string>>
}

/** The files of a model that is to be inspected; an explicit task wins over what the files suggest. */
export interface ModelSource {
  readonly directory: string
  readonly modelFile: string
  readonly task?: Task
}
