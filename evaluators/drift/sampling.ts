import type { Random } from '../statistics/random.js'

/**
 * A uniform sample without replacement of `size` of the places 0 … count − 1, ascending; all of them when there are no
 * more. Knuth, TAOCP 3.4.2, algorithm S. O(count), one draw per place.
 */
export function samplePlaces (count: number, size: number, random: Random): number[] {
  if (count <= size) return Array.from({ length: count }, (_, i) => i)
  const places: number[] = []
  for (let i = 0; places.length < size; i++) {
    if (random.uniform() * (count - i) < size - places.length) places.push(i)
  }
  return places
}

/** Items drawn uniformly, without replacement, from `count` of them. */
export interface Sample<T> { readonly items: readonly T[], readonly count: number }

/**
 * One uniform sample without replacement of at most `size` items out of two such samples of disjoint populations: each
 * draw comes from a side with a probability proportional to how many of its population are still left. O(size + items).
 *
 * @param a first sample
 * @param b second sample
 */
export function mergeSamples<T> (
  a: Sample<T>, b: Sample<T>, size: number, random: Random
): T[] {
  const count = a.count + b.count
  if (a.items.length + b.items.length === count && count <= size) return [...a.items, ...b.items]
  let [leftA, leftB, takeA] = [a.count, b.count, 0]
  for (let drawn = 0; drawn < size && leftA + leftB > 0; drawn++) {
    if (random.uniform() * (leftA + leftB) < leftA) {
      takeA++
      leftA--
    } else leftB--
  }
  const takeB = Math.min(size, count) - takeA
  return [
    ...samplePlaces(a.items.length, takeA, random).map((i) => a.items[i]!),
    ...samplePlaces(b.items.length, takeB, random).map((i) => b.items[i]!)
  ]
}

/** The places 0 … count − 1 in a uniformly random order. Fisher, Yates, in Durstenfeld's form (1964). O(count). */
export function shufflePlaces (count: number, random: Random): Int32Array {
  const places = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    const j = random.below(i + 1)
    places[i] = places[j]!
    places[j] = i
  }
  return places
}
