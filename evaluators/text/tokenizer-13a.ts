import { isWhitespace, requireText, splitWhitespace } from './texts.js'

/** Every ASCII symbol but apostrophe, comma, hyphen and full stop. */
const SYMBOL = /[{-~[-` -&(-+:-@/]/g

/**
 * Tokens as sacrebleu's default tokenizer "13a" makes them, equivalent to mteval-v13a of the NIST: white space at the
 * end is dropped, "<skipped>" deleted, a hyphen at a line end joined with the next line, four HTML entities decoded;
 * symbols become tokens, full stop and comma do unless between digits, a hyphen does after a digit. Case is kept.
 * O(length).
 *
 * @throws EvaluatorError MALFORMED when `text` is not a string
 */
export function tokenize13a (text: string): string[] {
  requireText('text', text)
  let end = text.length
  while (end > 0 && isWhitespace(text.charCodeAt(end - 1))) end--
  const line = decodeEntities(text.slice(0, end).replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' '))
  return splitWhitespace(` ${line} `
    .replace(SYMBOL, ' $& ')
    .replace(/([^0-9])([.,])/g, '$1 $2 ')
    .replace(/([.,])([^0-9])/g, ' $1 $2')
    .replace(/([0-9])-/g, '$1 - '))
}

function decodeEntities (line: string): string {
  if (!line.includes('&')) return line
  return line.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>')
}
