import type { KeySource } from './affinity-key.js'
import type { ArmRange, Arms } from './arms.js'
import type { Layer } from './layer.js'
import type { IssuedCookie } from './session-cookie.js'
import type { Aim } from './targeting.js'

/** One live version that can answer: `label` is `name:version@digest12`. */
export interface Target<Live> {
  readonly version: string
  readonly label: string
  readonly live: Live
}

/** An open trial as routing sees it: the challenger owns the buckets `[0, weightBps)`. */
export interface Trial<Live> {
  readonly rolloutId: string
  readonly salt: string
  readonly weightBps: number
  readonly keys: readonly KeySource[]
  /** The slice of the sessions that is on trial; null for all. */
  readonly layer: Layer | null
  /** The cookie that sessions without a key are given; null for none. */
  readonly issue: IssuedCookie | null
  /** What rules make of a request before the weight is asked; null without rules. */
  readonly aim: Aim | null
  /** Share of the requests that the challenger computes too, unseen, in basis points. */
  readonly mirrorBps: number
  readonly challenger: Target<Live>
  /** Where there are several challengers: the range of each. */
  readonly arms?: Arms<ArmRange & { readonly target: Target<Live> }>
  /** The champion before, where the challenger has been promoted and is watched against it. */
  readonly control?: Target<Live>
  /** How long a session keeps the version that first answered it, ms since its last request; null when it does not. */
  readonly pinTtlMs: number | null
  /** The visit of a weight that requests routed now belong to. */
  readonly stage: number
}

/** Sessions that go on with the champion before a promotion until they end. */
export interface Conversation<Live> {
  readonly keys: readonly KeySource[]
  readonly issue: IssuedCookie | null
  readonly ttlMs: number
  readonly previous: Target<Live>
}

/** How one model is answered now. */
export interface ModelRoute<Live> {
  readonly model: string
  readonly champion: Target<Live> | null
  readonly trial: Trial<Live> | null
  readonly conversation: Conversation<Live> | null
  /** The challenger of a rollout that a person has switched off; null without one. */
  readonly switchedOff: string | null
  /** Every live version, for calls that name one. */
  readonly versions: ReadonlyMap<string, Target<Live>>
}

/** Everything routing reads, replaced whole by one pointer write and never changed in place. */
export interface RoutingSnapshot<Live> {
  readonly generation: number
  readonly models: ReadonlyMap<string, ModelRoute<Live>>
}
