const STEP = 0x9E3779B9 // 2^32 / golden ratio, odd: the counter visits every 32-bit state once

/**
 * Seeded pseudo-random numbers in [0, 1): the same seed gives the same sequence everywhere. A Weyl counter scrambled by
 * the 32-bit finaliser of MurmurHash3 (Appleby 2011); period 2^32. For weights and shuffles, not for secrets.
 */
export function seededRandom (seed: number): () => number {
  let counter = seed >>> 0
  return () => {
    counter = (counter + STEP) >>> 0
    let bits = Math.imul(counter ^ (counter >>> 16), 0x85EBCA6B)
    bits = Math.imul(bits ^ (bits >>> 13), 0xC2B2AE35)
    return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32
  }
}

/** A shuffled copy of `items` (Fisher-Yates), drawing from `random`. */
export function shuffled<T> (items: readonly T[], random: () => number): T[] {
  const copy = [...items]
  for (let last = copy.length - 1; last > 0; last--) {
    const picked = Math.floor(random() * (last + 1))
    const held = copy[last] as T
    copy[last] = copy[picked] as T
    copy[picked] = held
  }
  return copy
}
