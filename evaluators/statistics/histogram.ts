import { EvaluatorError } from '../errors.js'
import { logBuckets, type LogBuckets } from './log-buckets.js'

/** Relative width of a bucket when none is given: a rank query errs by at most 0.5 %. */
const RELATIVE_ERROR = 0.005

/** Buckets are counted in pages of 64, made when first used: a narrow sample takes few, whatever its position. */
const PAGE = { bits: 6, size: 64 } as const

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
 * At 0.5 % there are at most 6,930 buckets; only the pages of those in use take memory.
 */
export class LogHistogram {
  #total = 0
  #min = Infinity
  #max = -Infinity
  readonly #buckets: LogBuckets
  readonly #pages: (Float64Array | undefined)[] = []

  /**
   * @param relativeError bucket width, 1e-6 <= relativeError <= 0.5
   * @throws EvaluatorError OUT_OF_RANGE when it lies outside
   */
  constructor (readonly relativeError: number = RELATIVE_ERROR) {
    this.#buckets = logBuckets(relativeError)
  }

  /** How many values were added. */
  get count (): number {
    return this.#total
  }

  /**
   * Takes in one value. O(1).
   * @throws EvaluatorError NOT_FINITE or OUT_OF_RANGE when it is not finite or negative; nothing is changed then
   */
  add (value: number): void {
    if (typeof value !== 'number' || !(value >= 0 && value < Infinity)) throw refused(value)
    const place = this.#buckets.placeOf(value)
    this.#page(place >> PAGE.bits)[place & (PAGE.size - 1)]! += 1
    this.#total += 1
    if (value < this.#min) this.#min = value
    if (value > this.#max) this.#max = value
  }

  /**
   * The value of the given rank in ascending order, within relativeError of the exact order statistic; non-decreasing
   * in the rank. O(buckets).
   *
   * @param rank 1 for the least value, `count` for the greatest; an integer
   * @throws EvaluatorError OUT_OF_RANGE when no value has that rank
   */
  valueAtRank (rank: number): number {
    if (!(Number.isInteger(rank) && rank >= 1 && rank <= this.#total)) {
      throw new EvaluatorError('OUT_OF_RANGE', 'rank', `rank must be an integer from 1 to ${this.#total}, got ${rank}`)
    }
    if (rank === 1) return this.#min
    if (rank === this.#total) return this.#max
    let before = 0
    for (let page = 0; page < this.#pages.length; page++) {
      const counts = this.#pages[page]
      if (counts === undefined) continue
      for (let i = 0; i < PAGE.size; i++) {
        const count = counts[i]!
        if (before + count >= rank) return this.#interpolate(page * PAGE.size + i, (rank - before - 0.5) / count)
        before += count
      }
    }
    return this.#max
  }

  /**
   * How many values are at most `limit`: exact but for the bucket that holds the limit, whose values are taken as
   * evenly spread over the part of it that was observed. Non-decreasing in the limit; O(buckets).
   *
   * @param limit in the unit of the values, any number but NaN
   * @returns 0..count, not necessarily an integer
   * @throws EvaluatorError NOT_FINITE for NaN
   */
  countAtMost (limit: number): number {
    if (Number.isNaN(limit)) throw new EvaluatorError('NOT_FINITE', 'limit', 'expected a number, got NaN')
    if (limit >= this.#max) return this.#total
    if (limit < this.#min) return 0
    const place = this.#buckets.placeOf(limit)
    let before = 0
    for (const [each, count] of this.#used(0)) {
      if (each > place) break
      if (each < place) {
        before += count
        continue
      }
      const lower = Math.max(this.#min, this.#buckets.lowerBound(place))
      const upper = Math.min(this.#max, this.#buckets.lowerBound(place + 1))
      return before + count * (upper > lower ? Math.min(1, (limit - lower) / (upper - lower)) : 1)
    }
    return before
  }

  /**
   * Share of the values above `limit`, such as the requests slower than a promise: 1 − countAtMost(limit)/count, so
   * that it is exact but for the share of the one bucket that holds the limit. O(buckets).
   *
   * @param limit in the unit of the values, any number but NaN
   * @returns 0..1; null when there is no value
   * @throws EvaluatorError NOT_FINITE for NaN
   */
  shareAbove (limit: number): number | null {
    const below = this.countAtMost(limit)
    return this.#total === 0 ? null : (this.#total - below) / this.#total
  }

  /**
   * Adds all values of another histogram to this one, as if they had been added here. O(buckets of the other).
   * @throws EvaluatorError MALFORMED when the other has different buckets
   */
  merge (other: LogHistogram): void {
    if (other.relativeError !== this.relativeError) {
      throw new EvaluatorError('MALFORMED', 'other', `cannot merge relativeError ${other.relativeError} into ${this.relativeError}`)
    }
    for (let page = 0; page < other.#pages.length; page++) {
      const theirs = other.#pages[page]
      if (theirs === undefined) continue
      const ours = this.#page(page)
      for (let i = 0; i < PAGE.size; i++) ours[i]! += theirs[i]!
    }
    this.#total += other.#total
    this.#min = Math.min(this.#min, other.#min)
    this.#max = Math.max(this.#max, other.#max)
  }

  /**
   * {@link merge} of a histogram that was written as JSON, without making it first. O(buckets of the other).
   * @throws EvaluatorError as {@link fromJSON} and {@link merge}; nothing is changed then
   */
  mergeJSON (json: LogHistogramJson): void {
    if (json.relativeError !== this.relativeError) return this.merge(LogHistogram.fromJSON(json))
    this.#take(json)
  }

  /** The state as plain JSON; equal contents give equal bytes, in whatever order they came. O(buckets). */
  toJSON (): LogHistogramJson {
    const isEmpty = this.#total === 0
    return {
      relativeError: this.relativeError,
      min: isEmpty ? null : this.#min,
      max: isEmpty ? null : this.#max,
      buckets: this.#used(this.#buckets.lowest)
    }
  }

  /**
   * The histogram that gave the JSON. O(buckets).
   * @throws EvaluatorError MALFORMED when a bucket, count, `min` or `max` is not one that a histogram could have
   * written, OUT_OF_RANGE for its relativeError
   */
  static fromJSON (json: LogHistogramJson): LogHistogram {
    const histogram = new LogHistogram(json.relativeError)
    histogram.#take(json)
    return histogram
  }

  /** Adds what a histogram with these buckets wrote. */
  #take (json: LogHistogramJson): void {
    const { buckets, min, max } = json
    const { lowest } = this.#buckets
    const total = countIn(buckets, this.#buckets)
    if (total === 0) return
    if (min === null || max === null || !(min >= 0 && min <= max && max < Infinity)) {
      throw new EvaluatorError('MALFORMED', 'min', `least and greatest value must be 0 <= min <= max, got ${min} and ${max}`)
    }
    for (let i = 0; i < buckets.length; i++) {
      const place = buckets[i]![0] - lowest
      this.#page(place >> PAGE.bits)[place & (PAGE.size - 1)]! += buckets[i]![1]
    }
    this.#total += total
    this.#min = Math.min(this.#min, min)
    this.#max = Math.max(this.#max, max)
  }

  #page (page: number): Float64Array {
    let counts = this.#pages[page]
    if (counts === undefined) this.#pages[page] = counts = new Float64Array(PAGE.size)
    return counts
  }

  /** Places and counts of the buckets that hold something, ascending; the first place is called `first`. */
  #used (first: number): [place: number, count: number][] {
    const used: [number, number][] = []
    for (let page = 0; page < this.#pages.length; page++) {
      const counts = this.#pages[page]
      if (counts === undefined) continue
      for (let i = 0; i < PAGE.size; i++) {
        if (counts[i]! > 0) used.push([first + page * PAGE.size + i, counts[i]!])
      }
    }
    return used
  }

  #interpolate (place: number, fraction: number): number {
    if (place === 0) return this.#min
    const lower = this.#buckets.lowerBound(place)
    const upper = this.#buckets.lowerBound(place + 1)
    return Math.min(this.#max, Math.max(this.#min, lower + (upper - lower) * fraction))
  }
}

/** How many values the buckets hold, once each of them is known to be one of the histogram's. */
function countIn (buckets: LogHistogramJson['buckets'], { lowest, count: places }: LogBuckets): number {
  let total = 0
  for (let i = 0; i < buckets.length; i++) {
    const index = buckets[i]![0]
    const count = buckets[i]![1]
    const isBucket = Number.isInteger(index) && index >= lowest && index < lowest + places
    if (!isBucket || !Number.isSafeInteger(count) || count < 1) {
      throw new EvaluatorError('MALFORMED', 'buckets', `bucket ${index} with count ${count} is not one of this histogram`)
    }
    total += count
  }
  return total
}

function refused (value: number): EvaluatorError {
  const code = Number.isFinite(value) ? 'OUT_OF_RANGE' : 'NOT_FINITE'
  return new EvaluatorError(code, 'value', `a value must be finite and >= 0, got ${value}`)
}
