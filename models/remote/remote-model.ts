import { ModelsError, type ModelsErrorCode } from '../errors.js'
import { checkExamples } from '../host/golden.js'
import type { LiveModel, LiveState, LiveStats, PoolOptions } from '../live-model.js'
import type { Tensor } from '../tensor.js'
import { headersOf, isLost, isPassing, refuseForeign, refuseOther } from './allow.js'
import { CallFault, HttpClient } from './http-client.js'
import { OipClient } from './oip.js'
import type { RemoteOptions, RemoteSpec } from './spec.js'
import { WaitingLine, type RemoteRequest } from './waiting-line.js'

/** What of the pool's options a remote version heeds. */
export type RemoteModelOptions =
  Pick<PoolOptions, 'queueMax' | 'restartBackoffMs' | 'restartsMax' | 'now' | 'log'> & { readonly remote: RemoteOptions }

/**
 * One live version that another server runs. It is ready once that server says so, states the inputs and outputs of the
 * version and gives the answers of its golden examples. Lost, it keeps requests waiting and is looked for, ever more
 * rarely; found again, it is checked anew, as something else may run there by now. A server that does not come while
 * the version is loaded makes it `failed`, and is looked for still.
 */
export class RemoteModel implements LiveModel {
  readonly spec: RemoteSpec
  readonly key: string
  readonly #options: RemoteModelOptions
  readonly #onState: (model: LiveModel) => void
  #http: HttpClient | null = null
  #client: OipClient | null = null
  #state: LiveState = 'loading'
  #error: string | null = null
  readonly #waiting: WaitingLine
  #isDraining = false
  /** Nothing is looked for any more: it was stopped, or the server has another model. */
  #isEnded = false
  #timer: NodeJS.Timeout | null = null
  #inFlight = 0
  #faultsInRow = 0
  #counts = { restarts: 0, batches: 0, rows: 0 }
  #readyWaiters: { resolve: () => void, reject: (error: ModelsError) => void }[] = []
  #idleListeners: (() => void)[] = []

  constructor (spec: RemoteSpec, options: RemoteModelOptions, onState: (model: LiveModel) => void) {
    this.spec = spec
    this.key = `${spec.name}:${spec.version}`
    this.#options = options
    this.#onState = onState
    this.#waiting = new WaitingLine(options.now, () => { this.#noteIdle() })
    this.#timer = setTimeout(() => { this.#begin() }, 0)
  }

  get state (): LiveState {
    return this.#state
  }

  get error (): string | null {
    return this.#error
  }

  async whenReady (): Promise<void> {
    if (this.#state === 'ready') return
    if (this.#isOver()) throw this.#loadError()
    await new Promise<void>((resolve, reject) => this.#readyWaiters.push({ resolve, reject }))
  }

  infer (
    inputs: readonly Tensor[],
    { deadlineAt, outputs, retryOnCrash }: { deadlineAt: number, outputs?: readonly string[], retryOnCrash: boolean }
  ): Promise<Tensor[]> {
    const problem = this.#problem(deadlineAt)
    if (problem !== null) return Promise.reject(problem)
    const names = outputs ?? this.spec.outputs.map(({ name }) => name)
    const wanted = names.map((name) => this.spec.outputs.find((spec) => spec.name === name))
    if (!wanted.every((spec) => spec !== undefined)) {
      return Promise.reject(new ModelsError('INVALID_INPUT', `${this.key} has not all the outputs ${names.join(', ')}`))
    }
    return new Promise((resolve, reject) => {
      this.#waiting.add({ inputs, wanted, deadlineAt, retryOnCrash, resolve, reject, wasLost: false }, 'last')
      this.#pump()
    })
  }

  stats (): LiveStats {
    return {
      queueDepth: this.#waiting.depth, inFlight: this.#inFlight, rssBytes: 0, cpuSeconds: 0, pid: null, ...this.#counts
    }
  }

  /** Takes no new work; what waits or is under way may finish for up to `drainMsMax`. */
  async stop (drainMsMax: number): Promise<void> {
    this.#isDraining = true
    if (drainMsMax > 0 && this.#state !== 'failed' && this.#inFlight + this.#waiting.depth > 0) {
      let timer: NodeJS.Timeout | undefined
      const limit = new Promise<void>((resolve) => { timer = setTimeout(resolve, drainMsMax) })
      await Promise.race([new Promise<void>((resolve) => this.#idleListeners.push(resolve)), limit])
      clearTimeout(timer)
    }
    this.#isEnded = true
    this.#clearTimer()
    if (this.#state !== 'failed') this.#settle('stopped', 'it was stopped')
    this.#http?.close()
  }

  #problem (deadlineAt: number): ModelsError | null {
    if (this.#isDraining || this.#isOver()) {
      const reason = this.#state === 'failed' ? `has failed: ${this.#error}` : 'is being removed'
      return new ModelsError('HOST_NOT_READY', `${this.key} ${reason}`)
    }
    if (deadlineAt <= this.#options.now()) {
      return new ModelsError('DEADLINE_EXCEEDED', 'the deadline had passed when the request came')
    }
    const { queueMax } = this.#options
    if (this.#waiting.depth < queueMax) return null
    return new ModelsError('QUEUE_FULL', `${this.#waiting.depth} requests wait already, the limit is ${queueMax}`)
  }

  /** Opens nothing that the operator does not allow. */
  #begin (): void {
    const { backend } = this.spec
    const { remote } = this.#options
    try {
      refuseForeign(backend.url, remote.origins)
      const { replyBytesMax } = remote
      // One more than requests, so that asking after its health never waits behind them.
      const connectionsMax = backend.concurrency + 1
      this.#http = new HttpClient({ headers: headersOf(backend, remote), connectionsMax, replyBytesMax })
      this.#client = new OipClient(this.#http, backend)
    } catch (error) {
      this.#fail((error as Error).message)
      return
    }
    this.#check(this.#client).catch((error: Error) => { this.#fail(error.message) })
  }

  /** Whether the right model answers there, rightly. */
  async #check (client: OipClient): Promise<void> {
    const { inputs, outputs, examples, backend: { timeoutMs } } = this.spec
    try {
      await client.checkReady(timeoutMs)
      const found = await client.signature(timeoutMs)
      refuseOther('input', inputs, found.inputs)
      refuseOther('output', outputs, found.outputs)
      const run = async (tensors: readonly Tensor[], names: readonly string[] | null): Promise<Tensor[]> =>
        await client.infer(tensors, outputs.filter(({ name }) => names === null || names.includes(name)), timeoutMs)
      await checkExamples({ inputs, outputs, run }, examples)
    } catch (error) {
      this.#onCheckFailed(error as Error)
      return
    }
    if (this.#isEnded) return
    this.#faultsInRow = 0
    this.#settle('ready', null)
    this.#planHealth()
    this.#pump()
  }

  #onCheckFailed (error: Error): void {
    if (this.#isEnded) return
    this.#faultsInRow++
    const { restartsMax } = this.#options
    if (!isPassing(error, this.#state === 'restarting')) {
      this.#fail(error.message)
      return
    }
    this.#planCheck(error.message)
    if (this.#state !== 'loading' || this.#faultsInRow < restartsMax) return
    // One attempt is that of a command, which gives up then; a gateway goes on.
    const attempts = restartsMax === 1 ? '' : ` (attempt ${this.#faultsInRow} of ${restartsMax}); it is looked for still`
    this.#settle('failed', `${error.message}${attempts}`)
  }

  #planCheck (reason: string): void {
    const { restartBackoffMs: { first, max } } = this.#options
    const delayMs = Math.min(max, first * 2 ** Math.max(0, this.#faultsInRow - 1))
    this.#log('warn', `${reason}; asking again in ${delayMs} ms`)
    this.#setTimer(delayMs, async (client) => { await this.#check(client) })
  }

  #planHealth (): void {
    this.#setTimer(this.#options.remote.healthIntervalMs, async (client) => {
      try {
        await client.checkReady(this.spec.backend.timeoutMs)
        if (this.#state === 'ready') this.#planHealth()
      } catch (error) {
        this.#lose((error as Error).message)
      }
    })
  }

  /** The server is gone, or the model there: requests wait until it is found again. */
  #lose (reason: string): void {
    if (this.#state !== 'ready') return
    this.#clearTimer()
    this.#counts.restarts++
    this.#faultsInRow = 1
    this.#settle('restarting', reason)
    this.#planCheck(reason)
  }

  #pump (): void {
    while (this.#state === 'ready' && this.#inFlight < this.spec.backend.concurrency) {
      const request = this.#waiting.take()
      if (request === undefined) return
      this.#inFlight++
      this.#send(request).catch((error: unknown) => { request.reject(this.#errorOf(error as Error)) }).finally(() => {
        this.#inFlight--
        this.#pump()
        this.#noteIdle()
      })
    }
  }

  async #send (request: RemoteRequest): Promise<void> {
    const leftMs = Math.floor(request.deadlineAt - this.#options.now())
    if (leftMs < 1 || this.#client === null) throw new ModelsError('DEADLINE_EXCEEDED', `${this.key} has not answered in time`)
    this.#counts.batches++
    this.#counts.rows += request.inputs[0]?.shape[0] ?? 1
    try {
      const timeoutMs = Math.min(leftMs, this.spec.backend.timeoutMs)
      request.resolve(await this.#client.infer(request.inputs, request.wanted, timeoutMs))
    } catch (error) {
      if (!isLost(error)) throw error
      this.#lose(error.message)
      if (!request.retryOnCrash || request.wasLost || this.#isOver()) throw error
      request.wasLost = true
      this.#waiting.add(request, 'first')
    }
  }

  #errorOf (error: Error): ModelsError {
    if (error instanceof ModelsError) return error
    const isLate = error instanceof CallFault && error.kind === 'late'
    const code: ModelsErrorCode = isLate ? 'DEADLINE_EXCEEDED' : isLost(error) ? 'HOST_CRASHED' : 'INFERENCE_FAILED'
    return new ModelsError(code, `${this.key}: ${error.message}`, { cause: error })
  }

  /** For good. */
  #fail (message: string): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#clearTimer()
    this.#log('error', message)
    this.#settle('failed', message)
    this.#http?.close()
  }

  #settle (state: LiveState, error: string | null): void {
    this.#state = state
    this.#error = error
    if (state === 'ready') {
      for (const waiter of this.#readyWaiters.splice(0)) waiter.resolve()
    } else if (this.#isOver()) {
      for (const waiter of this.#readyWaiters.splice(0)) waiter.reject(this.#loadError())
      const reason = state === 'failed' ? `has failed: ${error}` : 'was stopped'
      this.#waiting.refuseAll(new ModelsError('HOST_NOT_READY', `${this.key} ${reason}`))
      this.#noteIdle()
    }
    this.#onState(this)
  }

  #isOver (): boolean {
    return this.#state === 'failed' || this.#state === 'stopped'
  }

  #noteIdle (): void {
    if (this.#inFlight + this.#waiting.depth > 0) return
    for (const listener of this.#idleListeners.splice(0)) listener()
  }

  #loadError (): ModelsError {
    return new ModelsError('LOAD_FAILED', `${this.key} could not be loaded: ${this.#error}`)
  }

  #setTimer (delayMs: number, work: (client: OipClient) => Promise<void>): void {
    this.#clearTimer()
    this.#timer = setTimeout(() => {
      if (this.#client !== null) work(this.#client).catch((error: Error) => { this.#fail(error.message) })
    }, delayMs)
  }

  #clearTimer (): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #log (level: 'warn' | 'error', message: string): void {
    const { name, version } = this.spec
    this.#options.log(level, message, { model: name, version, pid: null })
  }
}
