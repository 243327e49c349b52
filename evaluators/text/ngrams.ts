import { ReusableIntegers } from './reusable.js'

/** Integers a slot takes: the round in which it was filled, prefix, item, number. */
const STRIDE = 4

/**
 * Numbers n-grams: each is a pair of the number of its prefix (the n-gram without its last item) and that item, so that
 * one table serves any order. Open addressing with linear probing, at most half full; emptied in O(1).
 */
export class NgramTable {
  /** How many different pairs were added; they have the numbers 0..size − 1. */
  size = 0
  #memory = new ReusableIntegers()
  #slots = this.#memory.take(0)
  #mask = 0
  #round = 0

  /** Empties the table and makes room for `countMax` different pairs. */
  reset (countMax: number): void {
    if (this.#round === 0x7fffffff) {
      this.#memory = new ReusableIntegers()
      this.#round = 0
    }
    this.#round++
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(8, 2 * countMax)))
    this.#slots = this.#memory.take(capacity * STRIDE)
    this.#mask = capacity - 1
    this.size = 0
  }

  /** The number of a pair, a new one if it was not there. O(1) on average. */
  add (prefix: number, item: number): number {
    const slot = this.#slotOf(prefix, item)
    const slots = this.#slots
    if (slots[slot] === this.#round) return slots[slot + 3]!
    slots[slot] = this.#round
    slots[slot + 1] = prefix
    slots[slot + 2] = item
    slots[slot + 3] = this.size
    return this.size++
  }

  /** The number of a pair, −1 if it was not added. O(1) on average. */
  find (prefix: number, item: number): number {
    const slot = this.#slotOf(prefix, item)
    return this.#slots[slot] === this.#round ? this.#slots[slot + 3]! : -1
  }

  /** Where the pair is, or the free slot where it belongs. */
  #slotOf (prefix: number, item: number): number {
    const slots = this.#slots
    let hash = Math.imul(prefix, 0x9e3779b1) ^ Math.imul(item, 0x85ebca6b)
    hash ^= hash >>> 15
    hash = Math.imul(hash, 0x2c1b3c6d)
    let place = (hash ^ (hash >>> 13)) & this.#mask
    for (;;) {
      const slot = place * STRIDE
      if (slots[slot] !== this.#round || (slots[slot + 1] === prefix && slots[slot + 2] === item)) return slot
      place = (place + 1) & this.#mask
    }
  }
}
