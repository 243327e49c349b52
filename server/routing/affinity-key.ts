/** Where the key of session affinity comes from; the first source that yields one wins. */
export type KeySource =
  | { readonly kind: 'header', readonly name: string }
  | { readonly kind: 'cookie', readonly name: string }
  | { readonly kind: 'body', readonly pointer: readonly string[] }

/** What of a request can carry a key. */
export interface KeyCarrier {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: unknown
}

/** Longer values are no keys: they count as missing. Bytes of UTF-16 code units, an upper bound on work per request. */
const KEY_LENGTH_MAX = 256
const SEPARATOR = '\u001f'
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

/**
 * Parses `header:NAME`, `cookie:NAME` or `body:/json/pointer` (RFC 6901).
 * Returns null when the text is none of these.
 */
export function parseKeySource (text: string): KeySource | null {
  const colon = text.indexOf(':')
  const kind = text.slice(0, colon)
  const rest = text.slice(colon + 1)
  if (kind === 'header' && TOKEN.test(rest)) return { kind, name: rest.toLowerCase() }
  if (kind === 'cookie' && TOKEN.test(rest)) return { kind, name: rest }
  if (kind === 'body' && rest.startsWith('/')) {
    return { kind, pointer: rest.slice(1).split('/').map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')) }
  }
  return null
}

/**
 * The affinity key of a request: the first source that holds a non-empty value of at most 256 characters, scoped by
 * its kind so that header `42` and cookie `42` are different sessions. Null when no source yields one.
 */
export function affinityKey (sources: readonly KeySource[], carrier: KeyCarrier): string | null {
  for (const source of sources) {
    const value = readSource(source, carrier)
    if (value !== null && value.length > 0 && value.length <= KEY_LENGTH_MAX) {
      return `${source.kind}${SEPARATOR}${value}`
    }
  }
  return null
}

/** The value a source finds in a request; null when there is none. */
export function readSource (source: KeySource, carrier: KeyCarrier): string | null {
  switch (source.kind) {
    case 'header': return single(carrier.headers[source.name])
    case 'cookie': return cookie(single(carrier.headers['cookie']), source.name)
    case 'body': return pointed(carrier.body, source.pointer)
  }
}

function single (value: string | string[] | undefined): string | null {
  if (value === undefined) return null
  return typeof value === 'string' ? value : value[0] ?? null
}

function cookie (header: string | null, name: string): string | null {
  if (header === null) return null
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return null
}

function pointed (body: unknown, pointer: readonly string[]): string | null {
  let value = body
  for (const part of pointer) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return null
    value = (value as Record<string, unknown>)[part]
  }
  if (typeof value === 'string') return value
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : null
}
