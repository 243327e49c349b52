import { EvaluatorError, requireCount } from '../errors.js'

/**
 * Refuses what is not a string. Lone surrogates are let through: every metric here treats one as a character of its
 * own.
 * @throws EvaluatorError MALFORMED, naming the argument
 */
export function requireText (argument: string, value: unknown): asserts value is string {
  if (typeof value === 'string') return
  throw new EvaluatorError('MALFORMED', argument, `expected a string, got ${value === null ? 'null' : typeof value}`)
}

/**
 * One reference text or several as a list, checked. O(number of references).
 * @throws EvaluatorError MALFORMED for what is neither a string nor a list of strings, EMPTY for a list without one
 */
export function requireReferences (argument: string, references: string | readonly string[]): readonly string[] {
  if (typeof references === 'string') return [references]
  requireTexts(argument, references)
  requireCount(argument, references)
  return references
}

/**
 * Refuses what is not a list of strings; an empty list passes. O(number of texts).
 * @throws EvaluatorError MALFORMED, naming the argument and the place
 */
export function requireTexts (argument: string, texts: unknown): asserts texts is readonly string[] {
  if (!Array.isArray(texts)) throw new EvaluatorError('MALFORMED', argument, `expected a list of strings, got ${typeof texts}`)
  for (let i = 0; i < texts.length; i++) {
    if (typeof texts[i] !== 'string') requireText(`${argument}[${i}]`, texts[i])
  }
}

/**
 * The pieces between white space, without empty ones, as Python's `str.split()` gives them: white space is Unicode's
 * together with the separators U+001C to U+001F, and neither U+200B nor U+FEFF. O(length).
 */
export function splitWhitespace (text: string): string[] {
  const pieces: string[] = []
  let start = -1
  for (let i = 0; i < text.length; i++) {
    if (isWhitespace(text.charCodeAt(i))) {
      if (start >= 0) pieces.push(text.slice(start, i))
      start = -1
    } else if (start < 0) start = i
  }
  if (start >= 0) pieces.push(text.slice(start))
  return pieces
}

/** Whether a UTF-16 unit is white space in the sense of `splitWhitespace`. */
export function isWhitespace (unit: number): boolean {
  if (unit <= 0x20) return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d) || unit >= 0x1c
  if (unit < 0x1680) return unit === 0x85 || unit === 0xa0
  return unit === 0x1680 || (unit >= 0x2000 && unit <= 0x200a) || unit === 0x2028 || unit === 0x2029 ||
    unit === 0x202f || unit === 0x205f || unit === 0x3000
}
