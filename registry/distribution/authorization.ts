import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { parseChallenge, type Challenge } from './challenge.js'
import type { Credentials } from './credentials.js'
import { isLoopback } from './remote-reference.js'
import { dropBody, headerOf, readBody, type Reply, type Transport } from './transport.js'

const TOKEN_BYTES_MAX = 256 * 1024
/** What the token specification says a token lives when nothing else is said, s. */
const TOKEN_LIFE_SECONDS = 60
/** A token this close to its end is not used any more, ms. */
const MARGIN_MS = 5_000
const TOKENS_MAX = 1_000

interface Token { readonly header: string, readonly until: number }

export interface AuthorizationOptions {
  readonly host: string
  readonly transport: Transport
  readonly credentials: Credentials | null
  readonly isPlainHttp: boolean
  /** Milliseconds. */
  readonly now: () => number
}

/** The `Authorization` header for one registry: tokens per scope, kept while they live, or name and password. */
export class Authorization {
  readonly #options: AuthorizationOptions
  readonly #tokens = new Map<string, Token>()
  #challenge: Challenge | null = null

  constructor (options: AuthorizationOptions) {
    this.#options = options
  }

  /** What to send at once for these scopes; null before the registry has asked for anything. */
  async header (scopes: readonly string[]): Promise<string | null> {
    if (this.#challenge === null) return null
    if (this.#challenge.scheme === 'basic') return this.#basic()
    const known = this.#tokens.get(scopes.join(' '))
    if (known !== undefined && known.until > this.#options.now()) return known.header
    return await this.#token(this.#challenge, scopes)
  }

  /** Takes a 401: what to send instead of `sent`, or null when there is nothing better. */
  async answer (reply: Reply, scopes: readonly string[], sent: string | null): Promise<string | null> {
    const challenge = parseChallenge(headerOf(reply, 'www-authenticate'))
    if (challenge === null) return null
    this.#challenge = challenge
    this.#tokens.delete(scopes.join(' '))
    const header = challenge.scheme === 'basic' ? this.#basic() : await this.#token(challenge, scopes)
    return header === sent ? null : header
  }

  #basic (): string | null {
    const { credentials } = this.#options
    return credentials === null ? null : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`
  }

  /** Asks for a token, without credentials when there are none: many registries give one for reading. */
  async #token (challenge: Challenge & { scheme: 'bearer' }, scopes: readonly string[]): Promise<string> {
    const url = this.#realm(challenge.realm)
    if (challenge.service !== null) url.searchParams.set('service', challenge.service)
    const wanted = new Set([...scopes, ...scopes.length === 0 ? challenge.scope?.split(' ') ?? [] : []])
    for (const scope of wanted) url.searchParams.append('scope', scope)
    const basic = this.#basic()
    const { transport, host, now } = this.#options
    const reply = await transport.send({ method: 'GET', url, headers: { accept: 'application/json', ...basic === null ? {} : { authorization: basic } } })
    if (reply.status !== 200) {
      await dropBody(reply)
      const what = `${host} wants a token from ${url.host}, which answered ${reply.status}`
      if (reply.status !== 401 && reply.status !== 403) throw new Error(what)
      throw new RegistryError('REMOTE_UNAUTHORIZED', `${what}; ${basic === null ? `log in first: gauntlet login ${host}` : 'are the credentials right?'}`)
    }
    const { value, lifeSeconds } = parseToken(await readBody(reply, TOKEN_BYTES_MAX), url.host)
    if (this.#tokens.size >= TOKENS_MAX) this.#tokens.clear()
    this.#tokens.set(scopes.join(' '), { header: `Bearer ${value}`, until: now() + lifeSeconds * 1000 - MARGIN_MS })
    return `Bearer ${value}`
  }

  /** Credentials go there, so it must be as safe as the registry itself. */
  #realm (realm: string): URL {
    const url = URL.canParse(realm) ? new URL(realm) : null
    if (url?.protocol === 'https:') return url
    if (url?.protocol === 'http:' && (this.#options.isPlainHttp || isLoopback(url.host))) return url
    throw new RegistryError('REMOTE_REFUSED', `${this.#options.host} names ${quote(realm)} as the place for tokens, expected an https URL`)
  }
}

function parseToken (bytes: Buffer, place: string): { value: string, lifeSeconds: number } {
  const { token, access_token: accessToken, expires_in: seconds } = parseObject(bytes)
  const value = token ?? accessToken
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new RegistryError('REMOTE_REFUSED', `${place} answered without a token`)
  }
  return { value, lifeSeconds: typeof seconds === 'number' && seconds > 0 ? seconds : TOKEN_LIFE_SECONDS }
}

function parseObject (bytes: Buffer): { token?: unknown, access_token?: unknown, expires_in?: unknown } {
  try {
    return JSON.parse(bytes.toString()) as object | null ?? {}
  } catch {
    return {}
  }
}
