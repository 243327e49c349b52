import http from 'node:http'
import https from 'node:https'

/** Why there is no answer: the server could not be reached or hung up, it took too long, or it sent too much. */
export type CallFaultKind = 'unreachable' | 'late' | 'too-long'

/** No answer came, or none that can be used. */
export class CallFault extends Error {
  override readonly name = 'CallFault'

  constructor (readonly kind: CallFaultKind, message: string, options?: ErrorOptions) {
    super(message, options)
  }
}

export interface Answer { readonly status: number, readonly body: Buffer }

export interface HttpClientOptions {
  readonly headers: Readonly<Record<string, string>>
  readonly connectionsMax: number
  readonly replyBytesMax: number
}

export interface Call { readonly method: 'GET' | 'POST', readonly url: string, readonly body?: string, readonly timeoutMs: number }

type Attempt = { readonly answer: Answer } | { readonly fault: CallFault, readonly isStale: boolean }

/**
 * Requests over connections that are kept open. Follows no redirect. Repeats only what a connection swallowed that the
 * server had closed meanwhile, on a fresh one.
 */
export class HttpClient {
  readonly #options: HttpClientOptions
  readonly #http: http.Agent
  readonly #https: https.Agent

  constructor (options: HttpClientOptions) {
    const { connectionsMax: maxSockets } = options
    this.#options = options
    this.#http = new http.Agent({ keepAlive: true, maxSockets, maxFreeSockets: maxSockets })
    this.#https = new https.Agent({ keepAlive: true, maxSockets, maxFreeSockets: maxSockets })
  }

  /** The whole answer. @throws CallFault */
  async call (call: Call): Promise<Answer> {
    const startedAt = performance.now()
    const first = await this.#attempt(call, false)
    if ('answer' in first) return first.answer
    const leftMs = Math.floor(call.timeoutMs - (performance.now() - startedAt))
    if (!first.isStale || leftMs < 1) throw first.fault
    const second = await this.#attempt({ ...call, timeoutMs: leftMs }, true)
    if ('answer' in second) return second.answer
    throw second.fault
  }

  /** Ends all connections; what is under way fails. */
  close (): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  async #attempt ({ method, url, body, timeoutMs }: Call, isFresh: boolean): Promise<Attempt> {
    const isSecure = url.startsWith('https:')
    const agent = isFresh ? false : isSecure ? this.#https : this.#http
    const content = body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }
    return await new Promise<Attempt>((resolve) => {
      let hasBegun = false
      const request = (isSecure ? https : http).request(url, {
        method, agent, headers: { accept: 'application/json', ...this.#options.headers, ...content }
      })
      const end = (attempt: Attempt): void => {
        clearTimeout(timer)
        resolve(attempt)
      }
      const fail = (fault: CallFault): void => {
        end({ fault, isStale: fault.kind === 'unreachable' && request.reusedSocket && !hasBegun })
        request.destroy()
      }
      const timer = setTimeout(() => { fail(new CallFault('late', `no answer within ${timeoutMs} ms`)) }, timeoutMs)
      request.on('error', (error) => { fail(unreachable(error)) })
      request.on('response', (response) => {
        hasBegun = true
        this.#read(response).then((answer) => { end({ answer }) }, (error: unknown) => {
          fail(error instanceof CallFault ? error : unreachable(error as Error))
        })
      })
      request.end(body)
    })
  }

  async #read (response: http.IncomingMessage): Promise<Answer> {
    const { replyBytesMax } = this.#options
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > replyBytesMax) throw new CallFault('too-long', `the answer is longer than ${replyBytesMax} bytes`)
      chunks.push(chunk)
    }
    return { status: response.statusCode ?? 0, body: Buffer.concat(chunks) }
  }
}

/** Node says nothing in the message of an error of several addresses. */
function unreachable (error: Error): CallFault {
  const { code = 'no answer' } = error as NodeJS.ErrnoException
  return new CallFault('unreachable', error.message === '' ? code : error.message, { cause: error })
}
