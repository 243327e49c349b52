import type { GoldenExample } from '../host-spec.js'
import type { TensorSpec } from '../tensor.js'

/** Where a remote version is run, and how it is called there. */
export interface RemoteBackend {
  /** Open Inference Protocol V2 over HTTP, with JSON tensors. */
  readonly protocol: 'oip-v2-http'
  /** Where the protocol begins, without `/v2` and without a slash at its end. */
  readonly url: string
  readonly modelName: string
  readonly modelVersion?: string
  /** Longest wait for one answer. */
  readonly timeoutMs: number
  /** Requests under way there at once. */
  readonly concurrency: number
  /** Headers by name, each with the variable that has its value. */
  readonly headers?: Readonly<Record<string, string>>
}

/** Everything that is needed to serve one version that another server runs. */
export interface RemoteSpec {
  readonly name: string
  readonly version: string
  readonly backend: RemoteBackend
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly examples: readonly GoldenExample[]
}

/** What the operator allows and bounds, whatever an artifact says. */
export interface RemoteOptions {
  /** Origins (`https://host:port`) that may be opened; no other is. */
  readonly origins: readonly string[]
  /** The value of an environment variable. */
  readonly variable: (name: string) => string | undefined
  /** A longer answer is refused. */
  readonly replyBytesMax: number
  /** How often a version that is ready is asked whether it still is. */
  readonly healthIntervalMs: number
}
