interface Entry<Item> { readonly at: number, readonly sequence: number, readonly item: Item }

/** What becomes due at some time, earliest first, and in the order of `add` at the same time. A binary heap. */
export class DueQueue<Item> {
  readonly #heap: Entry<Item>[] = []
  #sequence = 0

  /** When the next is due; Infinity when nothing is. */
  get nextAt (): number {
    return this.#heap[0]?.at ?? Infinity
  }

  /** O(log n). */
  add (at: number, item: Item): void {
    const heap = this.#heap
    let place = heap.push({ at, sequence: this.#sequence++, item }) - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (isBefore(heap[parent]!, heap[place]!)) break
      this.#swap(place, parent)
      place = parent
    }
  }

  /** The next that is due. O(log n). @throws RangeError when there is none */
  take (): Item {
    const heap = this.#heap
    const [first] = heap
    if (first === undefined) throw new RangeError('nothing is due')
    const last = heap.pop()!
    if (heap.length > 0) {
      heap[0] = last
      this.#sink()
    }
    return first.item
  }

  #sink (): void {
    const heap = this.#heap
    for (let place = 0; ;) {
      const [left, right] = [2 * place + 1, 2 * place + 2]
      let least = place
      if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left
      if (right < heap.length && isBefore(heap[right]!, heap[least]!)) least = right
      if (least === place) return
      this.#swap(place, least)
      place = least
    }
  }

  #swap (a: number, b: number): void {
    const held = this.#heap[a]!
    this.#heap[a] = this.#heap[b]!
    this.#heap[b] = held
  }
}

function isBefore (a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}
