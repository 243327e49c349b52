import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Listening, startGateway, stop } from '../../scripts/support/process.js'
import { compiledFile } from '../support/compiled.js'
import { ask, call, publishedTemplate, rolloutOf, startRollout } from '../support/gateway.js'
import { childrenOf, isAlive } from '../support/processes.js'
import { eventually } from '../support/wait.js'

const main = pathToFileURL(compiledFile('server/main.js'))
let template: Awaited<ReturnType<typeof publishedTemplate>>
let folder: ReturnType<typeof template.copy>
let gateway: Listening

beforeAll(async () => {
  template = await publishedTemplate({ 1: 1, 2: 2 }, '1')
})

afterAll(() => { template.remove() })

beforeEach(async () => {
  folder = template.copy()
  gateway = await startGateway(folder.dataDir, main)
})

afterEach(async () => {
  await stop(gateway)
  folder.remove()
})

const spec = (steps: unknown[], more: object = {}) => ({ model: 'lookup', challenger: '2', strategy: { canary: { steps } }, ...more })
const hostOf = (version: string): number => childrenOf(gateway.child.pid!, `gauntlet-host lookup:${version}`)[0]!
const inState = (id: string, state: string) => eventually(`${id} ${state}`, async () => {
  const view = await rolloutOf(gateway.url, id)
  return view.state === state ? view : false
})

async function kill (): Promise<void> {
  const ended = once(gateway.child, 'exit')
  gateway.child.kill('SIGKILL')
  await ended
}

async function restart (): Promise<void> {
  gateway = await startGateway(folder.dataDir, main)
}

describe('kill -9 of the gateway', () => {
  it('ends its hosts', async () => {
    const host = hostOf('1')
    expect(isAlive(host)).toBe(true)

    await kill()

    await eventually('the host is gone', () => !isAlive(host))
  })

  it('while warming: the rollout warms up again and goes on', async () => {
    const { id, state } = await startRollout(gateway.url, spec([{ setWeight: 30 }, { pause: {} }]))
    expect(state).toBe('warming')
    await kill()

    await restart()

    expect(await inState(id, 'paused')).toMatchObject({ weightBps: 3_000, step: 1 })
  })

  it('while progressing: step, weight, sessions, statistics and late feedback are where they were', async () => {
    const analysis = {
      minSamples: 100_000,
      metrics: [
        { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.01 } },
        { name: 'accuracy', source: 'feedback', key: 'correct', role: 'primary', direction: 'up' }
      ]
    }
    const { id } = await startRollout(gateway.url, spec([{ setWeight: 40 }, { analysis: {} }], { analysis }))
    await eventually('the weight', async () => (await rolloutOf(gateway.url, id)).weightBps === 4_000)
    const sessions = Array.from({ length: 60 }, (_, i) => `user-${i}`)
    const before = await Promise.all(sessions.map((session) => ask(gateway.url, 1, session)))
    for (const { requestId } of before.slice(0, 30)) await call(gateway.url, '/v1/feedback', { requestId, values: { correct: 1 } })
    const counted = (await rolloutOf(gateway.url, id)).verdict.metrics
    await kill()

    await restart()

    const view = await inState(id, 'progressing')
    expect(view).toMatchObject({ weightBps: 4_000, step: 1 })
    expect(view.verdict.metrics).toEqual(counted)
    const after = await Promise.all(sessions.map((session) => eventually('the challenger is warm again', async () => {
      const answer = await ask(gateway.url, 1, session)
      return answer.assignment === 'hash' && answer
    })))
    expect(after.map(({ arm }) => arm)).toEqual(before.map(({ arm }) => arm))
    expect((await rolloutOf(gateway.url, id)).state).toBe('progressing')
    const late = await call(gateway.url, '/v1/feedback', { requestId: before[45]!.requestId, values: { correct: 0 } })
    expect(late.status).toBe(200)
    const accuracy = (await rolloutOf(gateway.url, id)).verdict.metrics.find(({ name }) => name === 'accuracy')!
    expect(accuracy.n.champion + accuracy.n.challenger).toBe(31)
  })

  it('while paused: it stays paused until a person resumes', async () => {
    const { id } = await startRollout(gateway.url, spec([{ setWeight: 25 }, { pause: {} }]))
    await inState(id, 'paused')
    await kill()

    await restart()

    expect(await rolloutOf(gateway.url, id)).toMatchObject({ state: 'paused', weightBps: 2_500 })
    await call(gateway.url, `/api/rollouts/${id}/resume`, {})
    expect(await inState(id, 'promoted')).toMatchObject({ challenger: '2' })
  })

  it('while promoting: the promotion is completed, once', async () => {
    const { id } = await startRollout(gateway.url, spec([{ setWeight: 30 }, { pause: {} }]))
    const promoted = await call(gateway.url, `/api/rollouts/${id}/promote`, { reason: 'now' })
    expect(promoted.json).toMatchObject({ state: 'promoting' })
    await kill()

    await restart()

    await inState(id, 'promoted')
    const history = (await call(gateway.url, `/api/rollouts/${id}/history`)).json as { event: string }[]
    expect(history.filter(({ event }) => event === 'complete')).toHaveLength(1)
    const aliases = (await call(gateway.url, '/api/models/lookup/aliases/champion')).json as { version: string }[]
    expect(aliases.map(({ version }) => version)).toEqual(['2', '1'])
    expect((await ask(gateway.url, 4, 'x')).value).toBe(8)
  })

  it('loses no feedback that was answered', async () => {
    const { id } = await startRollout(gateway.url, spec([{ setWeight: 50 }, { pause: {} }], {
      analysis: { metrics: [{ name: 'accuracy', source: 'feedback', key: 'correct', role: 'primary', direction: 'up' }] }
    }))
    await inState(id, 'paused')
    let accepted = 0
    const users = Promise.allSettled(Array.from({ length: 8 }, async (_, user) => {
      for (let i = 0; i < 1_000; i++) {
        const { requestId } = await ask(gateway.url, 1, `user-${user}-${i}`)
        const reply = await call(gateway.url, '/v1/feedback', { requestId, values: { correct: 1 } })
        if (reply.status === 200) accepted++
      }
    }))
    await eventually('some feedback', () => accepted >= 100)
    await kill()
    await users

    await restart()

    const { n } = (await rolloutOf(gateway.url, id)).verdict.metrics[0]!
    expect(n.champion + n.challenger).toBeGreaterThanOrEqual(accepted)
    expect(n.champion + n.challenger).toBeLessThanOrEqual(accepted + 8)
  })
})

describe('kill -9 of a host', () => {
  it('of the champion: its users wait for the restart, and none fails', async () => {
    const host = hostOf('1')
    const traffic = { isDone: false }
    const users = Array.from({ length: 8 }, async (_, user) => {
      const answers: Awaited<ReturnType<typeof ask>>[] = []
      for (let i = 0; !traffic.isDone; i++) answers.push(await ask(gateway.url, i % 10, `user-${user}`))
      return answers
    })
    await eventually('some traffic', async () => (await ask(gateway.url, 1, 'x')).status === 200)

    process.kill(host, 'SIGKILL')
    await eventually('another host', () => hostOf('1') !== undefined && hostOf('1') !== host)
    await eventually('an answer', async () => (await ask(gateway.url, 7, 'x')).value === 7)
    traffic.isDone = true

    const answers = (await Promise.all(users)).flat()
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
    expect(answers.length).toBeGreaterThan(8)
  })

  it('of the challenger: the champion answers until it is back, and the trial goes on', async () => {
    const { id } = await startRollout(gateway.url, spec([{ setWeight: 50 }, { pause: {} }], { breaker: { minRequests: 100_000 } }))
    await inState(id, 'paused')
    const host = hostOf('2')
    process.kill(host, 'SIGKILL')

    const during = await Promise.all(Array.from({ length: 40 }, (_, i) => ask(gateway.url, 3, `user-${i}`)))
    await eventually('the challenger is back', async () => (await Promise.all(Array.from({ length: 10 }, (_, i) => ask(gateway.url, 3, `user-${i}`)))).some(({ arm }) => arm === 'challenger'))

    expect(during.every(({ status }) => status === 200)).toBe(true)
    expect(during.some(({ assignment }) => assignment === 'failover')).toBe(true)
    expect(during.filter(({ assignment }) => assignment === 'failover').every(({ value }) => value === 3)).toBe(true)
    expect((await rolloutOf(gateway.url, id)).state).toBe('paused')
  })
})

describe('SIGINT twice, as a terminal and a runner in between send it', () => {
  it('still ends in order', async () => {
    const ended = once(gateway.child, 'exit')

    gateway.child.kill('SIGINT')
    gateway.child.kill('SIGINT')

    expect(await ended).toEqual([0, null])
  })
})

describe('SIGTERM', () => {
  it('ends the gateway and every host, with exit code 0', async () => {
    const host = hostOf('1')
    const ended = once(gateway.child, 'exit')

    gateway.child.kill('SIGTERM')

    expect(await ended).toEqual([0, null])
    await eventually('the host is gone', () => !isAlive(host))
  })
})
