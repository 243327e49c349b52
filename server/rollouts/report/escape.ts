const SIGNS: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\'': '&#39;' }

/** Characters that XML and HTML do not allow, and those that turn the direction of what follows. */
const FORBIDDEN = /(?![\t\n\r])\p{Cc}|[\ufffe\uffff\u202a-\u202e\u2066-\u2069]/gu

/** HTML that is known to be safe. */
export class Html {
  constructor (readonly text: string) {}
}

type Part = Html | string | number | readonly Html[]

/**
 * HTML or SVG from a template: what is put in is escaped, for elements and for attributes in quotes, unless it was
 * made here itself. Pure.
 */
export function html (strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.reduce((text, string, i) => text + show(parts[i - 1]!) + string))
}

function show (part: Part): string {
  if (part instanceof Html) return part.text
  if (typeof part === 'number') return String(part)
  return typeof part === 'string' ? escapeHtml(part) : part.map(({ text }) => text).join('')
}

/** Text of others as text. Pure. */
export function escapeHtml (text: string): string {
  return text.replaceAll(FORBIDDEN, '\ufffd').replaceAll(/[&<>"']/g, (sign) => SIGNS[sign]!)
}
