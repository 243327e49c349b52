import type { HostSpec } from './host-spec.js'
import type { RemoteOptions, RemoteSpec } from './remote/spec.js'
import type { Tensor } from './tensor.js'

export interface PoolOptions {
  /** Requests that may wait per host; one more is refused with QUEUE_FULL. */
  readonly queueMax: number
  readonly loadTimeoutMs: number
  /** A host whose batch is older is killed and started again. */
  readonly hangTimeoutMs: number
  /** The wait before a restart doubles with each end in a row. */
  readonly restartBackoffMs: { readonly first: number, readonly max: number }
  /** Failed starts in a row before a version is given up. */
  readonly restartsMax: number
  /** Threads that one operator of a model may use. */
  readonly threads: number
  /** What may be opened for versions that another server runs; without it nothing. */
  readonly remote?: RemoteOptions
  readonly now: () => number
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void
}

/** `restarting` keeps requests waiting; `failed` and `stopped` refuse them. */
export type LiveState = 'loading' | 'ready' | 'restarting' | 'failed' | 'stopped'

export interface LiveStats {
  readonly queueDepth: number
  readonly inFlight: number
  readonly rssBytes: number
  readonly cpuSeconds: number
  readonly restarts: number
  readonly batches: number
  readonly rows: number
  readonly pid: number | null
}

/** Everything that is needed to serve one version: in a host process, or through the server that runs it. */
export type LiveSpec = HostSpec | RemoteSpec

/** A version that has, or is getting, a host process, or that another server runs. */
export interface LiveModel {
  readonly spec: LiveSpec
  /** `name:version` */
  readonly key: string
  readonly state: LiveState
  /** Why it is not ready, where there is a reason. */
  readonly error: string | null
  /** Resolves when requests are answered. @throws ModelsError LOAD_FAILED when it ends in `failed` or `stopped` */
  whenReady (): Promise<void>
  /**
   * Answers one request; `inputs` must not change until then. The outputs come in the order asked for, or the model's;
   * they may share memory with those of other requests.
   * @throws ModelsError QUEUE_FULL, DEADLINE_EXCEEDED, HOST_CRASHED, HOST_NOT_READY, INFERENCE_FAILED or INVALID_INPUT
   */
  infer (
    inputs: readonly Tensor[],
    options: { deadlineAt: number, outputs?: readonly string[], retryOnCrash: boolean }
  ): Promise<Tensor[]>
  stats (): LiveStats
}
