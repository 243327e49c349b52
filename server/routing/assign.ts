import { affinityKey, type KeyCarrier, scopedKey } from './affinity-key.js'
import { bucketOf, BUCKETS } from './bucket.js'
import { armOf, type Arms } from './arms.js'
import { isInLayer } from './layer.js'
import { cookieFor, type SessionCookie } from './session-cookie.js'
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
  /** What the reply sets, so that the session has a key, or keeps it; null for nothing. */
  readonly cookie: SessionCookie | null
  /** Not in the rollout's slice of its layer: nothing of the trial concerns it. */
  readonly isOutside?: boolean
  /** Which of several challengers. */
  readonly version?: string
}

const OUTSIDE: Omit<Assignment, 'cookie'> = { arm: 'champion', source: 'none', bucket: null, key: null, isOutside: true }

interface Rules extends Pick<Trial<unknown>, 'salt' | 'weightBps' | 'keys' | 'issue' | 'layer' | 'aim'> {
  readonly arms?: Arms
  readonly control?: unknown
}

export interface AssignOptions {
  /** The arm of a session that is pinned; null for one that is not. */
  readonly pinned?: ((key: string) => Arm | null) | undefined
  /** A random id for a session without a key, where the trial has a cookie issued. */
  readonly newId: () => string
}

/**
 * The layer first: who is not in the slice, or has no key, belongs to the champion. Rules next, then the session's pin,
 * then hash affinity: the same key under the same salt always has the same bucket, so raising the weight only moves
 * sessions from champion to challenger, and lowering it returns exactly the top slice.
 * A request without a key gets one where the trial has a cookie issued, and else belongs to the champion, unless
 * everything belongs to the challenger, or that has been promoted and is watched. Pure but for the options.
 */
export function assign (trial: Rules, carrier: KeyCarrier, { pinned = () => null, newId }: AssignOptions): Assignment {
  const { layer } = trial
  const layered = layer === null ? null : sessionOf(trial, carrier, newId)
  if (layer !== null && layered !== null && (layered.key === null || !isInLayer(layer, layered.key))) {
    return { ...OUTSIDE, cookie: layered.cookie }
  }
  const served = trial.aim === null ? 'split' : trial.aim(carrier)
  if (served !== 'split') {
    return { arm: served, source: 'target', bucket: null, key: null, cookie: layered?.cookie ?? null }
  }
  const { key, cookie } = layered ?? sessionOf(trial, carrier, newId)
  if (key === null) {
    const isChallengers = trial.control !== undefined || trial.weightBps >= BUCKETS
    return { arm: isChallengers ? 'challenger' : 'champion', source: 'none', bucket: null, key, cookie }
  }
  const bucket = bucketOf(trial.salt, key)
  if (trial.arms !== undefined) return { ...contested(trial.arms, bucket), key, cookie }
  const hashed = bucket < trial.weightBps ? 'challenger' : 'champion'
  const arm = pinned(key)
  if (arm === null) return { arm: hashed, source: 'hash', bucket, key, cookie }
  return { arm, source: 'pin', bucket: arm === hashed ? bucket : null, key, cookie }
}

function sessionOf (
  { keys, issue }: Rules, carrier: KeyCarrier, newId: () => string
): Pick<Assignment, 'key' | 'cookie'> {
  const given = affinityKey(keys, carrier)
  const cookie = cookieFor(issue, given, carrier, newId)
  return { key: given ?? (cookie === null ? null : scopedKey('cookie', cookie.value)), cookie }
}

function contested ({ ranges, reservedBps }: Arms, bucket: number): Omit<Assignment, 'key' | 'cookie'> {
  const range = armOf(ranges, bucket)
  if (range === null) return { arm: 'champion', source: 'hash', bucket: bucket < reservedBps ? null : bucket }
  return { arm: 'challenger', source: 'hash', bucket, version: range.version }
}
