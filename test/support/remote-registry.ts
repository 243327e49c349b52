import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export interface RemoteOptions {
  /** How it wants to know who is there. */
  readonly auth?: 'none' | 'basic' | 'token'
  /** Whether it keeps track of referrers itself. */
  readonly hasReferrers?: boolean
  /** Whether it takes a blob with the first request. */
  readonly isMonolithic?: boolean
  readonly chunkMinBytes?: number
  /** Looks at each request first; true when it has answered, or cut it. */
  readonly fault?: (request: SeenRequest, response: ServerResponse, message: IncomingMessage) => boolean | Promise<boolean>
  /** Of the body of a request: after how many bytes it is cut; null for not at all. */
  readonly cutAfterBytes?: (request: SeenRequest) => number | null
}

export interface SeenRequest { readonly method: string, readonly url: string, readonly headers: IncomingHttpHeaders }

interface Upload { repository: string, state: string, bytes: Buffer }

export const USER = { username: 'ann', password: 'secret:with colon' }

/** A registry in memory that speaks the distribution specification over a real socket, and fails as it is told. */
export class RemoteRegistry {
  readonly seen: SeenRequest[] = []
  readonly blobs = new Map<string, Buffer>()
  readonly manifests = new Map<string, { bytes: Buffer, mediaType: string }>()
  readonly uploads = new Map<string, Upload>()
  readonly tokens = new Set<string>()
  readonly options: { -readonly [key in keyof RemoteOptions]: RemoteOptions[key] | undefined }
  host = ''

  private constructor (options: RemoteOptions) {
    this.options = { ...options }
  }

  static async start (options: RemoteOptions = {}): Promise<RemoteRegistry> {
    const remote = new RemoteRegistry(options)
    const server = createServer((request, response) => {
      remote.#handle(request, response).catch((error: Error) => { if (!response.destroyed) response.destroy(error) })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    remote.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    return remote
  }

  /** `METHOD path` of everything it was asked, without queries and digests. */
  get calls (): string[] {
    return this.seen.map(({ method, url }) => `${method} ${url.split('?')[0]!.replace(/sha256:[0-9a-f]{64}/, 'DIGEST').replace(/uploads\/[^/]+/, 'uploads/ID')}`)
  }

  async #handle (message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = { method: message.method ?? '', url: message.url ?? '', headers: message.headers }
    this.seen.push(request)
    if (await this.options.fault?.(request, response, message) === true) return
    const url = new URL(request.url, 'http://registry')
    if (url.pathname === '/token') return this.#token(request, url, response)
    if (!this.#isAllowed(request, response)) {
      message.resume()
      return
    }
    const [, repository = '', rest = ''] = /^\/v2\/(.+?)\/((?:blobs|manifests|referrers)\/.*)$/.exec(url.pathname) ?? []
    const body = ['PUT', 'PATCH', 'POST'].includes(request.method) ? await this.#receive(message, rest, this.options.cutAfterBytes?.(request) ?? Infinity) : Buffer.alloc(0)
    if (url.pathname === '/v2/') return reply(response, 200, {})
    if (rest.startsWith('blobs/uploads/')) return this.#upload(request, { url, repository, id: rest.slice('blobs/uploads/'.length), body, response })
    if (rest.startsWith('blobs/')) return this.#blob(request, `${repository}@${rest.slice(6)}`, response)
    if (rest.startsWith('referrers/')) return this.#referrers(repository, rest.slice(10), response)
    if (rest.startsWith('manifests/')) return this.#manifest(request, { repository, reference: rest.slice(10), body, response })
    return refuse(response, 404, 'NAME_UNKNOWN')
  }

  /** Of an upload that is cut, what has arrived stays. */
  async #receive (message: IncomingMessage, rest: string, bytesMax: number): Promise<Buffer> {
    const chunks: Buffer[] = []
    try {
      let rest = bytesMax
      for await (const chunk of message as AsyncIterable<Buffer>) {
        chunks.push(chunk.subarray(0, rest))
        rest -= chunk.length
        if (rest <= 0) throw new Error('cut')
      }
    } catch (error) {
      const upload = this.uploads.get(rest.slice('blobs/uploads/'.length))
      if (upload !== undefined) upload.bytes = Buffer.concat([upload.bytes, ...chunks])
      throw error
    }
    return Buffer.concat(chunks)
  }

  #isAllowed ({ headers, url }: SeenRequest, response: ServerResponse): boolean {
    const { auth = 'none' } = this.options
    const given = headers.authorization ?? ''
    if (auth === 'none') return true
    if (auth === 'basic' && given === basicOf(USER)) return true
    if (auth === 'token' && this.tokens.has(given.replace('Bearer ', ''))) return true
    const repository = /^\/v2\/(.+?)\/(?:blobs|manifests|referrers)\//.exec(url)?.[1]
    const scope = repository === undefined ? '' : `,scope="repository:${repository}:pull"`
    response.setHeader('www-authenticate', auth === 'basic' ? 'Basic realm="test"' : `Bearer realm="http://${this.host}/token",service="test"${scope}`)
    refuse(response, 401, 'UNAUTHORIZED')
    return false
  }

  /** Everybody may read; who writes has to say who they are. */
  #token ({ headers }: SeenRequest, url: URL, response: ServerResponse): void {
    const isPush = url.searchParams.getAll('scope').some((scope) => scope.includes('push'))
    if ((isPush || headers.authorization !== undefined) && headers.authorization !== basicOf(USER)) return refuse(response, 401, 'UNAUTHORIZED')
    const token = randomUUID()
    this.tokens.add(token)
    reply(response, 200, { token, expires_in: 300 })
  }

  #upload ({ method, headers }: SeenRequest, call: { url: URL, repository: string, id: string, body: Buffer, response: ServerResponse }): void {
    const { url, repository, id, body, response } = call
    const digest = url.searchParams.get('digest')
    if (id === '') {
      const mounted = this.blobs.get(`${url.searchParams.get('from')}@${url.searchParams.get('mount')}`)
      if (mounted !== undefined) return this.#keep(repository, url.searchParams.get('mount')!, mounted, response)
      if (digest !== null && this.options.isMonolithic === true) return this.#keep(repository, digest, body, response)
      const fresh = randomUUID()
      this.uploads.set(fresh, { repository, state: randomUUID(), bytes: Buffer.alloc(0) })
      return this.#stand(fresh, response, 202)
    }
    const upload = this.uploads.get(id)
    if (upload === undefined || upload.repository !== repository) return refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN')
    if (method === 'GET') return this.#stand(id, response, 204)
    if (url.searchParams.get('state') !== upload.state) return refuse(response, 400, 'BLOB_UPLOAD_INVALID')
    if (method === 'PATCH') {
      const start = Number(headers['content-range']?.split('-')[0])
      if (start !== upload.bytes.length) return refuse(response, 416, 'RANGE_INVALID')
      upload.bytes = Buffer.concat([upload.bytes, body])
      upload.state = randomUUID()
      return this.#stand(id, response, 202)
    }
    this.uploads.delete(id)
    this.#keep(repository, digest ?? '', Buffer.concat([upload.bytes, body]), response)
  }

  #stand (id: string, response: ServerResponse, status: number): void {
    const { repository, state, bytes } = this.uploads.get(id)!
    response.setHeader('location', `/v2/${repository}/blobs/uploads/${id}?state=${state}`)
    response.setHeader('range', `0-${Math.max(0, bytes.length - 1)}`)
    if (this.options.chunkMinBytes !== undefined) response.setHeader('oci-chunk-min-length', this.options.chunkMinBytes)
    response.writeHead(status).end()
  }

  #keep (repository: string, digest: string, bytes: Buffer, response: ServerResponse): void {
    if (digestOf(bytes) !== digest) return refuse(response, 400, 'DIGEST_INVALID')
    this.blobs.set(`${repository}@${digest}`, bytes)
    response.writeHead(201, { location: `/v2/${repository}/blobs/${digest}` }).end()
  }

  #blob ({ method, headers }: SeenRequest, key: string, response: ServerResponse): void {
    const bytes = this.blobs.get(key)
    if (bytes === undefined) return refuse(response, 404, 'BLOB_UNKNOWN')
    const [, start] = /^bytes=(\d+)-$/.exec(headers.range ?? '') ?? []
    const part = bytes.subarray(Number(start ?? 0))
    if (start !== undefined) response.setHeader('content-range', `bytes ${start}-${bytes.length - 1}/${bytes.length}`)
    response.writeHead(start === undefined ? 200 : 206, { 'content-length': part.length }).end(method === 'HEAD' ? undefined : part)
  }

  #manifest ({ method, headers }: SeenRequest, call: { repository: string, reference: string, body: Buffer, response: ServerResponse }): void {
    const { repository, reference, body, response } = call
    if (method === 'PUT') {
      const { layers = [], config, subject } = JSON.parse(body.toString())
      const missing = [...layers, ...config === undefined ? [] : [config]].filter(({ digest }: { digest: string }) => !this.blobs.has(`${repository}@${digest}`))
      if (missing.length > 0) return refuse(response, 400, 'MANIFEST_BLOB_UNKNOWN')
      const stored = { bytes: body, mediaType: headers['content-type'] ?? '' }
      this.manifests.set(`${repository}:${reference}`, stored).set(`${repository}:${digestOf(body)}`, stored)
      if (subject !== undefined && this.options.hasReferrers === true) response.setHeader('oci-subject', subject.digest)
      response.writeHead(201, { 'docker-content-digest': digestOf(body) }).end()
      return
    }
    const found = this.manifests.get(`${repository}:${reference}`)
    if (found === undefined || !(headers.accept ?? '').includes(found.mediaType)) return refuse(response, 404, 'MANIFEST_UNKNOWN')
    response.writeHead(200, { 'content-type': found.mediaType, 'content-length': found.bytes.length }).end(method === 'HEAD' ? undefined : found.bytes)
  }

  #referrers (repository: string, subject: string, response: ServerResponse): void {
    if (this.options.hasReferrers !== true) return refuse(response, 404, 'NOT_FOUND')
    const manifests = [...this.manifests].filter(([key, { bytes }]) =>
      key.startsWith(`${repository}:sha256:`) && JSON.parse(bytes.toString()).subject?.digest === subject)
      .map(([key, { bytes, mediaType }]) => ({ mediaType, digest: key.slice(repository.length + 1), size: bytes.length, artifactType: JSON.parse(bytes.toString()).artifactType }))
    reply(response, 200, { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests })
  }
}

export function digestOf (bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

export function basicOf ({ username, password }: typeof USER): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function reply (response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function refuse (response: ServerResponse, status: number, code: string): void {
  reply(response, status, { errors: [{ code, message: code.toLowerCase() }] })
}
