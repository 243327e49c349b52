/** Arrays of more integers than this are made anew each time, so that one long text does not hold memory for good. */
const KEPT_MAX = 262_144

/** An integer array that is used again from call to call; it starts as zeros and is left as its last user left it. */
export class ReusableIntegers {
  #kept = new Int32Array(256)

  /** At least `length` integers, valid until the next call. */
  take (length: number): Int32Array {
    if (length <= this.#kept.length) return this.#kept
    const made = new Int32Array(2 ** Math.ceil(Math.log2(length)))
    if (made.length <= KEPT_MAX) this.#kept = made
    return made
  }
}
