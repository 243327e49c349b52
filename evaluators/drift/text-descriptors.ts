import { requireBetween } from '../errors.js'
import { requireText, requireTexts } from '../text/texts.js'

/** Scripts that are told apart, the common ones first. */
const SCRIPTS: readonly (readonly [string, RegExp])[] = [
  ['latin', /\p{Script=Latin}/u], ['cyrillic', /\p{Script=Cyrillic}/u], ['han', /\p{Script=Han}/u],
  ['hiragana', /\p{Script=Hiragana}/u], ['katakana', /\p{Script=Katakana}/u], ['hangul', /\p{Script=Hangul}/u],
  ['arabic', /\p{Script=Arabic}/u], ['devanagari', /\p{Script=Devanagari}/u], ['greek', /\p{Script=Greek}/u],
  ['hebrew', /\p{Script=Hebrew}/u], ['thai', /\p{Script=Thai}/u], ['bengali', /\p{Script=Bengali}/u],
  ['tamil', /\p{Script=Tamil}/u], ['telugu', /\p{Script=Telugu}/u], ['armenian', /\p{Script=Armenian}/u],
  ['georgian', /\p{Script=Georgian}/u], ['ethiopic', /\p{Script=Ethiopic}/u]
]

/** Longest word that is looked up, in UTF-16 units: a text without spaces must not fill the vocabulary. */
const WORD_MAX = 64

/** Properties of one text. Shares are of its characters (code points), 0..1, and null when it has none. */
export interface TextDescriptors {
  /** Characters (code points; a lone surrogate counts as one). */
  readonly length: number
  /** Decimal digits of any script. */
  readonly digits: number | null
  /** Punctuation and symbols. */
  readonly punctuation: number | null
  readonly upperCase: number | null
  /**
   * Letters by script, as shares of the letters, 0..1; empty when there are none. `other` are the remaining scripts.
   */
  readonly scripts: Readonly<Record<string, number>>
  /** The script of most letters (of equals the first by name), or `none`. */
  readonly script: string
}

/**
 * Describes a text by its characters, with Unicode properties: length, shares of digits, punctuation and upper case,
 * and the mix of scripts. Lone surrogates are characters without properties. O(characters).
 * @throws EvaluatorError MALFORMED for what is not text
 */
export function describeText (text: string): TextDescriptors {
  requireText('text', text)
  const letters = new Map<string, number>()
  let [length, digits, punctuation, upperCase, last] = [0, 0, 0, 0, SCRIPTS[0]!]
  for (const character of text) {
    length++
    if (/\p{L}/u.test(character)) {
      if (/\p{Lu}/u.test(character)) upperCase++
      if (!last[1].test(character)) last = SCRIPTS.find(([, script]) => script.test(character)) ?? ['other', /\p{L}/u]
      letters.set(last[0], (letters.get(last[0]) ?? 0) + 1)
      if (last[0] === 'other') last = SCRIPTS[0]!
    } else if (/\p{Nd}/u.test(character)) digits++
    else if (/[\p{P}\p{S}]/u.test(character)) punctuation++
  }
  const share = (count: number): number | null => length === 0 ? null : count / length
  const total = [...letters.values()].reduce((sum, count) => sum + count, 0)
  const byCount = [...letters].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  return {
    length,
    digits: share(digits),
    punctuation: share(punctuation),
    upperCase: share(upperCase),
    scripts: Object.fromEntries(byCount.map(([script, count]) => [script, count / total])),
    script: byCount[0]?.[0] ?? 'none'
  }
}

/** Lower-cased words: runs of letters, marks, digits and apostrophes that begin with a letter. O(characters). */
export function wordsOf (text: string): string[] {
  return (text.toLowerCase().match(/\p{L}[\p{L}\p{M}\p{N}'’]*/gu) ?? []).map((word) => word.slice(0, WORD_MAX))
}

/**
 * The `sizeMax` words that most of the texts contain (of equals the first in code-unit order), ascending; none that
 * fewer than `textsMin` texts contain.
 * O(characters + distinct words · log).
 * @throws EvaluatorError MALFORMED for what is not text, OUT_OF_RANGE for a size below 0
 */
export function buildVocabulary (texts: readonly string[], sizeMax: number, textsMin = 1): string[] {
  requireTexts('texts', texts)
  requireBetween('sizeMax', sizeMax, 0, Number.MAX_SAFE_INTEGER)
  requireBetween('textsMin', textsMin, 0, Number.MAX_SAFE_INTEGER)
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const word of new Set(wordsOf(text))) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const byCount = [...counts].filter(([, count]) => count >= textsMin)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  return byCount.slice(0, sizeMax).map(([word]) => word).sort()
}

/**
 * Share of a text's words (with repetition) that are not in the vocabulary, 0..1. O(characters).
 * @returns null when the text has no word
 * @throws EvaluatorError MALFORMED for what is not text
 */
export function outOfVocabularyRate (text: string, vocabulary: ReadonlySet<string>): number | null {
  requireText('text', text)
  const words = wordsOf(text)
  if (words.length === 0) return null
  return words.filter((word) => !vocabulary.has(word)).length / words.length
}
