import type { Readable } from 'node:stream'
import { RegistryError } from '../errors.js'
import type { TransferProgress } from '../progress.js'
import { pushOf, type RegistryClient } from './client.js'
import { dropBody, headerOf, type Reply, type RequestBody } from './transport.js'
import type { UploadSessions } from './upload-sessions.js'

/** A blob this small is sent with the first request, as a registry that does not like that says so cheaply. */
const MONOLITHIC_BYTES_MAX = 64 * 1024
const RESTARTS_MAX = 3
const OCTETS = { 'content-type': 'application/octet-stream' }

export interface LocalBlob {
  readonly digest: string
  readonly sizeBytes: number
  /** Bytes from `start` up to, without, `end`. */
  readonly open: (start: number, end: number) => Readable
}

export interface UploadOptions {
  /** A larger blob is sent in pieces of this size. */
  readonly chunkBytes: number
  readonly sessions: UploadSessions
  /** A repository of the same registry that may have the blob. */
  readonly mountFrom: string | null
  readonly progress: TransferProgress
  readonly onChunk: () => void
}

export type Uploaded = 'sent' | 'mounted'

/** Where an upload stands. */
interface Session { readonly url: URL, readonly offset: number, readonly chunkMinBytes: number }

/**
 * Brings one blob into a repository: mounted, or at once, or in pieces of which each is known to have arrived before
 * the next. What was interrupted, also by a kill, goes on where the registry says that it stands.
 */
export class BlobUpload {
  readonly #client: RegistryClient
  readonly #repository: string
  readonly #blob: LocalBlob
  readonly #options: UploadOptions
  #counted = 0

  constructor (client: RegistryClient, repository: string, blob: LocalBlob, options: UploadOptions) {
    this.#client = client
    this.#repository = repository
    this.#blob = blob
    this.#options = options
  }

  /** @throws RegistryError REMOTE_*; DIGEST_MISMATCH when the registry found other bytes than the digest says */
  async run (): Promise<Uploaded> {
    const { digest } = this.#blob
    const resumed = this.#isChunked ? await this.#resume() : null
    let session = resumed
    for (let restarts = 0; restarts <= RESTARTS_MAX; restarts++) {
      const begun = session ?? await this.#begin()
      session = null
      if (typeof begun === 'string') return begun
      const ended = await this.#send(begun)
      if (!ended) continue
      await this.#options.sessions.forget(this.#place, digest)
      return 'sent'
    }
    throw new RegistryError('REMOTE_UNAVAILABLE', `${this.#client.host} lost the upload of ${digest} ${RESTARTS_MAX + 1} times`)
  }

  get #place (): string {
    return `${this.#client.base.href}${this.#repository}`
  }

  get #isChunked (): boolean {
    return this.#blob.sizeBytes > this.#options.chunkBytes
  }

  /** Opens an upload, unless the blob is there after the one request. */
  async #begin (): Promise<Session | Uploaded> {
    const { digest, sizeBytes } = this.#blob
    const { mountFrom } = this.#options
    const target = `/v2/${this.#repository}/blobs/uploads/`
    const isWhole = mountFrom === null && !this.#isChunked && sizeBytes <= MONOLITHIC_BYTES_MAX
    const query = mountFrom !== null ? `?mount=${digest}&from=${mountFrom}` : isWhole ? `?digest=${digest}` : ''
    const reply = await this.#client.request({
      method: 'POST',
      target: `${target}${query}`,
      scopes: [...pushOf(this.#repository), ...mountFrom === null ? [] : [`repository:${mountFrom}:pull`]],
      ...isWhole ? { headers: OCTETS, body: this.#body(0, sizeBytes, false) } : { body: Buffer.alloc(0) }
    })
    if (reply.status === 201) {
      await dropBody(reply)
      this.#count(sizeBytes)
      return mountFrom === null ? 'sent' : 'mounted'
    }
    if (reply.status !== 202) throw await this.#refusal(reply)
    await dropBody(reply)
    const minimum = Number(headerOf(reply, 'oci-chunk-min-length') ?? 0)
    const chunkMinBytes = Number.isSafeInteger(minimum) ? Math.max(0, minimum) : 0
    const session = { url: this.#client.locationOf(reply), offset: 0, chunkMinBytes }
    this.#count(0)
    await this.#keep(session)
    return session
  }

  /** False when the registry has lost the upload, so that another has to begin. */
  async #send (begun: Session): Promise<boolean> {
    let session: Session | null = begun
    for (let failures = 0; session !== null;) {
      const before: number = session.offset
      const next: Session | 'ended' | null = await this.#sendPart(session)
      if (next === 'ended') return true
      if (next !== null) this.#count(next.offset)
      const isProgress: boolean = next !== null && next.offset > before
      if (isProgress) {
        await this.#keep(next as Session)
        this.#options.onChunk()
      }
      failures = isProgress ? 0 : failures + 1
      if (failures > this.#client.retriesMax) throw new RegistryError('REMOTE_UNAVAILABLE', `${this.#client.host} takes no more of ${this.#blob.digest}`)
      if (!isProgress && next !== null) await this.#client.pause(failures - 1)
      session = next
    }
    this.#count(0)
    return false
  }

  /** The next piece, or the end. Null when the upload is gone. */
  async #sendPart (session: Session): Promise<Session | 'ended' | null> {
    const { sizeBytes, digest } = this.#blob
    const end = Math.min(sizeBytes, session.offset + Math.max(this.#options.chunkBytes, session.chunkMinBytes))
    const isAtOnce = session.offset === 0 && end === sizeBytes
    const isLast = isAtOnce || session.offset === sizeBytes
    let reply: Reply
    try {
      reply = await this.#client.request({
        method: isLast ? 'PUT' : 'PATCH',
        target: isLast ? withDigest(session.url, digest) : session.url,
        scopes: pushOf(this.#repository),
        headers: isLast ? OCTETS : { ...OCTETS, 'content-range': `${session.offset}-${end - 1}` },
        body: this.#body(session.offset, end, true),
        isRepeatable: false
      })
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'REMOTE_UNAVAILABLE') throw error
      return await this.#recover(session)
    }
    if (isLast && reply.status === 201) {
      await dropBody(reply)
      return 'ended'
    }
    if (!isLast && reply.status === 202) {
      await dropBody(reply)
      const offset = offsetOf(reply) ?? end
      if (offset > end) throw new RegistryError('REMOTE_REFUSED', `${this.#client.host} has ${offset} bytes of ${digest}, ${end} were sent`)
      return { ...session, url: this.#client.locationOf(reply), offset }
    }
    if (reply.status === 404 || reply.status === 416 || reply.status === 429 || reply.status >= 500) {
      await dropBody(reply)
      return await this.#recover(session)
    }
    throw await this.#refusal(reply)
  }

  /** How far an upload is whose last request had no answer; 'ended' when it was the last that was needed. */
  async #recover (session: Session): Promise<Session | 'ended' | null> {
    if (await this.#client.exists(this.#repository, 'blobs', this.#blob.digest, pushOf(this.#repository))) return 'ended'
    const reply = await this.#client.request({ method: 'GET', target: session.url, scopes: pushOf(this.#repository) })
    await dropBody(reply)
    if (reply.status !== 204) return null
    const offset = offsetOf(reply) ?? 0
    if (offset > this.#blob.sizeBytes) return null
    return { ...session, offset, url: headerOf(reply, 'location') === null ? session.url : this.#client.locationOf(reply) }
  }

  /** An upload that an earlier process began. */
  async #resume (): Promise<Session | null> {
    const location = await this.#options.sessions.find(this.#place, this.#blob.digest)
    if (location === null) return null
    try {
      const session = await this.#recover({ url: this.#client.resolve(location), offset: 0, chunkMinBytes: 0 })
      if (session === null || session === 'ended') return null
      this.#count(session.offset)
      return session
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'REMOTE_REFUSED') return null
      throw error
    }
  }

  async #keep ({ url }: Session): Promise<void> {
    if (this.#isChunked) await this.#options.sessions.save(this.#place, this.#blob.digest, url.href)
  }

  #body (start: number, end: number, isCounted: boolean): RequestBody {
    if (start === end) return Buffer.alloc(0)
    return {
      lengthBytes: end - start,
      open: () => {
        const stream = this.#blob.open(start, end)
        if (isCounted) {
          this.#count(start)
          stream.on('data', (bytes: Buffer) => this.#count(this.#counted + bytes.length))
        }
        return stream
      }
    }
  }

  /** Tells how many bytes are there; fewer than before when some have to be sent again. */
  #count (bytes: number): void {
    this.#options.progress.add(bytes - this.#counted)
    this.#counted = bytes
  }

  async #refusal (reply: Reply): Promise<RegistryError> {
    const { digest } = this.#blob
    const error = await this.#client.refusal(reply, `the blob ${digest}`)
    return /DIGEST_INVALID/.test(error.message) ? new RegistryError('DIGEST_MISMATCH', error.message) : error
  }
}

/** The address with the digest behind what is there: anything else of it may be signed. Pure. */
function withDigest (url: URL, digest: string): URL {
  const whole = new URL(url)
  whole.search = `${url.search === '' ? '?' : `${url.search}&`}digest=${encodeURIComponent(digest)}`
  return whole
}

/** How many bytes a registry has: `Range: 0-N`, inclusive; an empty upload also says `0-0`. Pure. */
function offsetOf (reply: Reply): number | null {
  const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(headerOf(reply, 'range') ?? '') ?? []
  if (last === undefined) return null
  return last === '0' ? 0 : Number(last) + 1
}
