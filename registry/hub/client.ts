import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { retrying, Temporary, waitAsked, type RetryLimits } from './retry.js'
import { isPrivate, type HubSettings } from './settings.js'

/** Bounds of what is asked of a hub, and how long it is waited for. */
export interface HubLimits extends RetryLimits {
  readonly redirectsMax: number
  /** Until the head of an answer is there. */
  readonly headTimeoutMs: number
  /** Between two pieces of a body. */
  readonly idleTimeoutMs: number
  /** Of one page of a listing. */
  readonly documentBytesMax: number
  /** Paths in a repository, needed or not. */
  readonly entriesMax: number
  /** Files that are fetched at the same time. */
  readonly parallelMax: number
  /** Bytes that unfinished downloads may take together. */
  readonly keptBytesMax: number
}

export const HUB_LIMITS: HubLimits = {
  attemptsMax: 5,
  backoffMs: 250,
  waitMsMax: 120_000,
  redirectsMax: 5,
  headTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
  documentBytesMax: 16 * 1024 ** 2,
  entriesMax: 100_000,
  parallelMax: 4,
  keptBytesMax: 64 * 1024 ** 3
}

/** What a request is about, for messages, and what may stop it. */
export interface HubContext {
  readonly settings: HubSettings
  readonly limits: HubLimits
  readonly signal?: AbortSignal
  /** Waits so many milliseconds; rejects when the signal says so. */
  readonly sleep: (ms: number) => Promise<void>
}

export interface HubAnswer {
  readonly status: number
  /** The last one that says so, redirects included: which commit, and the digest of a large file. */
  readonly commit: string | null
  readonly linkedDigest: string | null
  readonly headers: Headers
  readonly body: AsyncIterable<Uint8Array>
}

/** Speaks to a hub; each call is tried anew while that may help. Nothing that it gives is checked yet. */
export class HubClient {
  constructor (readonly context: HubContext) {
    if (context.settings.isOffline) {
      throw new RegistryError('SOURCE_UNAVAILABLE', 'the hub is not asked because HF_HUB_OFFLINE is set; unset it, or publish a local folder')
    }
  }

  /**
   * A JSON document, and the query of the next page of it.
   * @throws RegistryError SOURCE_NOT_FOUND, SOURCE_FORBIDDEN, SOURCE_UNAVAILABLE, SOURCE_INVALID
   */
  async document (path: string, label: string): Promise<{ document: unknown, next: string | null }> {
    return await retrying(this.context, label, async () => {
      const { body, headers } = await this.open(path, label)
      const chunks: Uint8Array[] = []
      let bytes = 0
      for await (const chunk of body) {
        bytes += chunk.length
        if (bytes > this.context.limits.documentBytesMax) {
          throw new RegistryError('SOURCE_INVALID', `the hub's answer about ${label} is larger than ${this.context.limits.documentBytesMax} bytes`)
        }
        chunks.push(chunk)
      }
      return { document: parseJson(Buffer.concat(chunks).toString(), label), next: nextQuery(headers.get('link')) }
    })
  }

  /** One attempt: the bytes at `path` of the endpoint from `offset` on. @throws Temporary when another may help */
  async open (path: string, label: string, offset = 0): Promise<HubAnswer> {
    const { settings, limits } = this.context
    let url = `${settings.endpoint}${path}`
    let isAtHome = true
    let commit: string | null = null
    let linkedDigest: string | null = null
    for (let redirects = 0; redirects <= limits.redirectsMax; redirects++) {
      const { response, controller } = await this.#fetch(url, isAtHome, offset)
      commit = (isAtHome ? response.headers.get('x-repo-commit') : null) ?? commit
      linkedDigest = (isAtHome ? digestIn(response.headers.get('x-linked-etag')) : null) ?? linkedDigest
      const location = response.headers.get('location')
      if (response.status < 300 || response.status > 399 || location === null) {
        if (response.status !== 200 && response.status !== 206) {
          controller.abort()
          throw refusal(response, label, this.context)
        }
        const { status, headers } = response
        return { status, commit, linkedDigest, headers, body: this.#pieces(response, controller) }
      }
      controller.abort()
      const next = redirected(url, location, label)
      isAtHome &&= new URL(next).origin === new URL(settings.endpoint).origin
      url = next
    }
    throw new RegistryError('SOURCE_INVALID', `the hub redirects ${label} more than ${limits.redirectsMax} times`)
  }

  async #fetch (
    url: string, isAtHome: boolean, offset: number
  ): Promise<{ response: Response, controller: AbortController }> {
    const { settings: { token }, limits, signal } = this.context
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(new Temporary(`no answer within ${limits.headTimeoutMs} ms`)), limits.headTimeoutMs)
    try {
      const response = await fetch(url, {
        redirect: 'manual',
        signal: signal === undefined ? controller.signal : AbortSignal.any([signal, controller.signal]),
        headers: {
          'user-agent': 'gauntlet',
          // a compressed body could not be resumed in the middle
          'accept-encoding': 'identity',
          ...(offset > 0 ? { range: `bytes=${offset}-` } : {}),
          ...(token !== null && isAtHome ? { authorization: `Bearer ${token}` } : {})
        }
      })
      return { response, controller }
    } catch (error) {
      throw this.#broken(error)
    } finally {
      clearTimeout(timer)
    }
  }

  async * #pieces (response: Response, controller: AbortController): AsyncIterable<Uint8Array> {
    const { idleTimeoutMs } = this.context.limits
    const abort = (): void => controller.abort(new Temporary(`nothing came for ${idleTimeoutMs} ms`))
    let timer = setTimeout(abort, idleTimeoutMs)
    try {
      for await (const piece of response.body ?? []) {
        clearTimeout(timer)
        yield piece
        timer = setTimeout(abort, idleTimeoutMs)
      }
    } catch (error) {
      throw this.#broken(error)
    } finally {
      clearTimeout(timer)
      controller.abort()
    }
  }

  /** Whoever asked for an end gets that; whatever else breaks a connection may not break the next one. */
  #broken (error: unknown): unknown {
    this.context.signal?.throwIfAborted()
    if (error instanceof Temporary) return error
    const { cause, message } = error as Error & { cause?: Error & { code?: string } }
    return new Temporary(cause?.message || cause?.code || message)
  }
}

/** What an answer that is none means. */
function refusal (response: Response, label: string, { settings }: HubContext): Error {
  const { status, headers } = response
  const code = headers.get('x-error-code')
  const where = new URL(settings.endpoint).host
  if (status === 408 || status === 429 || status >= 500) return new Temporary(`${where} answers ${status}`, waitAsked(headers))
  if (status === 404 || code === 'RepoNotFound' || code === 'RevisionNotFound') {
    const mayBePrivate = code !== 'RevisionNotFound' && code !== 'EntryNotFound'
    const hint = settings.token === null ? ', or it is private and needs HF_TOKEN' : ', or the token may not see it'
    return new RegistryError('SOURCE_NOT_FOUND', `${label} is not at ${where}${mayBePrivate ? hint : ''}`)
  }
  if (status === 401 || status === 403) {
    return new RegistryError('SOURCE_FORBIDDEN', code === 'GatedRepo'
      ? `${label} is gated: ask its owner for access at ${settings.endpoint}, and set HF_TOKEN to a token of that account`
      : `${where} refuses ${label} (${status}): ${settings.token === null ? 'set HF_TOKEN to a token that may read it' : 'the token may not read it, or has expired'}`)
  }
  return new RegistryError('SOURCE_INVALID', `${where} answers ${status} to the request for ${label}`)
}

function redirected (from: string, location: string, label: string): string {
  const target = URL.canParse(location, from) ? new URL(location, from).href : null
  if (target === null || !/^https?:/.test(target) || (isPrivate(from) && !isPrivate(target))) {
    throw new RegistryError('SOURCE_INVALID', `the hub redirects ${label} to ${quote(location)}, which is not followed`)
  }
  return target
}

/** The SHA-256 in an entity tag, which may be weak and is quoted; null when it is something else. */
function digestIn (tag: string | null): string | null {
  return /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(tag ?? '')?.[1] ?? null
}

/** Only its query is taken from the link: a mirror may pass on links that name the hub behind it. */
function nextQuery (link: string | null): string | null {
  const target = /<([^>]+)>\s*;[^,]*\brel="?next"?/.exec(link ?? '')?.[1]
  return target !== undefined && URL.canParse(target, 'http://hub') ? new URL(target, 'http://hub').search : null
}

function parseJson (text: string, label: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RegistryError('SOURCE_INVALID', `the hub's answer about ${label} is not JSON`, { cause: error })
  }
}
