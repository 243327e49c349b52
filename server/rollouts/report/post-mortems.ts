import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import type { EventStore } from '../../../registry/events.js'
import type { RolloutRow } from '../../../registry/rollouts/rollout.js'
import type { RolloutStore } from '../../../registry/rollouts/store.js'
import type { Log } from '../../log.js'
import { startThread } from '../../thread.js'
import { ENGINE } from '../engine.js'
import type { FromReporter, ReportWork, ToReporter } from './messages.js'
import { endOf, isEnd, mayWantPostMortem, reportPaths } from './post-mortem.js'

const PAGE_ROWS = 256
const DAY_MS = 86_400_000
const TOLD = 'rollout.report'

export interface PostMortemsOptions {
  readonly registry: {
    readonly rollouts: Pick<RolloutStore, 'get' | 'list'>
    readonly events: Pick<EventStore, 'newest' | 'list' | 'last' | 'onAppend' | 'tell'>
  }
  readonly dataDir: string
  /** Rollouts whose reports are kept. */
  readonly keepMax: number
  /** Reports waiting at a time; what comes beyond is written by the next gateway. */
  readonly queueMax: number
  /** Longest work on one report, ms. */
  readonly timeoutMs: number
  /** Rollouts that ended longer ago are not made up for, days. */
  readonly catchUpDays: number
  readonly now: () => number
  readonly log: Log
}

/**
 * Writes the post-mortems of rollouts as they end, one at a time, in a thread that lives while there are any to write.
 * What is missing of earlier ends is made up for. A fault is logged; routing never knows.
 */
export class PostMortems {
  readonly #options: PostMortemsOptions
  readonly #waiting = new Set<string>()
  readonly #unlisten: () => void
  #seen: number
  #thread: Worker | null = null
  #isWriting = false
  #isClosed = false

  /** Begins behind the events so far, whose rollouts are looked through once. */
  constructor (options: PostMortemsOptions) {
    this.#options = options
    const { events } = options.registry
    this.#seen = events.newest()
    this.#unlisten = events.onAppend(() => { this.look() })
    this.#catchUp()
  }

  /** Looks for rollouts that have ended, by this process or another. */
  look (): void {
    const { registry: { events }, log } = this.#options
    try {
      for (let page; (page = events.list({ after: this.#seen, limit: PAGE_ROWS })).length > 0;) {
        const ended = new Set(page.filter(({ type }) => isEnd(type)).map(({ rolloutId }) => rolloutId))
        for (const id of ended) this.#ask(this.#row(id))
        this.#seen = page.at(-1)!.id
      }
    } catch (error) {
      log('warn', 'events could not be read for post-mortems; it is tried again', { error: (error as Error).message })
    }
  }

  /** What is not written by now is written by the next gateway. */
  async close (): Promise<void> {
    this.#isClosed = true
    this.#unlisten()
    this.#waiting.clear()
    await this.#endThread()
  }

  /** Those of the rollouts that ended last, as many as are kept, the first to end first. */
  #catchUp (): void {
    const { registry, dataDir, keepMax, queueMax, catchUpDays, now } = this.#options
    const since = now() - catchUpDays * DAY_MS
    const isThere = ({ id, epoch }: RolloutRow): boolean =>
      registry.events.last(id, TOLD)?.body['epoch'] === epoch &&
      Object.values(reportPaths(id)).every((path) => existsSync(join(dataDir, path)))
    const wanted = registry.rollouts.list()
      .filter((row) => mayWantPostMortem(row) && endOf(row)! >= since)
      .sort((one, other) => endOf(other)! - endOf(one)!)
      .slice(0, keepMax)
    for (const row of wanted.filter((row) => !isThere(row)).slice(0, queueMax).reverse()) this.#ask(row)
  }

  #row (id: string): RolloutRow {
    return this.#options.registry.rollouts.get(id)
  }

  #ask (row: RolloutRow): void {
    const { queueMax, log } = this.#options
    if (this.#isClosed || !mayWantPostMortem(row)) return
    if (this.#waiting.size >= queueMax && !this.#waiting.has(row.id)) {
      log('warn', 'a post-mortem is put off until the next start: too many wait', { rollout: row.id, queueMax })
      return
    }
    this.#waiting.add(row.id)
    if (this.#isWriting) return
    this.#writeAll().catch((error: Error) => { log('error', 'post-mortems are not written any more', { error: error.message }) })
  }

  async #writeAll (): Promise<void> {
    this.#isWriting = true
    for (const id of this.#waiting) {
      this.#waiting.delete(id)
      await this.#write(id)
    }
    this.#isWriting = false
    if (!this.#isClosed) await this.#endThread()
  }

  async #write (id: string): Promise<void> {
    const { log } = this.#options
    try {
      const row = this.#row(id)
      const reply = await this.#converse(id)
      if (this.#isClosed || reply.kind === 'skipped') return
      if (reply.kind === 'failed') throw new Error(reply.message)
      this.#tell(row)
      log('info', 'post-mortem written', { rollout: id, path: reportPaths(id).markdown })
    } catch (error) {
      if (this.#isClosed) return
      log('warn', 'a post-mortem could not be written; the next start tries again', { rollout: id, error: (error as Error).message })
    }
  }

  /** @throws Error when the thread ends or takes too long; it is ended then */
  async #converse (id: string): Promise<FromReporter> {
    const { dataDir, keepMax, timeoutMs } = this.#options
    const thread = this.#thread ??=
      startThread(new URL('./worker.js', import.meta.url), { dataDir, keepMax } satisfies ReportWork)
    const answered = new AbortController()
    try {
      return await new Promise((resolve, reject) => {
        const timer = setTimeout(() => { reject(new Error(`it took longer than ${timeoutMs} ms`)) }, timeoutMs)
        const fail = (error: Error): void => { reject(error) }
        const exit = (): void => { reject(new Error('the thread that writes reports has ended')) }
        thread.once('message', resolve).once('error', fail).once('exit', exit)
        answered.signal.addEventListener('abort', () => {
          clearTimeout(timer)
          thread.off('message', resolve).off('error', fail).off('exit', exit)
        })
        thread.postMessage({ id } satisfies ToReporter)
      })
    } catch (error) {
      await this.#endThread()
      throw error
    } finally {
      answered.abort()
    }
  }

  /** Told behind the files, so that whoever hears of them finds them; a kill in between is made up for. */
  #tell ({ id, model, champion, challenger, state, step, weightBps, epoch }: RolloutRow): void {
    const { registry: { events }, now } = this.#options
    const { markdown, html } = reportPaths(id)
    const reason = `post-mortem in ${markdown}`
    const body = { champion, challenger, to: state, step, weightBps, epoch, actor: ENGINE, reason, markdown, html }
    events.tell({ at: now(), type: TOLD, rolloutId: id, model, body })
  }

  async #endThread (): Promise<void> {
    const thread = this.#thread
    this.#thread = null
    await thread?.terminate()
  }
}
