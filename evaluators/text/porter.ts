import { requireText } from './texts.js'

/** Endings and what takes their place; of those that fit the word, the first in the list is the one that is tried. */
type Rules = readonly (readonly [ending: string, replacement: string])[]

/** Words whose stem is looked up. */
const IRREGULAR: ReadonlyMap<string, string> = new Map([
  ['sky', 'sky'], ['skies', 'sky'], ['dying', 'die'], ['lying', 'lie'], ['tying', 'tie'], ['news', 'news'],
  ['inning', 'inning'], ['innings', 'inning'], ['outing', 'outing'], ['outings', 'outing'],
  ['canning', 'canning'], ['cannings', 'canning'], ['howe', 'howe'],
  ['proceed', 'proceed'], ['exceed', 'exceed'], ['succeed', 'succeed']
])

const STEP_2: Rules = [
  ['ational', 'ate'], ['tional', 'tion'], ['enci', 'ence'], ['anci', 'ance'], ['izer', 'ize'], ['bli', 'ble'],
  ['alli', 'al'], ['entli', 'ent'], ['eli', 'e'], ['ousli', 'ous'], ['ization', 'ize'], ['ation', 'ate'],
  ['ator', 'ate'], ['alism', 'al'], ['iveness', 'ive'], ['fulness', 'ful'], ['ousness', 'ous'], ['aliti', 'al'],
  ['iviti', 'ive'], ['biliti', 'ble'], ['fulli', 'ful']
]

const STEP_3: Rules = [
  ['icate', 'ic'], ['ative', ''], ['alize', 'al'], ['iciti', 'ic'], ['ical', 'ic'], ['ful', ''], ['ness', '']
]

/** Endings that step 4 takes off; "ion" only after s or t. */
const STEP_4: Rules = [
  'al', 'ance', 'ence', 'er', 'ic', 'able', 'ible', 'ant', 'ement', 'ment', 'ent', 'ion', 'ou', 'ism', 'ate', 'iti',
  'ous', 'ive', 'ize'
].map((ending) => [ending, ''] as const)

/**
 * The stem of an English word: Porter (1980), "An algorithm for suffix stripping", Program 14(3):130-137, with the
 * departures of NLTK's default mode: a pool of irregular forms (skies → sky, dying → die); words of one or two letters
 * are left alone; "ies" → "ie" in words of four letters; "ied" → "ie" in words of four letters, else "i"; y → i only
 * after a consonant that is not the first letter; "bli" → "ble"; "alli" → "al" first and then step 2 again; "fulli" →
 * "ful"; "logi" → "log", measured with its l; vowel-consonant counts as consonant-vowel-consonant in stems of two
 * letters. The word is lower-cased; anything but a, e, i, o, u and a y after a consonant counts as a consonant.
 * O(length).
 *
 * @throws EvaluatorError MALFORMED when `word` is not a string
 */
export function stemPorter (word: string): string {
  requireText('word', word)
  const lower = word.toLowerCase()
  const irregular = IRREGULAR.get(lower)
  if (irregular !== undefined) return irregular
  if (lower.length <= 2) return lower
  const withoutInflection = replaceFinalY(removePastAndProgressive(removePlural(lower)))
  const withoutSuffix = removeSuffix(replace(replaceDoubleSuffix(withoutInflection), STEP_3, 0))
  return undouble(removeFinalE(withoutSuffix))
}

/** Step 1a. */
function removePlural (word: string): string {
  if (!word.endsWith('s')) return word
  if (word.endsWith('ies')) return word.slice(0, word.length === 4 ? -1 : -2)
  if (word.endsWith('sses')) return word.slice(0, -2)
  return word.endsWith('ss') ? word : word.slice(0, -1)
}

/** Step 1b. */
function removePastAndProgressive (word: string): string {
  if (word.endsWith('ied')) return word.slice(0, word.length === 4 ? -1 : -2)
  if (word.endsWith('eed')) return measure(word, word.length - 3) > 0 ? word.slice(0, -1) : word
  const cut = word.endsWith('ed') ? 2 : word.endsWith('ing') ? 3 : 0
  if (cut === 0 || !hasVowel(word, word.length - cut)) return word
  const stem = word.slice(0, -cut)
  if (stem.endsWith('at') || stem.endsWith('bl') || stem.endsWith('iz')) return `${stem}e`
  const last = stem.charCodeAt(stem.length - 1)
  if (stem.length >= 2 && last === stem.charCodeAt(stem.length - 2) && isConsonant(stem, stem.length - 1)) {
    return last === L || last === S || last === Z ? stem : stem.slice(0, -1)
  }
  return measure(stem, stem.length) === 1 && endsInShortSyllable(stem, stem.length) ? `${stem}e` : stem
}

/** Step 1c. */
function replaceFinalY (word: string): string {
  return word.endsWith('y') && word.length > 2 && isConsonant(word, word.length - 2) ? `${word.slice(0, -1)}i` : word
}

/** Step 2. */
function replaceDoubleSuffix (word: string): string {
  if (word.endsWith('alli') && measure(word, word.length - 4) > 0) return replaceDoubleSuffix(word.slice(0, -2))
  if (word.endsWith('logi')) return measure(word, word.length - 3) > 0 ? word.slice(0, -1) : word
  return replace(word, STEP_2, 0)
}

/** Step 4. */
function removeSuffix (word: string): string {
  if (word.endsWith('ion')) {
    const before = word.charCodeAt(word.length - 4)
    if (before !== S && before !== T) return word
  }
  return replace(word, STEP_4, 1)
}

/** Step 5a. */
function removeFinalE (word: string): string {
  if (!word.endsWith('e')) return word
  const m = measure(word, word.length - 1)
  return m > 1 || (m === 1 && !endsInShortSyllable(word, word.length - 1)) ? word.slice(0, -1) : word
}

/** Step 5b. */
function undouble (word: string): string {
  return word.endsWith('ll') && measure(word, word.length - 1) > 1 ? word.slice(0, -1) : word
}

/** Replaces the first of the endings that fits, if what stands before it has a measure above `measureAbove`. */
function replace (word: string, rules: Rules, measureAbove: number): string {
  for (const [ending, replacement] of rules) {
    if (word.endsWith(ending)) {
      const length = word.length - ending.length
      return measure(word, length) > measureAbove ? word.slice(0, length) + replacement : word
    }
  }
  return word
}

const [A, E, I, O, U, Y, L, S, T, W, X, Z] = [...'aeiouylstwxz'].map((letter) => letter.charCodeAt(0)) as
  [number, number, number, number, number, number, number, number, number, number, number, number]

/** Porter's m of the first `length` letters: how often a vowel is followed by a consonant. */
function measure (word: string, length: number): number {
  let m = 0
  let isAfterConsonant = false
  for (let i = 0; i < length; i++) {
    const isHere = isConsonantAfter(word.charCodeAt(i), i === 0 || !isAfterConsonant)
    if (isHere && !isAfterConsonant && i > 0) m++
    isAfterConsonant = isHere
  }
  return m
}

function hasVowel (word: string, length: number): boolean {
  let isAfterConsonant = false
  for (let i = 0; i < length; i++) {
    isAfterConsonant = isConsonantAfter(word.charCodeAt(i), i === 0 || !isAfterConsonant)
    if (!isAfterConsonant) return true
  }
  return false
}

/** Porter's *o of the first `length` letters, and vowel-consonant where there are two. */
function endsInShortSyllable (word: string, length: number): boolean {
  if (length < 2 || !isConsonant(word, length - 1) || isConsonant(word, length - 2)) return false
  if (length === 2) return true
  const last = word.charCodeAt(length - 1)
  return isConsonant(word, length - 3) && last !== W && last !== X && last !== Y
}

/** A y is a consonant where its predecessor is not, so that a run of them alternates from its start. */
function isConsonant (word: string, place: number): boolean {
  let start = place
  while (start > 0 && word.charCodeAt(start) === Y) start--
  let isHere = isConsonantAfter(word.charCodeAt(start), true)
  for (let i = start; i < place; i++) isHere = !isHere
  return isHere
}

function isConsonantAfter (letter: number, isConsonantY: boolean): boolean {
  if (letter === Y) return isConsonantY
  return letter !== A && letter !== E && letter !== I && letter !== O && letter !== U
}
