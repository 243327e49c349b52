/** Absolute limits of a challenger, outside the statistics: for bursts that nobody should wait through. */
export interface BreakerLimits {
  readonly maxErrorRate: number
  readonly minRequests: number
  readonly windowSeconds: number
}

/** Parts of a window; the window slides in steps of a tenth. */
const SLICES = 10

/**
 * Circuit breaker over a sliding window of challenger requests, evaluated on every observation. Trips when at least
 * `minRequests` were seen in the window and the share of failed ones exceeds `maxErrorRate`. O(1) memory and time.
 */
export class Breaker {
  readonly #limits: BreakerLimits
  readonly #sliceMs: number
  readonly #totals = new Float64Array(SLICES)
  readonly #errors = new Float64Array(SLICES)
  #slice = -1

  constructor (limits: BreakerLimits) {
    this.#limits = limits
    this.#sliceMs = limits.windowSeconds * 1_000 / SLICES
  }

  /** Counts one request that ended at `at` (ms); the sentence of the breach when this one trips it, else null. */
  observe (at: number, failed: boolean): string | null {
    this.#turn(Math.floor(at / this.#sliceMs))
    const index = this.#slice % SLICES
    this.#totals[index]! += 1
    if (!failed) return null
    this.#errors[index]! += 1
    const total = this.#totals.reduce((sum, count) => sum + count, 0)
    const errors = this.#errors.reduce((sum, count) => sum + count, 0)
    const { maxErrorRate, minRequests, windowSeconds } = this.#limits
    if (total < minRequests || errors / total <= maxErrorRate) return null
    return `circuit breaker: ${errors} of ${total} challenger requests failed within ${windowSeconds} s, limit ${maxErrorRate}`
  }

  #turn (slice: number): void {
    if (slice <= this.#slice) return
    const stale = Math.min(SLICES, slice - this.#slice)
    for (let offset = 1; offset <= stale; offset++) {
      this.#totals[(slice - stale + offset) % SLICES] = 0
      this.#errors[(slice - stale + offset) % SLICES] = 0
    }
    this.#slice = slice
  }
}
