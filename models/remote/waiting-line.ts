import { ModelsError } from '../errors.js'
import type { Tensor, TensorSpec } from '../tensor.js'

/** A request with its promise. */
export interface RemoteRequest {
  readonly inputs: readonly Tensor[]
  readonly wanted: readonly TensorSpec[]
  readonly deadlineAt: number
  readonly retryOnCrash: boolean
  readonly resolve: (outputs: Tensor[]) => void
  readonly reject: (error: ModelsError) => void
  /** The server was lost with it once. */
  wasLost: boolean
}

const TIMER_MS_MAX = 2 ** 31 - 1

/** Requests that wait for their turn, first come, first served; one that waits past its deadline is refused. */
export class WaitingLine {
  readonly #timers = new Map<RemoteRequest, NodeJS.Timeout>()
  readonly #now: () => number
  readonly #onExpired: () => void
  #requests: RemoteRequest[] = []

  /** @param onExpired called after a request was refused for its deadline */
  constructor (now: () => number, onExpired: () => void) {
    this.#now = now
    this.#onExpired = onExpired
  }

  get depth (): number {
    return this.#requests.length
  }

  /** Bounding the depth is the caller's part. */
  add (request: RemoteRequest, place: 'first' | 'last'): void {
    if (place === 'first') this.#requests.unshift(request)
    else this.#requests.push(request)
    const leftMs = Math.min(Math.max(1, request.deadlineAt - this.#now()), TIMER_MS_MAX)
    this.#timers.set(request, setTimeout(() => { this.#expire(request) }, leftMs))
  }

  take (): RemoteRequest | undefined {
    const request = this.#requests.shift()
    if (request !== undefined) this.#forget(request)
    return request
  }

  refuseAll (error: ModelsError): void {
    for (const request of this.#requests.splice(0)) {
      this.#forget(request)
      request.reject(error)
    }
  }

  #expire (request: RemoteRequest): void {
    this.#requests = this.#requests.filter((other) => other !== request)
    this.#timers.delete(request)
    request.reject(new ModelsError('DEADLINE_EXCEEDED', 'the server has not answered in time'))
    this.#onExpired()
  }

  #forget (request: RemoteRequest): void {
    clearTimeout(this.#timers.get(request))
    this.#timers.delete(request)
  }
}
