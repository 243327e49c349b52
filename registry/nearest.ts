import { quote } from './names.js'

const DISTANCE_MAX = 2
/** So many known words are looked at; a hint is not worth more. */
export const KNOWN_MAX = 2_000

/**
 * The known word that was probably meant: the shortest of which the word is the beginning, or else the nearest within
 * two edits (a letter too few, too many, another one, or two neighbours swapped) of words that are at least twice as
 * long as that. Null when there is none. O(known · length). Pure.
 */
export function nearest (word: string, known: Iterable<string>): string | null {
  let best: { readonly candidate: string, readonly rank: number } | null = null
  let looked = 0
  for (const candidate of known) {
    if (looked++ === KNOWN_MAX) break
    const rank = rankOf(word, candidate)
    if (rank !== null && (best === null || rank < best.rank)) best = { candidate, rank }
  }
  return best?.candidate ?? null
}

/** The end of a message about an unknown word: `; did you mean "x"?`, or nothing. Pure. */
export function didYouMean (word: string, known: Iterable<string>): string {
  const meant = nearest(word, known)
  return meant === null ? '' : `; did you mean ${quote(meant)}?`
}

/** Lower is nearer; null when it is too far. A single edit is nearer than a beginning. */
function rankOf (word: string, candidate: string): number | null {
  if (word === '' || word === candidate) return null
  const most = Math.min(DISTANCE_MAX, Math.floor(Math.max(word.length, candidate.length) / 2))
  const distance = editDistance(word, candidate, most)
  if (distance === 1) return 0
  if (candidate.startsWith(word)) return 1 + (candidate.length - word.length) / (candidate.length + 1)
  return distance === null ? null : distance
}

/** Optimal string alignment distance (Damerau 1964); null above `most`. O(length · most). */
function editDistance (a: string, b: string, most: number): number | null {
  if (Math.abs(a.length - b.length) > most) return null
  const far = most + 1
  let [before, last] = [new Array<number>(b.length + 1).fill(far), Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = new Array<number>(b.length + 1).fill(far)
    row[0] = i
    for (let j = Math.max(1, i - most); j <= Math.min(b.length, i + most); j++) {
      const isSame = a[i - 1] === b[j - 1]
      row[j] = Math.min(last[j - 1]! + (isSame ? 0 : 1), last[j]! + 1, row[j - 1]! + 1)
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1)
    }
    [before, last] = [last, row]
  }
  const distance = last[b.length]!
  return distance > most ? null : distance
}
