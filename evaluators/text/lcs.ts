import { ReusableIntegers } from './reusable.js'

/** Places of the first sequence that one integer holds: two such integers and a carry add up to a small integer. */
const BLOCK = 30
const FULL = 2 ** BLOCK - 1

const matches = new ReusableIntegers()
const columns = new ReusableIntegers()
const carries = new ReusableIntegers()

/**
 * Length of the longest common subsequence. Bit-parallel: Hyyrö (2004), "Bit-parallel LCS-length computation
 * revisited", AWOCA: V ← (V + (V ∧ M)) ∨ (V ∧ ¬M), where the bits of V that are 0 are the places at which the length
 * grows, 30 places of `first` at a time. O(|first| · |second| / 30) time, O(|second| + symbols) memory.
 *
 * @param first integers from 0 to symbols − 1, as in `second`
 */
export function lcsLength (first: Int32Array, second: Int32Array, symbols: number): number {
  const masks = matches.take(symbols)
  const rows = columns.take(second.length)
  const carry = carries.take(carryWords(second.length)).fill(0, 0, carryWords(second.length))
  let length = 0
  for (let start = 0; start < first.length && second.length > 0; start += BLOCK) {
    const end = Math.min(start + BLOCK, first.length)
    sweep(first, start, end, second, second.length, masks, rows, carry, 0, 0)
    length += countOnes(~rows[second.length - 1]! & (FULL >>> (BLOCK - (end - start))))
  }
  return length
}

/**
 * Marks (with 1) the places of `reference` that belong to one longest common subsequence with `candidate`, and leaves
 * other marks as they are. Of several longest it is the one that is met from the end: equal items are taken; else one
 * step back in the candidate if that alone keeps the length, otherwise one step back in the reference. With t the table
 * of lengths, items differing, t[i][j−1] > t[i−1][j] exactly where t[i][j] > t[i−1][j], and these are the 0 bits of the
 * V of `lcsLength`. Forward only the carries into each block of 30 reference places are kept, a bit a candidate item;
 * backward each block is computed once more from them. O(|reference| · |candidate| / 30) time, a bit in place of a
 * number there for memory: 1.7 MB for two sequences of 20,000.
 *
 * @param marks at least one byte for each place of `reference`
 * @param symbols all items are integers from 0 to symbols − 1
 */
export function markLcs (
  reference: Int32Array, candidate: Int32Array, symbols: number, marks: Uint8Array
): void {
  if (reference.length === 0 || candidate.length === 0) return
  const masks = matches.take(symbols)
  const rows = columns.take(candidate.length)
  const words = carryWords(candidate.length)
  const blocks = Math.ceil(reference.length / BLOCK)
  const carry = carries.take(words * (blocks + 1)).fill(0, 0, words)
  for (let block = 0; block < blocks; block++) {
    const end = Math.min((block + 1) * BLOCK, reference.length)
    const from = block * words
    sweep(reference, block * BLOCK, end, candidate, candidate.length, masks, rows, carry, from, from + words)
  }
  let i = reference.length - 1
  let j = candidate.length - 1
  for (let block = blocks - 1; block >= 0 && j >= 0; block--) {
    const start = block * BLOCK
    if (block < blocks - 1) {
      sweep(reference, start, start + BLOCK, candidate, j + 1, masks, rows, carry, block * words, blocks * words)
    }
    while (i >= start && j >= 0) {
      if (reference[i] === candidate[j]) {
        marks[i] = 1
        i--
        j--
      } else if ((rows[j]! >>> (i - start) & 1) === 0) j--
      else i--
    }
  }
}

/**
 * One block of places of `first` against the first `count` items of `second`: leaves V after each item in `rows`, reads
 * the carries into the block at `from` and writes those out of it at `to`, which may be the same place.
 */
function sweep (
  first: Int32Array, start: number, end: number, second: Int32Array, count: number,
  masks: Int32Array, rows: Int32Array, carry: Int32Array, from: number, to: number
): void {
  for (let i = start; i < end; i++) masks[first[i]!]! |= 1 << (i - start)
  let row = FULL
  for (let j = 0, word = 0; j < count; word++) {
    const carryIn = carry[from + word]!
    let carryOut = 0
    const wordEnd = Math.min(j + 32, count)
    for (let shift = 0; j < wordEnd; j++, shift++) {
      const mask = masks[second[j]!]!
      const sum = row + (row & mask) + ((carryIn >>> shift) & 1)
      carryOut |= (sum >>> BLOCK) << shift
      row = (sum & FULL) | (row & ~mask)
      rows[j] = row
    }
    carry[to + word] = carryOut
  }
  for (let i = start; i < end; i++) masks[first[i]!] = 0
}

function carryWords (length: number): number {
  return Math.ceil(length / 32)
}

/** Bits set in an integer of 30 bits. */
function countOnes (bits: number): number {
  let pairs = bits - ((bits >>> 1) & 0x55555555)
  pairs = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((pairs + (pairs >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
