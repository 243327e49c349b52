import { EvaluatorError } from '../errors.js'

/** Values below the first (0 included) share one bucket, values above the second another; that bounds the buckets. */
const TRACKABLE = { min: 1e-6, max: 1e9 }

/** How finely a number's leading digits are told apart before the search among the bounds begins. */
const DIGITS = { bits: 11, cells: 2_048 } as const

/** log2 of the middle of each cell of the interval [1, 2). */
const LOG2_OF_CELL = Float64Array.from({ length: DIGITS.cells }, (_, i) => Math.log2(1 + (i + 0.5) / DIGITS.cells))

const NUMBER = new Float64Array([1])
const WORDS = new Uint32Array(NUMBER.buffer)
const HIGH_WORD = WORDS[1] === 0 ? 0 : 1

/** Most buckets whose bounds are kept in a table (relative errors from 0.0007 on); for finer ones logarithms do. */
const TABLE_MAX = 50_000

/** Tables made so far, by relative error: a memory of results, which differ in nothing else. */
const KNOWN = new Map<number, LogBuckets>()
const KNOWN_MAX = 8

/**
 * Logarithmic buckets of a relative width: place 0 for everything below 1e-6, place i for [γ^(lowest+i),
 * γ^(lowest+i+1)), the last of the `count` places for everything from 1e9 on.
 */
export interface LogBuckets {
  readonly lowest: number
  readonly count: number
  /** The place of a finite value >= 0. O(1). */
  placeOf (value: number): number
  /** Where the place begins, > 0; also for the place after the last. */
  lowerBound (place: number): number
}

/**
 * The buckets with γ = 1 + relativeError. With a table of bounds a value's place is guessed from the exponent and the
 * leading digits of its binary form, then corrected by comparison with the bounds: exact, and no logarithm per value.
 * O(1/relativeError) the first time, O(1) after.
 *
 * @param relativeError width of a bucket, 1e-6 <= relativeError <= 0.5
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function logBuckets (relativeError: number): LogBuckets {
  if (!(relativeError >= 1e-6 && relativeError <= 0.5)) {
    throw new EvaluatorError('OUT_OF_RANGE', 'relativeError', `must be from 1e-6 to 0.5, got ${relativeError}`)
  }
  const known = KNOWN.get(relativeError)
  if (known !== undefined) return known
  const logGamma = Math.log1p(relativeError)
  const lowest = Math.floor(Math.log(TRACKABLE.min) / logGamma) - 1
  const highest = Math.floor(Math.log(TRACKABLE.max) / logGamma)
  const buckets = highest - lowest >= TABLE_MAX
    ? computed(logGamma, lowest, highest - lowest + 1)
    : tabulated(logGamma, lowest, highest - lowest + 1)
  if (KNOWN.size >= KNOWN_MAX) KNOWN.clear()
  KNOWN.set(relativeError, buckets)
  return buckets
}

function computed (logGamma: number, lowest: number, count: number): LogBuckets {
  return {
    lowest,
    count,
    lowerBound: (place) => Math.exp((lowest + place) * logGamma),
    placeOf (value) {
      if (value < TRACKABLE.min) return 0
      return Math.min(count - 1, Math.floor(Math.log(value) / logGamma) - lowest)
    }
  }
}

function tabulated (logGamma: number, lowest: number, count: number): LogBuckets {
  const bounds = Float64Array.from({ length: count + 1 }, (_, i) => Math.exp((lowest + i) * logGamma))
  const perOctave = Math.LN2 / logGamma
  return {
    lowest,
    count,
    lowerBound: (place) => bounds[place]!,
    placeOf (value) {
      if (value < TRACKABLE.min) return 0
      if (value >= bounds[count - 1]!) return count - 1
      NUMBER[0] = value
      const word = WORDS[HIGH_WORD]!
      const octaves = (word >>> 20) - 1_023 + LOG2_OF_CELL[(word >>> (20 - DIGITS.bits)) & (DIGITS.cells - 1)]!
      let place = Math.max(1, Math.floor(octaves * perOctave) - lowest)
      while (value < bounds[place]! && place > 1) place--
      while (value >= bounds[place + 1]!) place++
      return place
    }
  }
}
