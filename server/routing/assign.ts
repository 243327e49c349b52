import { affinityKey, type KeyCarrier } from './affinity-key.js'
import { bucketOf, BUCKETS } from './bucket.js'
import type { Trial } from './snapshot.js'

export type Arm = 'champion' | 'challenger'

/** Which arm a request of a trial belongs to, and whether the trial counts it. */
export interface Assignment {
  readonly arm: Arm
  /** A rule decided (`target`), the session's bucket did (`hash`), or there was nothing to decide by (`none`). */
  readonly source: 'target' | 'hash' | 'none'
  /** The session's bucket, 0..9999; null for what is outside the analysis: without a key, or told by a rule. */
  readonly bucket: number | null
}

type Rules = Pick<Trial<unknown>, 'salt' | 'weightBps' | 'keys' | 'aim'>

/**
 * Rules first, then hash affinity: the same key under the same salt always has the same bucket, so raising the weight
 * only moves sessions from champion to challenger, and lowering it returns exactly the top slice. A request without a
 * key belongs to the champion, unless everything belongs to the challenger. Pure.
 */
export function assign (trial: Rules, carrier: KeyCarrier): Assignment {
  const served = trial.aim === null ? 'split' : trial.aim(carrier)
  if (served !== 'split') return { arm: served, source: 'target', bucket: null }
  const key = affinityKey(trial.keys, carrier)
  if (key === null) return { arm: trial.weightBps >= BUCKETS ? 'challenger' : 'champion', source: 'none', bucket: null }
  const bucket = bucketOf(trial.salt, key)
  return { arm: bucket < trial.weightBps ? 'challenger' : 'champion', source: 'hash', bucket }
}
