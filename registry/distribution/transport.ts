import http from 'node:http'
import https from 'node:https'
import type { Readable } from 'node:stream'
import { rootCertificates } from 'node:tls'

export interface TransportOptions {
  /** PEM of further certificate authorities, beside those that Node trusts. */
  readonly ca?: string
  /** A connection on which no byte moves while bytes should is given up after this long, ms. */
  readonly idleTimeoutMs: number
  /** Longest wait for an answer once a request is sent, ms: a registry may hash a whole blob before it answers. */
  readonly answerTimeoutMs: number
  /** Connections to one host at a time. */
  readonly connectionsMax: number
  readonly signal?: AbortSignal
}

/** What is sent: bytes, or a stream of known length that is opened anew for each try. */
export type RequestBody = Buffer | { readonly lengthBytes: number, readonly open: () => Readable }

export interface TransportRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: RequestBody
}

/** An answer whose body was not read yet; whoever gets it reads it or drops it. */
export interface Reply {
  readonly url: URL
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: http.IncomingMessage
}

/** One request, one answer, over kept-open connections. Knows no credentials, follows no redirect, repeats nothing. */
export class Transport {
  readonly #options: TransportOptions
  readonly #http: http.Agent
  readonly #https: https.Agent

  constructor (options: TransportOptions) {
    this.#options = options
    const { connectionsMax: maxSockets, ca } = options
    this.#http = new http.Agent({ keepAlive: true, maxSockets })
    const authorities = ca === undefined ? {} : { ca: [...rootCertificates, ca] }
    this.#https = new https.Agent({ keepAlive: true, maxSockets, ...authorities })
  }

  get signal (): AbortSignal | undefined {
    return this.#options.signal
  }

  /** @throws Error when no answer comes: the connection failed, was cut or stood still, or the work was aborted */
  async send ({ method, url, headers, body }: TransportRequest): Promise<Reply> {
    const { idleTimeoutMs, answerTimeoutMs, signal } = this.#options
    const secure = url.protocol === 'https:'
    const length = body === undefined ? {} : { 'content-length': String(Buffer.isBuffer(body) ? body.length : body.lengthBytes) }
    return await new Promise<Reply>((resolve, reject) => {
      const request = (secure ? https : http).request(url, {
        method,
        headers: { ...headers, ...length },
        agent: secure ? this.#https : this.#http,
        ...signal === undefined ? {} : { signal }
      })
      const stream = body === undefined || Buffer.isBuffer(body) ? null : body.open()
      request.setTimeout(idleTimeoutMs, () => request.destroy(new Error(`no byte moved for ${idleTimeoutMs} ms`)))
      request.on('finish', () => request.setTimeout(answerTimeoutMs))
      request.on('error', (error) => {
        stream?.destroy()
        reject(error)
      })
      request.on('response', (response) => {
        request.setTimeout(idleTimeoutMs)
        response.on('error', () => {}) // whoever reads the body is told by its reader
        // an answer before the end of what is sent is a refusal: the rest would be sent in vain
        if (stream !== null && !request.writableFinished) {
          stream.destroy()
          response.on('close', () => request.destroy())
        }
        resolve({ url, status: response.statusCode ?? 0, headers: response.headers, body: response })
      })
      if (stream === null) {
        request.end(body)
        return
      }
      stream.on('error', (error) => request.destroy(error))
      stream.pipe(request)
    })
  }

  close (): void {
    this.#http.destroy()
    this.#https.destroy()
  }
}

/** The whole body. @throws Error when it is longer than `bytesMax` or is cut */
export async function readBody ({ body }: Reply, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length
    if (sizeBytes > bytesMax) {
      body.destroy()
      throw new RangeError(`the answer is longer than ${bytesMax} bytes`)
    }
    chunks.push(chunk)
  }
  if (!body.complete) throw new Error('the connection was cut')
  return Buffer.concat(chunks)
}

/** Reads a short body to its end, so that the connection can be used again, and gives a long one up. */
export async function dropBody (reply: Reply): Promise<void> {
  await readBody(reply, 64 * 1024).catch(() => reply.body.destroy())
}

/** One value of a header. Pure. */
export function headerOf ({ headers }: Reply, name: string): string | null {
  const value = headers[name]
  return Array.isArray(value) ? value[0] ?? null : value ?? null
}
