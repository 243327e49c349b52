import { BatchQueue, joinInputs, splitOutputs, type BatchLimits, type Request } from './batcher.js'
import { ModelsError, type ModelsErrorCode } from './errors.js'
import type { Tensor } from './tensor.js'

/** A request with its promise; settled at most once. */
export interface PendingRequest extends Request {
  readonly retryOnCrash: boolean
  readonly resolve: (outputs: Tensor[]) => void
  readonly reject: (error: ModelsError) => void
  isSettled: boolean
  /** A host has ended with it once. */
  wasLost: boolean
}

/** Sends one batch to the host. @throws when it cannot be put into a frame */
export type SendBatch = (id: number, inputs: readonly Tensor[], outputs: readonly string[] | null) => void

export interface DispatcherOptions {
  readonly limits: BatchLimits
  readonly queueMax: number
  readonly hangTimeoutMs: number
  readonly now: () => number
  /** The batch in flight is older than `hangTimeoutMs`. */
  readonly onHang: () => void
  /** The model's outputs do not have one row per input row; its requests are sent one by one from now on. */
  readonly onUnbatchable: () => void
}

interface Batch {
  readonly id: number
  readonly requests: readonly PendingRequest[]
  readonly sentAt: number
}

const TIMER_MS_MIN = 1
const TIMER_MS_MAX = 2 ** 31 - 1
const ID_MAX = 2 ** 32 - 1

/**
 * Takes requests in, sends them to a host in batches, and gives each its own answer, or a reason why not. One batch is
 * at the host at a time; what arrives meanwhile becomes the next, which is sent the moment the result is here, before
 * the answers are given out. (Two at a time made smaller batches and was no faster.)
 */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #queue: BatchQueue<PendingRequest>
  /** Requests whose batch failed or whose host crashed: sent one by one, ahead of the queue. */
  #singles: PendingRequest[] = []
  #running: Batch | null = null
  #lastId = 0
  #send: SendBatch | null = null
  #isPumpPlanned = false
  #timer: NodeJS.Timeout | null = null
  #timerAt = Infinity
  #idleListeners: (() => void)[] = []
  batches = 0
  rows = 0

  constructor (options: DispatcherOptions) {
    this.#options = options
    this.#queue = new BatchQueue(options.limits)
  }

  get queueDepth (): number {
    return this.#queue.depth + this.#singles.length
  }

  /** Requests at the host. */
  get inFlight (): number {
    return this.#running?.requests.length ?? 0
  }

  /** Queues a request; it is settled in any case. */
  submit (request: PendingRequest): void {
    if (request.deadlineAt <= this.#options.now()) {
      settle(request, new ModelsError('DEADLINE_EXCEEDED', 'the deadline had passed when the request came'))
    } else if (this.queueDepth >= this.#options.queueMax) {
      settle(request, new ModelsError('QUEUE_FULL', `${this.queueDepth} requests wait already, the limit is ${this.#options.queueMax}`))
    } else {
      this.#queue.add(request)
      this.#wakeAt(request.deadlineAt)
      this.#planPump()
    }
  }

  /** A host is ready: starts sending. */
  attach (send: SendBatch): void {
    this.#send = send
    this.#pump()
  }

  /** The host is gone: requests it had are sent again, once and alone, if they may be, and fail otherwise. */
  detach (cause: string): void {
    this.#send = null
    const again: PendingRequest[] = []
    for (const request of this.#running?.requests ?? []) {
      if (request.isSettled) continue
      if (request.retryOnCrash && !request.wasLost) again.push(request)
      else settle(request, new ModelsError('HOST_CRASHED', cause))
      request.wasLost = true
    }
    this.#running = null
    this.#singles = [...again, ...this.#singles]
    this.#noteIdle()
  }

  /** The host has answered a batch. */
  onResult (id: number, outputs: Tensor[]): void {
    const batch = this.#land(id)
    if (batch === null) return
    const [first] = batch.requests
    if (first !== undefined && batch.requests.length === 1) {
      this.#pump()
      answer(first, outputs)
    } else {
      const parts = splitOutputs(outputs, batch.requests.map((request) => request.inputs[0]?.shape[0] as number))
      if (parts === null) {
        this.#queue.stopJoining()
        this.#options.onUnbatchable()
        this.#requeue(batch)
      }
      this.#pump()
      parts?.forEach((part, index) => answer(batch.requests[index] as PendingRequest, part))
    }
    this.#noteIdle()
  }

  /** The model refused a batch: its members are tried one by one, so that one bad request fails alone. */
  onFailure (id: number, error: ModelsError): void {
    const batch = this.#land(id)
    if (batch === null) return
    if (batch.requests.length > 1) this.#requeue(batch)
    this.#pump()
    if (batch.requests.length === 1) for (const request of batch.requests) settle(request, error)
    this.#noteIdle()
  }

  /** Settles everything that waits or is in flight with an error. */
  failAll (code: ModelsErrorCode, message: string): void {
    const waiting = [...this.#singles, ...this.#queue.clear(), ...this.#running?.requests ?? []]
    this.#singles = []
    this.#running = null
    for (const request of waiting) settle(request, new ModelsError(code, message))
    this.#noteIdle()
  }

  /** Resolves when nothing waits and nothing is in flight. */
  async idle (): Promise<void> {
    if (this.#isIdle()) return
    await new Promise<void>((resolve) => this.#idleListeners.push(resolve))
  }

  #isIdle (): boolean {
    return this.queueDepth === 0 && this.#running === null
  }

  #noteIdle (): void {
    if (this.#idleListeners.length === 0 || !this.#isIdle()) return
    const listeners = this.#idleListeners
    this.#idleListeners = []
    for (const listener of listeners) listener()
  }

  /** The batch with this id, which is at the host no more; null for one that was given up. */
  #land (id: number): Batch | null {
    const batch = this.#running
    if (batch?.id !== id) return null
    this.#running = null
    return batch
  }

  #requeue (batch: Batch): void {
    this.#singles = [...batch.requests.filter((request) => !request.isSettled), ...this.#singles]
  }

  /** Sends at the end of this turn of the event loop, together with all that arrives until then. */
  #planPump (): void {
    if (this.#isPumpPlanned || this.#send === null || this.#running !== null) return
    this.#isPumpPlanned = true
    setImmediate(() => {
      this.#isPumpPlanned = false
      this.#pump()
    })
  }

  #pump (): void {
    while (this.#send !== null && this.#running === null) {
      const requests = this.#nextRequests()
      if (requests === null) break
      this.#dispatch(this.#send, requests)
    }
  }

  #nextRequests (): PendingRequest[] | null {
    const single = this.#singles.shift()
    if (single !== undefined) return [single]
    const requests = this.#queue.take(this.#options.now())
    if (requests === null) this.#wakeAt(this.#queue.readyAt())
    return requests
  }

  #dispatch (send: SendBatch, requests: readonly PendingRequest[]): void {
    const now = this.#options.now()
    const live = requests.filter((request) => !request.isSettled && !expireOne(request, now))
    const first = live[0]
    if (first === undefined) return
    this.#lastId = this.#lastId % ID_MAX + 1
    try {
      send(this.#lastId, joinInputs(live), first.outputs)
    } catch (error) {
      for (const request of live) settle(request, new ModelsError('INVALID_INPUT', messageOf(error), { cause: error }))
      return
    }
    this.#running = { id: this.#lastId, requests: live, sentAt: now }
    this.#wakeAt(now + this.#options.hangTimeoutMs)
    this.batches++
    for (const request of live) this.rows += request.inputs[0]?.shape[0] ?? 1
  }

  /** One timer serves all deadlines: a request that comes with a later one than is set costs nothing. */
  #wakeAt (at: number): void {
    if (at >= this.#timerAt || at === Infinity) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timerAt = at
    const delayMs = Math.min(Math.max(at - this.#options.now(), TIMER_MS_MIN), TIMER_MS_MAX)
    this.#timer = setTimeout(() => this.#wake(), delayMs).unref()
  }

  #wake (): void {
    this.#timer = null
    this.#timerAt = Infinity
    const now = this.#options.now()
    for (const request of this.#queue.expire(now)) expireOne(request, now)
    this.#singles = this.#singles.filter((request) => !expireOne(request, now))
    let next = this.#queue.nextDeadline()
    for (const request of this.#singles) next = Math.min(next, request.deadlineAt)
    for (const request of this.#running?.requests ?? []) {
      if (!request.isSettled && !expireOne(request, now)) next = Math.min(next, request.deadlineAt)
    }
    this.#pump()
    if (this.#running !== null) {
      const hangsAt = this.#running.sentAt + this.#options.hangTimeoutMs
      if (hangsAt <= now) this.#options.onHang()
      else next = Math.min(next, hangsAt)
    }
    this.#wakeAt(next)
    this.#noteIdle()
  }
}

function answer (request: PendingRequest, outputs: Tensor[]): void {
  if (request.isSettled) return
  request.isSettled = true
  request.resolve(outputs)
}

function settle (request: PendingRequest, error: ModelsError): void {
  if (request.isSettled) return
  request.isSettled = true
  request.reject(error)
}

function expireOne (request: PendingRequest, now: number): boolean {
  if (request.deadlineAt > now) return false
  settle(request, new ModelsError('DEADLINE_EXCEEDED', `no answer within ${Math.round(now - request.enqueuedAt)} ms`))
  return true
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
