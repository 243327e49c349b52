/** Numbers in the order in which they came, 8 bytes each; NaN stands for one that is not defined. */
export class FloatColumn {
  #values = new Float64Array(1_024)
  #length = 0

  push (value: number | null): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(2 * this.#length)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#length++] = value ?? NaN
  }

  at (index: number): number | null {
    const value = this.#values[index]
    return value === undefined || Number.isNaN(value) ? null : value
  }

  get length (): number {
    return this.#length
  }

  /** All of them, NaN where one is not defined; valid until the next push. */
  values (): Float64Array {
    return this.#values.subarray(0, this.#length)
  }

  /** Those that are defined. */
  defined (): Float64Array {
    return this.values().filter((value) => !Number.isNaN(value))
  }
}
