import type { ServerResponse } from 'node:http'
import { GatewayError } from '../errors.js'
import type { EventFeed, Told } from './feed.js'

/** Clients that are written to before other work of the gateway has its turn. */
const CLIENTS_AT_A_TIME = 4
/** What browsers wait before they connect again. */
const RECONNECT_MS = 1_000

export interface EventStreamsOptions {
  readonly feed: EventFeed
  readonly clientsMax: number
  readonly heartbeatMs: number
  /** Who takes nothing for so long is disconnected, and may go on later where it was. */
  readonly stallTimeoutMs: number
}

/** Where a client begins. */
export interface StreamRequest {
  /** The number of the last event it has seen; null begins with the next one that happens. */
  readonly after: number | null
  readonly rolloutId: string | null
}

/**
 * Clients that follow events by Server-Sent Events (WHATWG HTML, section 9.2). Each reads on when its
 * connection has room, so that a slow one costs a page of events at most.
 */
export class EventStreams {
  readonly #options: EventStreamsOptions
  readonly #streams = new Set<EventStream>()
  readonly #heartbeat: NodeJS.Timeout
  readonly #unfollow: () => void
  #round: EventStream[] = []
  #isTurning = false
  #isAgain = false
  #isClosed = false

  constructor (options: EventStreamsOptions) {
    this.#options = options
    this.#heartbeat = setInterval(() => { for (const stream of this.#streams) stream.beat() }, options.heartbeatMs)
    this.#heartbeat.unref()
    this.#unfollow = options.feed.follow(() => { this.#wake() })
  }

  get size (): number {
    return this.#streams.size
  }

  /** @throws GatewayError TOO_MANY_CLIENTS */
  requireRoom (): void {
    const { clientsMax } = this.#options
    if (this.#isClosed) throw new GatewayError('TOO_MANY_CLIENTS', 'the gateway is stopping')
    if (this.#streams.size >= clientsMax) {
      throw new GatewayError('TOO_MANY_CLIENTS', `${clientsMax} clients follow events already, the limit; retry`)
    }
  }

  /** Answers with events until the client leaves. The caller has asked for room and leaves the response alone. */
  open (response: ServerResponse, request: StreamRequest): void {
    const stream = new EventStream(response, request, this.#options)
    this.#streams.add(stream)
    response.once('close', () => {
      this.#streams.delete(stream)
      stream.clearStall()
    })
    stream.begin()
  }

  /** Ends all of them; they go on elsewhere, or here after a restart. */
  close (): void {
    this.#isClosed = true
    this.#unfollow()
    clearInterval(this.#heartbeat)
    for (const stream of this.#streams) stream.end()
  }

  #wake (): void {
    this.#isAgain = true
    if (!this.#isTurning) this.#turn()
  }

  /** Inference requests do not wait until all who follow have been written to. */
  #turn (): void {
    if (this.#round.length === 0 && this.#isAgain) {
      this.#isAgain = false
      this.#round = [...this.#streams]
    }
    for (const stream of this.#round.splice(0, CLIENTS_AT_A_TIME)) stream.pump()
    this.#isTurning = this.#round.length > 0 || this.#isAgain
    if (this.#isTurning) setImmediate(() => { this.#turn() })
  }
}

class EventStream {
  readonly #response: ServerResponse
  readonly #options: EventStreamsOptions
  readonly #rolloutId: string | null
  readonly #after: number | null
  #cursor: number
  #page: Told[] = []
  #stall: NodeJS.Timeout | null = null

  constructor (response: ServerResponse, { after, rolloutId }: StreamRequest, options: EventStreamsOptions) {
    this.#response = response
    this.#options = options
    this.#rolloutId = rolloutId
    this.#after = after
    this.#cursor = after ?? options.feed.newest
  }

  begin (): void {
    // A connection of its own, which ends with the stream.
    this.#response.shouldKeepAlive = false
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store', 'x-accel-buffering': 'no'
    })
    this.#response.on('error', () => {})
    this.#response.on('drain', () => {
      this.clearStall()
      this.pump()
    })
    this.#write(`retry: ${RECONNECT_MS}\n\n`)
    this.#tellGap()
    this.pump()
  }

  beat (): void {
    if (this.#stall === null) this.#write(': still here\n\n')
  }

  end (): void {
    if (this.#stall === null) this.#response.end()
    else this.#response.destroy()
  }

  clearStall (): void {
    if (this.#stall !== null) clearTimeout(this.#stall)
    this.#stall = null
  }

  /** Says so when events that the client has not seen are gone, or when it has seen some that never were here. */
  #tellGap (): void {
    if (this.#after === null) return
    const { newest, oldest } = this.#options.feed
    const isUnknown = this.#after > newest
    if (isUnknown) this.#cursor = newest
    const isGap = isUnknown || (this.#after > 0 && this.#after + 1 < oldest)
    if (isGap) this.#write(`event: gap\ndata: ${JSON.stringify({ after: this.#after, oldest, newest })}\n\n`)
  }

  /** Writes what is behind the cursor, as far as the connection has room. */
  pump (): void {
    try {
      while (this.#isOpen && this.#stall === null) {
        const told = this.#page.shift()
        if (told !== undefined) {
          this.#cursor = told.id
          this.#write(told.frame)
        } else if (!this.#turn()) return
      }
    } catch {
      // The database could not be read: the client comes back and goes on by the number of its last event.
      this.#response.destroy()
    }
  }

  /** False when there is nothing behind the cursor. */
  #turn (): boolean {
    const { newest } = this.#options.feed
    this.#page = this.#options.feed.next(this.#cursor, this.#rolloutId)
    if (this.#page.length === 0) this.#cursor = Math.max(this.#cursor, newest)
    return this.#page.length > 0
  }

  get #isOpen (): boolean {
    return !this.#response.writableEnded && !this.#response.destroyed
  }

  /** When the connection has no room for more, `drain` goes on, unless that takes too long. */
  #write (text: string): void {
    if (!this.#isOpen || this.#response.write(text) || this.#stall !== null) return
    this.#stall = setTimeout(() => { this.#response.destroy() }, this.#options.stallTimeoutMs)
  }
}
