import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Registry } from '../../registry/registry.js'
import type { RolloutView } from '../../server/routes/rollout-view.js'
import { type Listening, startScript, stop } from '../../scripts/support/process.js'
import { gauntlet } from '../support/command.js'
import { compiledFile } from '../support/compiled.js'
import { ask, call, publishedTemplate } from '../support/gateway.js'

const main = pathToFileURL(compiledFile('server/main.js'))
const preload = pathToFileURL(compiledFile('test/support/kill-at-write.js'))
const FINAL = ['promoted', 'rolled-back', 'failed']
/** More lives than any rollout here has writes, each of them twice. */
const LIVES_MAX = 80

interface Case {
  readonly what: string
  readonly ends: string
  readonly challenger: string
  readonly document: object
  /** What a person does about a paused rollout; nothing unless told. */
  readonly hand?: (view: RolloutView) => string | null
  /** Asks in sessions while the rollout is open, and tells how the answer pleased: `liked` is the scale of the better. */
  readonly liked?: number
}

const errors = { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.2 } }
const accuracy = { name: 'accuracy', source: 'feedback', key: 'correct', role: 'primary', direction: 'up', margin: { absolute: 0.05 } }
const judged = { analysis: { minSamples: 50, metrics: [accuracy] } }
const agreement = { mode: 'equivalence', minSamples: 50, plannedSamples: 2_000, metrics: [errors, { name: 'same', source: 'agreement', role: 'critical', margin: { absolute: 0.1 } }] }
const canary = (...steps: object[]) => ({ canary: { steps } })
const whenPaused = (act: string) => ({ state }: RolloutView): string | null => state === 'paused' ? act : null

const CASES: Case[] = [
  { what: 'canary, promoted by its verdict', ends: 'promoted', challenger: '2', document: { strategy: canary({ setWeight: 30 }, { pause: { duration: '20ms' } }, { setWeight: 50 }, { analysis: {} }), ...judged }, liked: 2 },
  { what: 'canary, rolled back by its verdict', ends: 'rolled-back', challenger: '2', document: { strategy: canary({ setWeight: 50 }, { analysis: {} }), ...judged }, liked: 1 },
  { what: 'canary, rolled back by its breaker', ends: 'rolled-back', challenger: 'broken', document: { strategy: canary({ setWeight: 50 }, { pause: {} }) }, liked: 1 },
  { what: 'canary, resumed, then promoted by hand', ends: 'promoted', challenger: '2', document: { strategy: canary({ setWeight: 20 }, { pause: {} }, { setWeight: 40 }), promotion: 'manual' }, hand: ({ state, step }) => state !== 'paused' ? null : step === 1 ? 'resume' : 'promote' },
  { what: 'canary, rolled back by hand', ends: 'rolled-back', challenger: '2', document: { strategy: canary({ setWeight: 20 }, { pause: {} }) }, hand: whenPaused('rollback') },
  { what: 'canary whose challenger cannot be loaded', ends: 'failed', challenger: 'gone', document: { strategy: canary({ setWeight: 20 }) } },
  { what: 'progressive', ends: 'promoted', challenger: '2', document: { strategy: { progressive: { stepWeight: 20, maxWeight: 50, interval: '20ms' } } } },
  { what: 'blueGreen', ends: 'promoted', challenger: '2', document: { strategy: { blueGreen: { preview: { when: 'group == "qa"' }, autoPromotion: false, holdFor: '20ms' } }, attributes: { group: 'header:x-group' } }, hand: ({ state, step }) => state === 'paused' && step === 1 ? 'resume' : null },
  { what: 'shadow', ends: 'promoted', challenger: 'same', document: { strategy: { shadow: {} }, analysis: agreement, promotion: 'automatic' }, liked: 1 },
  { what: 'featureFlag', ends: 'promoted', challenger: '2', document: { strategy: { featureFlag: { rules: [{ when: 'group == "beta"' }], otherwise: 'champion' } }, attributes: { group: 'header:x-group' } }, hand: whenPaused('promote') },
  { what: 'darkLaunch', ends: 'promoted', challenger: '2', document: { strategy: { darkLaunch: { when: 'group == "staff"', duration: '20ms' } }, attributes: { group: 'header:x-group' } }, hand: ({ state, step }) => state === 'paused' && step === 2 ? 'promote' : null }
]

let template: Awaited<ReturnType<typeof publishedTemplate>>

beforeAll(async () => {
  template = await publishedTemplate({ 1: 1, 2: 2, same: 1, broken: 1, gone: 3 }, '1')
})

afterAll(() => { template.remove() })

/** What a rollout came to, and by which moves; how often its gateway was killed on the way. */
interface Course { readonly outcome: object, readonly moves: string[], readonly lives: number, readonly failures: string[] }

/** At which write a life of the gateway ends, `moment:table`, given what was last seen; null when it lives on. */
type Kills = (life: number, view: RolloutView | null) => string | null

/** A rollout from start to end by clients who only see the gateway; `kills` says at which write each of its lives ends. */
class Run {
  readonly #case: Case
  readonly #dataDir: string
  readonly #kills: Kills
  #gateway: Listening | null = null
  #view: RolloutView | null = null
  #asked = 0
  lives = 0
  /** Answers other than 200 while the gateway was alive. */
  readonly failures: string[] = []

  constructor (rollout: Case, dataDir: string, kills: Kills) {
    this.#case = rollout
    this.#dataDir = dataDir
    this.#kills = kills
  }

  async toTheEnd (): Promise<void> {
    try {
      while (this.#view === null || !FINAL.includes(this.#view.state)) {
        if (this.lives > LIVES_MAX) throw new Error(`no end after ${this.lives} lives: ${JSON.stringify(this.#view)}`)
        await this.#live()
      }
    } finally {
      if (this.#gateway !== null) await stop(this.#gateway)
    }
  }

  /** Starts a gateway and uses it until it dies or the rollout ends. */
  async #live (): Promise<void> {
    const kill = this.#kills(this.lives++, this.#view)
    const env = { GAUNTLET_ANALYSIS_INTERVAL_MS: '20', ...kill === null ? {} : { GAUNTLET_TEST_KILL_AT: kill } }
    const args = ['serve', '--port', '0', '--log-level', 'error', '--data-dir', this.#dataDir]
    // One that dies while it starts has no address.
    this.#gateway = await startScript(main, args, { env, preload }).catch(() => null)
    if (this.#gateway === null) return
    const { child } = this.#gateway
    const dead = once(child, 'exit')
    while (child.signalCode === null) {
      try {
        await this.#use(this.#gateway.url)
        if (FINAL.includes(this.#view?.state ?? '')) return
      } catch (error) {
        if (!(error instanceof TypeError)) throw error
        await dead
      }
    }
  }

  async #use (url: string): Promise<void> {
    const [view] = (await call(url, '/api/rollouts')).json as RolloutView[]
    this.#view = view ?? null
    const { challenger, document, hand, liked } = this.#case
    if (view === undefined) {
      await call(url, '/api/rollouts', { model: 'lookup', challenger, postMortem: 'never', ...document })
      return
    }
    const act = hand?.(view) ?? null
    if (act !== null) await call(url, `/api/rollouts/${view.id}/${act}`, { reason: 'told to' })
    if (liked !== undefined && view.step > 0) await this.#ask(url, liked)
  }

  async #ask (url: string, liked: number): Promise<void> {
    await Promise.all(Array.from({ length: 40 }, async () => {
      const index = 1 + this.#asked++ % 9
      const { status, value, requestId } = await ask(url, index, `user-${this.#asked}`)
      if (status !== 200 && status !== 503) this.failures.push(`${status}`)
      if (status === 200) await call(url, '/v1/feedback', { requestId, values: { correct: value === index * liked || index === 9 } })
    }))
  }
}

async function courseOf (rollout: Case, kills: Kills): Promise<Course> {
  const folder = template.copy()
  try {
    if (rollout.challenger === 'gone') await loseWeights(folder.dataDir)
    const run = new Run(rollout, folder.dataDir, kills)
    await run.toTheEnd()
    const registry = Registry.open({ dataDir: folder.dataDir, now: Date.now })
    try {
      const { id, state, step, stage, weightBps, challenger, epoch } = registry.rollouts.list()[0]!
      const moves = registry.rollouts.history(id).map((move) => [move.epoch, move.event, move.from, move.to, move.step, move.weightBps].join(' '))
      const told = registry.events.list({ after: 0, limit: 1_000, rolloutId: id }).filter(({ type }) => type !== 'rollout.verdict')
      expect(registry.audit().verify()).toMatchObject({ ok: true })
      expect(told.map(({ type }) => type)).toEqual(['rollout.create', ...moves.map((move) => `rollout.${move.split(' ')[1]}`)])
      expect(await gauntlet('verdict', 'replay', id, '--data-dir', folder.dataDir)).toMatchObject({ code: 0 })
      const champions = registry.aliasHistory('lookup', 'champion').map(({ version }) => version)
      return { outcome: { state, step, stage, weightBps, challenger, epoch, champions }, moves, lives: run.lives, failures: run.failures }
    } finally {
      registry.close()
    }
  } finally {
    folder.remove()
  }
}

/** Takes away what the version `gone` is made of, so that it cannot be loaded. */
async function loseWeights (dataDir: string): Promise<void> {
  const { out } = await gauntlet('verify', 'lookup:gone', '--json', '--data-dir', dataDir)
  const { blobs } = JSON.parse(out) as { blobs: { digest: string, path: string }[] }
  const { digest } = blobs.find(({ path }) => path === 'model.onnx')!
  rmSync(join(dataDir, 'registry/blobs/sha256', digest.replace('sha256:', '')))
}

/**
 * Before a write and after it, over and over: each pair of lives gets one move further. Verdicts that move nothing are
 * written too, where there is an analysis: the first life that sees a trial under way, and the next, end there instead.
 */
function everyWrite ({ document }: Case): Kills {
  let verdicts = 'analysis' in document ? 0 : 2
  const others = verdicts
  return (life, view) => {
    if (view !== null && view.step > 0 && verdicts < 2) return verdicts++ === 0 ? 'before:rollout_verdicts' : 'after:rollout_verdicts'
    return (life - verdicts + others) % 2 === 0 ? 'before:rollout_history' : 'after:rollout_history'
  }
}

describe('a gateway that is killed before and after every write of a rollout', () => {
  it.each(CASES)('comes to the same end by the same moves: $what', async (rollout) => {
    const undisturbed = await courseOf(rollout, () => null)
    const killed = await courseOf(rollout, everyWrite(rollout))

    expect(undisturbed).toMatchObject({ outcome: { state: rollout.ends }, lives: 1 })
    expect(killed.moves).toEqual(undisturbed.moves)
    expect(killed.outcome).toEqual(undisturbed.outcome)
    expect([...killed.failures, ...undisturbed.failures]).toEqual([])
    // Before and after each move.
    expect(killed.lives).toBeGreaterThanOrEqual(2 * killed.moves.length)
  }, 120_000)
})
