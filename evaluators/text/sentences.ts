import { requireText } from './texts.js'

/** A sentence with its place in the text. */
export interface Sentence {
  /** Without the white space around it. */
  readonly text: string
  /** UTF-16 offset of its first character in the whole text. */
  readonly start: number
  /** UTF-16 offset after its last character. */
  readonly end: number
}

/** English titles and the like, which end with a full stop inside a sentence. */
const TITLES = 'Mr|Mrs|Ms|Dr|Prof|Rev|Gen|Sen|Rep|Gov|Capt|Lt|Col|Sgt|St|vs|cf|Fig'
/** One of them, or an initial other than I, at the end of a part, with no line break after it. */
const ABBREVIATION = new RegExp(`(?:^|[\\s("'“‘])(?:[A-HJ-Z]|${TITLES})\\.[^\\S\\r\\n]+$`, 'u')

/**
 * Splits a text into sentences by Unicode Standard Annex 29, as Intl.Segmenter implements it: after ? ! and their like
 * in other scripts, after a full stop unless a small letter comes next, in both cases with the quotes and brackets that
 * follow; and at every line break. A part that ends with an initial ("J. ") or one of a few English titles ("Dr. ") is
 * joined with the next.
 * Parts of white space alone are left out; an empty text has no sentence. Lone surrogates stay as they are. O(length).
 *
 * @param locale a BCP 47 tag
 * @throws RangeError when it is not one
 */
export function splitSentences (text: string, locale = 'en'): Sentence[] {
  requireText('text', text)
  const sentences: Sentence[] = []
  let start = 0
  for (const { segment, index } of new Intl.Segmenter(locale, { granularity: 'sentence' }).segment(text)) {
    const end = index + segment.length
    if (end < text.length && ABBREVIATION.test(segment)) continue
    const part = text.slice(start, end)
    const sentence = part.trim()
    if (sentence !== '') {
      const from = start + part.length - part.trimStart().length
      sentences.push({ text: sentence, start: from, end: from + sentence.length })
    }
    start = end
  }
  return sentences
}
