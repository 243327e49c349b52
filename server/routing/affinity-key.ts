import { createHash } from 'node:crypto'

/** Where a value of a request is, for rules as well as for keys. */
export type ValueSource =
  | { readonly kind: 'header', readonly name: string }
  | { readonly kind: 'cookie', readonly name: string }
  | { readonly kind: 'body', readonly pointer: readonly string[] }

/**
 * Where the key of session affinity comes from; the first source that yields one wins. The API key is the bearer token
 * when `name` is null, else the value of that header. The sequence is `parameters.sequence_id` of the Open Inference
 * Protocol.
 */
export type KeySource =
  | ValueSource
  | { readonly kind: 'apiKey', readonly name: string | null }
  | { readonly kind: 'sequence' }

/** What of a request can carry a key. */
export interface KeyCarrier {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: unknown
}

/** Longer values are no keys: they count as missing. Bytes of UTF-16 code units, an upper bound on work per request. */
const KEY_LENGTH_MAX = 256
/** Bearer tokens may be long, and only their digest goes on. UTF-16 code units. */
const API_KEY_LENGTH_MAX = 4_096
const SEPARATOR = '\u001f'
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** RFC 6750, section 2.1. */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i
const SEQUENCE_POINTER = ['parameters', 'sequence_id']
/** What the protocol allows as a number: an unsigned integer of 64 bits; 0 means that there is no sequence. */
const SEQUENCE_NUMBER_MAX = 2n ** 64n - 1n

/**
 * Parses `apiKey`, `apiKey:HEADER`, `sequenceId`, or what `parseValueSource` does.
 * Returns null when the text is none of these.
 */
export function parseKeySource (text: string): KeySource | null {
  if (text === 'sequenceId') return { kind: 'sequence' }
  if (text === 'apiKey') return { kind: 'apiKey', name: null }
  if (!text.startsWith('apiKey:')) return parseValueSource(text)
  const name = text.slice('apiKey:'.length)
  return TOKEN.test(name) ? { kind: 'apiKey', name: name.toLowerCase() } : null
}

/**
 * Parses `header:NAME`, `cookie:NAME` or `body:/json/pointer` (RFC 6901).
 * Returns null when the text is none of these.
 */
export function parseValueSource (text: string): ValueSource | null {
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
    const value = readKey(source, carrier)
    if (value !== null && value.length > 0 && value.length <= KEY_LENGTH_MAX) return scopedKey(source.kind, value)
  }
  return null
}

/** The affinity key that a value is in a source of this kind. */
export function scopedKey (kind: KeySource['kind'], value: string): string {
  return `${kind}${SEPARATOR}${value}`
}

function readKey (source: KeySource, carrier: KeyCarrier): string | null {
  switch (source.kind) {
    case 'apiKey': return apiKey(carrier.headers[source.name ?? 'authorization'], source.name === null)
    case 'sequence': return sequence(carrier.body)
    case 'header':
    case 'cookie':
    case 'body': return readSource(source, carrier)
  }
}

/** The digest of an API key, since the key itself is a secret that nothing behind this function needs. */
function apiKey (header: string | string[] | undefined, isBearer: boolean): string | null {
  const value = single(header)
  if (value === null || value.length > API_KEY_LENGTH_MAX) return null
  const key = isBearer ? BEARER.exec(value)?.[1] ?? '' : value
  return key === '' ? null : createHash('sha256').update(key).digest('base64url')
}

function sequence (body: unknown): string | null {
  const value = found(body, SEQUENCE_POINTER)
  if (typeof value === 'string') return value
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) return null
  const number = BigInt(value as bigint | number)
  return number > 0n && number <= SEQUENCE_NUMBER_MAX ? String(number) : null
}

/** The value a source finds in a request; null when there is none. */
export function readSource (source: ValueSource, carrier: KeyCarrier): string | null {
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
  const value = found(body, pointer)
  if (typeof value === 'string') return value
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'number' && Number.isFinite(value) ? String(value) : null
}

function found (body: unknown, pointer: readonly string[]): unknown {
  let value = body
  for (const part of pointer) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}
