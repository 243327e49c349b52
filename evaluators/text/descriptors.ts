import { EvaluatorError, requireCount } from '../errors.js'
import { NgramTable } from './ngrams.js'
import { numberTokens } from './overlap.js'
import { requireText, requireTexts } from './texts.js'

/** How long a text is. */
export interface TextLength {
  /** UTF-16 units, JavaScript's own `length`. */
  readonly characters: number
  /** Unicode code points; a lone surrogate is one. */
  readonly codePoints: number
  /** Words in the sense of `tokenizeWords`. */
  readonly tokens: number
}

/** How much a text repeats itself. */
export interface Repetition {
  /** Share of the text's n-grams that occurred before in it, 0..1; null where it has none. */
  readonly repeatedShare: number | null
  /** Tokens of the longest run that occurs more than once (the occurrences may overlap); 0 where none does. */
  readonly longestRun: number
}

const ORDER_MAX = 100

/** One letter of a script that is written without spaces, or a run of other letters, marks and digits. */
const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}])[\p{L}\p{M}\p{N}])+/gu

/**
 * The words of a text in any script: lower-cased maximal runs of letters, marks and digits; each Chinese or Japanese
 * character is a word of its own. O(length).
 * @throws EvaluatorError MALFORMED when `text` is not a string
 */
export function tokenizeWords (text: string): string[] {
  requireText('text', text)
  return text.toLowerCase().match(WORD) ?? []
}

/**
 * The length of a text in three units, each >= 0. O(length).
 * @throws EvaluatorError MALFORMED when `text` is not a string
 */
export function measureLength (text: string): TextLength {
  const tokens = tokenizeWords(text).length
  let codePoints = text.length
  for (let i = 1; i < text.length; i++) if (isLow(text.charCodeAt(i)) && isHigh(text.charCodeAt(i - 1))) codePoints--
  return { characters: text.length, codePoints, tokens }
}

/**
 * How much a text repeats itself: the share of repeated n-grams, 1 − different/all (seq-rep-n, Welleck et al., 2020,
 * "Neural text generation with unlikelihood training", section 6), and the longest run of tokens that comes again.
 * Tokens are those of `tokenizeWords`. O(tokens · (n + log tokens)).
 *
 * @param n tokens of an n-gram, 1..100, default 3
 * @throws EvaluatorError MALFORMED when `text` is not a string, OUT_OF_RANGE for n
 */
export function measureRepetition (text: string, n = 3): Repetition {
  requireOrder(n)
  const [tokens] = numberTokens([tokenizeWords(text)]).sequences as [Int32Array]
  const { different, all } = countDifferent([tokens], n)
  return { repeatedShare: all === 0 ? null : 1 - different / all, longestRun: longestRepeatedRun(tokens) }
}

/**
 * distinct-n of one text: different n-grams over all its n-grams, in (0, 1], null for a text of fewer than n tokens. Li
 * et al. (2016), "A diversity-promoting objective function for neural conversation models", section 5. O(n · tokens).
 *
 * @param n tokens of an n-gram, 1..100
 * @throws EvaluatorError MALFORMED when `text` is not a string, OUT_OF_RANGE for n
 */
export function distinctN (text: string, n: number): number | null {
  requireText('text', text)
  return corpusDistinctN([text], n)
}

/**
 * distinct-n of many texts together: different n-grams over all n-grams, none of which spans two texts; in (0, 1], null
 * where no text has n tokens. It falls as texts are added, so compare only corpora of like size. O(n · tokens).
 *
 * @param n tokens of an n-gram, 1..100
 * @throws EvaluatorError EMPTY without texts, MALFORMED for what is not text, OUT_OF_RANGE for n
 */
export function corpusDistinctN (texts: readonly string[], n: number): number | null {
  requireTexts('texts', texts)
  requireCount('texts', texts)
  requireOrder(n)
  const { different, all } = countDifferent(numberTokens(texts.map(tokenizeWords)).sequences, n)
  return all === 0 ? null : different / all
}

/** How many different n-grams several sequences have together, and how many in all. */
function countDifferent (sequences: readonly Int32Array[], n: number): { different: number, all: number } {
  const table = new NgramTable()
  const prefixes = sequences.map(({ length }) => new Int32Array(length))
  let all = 0
  for (let order = 1; order <= n; order++) {
    all = sequences.reduce((sum, { length }) => sum + Math.max(0, length - order + 1), 0)
    table.reset(all)
    sequences.forEach((sequence, s) => {
      const numbers = prefixes[s]!
      for (let i = 0; i + order <= sequence.length; i++) numbers[i] = table.add(numbers[i]!, sequence[i + order - 1]!)
    })
  }
  return { different: table.size, all }
}

/**
 * The greatest length of which some run occurs twice: runs of 1, 2, 4, … tokens are numbered from the numbers of their
 * halves, then a run of any length between from two that overlap (Karp, Miller, Rosenberg, 1972, "Rapid identification
 * of repeated patterns in strings, trees and arrays"), and the length is bisected, since a run that repeats has parts
 * that do.
 */
function longestRepeatedRun (tokens: Int32Array): number {
  const table = new NgramTable()
  let [repeated, numbers] = [0, tokens]
  let length = 1
  for (; length <= tokens.length; length *= 2) {
    const next = length === 1 ? tokens : numberRuns(table, numbers, length / 2, length, tokens.length)
    if (!hasRepeat(next)) break
    repeated = length
    numbers = next
  }
  if (repeated === 0) return 0
  let [low, high] = [repeated, Math.min(length, tokens.length)]
  while (low + 1 < high) {
    const middle = (low + high) >> 1
    if (hasRepeat(numberRuns(table, numbers, repeated, middle, tokens.length))) low = middle
    else high = middle
  }
  return low
}

/** Numbers the runs of `length` tokens from the numbers of runs of `part` tokens, part <= length <= 2 · part. */
function numberRuns (table: NgramTable, parts: Int32Array, part: number, length: number, count: number): Int32Array {
  const numbers = new Int32Array(count - length + 1)
  table.reset(numbers.length)
  for (let i = 0; i < numbers.length; i++) numbers[i] = table.add(parts[i]!, parts[i + length - part]!)
  return numbers
}

/** Whether a number occurs twice; all are below the length of the list. */
function hasRepeat (numbers: Int32Array): boolean {
  const isSeen = new Uint8Array(numbers.length)
  for (const number of numbers) {
    if (isSeen[number] === 1) return true
    isSeen[number] = 1
  }
  return false
}

function isHigh (unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

function isLow (unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}

function requireOrder (n: number): void {
  if (Number.isInteger(n) && n >= 1 && n <= ORDER_MAX) return
  throw new EvaluatorError('OUT_OF_RANGE', 'n', `expected an integer from 1 to ${ORDER_MAX}, got ${n}`)
}
