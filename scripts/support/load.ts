import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { ResponseParser, type HttpResponse } from './http-response.js'

/** At least one of `durationMs` and `requests` is given; the run ends at whichever comes first. */
export interface LoadOptions {
  readonly host: string
  readonly port: number
  readonly connections: number
  readonly durationMs?: number
  readonly requests?: number
  /** The bytes of the i-th request, head and body; i counts from 0 over all connections. */
  readonly request: (i: number) => Buffer
  readonly onResponse?: (status: number, headers: string, body: Buffer, latencyMs: number, i: number) => void
  /** An answer (or connection) later than this is an error; the connection is given up. Default 30 000. */
  readonly requestTimeoutMs?: number
  /** After this many errors without an answer between, a connection stops. Default 20. */
  readonly errorsInRowMax?: number
  /** Pause of a connection between an answer and its next request, so that the server is not saturated. Default 0. */
  readonly thinkMs?: number
  /** Pause before connecting again after an error. Default 50. */
  readonly reconnectDelayMs?: number
}

export interface LoadResult {
  /** Requests answered, whatever the status. */
  readonly requests: number
  /** Requests without an answer: refused, cut off, timed out or not HTTP. */
  readonly errors: number
  readonly non2xx: number
  readonly seconds: number
  /** From writing the request to having the whole answer; one per answered request, in order of arrival. */
  readonly latenciesMs: Float64Array
}

/**
 * Closed-loop load: every keep-alive connection sends its next request when the last one is answered, or a pause
 * later. Raw sockets and ready-made bytes, so that the client takes little of the processor it shares with the server.
 * Requests in flight at the end are waited for, `requestTimeoutMs` at most. Rejects with what `request` or `onResponse`
 * throws.
 * @throws RangeError when the run would have no end or no connection
 */
export function runLoad (options: LoadOptions): Promise<LoadResult> {
  if (options.durationMs === undefined && options.requests === undefined) {
    throw new RangeError('a load run needs durationMs or requests')
  }
  if (!(options.connections >= 1)) throw new RangeError(`connections must be 1 or more, got ${options.connections}`)
  return new LoadRun(options).run()
}

/** Counts of one run, and the say over whether another request may start. */
class LoadRun {
  readonly latencies = new Latencies()
  errors = 0
  non2xx = 0
  private started = 0
  private failure: { readonly error: unknown } | null = null
  private readonly endsAt: number
  private readonly startedAt = performance.now()

  constructor (readonly options: LoadOptions) {
    this.endsAt = this.startedAt + (options.durationMs ?? Infinity)
  }

  async run (): Promise<LoadResult> {
    const { connections, requestTimeoutMs = 30_000 } = this.options
    const lanes = Array.from({ length: connections }, () => new Connection(this))
    const giveUpLate = () => lanes.forEach((lane) => lane.giveUpBefore(performance.now() - requestTimeoutMs))
    const watch = setInterval(giveUpLate, Math.max(10, requestTimeoutMs / 10))
    await Promise.all(lanes.map((lane) => lane.run()))
    clearInterval(watch)
    if (this.failure !== null) throw this.failure.error
    return {
      requests: this.latencies.count,
      errors: this.errors,
      non2xx: this.non2xx,
      seconds: (performance.now() - this.startedAt) / 1000,
      latenciesMs: this.latencies.values()
    }
  }

  get isOver (): boolean {
    const { requests = Infinity } = this.options
    return this.failure !== null || this.started >= requests || performance.now() >= this.endsAt
  }

  fail (error: unknown): void {
    this.failure ??= { error }
  }

  take (): number {
    return this.started++
  }

  answered (response: HttpResponse, latencyMs: number, index: number): void {
    this.latencies.add(latencyMs)
    if (response.status < 200 || response.status > 299) this.non2xx++
    this.options.onResponse?.(response.status, response.headers, response.body, latencyMs, index)
  }
}

/** One lane: at most one request in flight, on one socket that is replaced when it fails or the server closes it. */
class Connection {
  private socket: Socket | null = null
  private parser = new ResponseParser()
  private index = 0
  private sentAt = 0
  private isWaiting = false
  private errorsInRow = 0
  private pause: NodeJS.Timeout | undefined
  private done: () => void = () => {}

  constructor (private readonly load: LoadRun) {}

  run (): Promise<void> {
    return new Promise((resolve) => {
      this.done = resolve
      this.next()
    })
  }

  /** Closes the socket when what it waits for was begun before `time`. */
  giveUpBefore (time: number): void {
    if (this.sentAt < time) this.socket?.destroy()
  }

  private next (): void {
    if (this.load.isOver) return this.stop()
    if (this.socket === null) return this.open()
    this.index = this.load.take()
    this.isWaiting = true
    const bytes = this.guarded(() => this.load.options.request(this.index))
    if (bytes === null) return this.stop()
    this.sentAt = performance.now()
    this.socket.write(bytes)
  }

  private guarded<T> (call: () => T): T | null {
    try {
      return call()
    } catch (error) {
      this.load.fail(error)
      return null
    }
  }

  private open (): void {
    const { host, port } = this.load.options
    const socket = connect({ host, port, noDelay: true })
    this.sentAt = performance.now()
    this.socket = socket
    this.parser = new ResponseParser()
    socket.on('connect', () => this.next())
    socket.on('data', (chunk) => this.receive(socket, chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.closed(socket))
  }

  private receive (socket: Socket, chunk: Buffer): void {
    if (socket !== this.socket || !this.isWaiting) return
    const response = this.parse(socket, chunk)
    if (response === null) return
    const latencyMs = performance.now() - this.sentAt
    this.isWaiting = false
    this.errorsInRow = 0
    if (!response.keepsAlive) this.drop()
    this.guarded(() => this.load.answered(response, latencyMs, this.index))
    const { thinkMs = 0 } = this.load.options
    if (thinkMs === 0) this.next()
    else this.pause = setTimeout(() => this.next(), thinkMs)
  }

  private parse (socket: Socket, chunk: Buffer): HttpResponse | null {
    try {
      this.parser.push(chunk)
      return this.parser.next()
    } catch {
      socket.destroy() // not HTTP: 'close' counts the error
      return null
    }
  }

  private closed (socket: Socket): void {
    if (socket !== this.socket) return
    this.socket = null
    clearTimeout(this.pause)
    if (!this.isWaiting) this.load.take() // never connected: the request it was opened for counts as tried
    this.isWaiting = false
    this.load.errors++
    this.errorsInRow++
    const { errorsInRowMax = 20, reconnectDelayMs = 50 } = this.load.options
    if (this.errorsInRow >= errorsInRowMax) return this.stop()
    setTimeout(() => this.next(), reconnectDelayMs)
  }

  private drop (): void {
    const socket = this.socket
    this.socket = null
    socket?.destroy()
  }

  private stop (): void {
    this.drop()
    this.done()
  }
}

/** A growing list of numbers without boxing. */
class Latencies {
  count = 0
  private buffer = new Float64Array(4096)

  add (latencyMs: number): void {
    if (this.count === this.buffer.length) {
      const larger = new Float64Array(this.buffer.length * 2)
      larger.set(this.buffer)
      this.buffer = larger
    }
    this.buffer[this.count++] = latencyMs
  }

  values (): Float64Array {
    return this.buffer.slice(0, this.count)
  }
}
