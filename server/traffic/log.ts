import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import { GatewayError } from '../errors.js'
import type { Pin } from '../routing/pins.js'
import { startThread } from '../thread.js'
import type { Feedback, FeedbackResult, FromWriter, Mirrored, Prediction, ReplayedPrediction, ToWriter } from './messages.js'
import { PredictionBuffer } from './packing.js'

export interface TrafficLogOptions {
  readonly dataDir: string
  readonly flushMs: number
  readonly queueMax: number
  readonly now: () => number
}

interface Waiting {
  readonly feedback: Feedback
  readonly resolve: (result: FeedbackResult) => void
  readonly reject: (error: Error) => void
}
interface Reply { readonly done: (message: FromWriter) => boolean, readonly reject: (error: Error) => void }
type Sending = ToWriter extends infer M ? M extends { id: number } ? Omit<M, 'id'> : never : never

/**
 * The gateway's end of the traffic log. Predictions are gathered and committed in batches by a worker thread; feedback
 * joins the same commits and is answered after its own. Bounded: predictions beyond `queueMax` are dropped and counted,
 * feedback beyond it is refused.
 */
export class TrafficLog {
  readonly #options: TrafficLogOptions
  readonly #worker: Worker
  readonly #acceptedFile: number
  readonly #acceptedBytes = Buffer.alloc(8)
  readonly #replies = new Map<number, Reply>()
  readonly #predictions = new PredictionBuffer()
  #mirrored: Mirrored[] = []
  #pins: Pin[] = []
  #feedback: Waiting[] = []
  #unanswered = 0
  #lastId = 0
  #accepted = 0
  #flush: NodeJS.Timeout | null = null
  #isCountDue = false
  #failure: Error | null = null
  /** Predictions not logged because the writer could not keep up. */
  dropped = 0
  /** Predictions that an earlier kill of the gateway lost between their reply and their commit. */
  lost = 0

  private constructor (options: TrafficLogOptions, worker: Worker, acceptedPath: string) {
    this.#options = options
    this.#worker = worker
    this.#acceptedFile = openSync(acceptedPath, 'r+')
    worker.on('message', (message: FromWriter) => { this.#receive(message) })
    worker.on('error', (error) => { this.#fail(error) })
    worker.on('exit', () => { this.#fail(new Error('the traffic writer has ended')) })
  }

  /** Opens the log in a data folder. @throws Error when its database cannot be opened */
  static async open (options: TrafficLogOptions): Promise<TrafficLog> {
    const acceptedPath = join(options.dataDir, 'traffic.count')
    const worker = startThread(new URL('./worker.js', import.meta.url), { databasePath: join(options.dataDir, 'traffic.db'), acceptedPath })
    const opened = await new Promise<FromWriter>((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('error', reject)
    })
    const log = new TrafficLog(options, worker, acceptedPath)
    if (opened.kind === 'opened') {
      log.lost = opened.lost
      log.#accepted = opened.total
      log.#count()
    }
    return log
  }

  /** Takes one prediction, made at `at` (ms); it is committed within the flush time. */
  record (prediction: Omit<Prediction, 'at'>, at: number): void {
    if (this.#predictions.length + this.#unanswered >= this.#options.queueMax) {
      this.dropped++
      return
    }
    this.#predictions.add(prediction, at)
    this.#accepted++
    if (!this.#isCountDue) {
      this.#isCountDue = true
      setImmediate(() => { this.#count() })
    }
    this.#schedule()
  }

  /** Takes one mirrored request; like a prediction, but what does not fit is only missing from a replay. */
  recordMirrored (mirrored: Mirrored): void {
    if (this.#mirrored.length + this.#predictions.length + this.#unanswered >= this.#options.queueMax) {
      this.dropped++
      return
    }
    this.#mirrored.push(mirrored)
    this.#schedule()
  }

  /** Takes a pin that has to outlive the gateway. */
  recordPin (pin: Pin): void {
    if (this.#pins.length >= this.#options.queueMax) {
      this.dropped++
      return
    }
    this.#pins.push(pin)
    this.#schedule()
  }

  /** Calls `visit` with every stored pin that lives longer than `after` (ms). */
  async loadPins (after: number, visit: (pin: Pin) => void): Promise<void> {
    await this.#request({ kind: 'loadPins', after }, (message) => {
      if (message.kind !== 'pins') return true
      message.pins.forEach(visit)
      return message.isLast
    })
  }

  /** Forgets the stored pins of a version, with those that are about to be stored. */
  dropPins (model: string, version: string): void {
    this.#commit()
    this.#request({ kind: 'dropPins', model, version }, () => true).catch(() => {})
  }

  /** Stores feedback; resolves after its commit. @throws GatewayError BUSY when too much waits */
  async feedback (feedback: Feedback): Promise<FeedbackResult> {
    if (this.#failure !== null) throw new GatewayError('STORAGE_FAILED', this.#failure.message, { cause: this.#failure })
    if (this.#feedback.length + this.#unanswered >= this.#options.queueMax) {
      throw new GatewayError('BUSY', `more than ${this.#options.queueMax} predictions and feedbacks wait for the writer`)
    }
    return new Promise((resolve, reject) => {
      this.#feedback.push({ feedback, resolve, reject })
      this.#schedule()
    })
  }

  /** Calls `visit` with every committed prediction of a rollout and its feedback, then `visitMirrored`, in order. */
  async replay (
    rolloutId: string, visit: (row: ReplayedPrediction) => void, visitMirrored: (row: Mirrored) => void = () => {}
  ): Promise<void> {
    this.#commit()
    await this.#request({ kind: 'replay', rolloutId }, (message) => {
      if (message.kind !== 'replayed') return true
      message.rows.forEach(visit)
      message.mirrored.forEach(visitMirrored)
      return message.isLast
    })
  }

  /** Forgets predictions older than `before` (ms) but for those of the rollouts in `keep`. */
  async prune (keep: readonly string[], before: number): Promise<void> {
    await this.#request({ kind: 'prune', keep, before }, () => true)
  }

  /** Commits what waits and ends the writer. */
  async close (): Promise<void> {
    this.#commit()
    if (this.#failure === null) await this.#request({ kind: 'close' }, () => true).catch(() => {})
    await this.#worker.terminate()
    closeSync(this.#acceptedFile)
  }

  #schedule (): void {
    this.#flush ??= setTimeout(() => { this.#commit() }, this.#options.flushMs)
  }

  #count (): void {
    this.#isCountDue = false
    this.#acceptedBytes.writeBigUInt64LE(BigInt(this.#accepted))
    writeSync(this.#acceptedFile, this.#acceptedBytes, 0, 8, 0)
  }

  #commit (): void {
    if (this.#flush !== null) clearTimeout(this.#flush)
    this.#flush = null
    const [mirrored, pins, waiting] = [this.#mirrored, this.#pins, this.#feedback]
    const count = this.#predictions.length + mirrored.length + pins.length
    if (count + waiting.length === 0) return
    const predictions = this.#predictions.take()
    this.#mirrored = []
    this.#pins = []
    this.#feedback = []
    this.#unanswered += count + waiting.length
    const feedback = waiting.map((item) => item.feedback)
    this.#request({ kind: 'commit', predictions, mirrored, feedback, pins, at: this.#options.now() }, (message) => {
      this.#unanswered -= count + waiting.length
      if (message.kind === 'committed') waiting.forEach((item, index) => { item.resolve(message.results[index]!) })
      return true
    }).catch((error: Error) => {
      this.#unanswered -= count + waiting.length
      this.dropped += count
      for (const item of waiting) item.reject(new GatewayError('STORAGE_FAILED', error.message, { cause: error }))
    })
  }

  #request (message: Sending, done: (reply: FromWriter) => boolean): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const finished = (reply: FromWriter): boolean => {
        const isDone = done(reply)
        if (isDone) resolve()
        return isDone
      }
      this.#replies.set(id, { done: finished, reject })
      this.#worker.postMessage({ ...message, id })
    })
  }

  #receive (message: FromWriter): void {
    if (message.kind === 'opened') return
    const reply = this.#replies.get(message.id)
    if (reply === undefined) return
    if (message.kind === 'failed') {
      this.#replies.delete(message.id)
      reply.reject(new Error(message.message))
    } else if (reply.done(message)) {
      this.#replies.delete(message.id)
    }
  }

  #fail (error: Error): void {
    this.#failure ??= error
    for (const reply of this.#replies.values()) reply.reject(error)
    this.#replies.clear()
  }
}
