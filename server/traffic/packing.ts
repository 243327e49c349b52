import type { PackedPredictions, Prediction } from './messages.js'

/** Numbers per prediction, in the order that `add` writes them. */
const COLUMNS = 8
const NO_BUCKET = -1
const CAPACITY_FIRST = 256

/** Gathers predictions in columns until they are taken. */
export class PredictionBuffer {
  #ids: string[] = []
  #rollouts: string[] = []
  #numbers = new Float64Array(CAPACITY_FIRST * COLUMNS)

  get length (): number {
    return this.#ids.length
  }

  /** Appends one prediction that was made at `now`, ms. */
  add (prediction: Omit<Prediction, 'at'>, now: number): void {
    let at = this.#ids.push(prediction.requestId) * COLUMNS - COLUMNS
    if (at + COLUMNS > this.#numbers.length) this.#grow()
    const numbers = this.#numbers
    numbers[at++] = this.#rolloutIndex(prediction.rolloutId)
    numbers[at++] = now
    numbers[at++] = prediction.stage
    numbers[at++] = prediction.weightBps
    numbers[at++] = prediction.arm === 'challenger' ? 1 : 0
    numbers[at++] = prediction.bucket ?? NO_BUCKET
    numbers[at++] = prediction.failed ? 1 : 0
    numbers[at] = prediction.latencyMs
  }

  /** Everything gathered since the last take. */
  take (): PackedPredictions {
    const numbers = this.#numbers.slice(0, this.#ids.length * COLUMNS)
    const packed = { ids: this.#ids.join('\n'), rollouts: this.#rollouts, numbers }
    this.#ids = []
    this.#rollouts = []
    return packed
  }

  #rolloutIndex (rolloutId: string): number {
    const index = this.#rollouts.indexOf(rolloutId)
    return index < 0 ? this.#rollouts.push(rolloutId) - 1 : index
  }

  #grow (): void {
    const larger = new Float64Array(this.#numbers.length * 2)
    larger.set(this.#numbers)
    this.#numbers = larger
  }
}

/** The predictions that were packed, in their order. */
export function unpackPredictions ({ ids, rollouts, numbers }: PackedPredictions): Prediction[] {
  if (numbers.length === 0) return []
  return ids.split('\n').map((requestId, index) => {
    const row = numbers.subarray(index * COLUMNS, (index + 1) * COLUMNS)
    const [rollout, at, stage, weightBps, arm, bucket, failed, latencyMs] = row
    return {
      requestId,
      rolloutId: rollouts[rollout!]!,
      at: at!,
      stage: stage!,
      weightBps: weightBps!,
      arm: arm === 1 ? 'challenger' : 'champion',
      bucket: bucket === NO_BUCKET ? null : bucket!,
      failed: failed === 1,
      latencyMs: latencyMs!
    }
  })
}
