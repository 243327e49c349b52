import type { LiveModel } from '../../models/pool.js'
import type { Tensor } from '../../models/tensor.js'
import { BUCKETS, murmur3 } from '../routing/bucket.js'
import type { Trial } from '../routing/snapshot.js'

/** Another seed than that of assignment, so that what is mirrored has nothing to do with who is on which arm. */
const SAMPLE_SEED = 86_028_157

/** One answer of the champion that the challenger may compute too. */
export interface MirrorJob {
  readonly requestId: string
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly string[]
  readonly bucket: number | null
  readonly champion: MirrorSide
}

/** How a version did; `outputs` null when it failed. */
export interface MirrorSide {
  readonly failed: boolean
  readonly latencyMs: number
  readonly outputs: readonly Tensor[] | null
}

/** Both answers to one request. */
export interface MirrorPair extends Pick<MirrorJob, 'requestId' | 'bucket' | 'champion'> {
  readonly rolloutId: string
  readonly stage: number
  readonly challenger: MirrorSide
}

export interface MirrorOptions {
  /** Mirrored requests that may be under way at once; what comes beyond is dropped and counted. */
  readonly inFlightMax: number
  readonly timeoutMs: number
  readonly now: () => number
  readonly onPair: (pair: MirrorPair) => void
}

/**
 * Lets challengers compute what the champion has answered. Nobody waits for it: it begins after the reply, is bounded,
 * and what does not fit is dropped. Which requests are mirrored depends on nothing but their ids.
 */
export class Mirror {
  readonly #options: MirrorOptions
  #inFlight = 0
  /** Sampled requests that were not mirrored because too many were under way, or the challenger was loading. */
  dropped = 0

  constructor (options: MirrorOptions) {
    this.#options = options
  }

  /** Takes an answer of the champion under this trial, when its request is in the sample. */
  offer (trial: Trial<LiveModel>, job: MirrorJob): void {
    if (trial.mirrorBps <= 0 || !isSampled(trial, job.requestId)) return
    if (this.#inFlight >= this.#options.inFlightMax || trial.challenger.live.state === 'loading') {
      this.dropped++
      return
    }
    this.#inFlight++
    setImmediate(() => {
      this.#run(trial, job).finally(() => { this.#inFlight-- }).catch(() => {})
    })
  }

  async #run (trial: Trial<LiveModel>, { requestId, inputs, outputs, bucket, champion }: MirrorJob): Promise<void> {
    const { rolloutId, stage, challenger: { live } } = trial
    const { now, timeoutMs, onPair } = this.#options
    const startedAt = performance.now()
    let answer: readonly Tensor[] | null = null
    try {
      const wanted = outputs.length > 0 ? { outputs } : {}
      answer = await live.infer(inputs, { deadlineAt: now() + timeoutMs, retryOnCrash: false, ...wanted })
    } catch {
      // That it failed is the observation.
    }
    const challenger = { failed: answer === null, latencyMs: performance.now() - startedAt, outputs: answer }
    onPair({ rolloutId, requestId, stage, bucket, champion, challenger })
  }
}

function isSampled ({ salt, mirrorBps }: Trial<unknown>, requestId: string): boolean {
  return mirrorBps >= BUCKETS || murmur3(`${salt}:${requestId}`, SAMPLE_SEED) % BUCKETS < mirrorBps
}
