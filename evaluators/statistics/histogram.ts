/** Relative width of a bucket when none is given: a rank query errs by at most 0.5 %. */
const RELATIVE_ERROR = 0.005

/** Values below the first (0 included) share one bucket, values above the second another; that bounds the buckets. */
const TRACKABLE = { min: 1e-6, max: 1e9 }

/** State of a {@link LogHistogram}: bucket index and count, ascending; least and greatest value, null when empty. */
export interface LogHistogramJson {
  readonly relativeError: number
  readonly min: number | null
  readonly max: number | null
  readonly buckets: readonly (readonly [number, number])[]
}

/**
 * Histogram of non-negative values on logarithmic buckets: bucket i holds [γ^i, γ^(i+1)) with γ = 1 + relativeError, so
 * that any value in a bucket is within relativeError of any other. Ranks are interpolated inside a bucket and never
 * leave the observed range, hence equal values come back exactly. Masson, Rim, Lee (2019), "DDSketch", PVLDB 12(12),
 * with the guarantee on [1e-6, 1e9] (for milliseconds: a nanosecond to 11 days); below, the absolute error is 1e-6.
 * At 0.5 % there are at most 6,930 buckets; only those in use take memory.
 */
export class LogHistogram {
  private total = 0
  private min = Infinity
  private max = -Infinity
  private readonly counts = new Map<number, number>()
  private readonly logGamma: number
  private readonly lowest: number
  private readonly highest: number

  /**
   * @param relativeError bucket width, 0 < relativeError <= 0.5
   * @throws RangeError when it lies outside
   */
  constructor (readonly relativeError: number = RELATIVE_ERROR) {
    if (!(relativeError > 0 && relativeError <= 0.5)) {
      throw new RangeError(`relativeError must be above 0 and at most 0.5, got ${relativeError}`)
    }
    this.logGamma = Math.log1p(relativeError)
    this.lowest = Math.floor(Math.log(TRACKABLE.min) / this.logGamma) - 1
    this.highest = Math.floor(Math.log(TRACKABLE.max) / this.logGamma)
  }

  /** How many values were added. */
  get count (): number {
    return this.total
  }

  /**
   * Takes in one value. O(1).
   * @throws RangeError when it is negative or not finite
   */
  add (value: number): void {
    if (!(value >= 0 && Number.isFinite(value))) throw new RangeError(`a value must be finite and >= 0, got ${value}`)
    this.addTo(this.bucketOf(value), 1)
    this.min = Math.min(this.min, value)
    this.max = Math.max(this.max, value)
  }

  /**
   * The value of the given rank in ascending order, within relativeError of the exact order statistic; non-decreasing
   * in the rank. O(buckets log buckets).
   *
   * @param rank 1 for the least value, `count` for the greatest; an integer
   * @throws RangeError when no value has that rank
   */
  valueAtRank (rank: number): number {
    if (!(Number.isInteger(rank) && rank >= 1 && rank <= this.total)) {
      throw new RangeError(`rank must be an integer from 1 to ${this.total}, got ${rank}`)
    }
    if (rank === 1) return this.min
    if (rank === this.total) return this.max
    let before = 0
    const entries = this.sorted()
    let [index, count] = entries[0]!
    for ([index, count] of entries) {
      if (before + count >= rank) break
      before += count
    }
    return this.interpolate(index, (rank - before - 0.5) / count)
  }

  /**
   * Adds all values of another histogram to this one, as if they had been added here. O(buckets of the other).
   * @throws RangeError when the other has different buckets
   */
  merge (other: LogHistogram): void {
    if (other.relativeError !== this.relativeError) {
      throw new RangeError(`cannot merge relativeError ${other.relativeError} into ${this.relativeError}`)
    }
    for (const [index, count] of [...other.counts]) this.addTo(index, count)
    this.min = Math.min(this.min, other.min)
    this.max = Math.max(this.max, other.max)
  }

  /** The state as plain JSON; equal contents give equal bytes, in whatever order they came. O(buckets log buckets). */
  toJSON (): LogHistogramJson {
    const isEmpty = this.total === 0
    return {
      relativeError: this.relativeError,
      min: isEmpty ? null : this.min,
      max: isEmpty ? null : this.max,
      buckets: this.sorted()
    }
  }

  /**
   * The histogram that gave the JSON. O(buckets).
   * @throws RangeError when a bucket, count, `min` or `max` is not one that a histogram could have written
   */
  static fromJSON (json: LogHistogramJson): LogHistogram {
    const histogram = new LogHistogram(json.relativeError)
    for (const [index, count] of json.buckets) {
      const isBucket = Number.isInteger(index) && index >= histogram.lowest && index <= histogram.highest
      if (!isBucket || !Number.isSafeInteger(count) || count < 1) {
        throw new RangeError(`bucket ${index} with count ${count} is not one of this histogram`)
      }
      histogram.addTo(index, count)
    }
    if (histogram.total === 0) return histogram
    const { min, max } = json
    if (min === null || max === null || !(min >= 0 && min <= max && max < Infinity)) {
      throw new RangeError(`least and greatest value must be 0 <= min <= max, got ${min} and ${max}`)
    }
    histogram.min = min
    histogram.max = max
    return histogram
  }

  private addTo (index: number, count: number): void {
    this.counts.set(index, (this.counts.get(index) ?? 0) + count)
    this.total += count
  }

  private bucketOf (value: number): number {
    if (value < TRACKABLE.min) return this.lowest
    return Math.min(this.highest, Math.floor(Math.log(value) / this.logGamma))
  }

  private sorted (): [number, number][] {
    return [...this.counts].sort(([a], [b]) => a - b)
  }

  private interpolate (index: number, fraction: number): number {
    if (index === this.lowest) return this.min
    const lower = Math.exp(index * this.logGamma)
    const upper = Math.exp((index + 1) * this.logGamma)
    return Math.min(this.max, Math.max(this.min, lower + (upper - lower) * fraction))
  }
}
