import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../blobs.js'
import { RegistryError } from '../errors.js'
import { MANIFEST_MEDIA_TYPE } from '../manifest.js'
import { quote } from '../names.js'
import { Authorization } from './authorization.js'
import type { Credentials } from './credentials.js'
import { isLoopback } from './remote-reference.js'
import { dropBody, headerOf, readBody, Transport, type Reply, type RequestBody } from './transport.js'

export const INDEX_MEDIA_TYPE = 'application/vnd.oci.image.index.v1+json'
/** Some registries say "not found" to whoever does not say what it can read. */
const ACCEPT = `${MANIFEST_MEDIA_TYPE}, ${INDEX_MEDIA_TYPE}`
/** Of one manifest on the wire; the distribution specification asks for no more. */
const MANIFEST_BYTES_MAX = 4 * 1024 ** 2
const ERROR_BYTES_MAX = 64 * 1024
const REDIRECTS_MAX = 5
const RETRIED: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504])

export const CLIENT_DEFAULTS = {
  /** Tries of one request after the first. */
  retriesMax: 4,
  /** Before the first repetition, ms; it doubles every time, and a random part of it is waited. */
  backoffMs: 250,
  /** Longest wait before a repetition, also when the registry asks for more, ms. */
  backoffMaxMs: 60_000,
  idleTimeoutMs: 60_000,
  answerTimeoutMs: 300_000,
  connectionsMax: 8
} as const

export interface ClientOptions {
  readonly host: string
  readonly credentials?: Credentials | null
  /** Without TLS also to another machine. */
  readonly isPlainHttp?: boolean
  readonly ca?: string
  readonly signal?: AbortSignal
  readonly limits?: Partial<Record<keyof typeof CLIENT_DEFAULTS, number>>
  /** Milliseconds. */
  readonly now?: () => number
  readonly random?: () => number
  readonly wait?: (ms: number) => Promise<void>
}

export interface ClientRequest {
  readonly method: string
  /** A path of the registry, or where it said to go on. */
  readonly target: string | URL
  /** `repository:NAME:pull,push` and the like: what a token must allow. */
  readonly scopes: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: RequestBody
  /** Whether it may be sent again when nobody knows what became of it; the default is true. */
  readonly isRepeatable?: boolean
}

/** A manifest as another registry holds it. */
export interface RemoteManifest { readonly bytes: Buffer, readonly digest: string, readonly mediaType: string | null }

/**
 * Another registry, spoken to by the OCI distribution specification 1.1: authorisation, redirects, repetitions. Its
 * credentials go to the registry itself and to the place for tokens that it names, to nobody else.
 */
export class RegistryClient {
  readonly host: string
  readonly base: URL
  readonly #transport: Transport
  readonly #authorization: Authorization
  readonly #limits: Record<keyof typeof CLIENT_DEFAULTS, number>
  readonly #now: () => number
  readonly #random: () => number
  readonly #wait: (ms: number) => Promise<void>

  constructor (options: ClientOptions) {
    const { host, credentials = null, isPlainHttp = false, ca, signal, now = Date.now, random = Math.random } = options
    this.host = host
    this.#limits = { ...CLIENT_DEFAULTS, ...options.limits }
    this.#now = now
    this.#random = random
    this.#wait = options.wait ?? (async (ms) => { await sleep(ms, undefined, signal === undefined ? {} : { signal }) })
    this.base = new URL(`${isPlainHttp || isLoopback(host) ? 'http' : 'https'}://${host === 'docker.io' ? 'registry-1.docker.io' : host}/`)
    const { idleTimeoutMs, answerTimeoutMs, connectionsMax } = this.#limits
    this.#transport = new Transport({
      idleTimeoutMs,
      answerTimeoutMs,
      connectionsMax,
      ...ca === undefined ? {} : { ca },
      ...signal === undefined ? {} : { signal }
    })
    this.#authorization = new Authorization({ host, transport: this.#transport, credentials, isPlainHttp, now })
  }

  get retriesMax (): number {
    return this.#limits.retriesMax
  }

  /**
   * The answer to a request, whatever its status, after redirects (of reading only) and repetitions.
   * @throws RegistryError REMOTE_UNAVAILABLE, REMOTE_UNAUTHORIZED, REMOTE_REFUSED
   */
  async request (request: ClientRequest): Promise<Reply> {
    const { isRepeatable = true } = request
    for (let tries = 0; ; tries++) {
      const isLast = !isRepeatable || tries >= this.#limits.retriesMax
      try {
        const reply = await this.#follow(request)
        if (isLast || !RETRIED.has(reply.status)) return reply
        await dropBody(reply)
        await this.#wait(this.#pause(tries, headerOf(reply, 'retry-after')))
      } catch (error) {
        this.#transport.signal?.throwIfAborted()
        if (error instanceof RegistryError) throw error
        if (isLast || isCertificateFault(error)) throw this.#unavailable(error as Error)
        await this.pause(tries)
      }
    }
  }

  /** Waits before what failed is tried again; longer every time. */
  async pause (tries: number): Promise<void> {
    await this.#wait(this.#pause(tries, null))
  }

  /** A manifest or index, byte for byte; null when there is none. @throws RegistryError DIGEST_MISMATCH, REMOTE_* */
  async manifest (repository: string, reference: string, scopes = pullOf(repository)): Promise<RemoteManifest | null> {
    for (let tries = 0; ; tries++) {
      const reply = await this.request({
        method: 'GET', target: `/v2/${repository}/manifests/${reference}`, scopes, headers: { accept: ACCEPT }
      })
      if (reply.status === 404) {
        await dropBody(reply)
        return null
      }
      if (reply.status !== 200) throw await this.refusal(reply, `the manifest ${reference} of ${repository}`)
      let bytes: Buffer
      try {
        bytes = await readBody(reply, MANIFEST_BYTES_MAX)
      } catch (error) {
        this.#transport.signal?.throwIfAborted()
        if (error instanceof RangeError) {
          throw new RegistryError('REMOTE_REFUSED', `the manifest ${reference} of ${this.host}/${repository} is larger than ${MANIFEST_BYTES_MAX} bytes`)
        }
        if (tries >= this.#limits.retriesMax) throw this.#unavailable(error as Error)
        await this.pause(tries)
        continue
      }
      const digest = digestOf(bytes)
      if (reference.startsWith('sha256:') && reference !== digest) {
        throw new RegistryError('DIGEST_MISMATCH',
          `the manifest ${reference} of ${this.host}/${repository} does not match its digest: the bytes hash to ${digest}`)
      }
      return { bytes, digest, mediaType: headerOf(reply, 'content-type')?.split(';')[0]?.trim() ?? null }
    }
  }

  /** Whether something is there, asked without reading it. */
  async exists (repository: string, kind: 'blobs' | 'manifests', reference: string, scopes = pullOf(repository)): Promise<boolean> {
    const reply = await this.request({
      method: 'HEAD', target: `/v2/${repository}/${kind}/${reference}`, scopes, headers: kind === 'blobs' ? {} : { accept: ACCEPT }
    })
    await dropBody(reply)
    if (reply.status === 200) return true
    if (reply.status === 404) return false
    throw await this.refusal(reply, `${reference} of ${repository}`)
  }

  /** Why a request failed, with what the registry said about it. */
  async refusal (reply: Reply, what: string): Promise<RegistryError> {
    const said = await saidOf(reply)
    const text = `${this.host} answered ${reply.status} for ${what}${said === '' ? '' : `: ${said}`}`
    if (reply.status === 401 || reply.status === 403) {
      return new RegistryError('REMOTE_UNAUTHORIZED', `${text}; log in with an account that may do this: gauntlet login ${this.host}`)
    }
    if (reply.status === 404) return new RegistryError('REMOTE_NOT_FOUND', text)
    return new RegistryError(RETRIED.has(reply.status) ? 'REMOTE_UNAVAILABLE' : 'REMOTE_REFUSED', text)
  }

  /** Where the registry says to go on. @throws RegistryError REMOTE_REFUSED */
  locationOf (reply: Reply): URL {
    const location = headerOf(reply, 'location')
    if (location === null) throw new RegistryError('REMOTE_REFUSED', `${this.host} answered ${reply.status} without a Location`)
    return this.resolve(location, reply.url)
  }

  /** An address that the registry gave; none leads from TLS to plain text. @throws RegistryError REMOTE_REFUSED */
  resolve (location: string, from = this.base): URL {
    const url = URL.canParse(location, from.href) ? new URL(location, from) : null
    // a registry behind a proxy that ends TLS may not know that it is spoken to over TLS
    if (url?.protocol === 'http:' && this.base.protocol === 'https:' && url.host === this.base.host) url.protocol = 'https:'
    if (url?.protocol === 'https:' || (url?.protocol === 'http:' && this.base.protocol === 'http:')) return url
    throw new RegistryError('REMOTE_REFUSED', `${this.host} leads to ${quote(location)}, expected an https URL`)
  }

  close (): void {
    this.#transport.close()
  }

  async #follow (request: ClientRequest): Promise<Reply> {
    let url = new URL(request.target, this.base)
    for (let redirects = 0; ; redirects++) {
      const reply = await this.#authorized(request, url)
      const isRedirect = [301, 302, 303, 307, 308].includes(reply.status) && ['GET', 'HEAD'].includes(request.method)
      if (!isRedirect) return reply
      await dropBody(reply)
      if (redirects === REDIRECTS_MAX) throw new RegistryError('REMOTE_REFUSED', `${this.host} redirects more than ${REDIRECTS_MAX} times`)
      url = this.locationOf(reply)
    }
  }

  /** Sends credentials to the registry only; a 401 is answered once. */
  async #authorized ({ method, scopes, headers = {}, body }: ClientRequest, url: URL): Promise<Reply> {
    const send = async (authorization: string | null) => await this.#transport.send({
      method,
      url,
      headers: { 'user-agent': 'gauntlet', ...headers, ...authorization === null ? {} : { authorization } },
      ...body === undefined ? {} : { body }
    })
    if (url.origin !== this.base.origin) return await send(null)
    const sent = await this.#authorization.header(scopes)
    const reply = await send(sent)
    if (reply.status !== 401) return reply
    const better = await this.#authorization.answer(reply, scopes, sent)
    if (better === null) return reply
    await dropBody(reply)
    return await send(better)
  }

  #pause (tries: number, retryAfter: string | null): number {
    const { backoffMs, backoffMaxMs } = this.#limits
    const asked = retryAfter === null ? NaN : /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - this.#now()
    if (asked >= 0) return Math.min(asked, backoffMaxMs)
    return Math.min(backoffMaxMs, backoffMs * 2 ** tries) * (0.5 + this.#random() / 2)
  }

  #unavailable (error: Error): RegistryError {
    const hint = isCertificateFault(error) ? ' (--ca-file names a certificate authority to trust)' : ''
    return new RegistryError('REMOTE_UNAVAILABLE', `${this.host} cannot be reached: ${error.message || (error as NodeJS.ErrnoException).code}${hint}`, { cause: error })
  }
}

/** What reading a repository needs. Pure. */
export function pullOf (repository: string): readonly string[] {
  return [`repository:${repository}:pull`]
}

/** What writing to a repository needs. Pure. */
export function pushOf (repository: string): readonly string[] {
  return [`repository:${repository}:pull,push`]
}

function isCertificateFault (error: unknown): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|EPROTO/.test((error as NodeJS.ErrnoException).code ?? '')
}

interface OciErrors { readonly errors?: Array<{ readonly code?: unknown, readonly message?: unknown }> }

/** `CODE message` of an OCI error body, safe to print. */
async function saidOf (reply: Reply): Promise<string> {
  try {
    const { errors } = JSON.parse((await readBody(reply, ERROR_BYTES_MAX)).toString()) as OciErrors
    return (errors ?? []).slice(0, 3).map(({ code, message }) => quote(`${String(code)} ${String(message)}`)).join(', ')
  } catch {
    return ''
  }
}
