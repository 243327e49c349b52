import { requireFlag } from '../errors.js'
import { stemPorter } from './porter.js'
import { requireText } from './texts.js'

/**
 * A text as ROUGE sees it: its tokens, and for every line the number of tokens up to its end, lines without a token
 * left out. Made once, it can be scored many times.
 */
export interface RougeText {
  readonly tokens: readonly string[]
  readonly lineEnds: readonly number[]
  /** Whether the tokens are stems. */
  readonly isStemmed: boolean
}

/** Words of this many letters or fewer are never stemmed. */
const UNSTEMMED_LENGTH_MAX = 3

/** Stems that are remembered at most; the memory is emptied when it is full. */
const REMEMBERED_MAX = 32_768

/**
 * Longer words are stemmed anew each time: up to this length the engine copies a piece of a text, beyond it the piece
 * would keep the whole text alive.
 */
const REMEMBERED_LENGTH_MAX = 12

const LINE_FEED = 0x0a
/** K, which lower-cases to an ASCII k. */
const KELVIN_SIGN = 0x212a
/** İ, which lower-cases to an ASCII i and a combining dot, the dot being a separator. */
const DOTTED_CAPITAL_I = 0x130

const SEPARATOR = 0
const CAPITAL = 2
/** What each ASCII character is to the tokenizer: 0 a separator, 1 a small letter or a digit, 2 a capital. */
const KINDS = Uint8Array.from({ length: 128 }, (_, unit) => {
  const character = String.fromCharCode(unit)
  return /[a-z0-9]/.test(character) ? 1 : /[A-Z]/.test(character) ? CAPITAL : SEPARATOR
})

const stems = new Map<string, string>()

/**
 * The tokens of Google's rouge_score: the text is lower-cased, every maximal run of characters other than a-z and 0-9
 * separates, and with `stem` each token of more than three characters is replaced by its Porter stem (`stemPorter`). So
 * "café" gives "caf", "3.5" gives "3" and "5", and a text without Latin letters or digits has no token. Stems of short
 * words are remembered (at most 32,768 words, then forgotten all at once); results do not depend on it. O(length).
 *
 * @throws EvaluatorError MALFORMED when `text` is not a string
 */
export function tokenizeRouge (text: string, stem = false): RougeText {
  requireText('text', text)
  requireFlag('stem', stem)
  const tokens: string[] = []
  const lineEnds: number[] = []
  let start = -1
  let hasCapital = false
  let lineStart = 0
  for (let i = 0; i <= text.length; i++) {
    const unit = i < text.length ? text.charCodeAt(i) : LINE_FEED
    const kind = unit < 128 ? KINDS[unit]! : unit === KELVIN_SIGN ? CAPITAL : SEPARATOR
    if (kind !== SEPARATOR) {
      if (start < 0) start = i
      if (kind === CAPITAL) hasCapital = true
      continue
    }
    if (start >= 0 || unit === DOTTED_CAPITAL_I) {
      const piece = start < 0 ? '' : text.slice(start, i)
      const lower = hasCapital ? piece.toLowerCase() : piece
      const token = unit === DOTTED_CAPITAL_I ? `${lower}i` : lower
      tokens.push(stem && token.length > UNSTEMMED_LENGTH_MAX ? stemOf(token) : token)
      start = -1
      hasCapital = false
    }
    if (unit === LINE_FEED && tokens.length > lineStart) lineEnds.push(lineStart = tokens.length)
  }
  return { tokens, lineEnds, isStemmed: stem }
}

/** The stem of a token, remembered where that is safe. */
function stemOf (token: string): string {
  if (token.length > REMEMBERED_LENGTH_MAX) return stemPorter(token)
  let stem = stems.get(token)
  if (stem === undefined) {
    if (stems.size >= REMEMBERED_MAX) stems.clear()
    stems.set(token, stem = stemPorter(token))
  }
  return stem
}
