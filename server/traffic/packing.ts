import type { Prediction } from './messages.js'

/** Predictions in columns: passed between threads for a fraction of what a list of objects costs. */
export interface PackedPredictions {
  /** Request ids, one per line; an id has no line break. */
  readonly ids: string
  /** The rollouts that `numbers` points into. */
  readonly rollouts: readonly string[]
  /** COLUMNS numbers per prediction. */
  readonly numbers: Float64Array
}

const COLUMNS = 8
const NO_BUCKET = -1

/** Packs predictions; `unpackPredictions` gives them back. */
export function packPredictions (predictions: readonly Prediction[]): PackedPredictions {
  const numbers = new Float64Array(predictions.length * COLUMNS)
  const rollouts: string[] = []
  const ids: string[] = []
  let at = 0
  for (const prediction of predictions) {
    let rollout = rollouts.indexOf(prediction.rolloutId)
    if (rollout < 0) rollout = rollouts.push(prediction.rolloutId) - 1
    ids.push(prediction.requestId)
    numbers[at++] = rollout
    numbers[at++] = prediction.at
    numbers[at++] = prediction.stage
    numbers[at++] = prediction.weightBps
    numbers[at++] = prediction.arm === 'challenger' ? 1 : 0
    numbers[at++] = prediction.bucket ?? NO_BUCKET
    numbers[at++] = prediction.failed ? 1 : 0
    numbers[at++] = prediction.latencyMs
  }
  return { ids: ids.join('\n'), rollouts, numbers }
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
