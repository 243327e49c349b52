import { EvaluatorError } from '../errors.js'
import { wordsOf } from './text-descriptors.js'

export interface NgramOptions {
  /** Runs of words, or of characters. */
  readonly unit: 'word' | 'character'
  /** Lengths of the runs, whole, 1 <= min <= max <= 10. */
  readonly min: number
  readonly max: number
  /** How many features there are, a power of two, 2..2²⁰. */
  readonly dimension: number
  /** How many words or characters of a text are looked at, >= 1. */
  readonly unitsMax: number
}

/** A text as a sparse vector of length 1 (or without any entry): places ascending, and the values there. */
export interface SparseVector { readonly places: Int32Array, readonly values: Float64Array }

/**
 * Hashed n-grams of a text: each run of words (lower-cased) or characters is hashed into one of `dimension` places, and
 * the vector of 1 + ln(count) is scaled to length 1. Weinberger et al. (2009), ICML, without signs. O(units × lengths).
 *
 * @throws EvaluatorError OUT_OF_RANGE, naming the option
 */
export function hashNgrams (text: string, options: NgramOptions): SparseVector {
  checkOptions(options)
  const units = options.unit === 'word'
    ? wordsOf(text).slice(0, options.unitsMax)
    : Array.from(text.slice(0, 2 * options.unitsMax).toLowerCase()).slice(0, options.unitsMax)
  const counts = new Map<number, number>()
  for (let size = options.min; size <= options.max; size++) {
    for (let start = 0; start + size <= units.length; start++) {
      const place = hash(units.slice(start, start + size).join(' ')) & (options.dimension - 1)
      counts.set(place, (counts.get(place) ?? 0) + 1)
    }
  }
  const entries = [...counts].sort(([a], [b]) => a - b)
  const values = Float64Array.from(entries, ([, count]) => 1 + Math.log(count))
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0))
  return { places: Int32Array.from(entries, ([place]) => place), values: values.map((value) => value / norm) }
}

function checkOptions ({ min, max, dimension, unitsMax }: NgramOptions): void {
  const isSize = Number.isInteger(min) && Number.isInteger(max) && min >= 1 && min <= max && max <= 10
  if (!isSize) throw new EvaluatorError('OUT_OF_RANGE', 'min and max', `expected 1 <= min <= max <= 10, got ${min} and ${max}`)
  if (!(Number.isInteger(Math.log2(dimension)) && dimension >= 2 && dimension <= 2 ** 20)) {
    throw new EvaluatorError('OUT_OF_RANGE', 'dimension', `expected a power of two up to 2^20, got ${dimension}`)
  }
  if (!(unitsMax >= 1)) throw new EvaluatorError('OUT_OF_RANGE', 'unitsMax', `expected at least 1, got ${unitsMax}`)
}

/** 32 bits that depend on every UTF-16 unit: multiply, rotate and the final avalanche of MurmurHash3 (Appleby 2011). */
function hash (text: string): number {
  let h = 0x9747b28c
  for (let i = 0; i < text.length; i++) {
    let k = Math.imul(text.charCodeAt(i), 0xcc9e2d51)
    k = Math.imul((k << 15) | (k >>> 17), 0x1b873593)
    h ^= k
    h = (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0
  }
  h ^= text.length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
