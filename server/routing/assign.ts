import { affinityKey, type KeyCarrier } from './affinity-key.js'
import { bucketOf } from './bucket.js'
import type { Trial } from './snapshot.js'

export type Arm = 'champion' | 'challenger'

/** Which arm a request of a trial belongs to, and whether the trial counts it. */
export interface Assignment {
  readonly arm: Arm
  readonly source: 'hash' | 'none'
  /** The session's bucket, 0..9999; null when the request has no key: champion, outside the analysis. */
  readonly bucket: number | null
}

const UNKEYED: Assignment = { arm: 'champion', source: 'none', bucket: null }

/**
 * Hash affinity: the same key under the same salt always has the same bucket, so raising the weight only moves
 * sessions from champion to challenger, and lowering it returns exactly the top slice. Pure.
 */
export function assign (trial: Trial<unknown>, carrier: KeyCarrier): Assignment {
  const key = affinityKey(trial.keys, carrier)
  if (key === null) return UNKEYED
  const bucket = bucketOf(trial.salt, key)
  return { arm: bucket < trial.weightBps ? 'challenger' : 'champion', source: 'hash', bucket }
}
