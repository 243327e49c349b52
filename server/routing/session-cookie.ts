import { type KeyCarrier, readSource, scopedKey } from './affinity-key.js'

/** The cookie that the gateway gives to sessions that have no key. */
export interface IssuedCookie {
  readonly name: string
  /** The browser forgets it when the session was quiet for so long, seconds. */
  readonly maxAgeSeconds: number
}

/** What a reply sets. */
export interface SessionCookie extends IssuedCookie { readonly value: string }

/** Bytes of an issued id: 128 bits cannot be guessed, and are never given twice. */
export const SESSION_ID_BYTES = 16
/** An issued id, as base64url. Other values are keys as well, but were not made here and are left alone. */
const ISSUED = /^[A-Za-z0-9_-]{22}$/

/**
 * The cookie that a reply sets: a new one for a session without a key; the same again, so that it lives on, for one
 * whose key is an issued cookie; null for all others.
 * @param key the affinity key that the request has, null without one
 */
export function cookieFor (
  issue: IssuedCookie | null, key: string | null, carrier: KeyCarrier, newId: () => string
): SessionCookie | null {
  if (issue === null) return null
  if (key === null) return { ...issue, value: newId() }
  const value = readSource({ kind: 'cookie', name: issue.name }, carrier)
  return value !== null && ISSUED.test(value) && key === scopedKey('cookie', value) ? { ...issue, value } : null
}

/** The `set-cookie` header (RFC 6265bis): not for scripts, not for requests that other sites make. */
export function setCookie ({ name, value, maxAgeSeconds }: SessionCookie, isSecure: boolean): string {
  return `${name}=${value}; Max-Age=${maxAgeSeconds}; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
}
