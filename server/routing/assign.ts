import { affinityKey, type KeyCarrier } from './affinity-key.js'
import { bucketOf, BUCKETS } from './bucket.js'
import { isInLayer } from './layer.js'
import type { Trial } from './snapshot.js'

export type Arm = 'champion' | 'challenger'

/** Which arm a request of a trial belongs to, and whether the trial counts it. */
export interface Assignment {
  readonly arm: Arm
  /** A rule decided (`target`), the session's pin, its bucket (`hash`), or nothing could (`none`). */
  readonly source: 'target' | 'pin' | 'hash' | 'none'
  /** The session's bucket, 0..9999; null for what is outside the analysis: no key, or not where its hash says. */
  readonly bucket: number | null
  /** The affinity key; null without one, or where a rule decided. */
  readonly key: string | null
  /** Not in the rollout's slice of its layer: nothing of the trial concerns it. */
  readonly isOutside?: boolean
}

const OUTSIDE: Assignment = { arm: 'champion', source: 'none', bucket: null, key: null, isOutside: true }

type Rules = Pick<Trial<unknown>, 'salt' | 'weightBps' | 'keys' | 'layer' | 'aim'>

/**
 * The layer first: who is not in the slice, or has no key, belongs to the champion. Rules next, then the session's pin,
 * then hash affinity: the same key under the same salt always has the same bucket, so raising the weight only moves
 * sessions from champion to challenger, and lowering it returns exactly the top slice.
 * A request without a key belongs to the champion, unless everything belongs to the challenger. Pure but for `pinned`.
 */
export function assign (
  trial: Rules, carrier: KeyCarrier, pinned: (key: string) => Arm | null = () => null
): Assignment {
  const layered = trial.layer === null ? null : affinityKey(trial.keys, carrier)
  if (trial.layer !== null && (layered === null || !isInLayer(trial.layer, layered))) return OUTSIDE
  const served = trial.aim === null ? 'split' : trial.aim(carrier)
  if (served !== 'split') return { arm: served, source: 'target', bucket: null, key: null }
  const key = layered ?? affinityKey(trial.keys, carrier)
  if (key === null) {
    return { arm: trial.weightBps >= BUCKETS ? 'challenger' : 'champion', source: 'none', bucket: null, key }
  }
  const bucket = bucketOf(trial.salt, key)
  const hashed = bucket < trial.weightBps ? 'challenger' : 'champion'
  const arm = pinned(key)
  if (arm === null) return { arm: hashed, source: 'hash', bucket, key }
  return { arm, source: 'pin', bucket: arm === hashed ? bucket : null, key }
}
