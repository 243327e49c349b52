/** Counts rounds of probes: says so when too many in a row have failed, and begins anew. */
export class ProbeWatch {
  readonly #failureLimit: number
  #failures = 0

  constructor (failureLimit: number) {
    this.#failureLimit = failureLimit
  }

  /** Counts one round by why it failed, null when it passed; the sentence of the breach when this one is too many. */
  count (reason: string | null): string | null {
    this.#failures = reason === null ? 0 : this.#failures + 1
    if (this.#failures < this.#failureLimit) return null
    const failures = this.#failures
    this.#failures = 0
    return `probes: ${failures} ${failures === 1 ? 'round' : 'rounds in a row'} failed, the last for ${reason}`
  }
}
