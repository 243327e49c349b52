import { tokenizeRouge } from '../../evaluators/text/tokenizer.js'
import type { Format, Parsed } from './format.js'
import { UNSTATED } from './report.js'

/** A flat object, word -> stem as ROUGE sees it: words of three letters or fewer are left alone. */
export const porter: Format = {
  name: 'porter',
  recognises: (parsed) => stemsOf(parsed) !== null,
  check (parsed, report) {
    const section = report.section('porter')
    for (const [word, stem] of stemsOf(parsed) ?? []) {
      section.compare(word, tokenizeRouge(word, true).tokens.join(' '), stem, UNSTATED.exact)
    }
  }
}

function stemsOf (parsed: Parsed): [string, string][] | null {
  const [document] = 'document' in parsed ? [parsed.document] : parsed.lines
  if ('lines' in parsed && parsed.lines.length !== 1) return null
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return null
  const entries = Object.entries(document)
  return entries.length > 0 && entries.every(([, stem]) => typeof stem === 'string') ? entries : null
}
