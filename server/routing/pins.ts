import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

/** A session that keeps the version that first answered it. */
export interface Pin {
  /** HMAC-SHA-256 of model and affinity key under the gateway's secret, its first 16 bytes as Latin-1. */
  readonly hash: string
  readonly model: string
  readonly version: string
  readonly rolloutId: string
  /** Milliseconds since the epoch; later than that the session is over. */
  readonly expiresAt: number
}

export interface PinsOptions {
  readonly secret: Buffer
  /** Sessions that may be pinned at once; beyond it new ones are assigned by their hash alone. */
  readonly pinsMax: number
  readonly now: () => number
  /** Called for what has to outlive the gateway: a new pin, and one that has been prolonged. */
  readonly onKeep: (pin: Pin) => void
}

interface Owner { readonly model: string, readonly version: string, readonly rolloutId: string }

const CAPACITY_FIRST = 1_024
/** Part of the slots that may be taken before the table grows. */
const LOAD_MAX = 0.6
const EMPTY = 0
const DEAD = 0xffff_ffff
/** A pin is prolonged with every request, but stored anew only when this part of its life has gone by. */
const STORE_AFTER = 0.25
const SEPARATOR = '\u001e'

/**
 * Which session belongs to which version. Typed arrays with open addressing: 32 bytes a slot, so a million sessions
 * take less than 100 MiB, and a lookup is one HMAC and a probe or two. Keys themselves are never kept.
 */
export class Pins {
  readonly #options: PinsOptions
  readonly #secret: KeyObject
  /** Numbered from 1; a number stands for one version in one rollout. */
  readonly #owners: Owner[] = []
  readonly #numbers = new Map<string, number>()
  #capacity = CAPACITY_FIRST
  #hashes = new Uint32Array(CAPACITY_FIRST * 4)
  #owner = new Uint32Array(CAPACITY_FIRST)
  #expires = new Float64Array(CAPACITY_FIRST)
  /** Slots that are not empty: pins and what is left of dropped ones. */
  #used = 0
  #size = 0
  /** Sessions that could not be pinned because there were too many. */
  refused = 0

  constructor (options: PinsOptions) {
    this.#options = options
    this.#secret = createSecretKey(options.secret)
  }

  /** Pins held, including those that are over but not yet forgotten. */
  get size (): number {
    return this.#size
  }

  /** The version and rollout of a session; null when it has none, or is over. */
  find (model: string, key: string): { readonly version: string, readonly rolloutId: string } | null {
    const slot = this.#slotOf(wordsOf(this.#hash(model, key)))
    if (slot < 0 || this.#expires[slot]! <= this.#options.now()) return null
    return this.#owners[this.#owner[slot]! - 1]!
  }

  /**
   * Pins a session, or prolongs the life of its pin: the first writer wins as long as that pin lives. False when there
   * are too many pins.
   */
  keep (model: string, key: string, { version, rolloutId, ttlMs }: {
    version: string, rolloutId: string, ttlMs: number
  }): boolean {
    const now = this.#options.now()
    const hash = this.#hash(model, key)
    const words = wordsOf(hash)
    const expiresAt = now + ttlMs
    const slot = this.#slotOf(words)
    if (slot >= 0 && this.#expires[slot]! > now) {
      const owner = this.#owners[this.#owner[slot]! - 1]!
      if (expiresAt - this.#expires[slot]! < ttlMs * STORE_AFTER) return true
      this.#expires[slot] = expiresAt
      this.#options.onKeep({ hash, ...owner, expiresAt })
      return true
    }
    if (slot < 0 && this.#size >= this.#options.pinsMax && this.#purge(now) >= this.#options.pinsMax) {
      this.refused++
      return false
    }
    this.#put(words, this.#number({ model, version, rolloutId }), expiresAt)
    this.#options.onKeep({ hash, model, version, rolloutId, expiresAt })
    return true
  }

  /** Takes up a pin that was stored; one that is over is left out. */
  restore ({ hash, expiresAt, ...owner }: Pin): void {
    if (expiresAt > this.#options.now() && this.#size < this.#options.pinsMax) {
      this.#put(wordsOf(hash), this.#number(owner), expiresAt)
    }
  }

  /** Forgets every session of a version. O(slots). */
  drop (model: string, version: string): void {
    const numbers = new Set(this.#owners.flatMap((owner, index) =>
      owner.model === model && owner.version === version ? [index + 1] : []))
    if (numbers.size === 0) return
    for (let slot = 0; slot < this.#capacity; slot++) {
      if (!numbers.has(this.#owner[slot]!)) continue
      this.#owner[slot] = DEAD
      this.#size--
    }
  }

  #hash (model: string, key: string): string {
    return createHmac('sha256', this.#secret).update(`${model}${SEPARATOR}${key}`).digest('binary').slice(0, 16)
  }

  #number (owner: Owner): number {
    const name = `${owner.model}${SEPARATOR}${owner.version}${SEPARATOR}${owner.rolloutId}`
    let number = this.#numbers.get(name)
    if (number === undefined) {
      const { model, version, rolloutId } = owner
      number = this.#owners.push({ model, version, rolloutId })
      this.#numbers.set(name, number)
    }
    return number
  }

  /** Where a session is; -1 when it is nowhere. */
  #slotOf (words: Words): number {
    const mask = this.#capacity - 1
    for (let slot = words[0] & mask; this.#owner[slot] !== EMPTY; slot = (slot + 1) & mask) {
      if (this.#owner[slot] !== DEAD && this.#isAt(slot, words)) return slot
    }
    return -1
  }

  #isAt (slot: number, words: Words): boolean {
    const at = slot * 4
    return this.#hashes[at] === words[0] && this.#hashes[at + 1] === words[1] &&
      this.#hashes[at + 2] === words[2] && this.#hashes[at + 3] === words[3]
  }

  #put (words: Words, owner: number, expiresAt: number): void {
    const known = this.#slotOf(words)
    if (known < 0 && this.#used + 1 > this.#capacity * LOAD_MAX) this.#rebuild(this.#options.now())
    let slot = known
    if (slot < 0) {
      const mask = this.#capacity - 1
      slot = words[0] & mask
      while (this.#owner[slot] !== EMPTY) slot = (slot + 1) & mask
      this.#used++
      this.#size++
      this.#hashes.set(words, slot * 4)
    }
    this.#owner[slot] = owner
    this.#expires[slot] = expiresAt
  }

  /** Forgets what is over; the number of pins that are left. */
  #purge (now: number): number {
    this.#rebuild(now)
    return this.#size
  }

  /** Moves what lives into a table of the right size. */
  #rebuild (now: number): void {
    const [hashes, owner, expires, capacity] = [this.#hashes, this.#owner, this.#expires, this.#capacity]
    const isLive = (slot: number): boolean => owner[slot] !== EMPTY && owner[slot] !== DEAD && expires[slot]! > now
    let live = 0
    for (let slot = 0; slot < capacity; slot++) if (isLive(slot)) live++
    while (live + 1 > this.#capacity * LOAD_MAX / 2) this.#capacity *= 2
    this.#hashes = new Uint32Array(this.#capacity * 4)
    this.#owner = new Uint32Array(this.#capacity)
    this.#expires = new Float64Array(this.#capacity)
    this.#used = 0
    this.#size = 0
    for (let slot = 0; slot < capacity; slot++) {
      if (!isLive(slot)) continue
      const at = slot * 4
      this.#put([hashes[at]!, hashes[at + 1]!, hashes[at + 2]!, hashes[at + 3]!], owner[slot]!, expires[slot]!)
    }
  }
}

type Words = [number, number, number, number]

function wordsOf (hash: string): Words {
  const byte = (at: number): number => hash.charCodeAt(at)
  const word = (at: number): number => (byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24) >>> 0
  return [word(0), word(4), word(8), word(12)]
}
