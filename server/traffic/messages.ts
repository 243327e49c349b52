import type { Arm } from '../routing/assign.js'
import type { Pin } from '../routing/pins.js'

/** One routed request of a model under trial. `bucket` is null outside the analysis (no affinity key). */
export interface Prediction {
  readonly requestId: string
  readonly rolloutId: string
  readonly at: number
  readonly stage: number
  readonly weightBps: number
  readonly arm: Arm
  readonly bucket: number | null
  readonly failed: boolean
  readonly latencyMs: number
}

/** One request that both versions computed: the champion for its user, the challenger unseen. */
export interface Mirrored {
  readonly requestId: string
  readonly rolloutId: string
  readonly at: number
  readonly stage: number
  readonly bucket: number | null
  readonly champion: { readonly failed: boolean, readonly latencyMs: number }
  readonly challenger: { readonly failed: boolean, readonly latencyMs: number }
  /** How far the answers agree, 0..1, by metric name. */
  readonly scores: Readonly<Record<string, number>>
}

/** What an application reports about one earlier reply. */
export interface Feedback {
  readonly requestId: string
  readonly values: Readonly<Record<string, number>>
  readonly label: string | null
}

/** The fate of one feedback: which keys were new and which were there before; `prediction` null for an unknown id. */
export interface FeedbackResult {
  readonly prediction: Prediction | null
  readonly accepted: readonly string[]
  readonly duplicates: readonly string[]
  /** When it was committed, as the gateway's clock says. */
  readonly at: number
}

/** Predictions in columns: written without an object each, and passed between threads for a fraction of the price. */
export interface PackedPredictions {
  /** Request ids, one per line; an id has no line break. */
  readonly ids: string
  /** The rollouts that `numbers` points into. */
  readonly rollouts: readonly string[]
  /** A fixed number of columns per prediction. */
  readonly numbers: Float64Array
}

interface Commit {
  readonly kind: 'commit'
  readonly id: number
  readonly predictions: PackedPredictions
  readonly mirrored: readonly Mirrored[]
  readonly feedback: readonly Feedback[]
  readonly pins: readonly Pin[]
  readonly at: number
}

/** What the gateway sends to its traffic writer. */
export type ToWriter =
  | Commit
  | { readonly kind: 'replay', readonly id: number, readonly rolloutId: string }
  | { readonly kind: 'prune', readonly id: number, readonly keep: readonly string[], readonly before: number }
  | { readonly kind: 'loadPins', readonly id: number, readonly after: number }
  | { readonly kind: 'dropPins', readonly id: number, readonly model: string, readonly version: string }
  | { readonly kind: 'close', readonly id: number }

/** One row of a replay: a prediction and the numeric feedback it has had. */
export interface ReplayedPrediction {
  readonly prediction: Prediction
  readonly values: Readonly<Record<string, number>>
  /** When each of the values was committed. */
  readonly times: Readonly<Record<string, number>>
}

export type FromWriter =
  | { readonly kind: 'opened', readonly lost: number, readonly total: number }
  | { readonly kind: 'committed', readonly id: number, readonly results: readonly FeedbackResult[] }
  | { readonly kind: 'replayed', readonly id: number, readonly rows: readonly ReplayedPrediction[], readonly mirrored: readonly Mirrored[], readonly isLast: boolean }
  | { readonly kind: 'pins', readonly id: number, readonly pins: readonly Pin[], readonly isLast: boolean }
  | { readonly kind: 'done', readonly id: number }
  | { readonly kind: 'failed', readonly id: number, readonly message: string }
