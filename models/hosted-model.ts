import { Dispatcher, type PendingRequest } from './dispatcher.js'
import { ModelsError } from './errors.js'
import type { Frame } from './frames.js'
import type { HostListener } from './host-listener.js'
import { HostProcess, type HostExit } from './host-process.js'
import type { HostSpec } from './host-spec.js'
import type { LiveModel, LiveState, LiveStats, PoolOptions } from './live-model.js'
import type { Tensor } from './tensor.js'
import { decodeTensors, encodeTensors, type TensorHeader } from './wire.js'

/** Inputs of one batch are kept well below the longest frame. */
const BATCH_BYTES_MAX = 64 * 1024 * 1024

/** One live version: its host process, kept running, and the requests that go to it. */
export class HostedModel implements LiveModel {
  readonly spec: HostSpec
  readonly key: string
  readonly #options: PoolOptions
  readonly #listener: HostListener
  readonly #onState: (model: LiveModel) => void
  readonly #dispatcher: Dispatcher
  #state: LiveState = 'loading'
  #error: string | null = null
  #isDraining = false
  #process: HostProcess | null = null
  #timer: NodeJS.Timeout | null = null
  #killReason: string | null = null
  /** Ends of the host since it last answered a batch; the back-off grows with it. */
  #endsInRow = 0
  #failedStartsInRow = 0
  #restarts = 0
  #usage = { rssBytes: 0, cpuSeconds: 0 }
  #readyWaiters: { resolve: () => void, reject: (error: ModelsError) => void }[] = []

  constructor (spec: HostSpec, options: PoolOptions, listener: HostListener, onState: (model: LiveModel) => void) {
    this.spec = spec
    this.key = `${spec.name}:${spec.version}`
    this.#options = options
    this.#listener = listener
    this.#onState = onState
    this.#dispatcher = new Dispatcher({
      limits: { ...spec.batching, maxBatchBytes: BATCH_BYTES_MAX },
      queueMax: options.queueMax,
      hangTimeoutMs: options.hangTimeoutMs,
      now: options.now,
      onHang: () => this.#kill(`a batch took longer than ${options.hangTimeoutMs} ms`),
      onUnbatchable: () => this.#log('warn', 'outputs do not have one row per input row; requests are no longer joined')
    })
    this.#start()
  }

  get state (): LiveState {
    return this.#state
  }

  get error (): string | null {
    return this.#error
  }

  async whenReady (): Promise<void> {
    if (this.#state === 'ready') return
    if (this.#state === 'failed' || this.#state === 'stopped') throw this.#loadError()
    await new Promise<void>((resolve, reject) => this.#readyWaiters.push({ resolve, reject }))
  }

  infer (
    inputs: readonly Tensor[],
    options: { deadlineAt: number, outputs?: readonly string[], retryOnCrash: boolean }
  ): Promise<Tensor[]> {
    if (this.#isDraining || this.#state === 'failed' || this.#state === 'stopped') {
      const reason = this.#state === 'failed' ? `has failed: ${this.#error}` : 'is being removed'
      return Promise.reject(new ModelsError('HOST_NOT_READY', `${this.key} ${reason}`))
    }
    return new Promise((resolve, reject) => {
      const request: PendingRequest = {
        inputs,
        outputs: options.outputs ?? null,
        deadlineAt: options.deadlineAt,
        enqueuedAt: this.#options.now(),
        retryOnCrash: options.retryOnCrash,
        resolve,
        reject,
        isSettled: false,
        wasLost: false
      }
      this.#dispatcher.submit(request)
    })
  }

  stats (): LiveStats {
    return {
      queueDepth: this.#dispatcher.queueDepth,
      inFlight: this.#dispatcher.inFlight,
      rssBytes: this.#usage.rssBytes,
      cpuSeconds: this.#usage.cpuSeconds,
      restarts: this.#restarts,
      batches: this.#dispatcher.batches,
      rows: this.#dispatcher.rows,
      pid: this.#process?.pid ?? null
    }
  }

  /** Takes no new work; queued and in-flight work may finish for up to `drainMsMax`; then the host is ended. */
  async stop (drainMsMax: number): Promise<void> {
    this.#isDraining = true
    if (drainMsMax > 0 && this.#state !== 'failed') {
      let timer: NodeJS.Timeout | undefined
      const limit = new Promise<void>((resolve) => { timer = setTimeout(resolve, drainMsMax) })
      await Promise.race([this.#dispatcher.idle(), limit])
      clearTimeout(timer)
    }
    this.#clearTimer()
    if (this.#state !== 'failed') this.#settle('stopped', 'it was stopped')
    await this.#process?.end()
    this.#process = null
  }

  #start (): void {
    this.#killReason = null
    // Reading a new version in must not slow the versions in service; a version that is missed may.
    const isLowPriority = this.#state === 'loading'
    const host = new HostProcess({
      listener: this.#listener,
      label: this.key,
      isLowPriority,
      onConnect: () => host.send('load', 0, { spec: this.spec, threads: this.#options.threads }),
      onFrame: (frame) => this.#receive(host, frame),
      onExit: (exit) => this.#onExit(exit)
    })
    this.#process = host
    const { loadTimeoutMs } = this.#options
    this.#timer = setTimeout(() => this.#kill(`loading took longer than ${loadTimeoutMs} ms`), loadTimeoutMs)
  }

  #receive (host: HostProcess, frame: Frame): void {
    if (frame.kind === 'result') {
      this.#endsInRow = 0
      const { outputs } = JSON.parse(frame.meta) as { outputs: TensorHeader[] }
      this.#dispatcher.onResult(frame.id, decodeTensors(outputs, frame.payload))
    } else if (frame.kind === 'runFailed') {
      const { message } = JSON.parse(frame.meta) as { message: string }
      this.#dispatcher.onFailure(frame.id, new ModelsError('INFERENCE_FAILED', message))
    } else if (frame.kind === 'stats') {
      this.#usage = JSON.parse(frame.meta) as { rssBytes: number, cpuSeconds: number }
    } else if (frame.kind === 'ready') {
      this.#onReady(host, JSON.parse(frame.meta) as { warnings: string[] })
    } else if (frame.kind === 'loadFailed') {
      this.#fail((JSON.parse(frame.meta) as { message: string }).message)
      host.kill()
    } else {
      throw new RangeError(`a host does not send ${frame.kind} frames to a gateway that serves`)
    }
  }

  #onReady (host: HostProcess, { warnings }: { warnings: readonly string[] }): void {
    if (this.#state === 'stopped') return
    this.#clearTimer()
    host.restorePriority()
    this.#failedStartsInRow = 0
    for (const warning of warnings) this.#log('warn', warning)
    this.#dispatcher.attach((id, inputs, outputs) => {
      const { headers, parts } = encodeTensors(inputs)
      host.send('run', id, { inputs: headers, outputs }, parts)
    })
    this.#settle('ready', null)
  }

  #onExit ({ cause, stderr }: HostExit): void {
    this.#process = null
    if (this.#state === 'failed' || this.#state === 'stopped') return
    this.#clearTimer()
    const reason = this.#killReason === null ? `host ended (${cause})` : `host was killed: ${this.#killReason}`
    const message = stderr === '' ? reason : `${reason}: ${stderr}`
    const wasReady = this.#state === 'ready'
    this.#endsInRow++
    if (wasReady) this.#dispatcher.detach(`${this.key}: ${reason}`)
    else this.#failedStartsInRow++
    const { restartsMax, restartBackoffMs } = this.#options
    if (!wasReady && this.#failedStartsInRow >= restartsMax) {
      this.#fail(`${message} (start ${this.#failedStartsInRow} of ${restartsMax})`)
      return
    }
    this.#restarts++
    const delayMs = Math.min(restartBackoffMs.max, restartBackoffMs.first * 2 ** (this.#endsInRow - 1))
    this.#log('warn', `${message}; starting it again in ${delayMs} ms`)
    this.#settle(wasReady ? 'restarting' : this.#state, message)
    this.#timer = setTimeout(() => this.#start(), delayMs)
  }

  #fail (message: string): void {
    if (this.#state === 'failed' || this.#state === 'stopped') return
    this.#clearTimer()
    this.#log('error', message)
    this.#settle('failed', message)
  }

  #kill (reason: string): void {
    this.#killReason = reason
    this.#process?.kill()
  }

  /** Enters a state, and tells all who wait for one. */
  #settle (state: LiveState, error: string | null): void {
    this.#state = state
    this.#error = error
    if (state === 'ready') {
      for (const waiter of this.#readyWaiters.splice(0)) waiter.resolve()
    } else if (state === 'failed' || state === 'stopped') {
      for (const waiter of this.#readyWaiters.splice(0)) waiter.reject(this.#loadError())
      const reason = state === 'failed' ? `has failed: ${error}` : 'was stopped'
      this.#dispatcher.failAll('HOST_NOT_READY', `${this.key} ${reason}`)
    }
    this.#onState(this)
  }

  #loadError (): ModelsError {
    return new ModelsError('LOAD_FAILED', `${this.key} could not be loaded: ${this.#error}`)
  }

  #clearTimer (): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  #log (level: 'info' | 'warn' | 'error', message: string): void {
    const { name, version } = this.spec
    this.#options.log(level, message, { model: name, version, pid: this.#process?.pid ?? null })
  }
}
