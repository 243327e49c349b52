import { NgramTable } from './ngrams.js'
import { ReusableIntegers } from './reusable.js'

/** How far a candidate and a reference share their parts; each 0..1. */
export interface PrecisionRecallF1 {
  /** Shared parts over the candidate's parts. */
  readonly precision: number
  /** Shared parts over the reference's parts. */
  readonly recall: number
  /** Harmonic mean of the two; 0 when both are 0. */
  readonly f1: number
}

/** Precision, recall and F1 of `shared` parts; a side without parts gives 0. O(1). */
export function scoreShared (shared: number, candidateParts: number, referenceParts: number): PrecisionRecallF1 {
  const precision = shared / Math.max(candidateParts, 1)
  const recall = shared / Math.max(referenceParts, 1)
  return { precision, recall, f1: shared > 0 ? 2 * precision * recall / (precision + recall) : 0 }
}

/** The one with the highest F1, the first of equal ones. */
export function bestByF1<T extends PrecisionRecallF1> (scores: readonly T[]): T {
  let best = scores[0]!
  for (let i = 1; i < scores.length; i++) if (scores[i]!.f1 > best.f1) best = scores[i]!
  return best
}

/** The tokens of several texts as small integers, equal exactly where the tokens are. */
export interface Numbered {
  readonly sequences: readonly Int32Array[]
  /** All numbers are below this. */
  readonly count: number
}

/** Numbers tokens from 0 in the order in which they first occur. O(tokens). */
export function numberTokens (texts: readonly (readonly string[])[]): Numbered {
  const numbers = new Map<string, number>()
  const sequences: Int32Array[] = []
  for (const tokens of texts) {
    const sequence = new Int32Array(tokens.length)
    for (let i = 0; i < tokens.length; i++) {
      const token = tokens[i]!
      let number = numbers.get(token)
      if (number === undefined) numbers.set(token, number = numbers.size)
      sequence[i] = number
    }
    sequences.push(sequence)
  }
  return { sequences, count: numbers.size }
}

const table = new NgramTable()
const levels = new ReusableIntegers()
const tallies = new ReusableIntegers()

/**
 * For each order n = 1..orderMax how many n-grams of the candidate are also in a reference, each counted at most as
 * often as it occurs in the reference that has it most often (clipped, Papineni et al., 2002, section 2.1).
 * O(orderMax · length of all sequences) time, O(length of all sequences) memory, for any order.
 *
 * @param candidate 32-bit integers that stand for tokens or characters
 * @param references any number of such sequences
 * @returns orderMax counts, the first of single items
 */
export function countShared (candidate: Int32Array, references: readonly Int32Array[], orderMax: number): number[] {
  const shared = new Array<number>(orderMax).fill(0)
  const total = references.reduce((sum, { length }) => sum + length, candidate.length)
  const prefixes = levels.take(total).fill(0, 0, total)
  for (let order = 1; order <= orderMax; order++) {
    const matches = countSharedOf(order, candidate, references, prefixes)
    if (matches === 0) break
    shared[order - 1] = matches
  }
  return shared
}

/**
 * One order: `prefixes` holds for each place of the candidate, then of each reference, the number of the n-gram one
 * shorter that starts there (−1 where the candidate has none such), and is brought up to this order.
 */
function countSharedOf (
  order: number, candidate: Int32Array, references: readonly Int32Array[], prefixes: Int32Array
): number {
  const places = Math.max(0, candidate.length - order + 1)
  const tally = tallies.take(3 * places).fill(0, 0, 3 * places)
  table.reset(places)
  for (let i = 0; i < places; i++) {
    const number = table.add(prefixes[i]!, candidate[i + order - 1]!)
    prefixes[i] = number
    tally[number]!++
  }
  let offset = candidate.length
  for (const reference of references) {
    countMostOften(reference, order, prefixes, offset, tally, places)
    offset += reference.length
  }
  let matches = 0
  for (let number = 0; number < table.size; number++) matches += Math.min(tally[number]!, tally[places + number]!)
  return matches
}

/** Raises the second third of `tally` to how often this reference has each n-gram; the last third is scratch. */
function countMostOften (
  reference: Int32Array, order: number, prefixes: Int32Array, offset: number, tally: Int32Array, places: number
): void {
  const end = reference.length - order + 1
  for (let i = 0; i < end; i++) {
    const prefix = prefixes[offset + i]!
    const number = prefix < 0 ? -1 : table.find(prefix, reference[i + order - 1]!)
    prefixes[offset + i] = number
    if (number < 0) continue
    const count = ++tally[2 * places + number]!
    if (count > tally[places + number]!) tally[places + number] = count
  }
  tally.fill(0, 2 * places, 3 * places)
}
