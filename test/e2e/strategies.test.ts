import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Gateway } from '../../server/gateway.js'
import { ask, call, publishedTemplate, rolloutOf, runGateway, startRollout } from '../support/gateway.js'
import { eventually } from '../support/wait.js'

let template: Awaited<ReturnType<typeof publishedTemplate>>
let folder: ReturnType<typeof template.copy>
let gateway: Gateway
let url: string

beforeAll(async () => {
  template = await publishedTemplate({ 1: 1, 2: 2, same: 1, broken: 1 }, '1')
})

afterAll(() => { template.remove() })

beforeEach(async () => {
  folder = template.copy()
  gateway = await runGateway(folder.dataDir)
  url = gateway.url
})

afterEach(async () => {
  await gateway.close()
  folder.remove()
})

const attributes = { group: 'header:x-group' }
const begin = (strategy: object, more: object = {}) =>
  startRollout(url, { model: 'lookup', challenger: '2', strategy, attributes, ...more })
const inState = (id: string, ...states: string[]) => eventually(`${id} ${states.join(' or ')}`, async () => {
  const view = await rolloutOf(url, id)
  return states.includes(view.state) ? view : false
})
const act = async (id: string, name: string): Promise<number> => (await call(url, `/api/rollouts/${id}/${name}`, { reason: 'told to' })).status
const weightsOf = async (id: string): Promise<number[]> => {
  const history = (await call(url, `/api/rollouts/${id}/history`)).json as { weightBps: number, event: string }[]
  return history.filter(({ event }) => event === 'advance').map(({ weightBps }) => weightBps)
}

describe('progressive', () => {
  it('grows to its last weight and promotes', async () => {
    const { id } = await begin({ progressive: { stepWeight: 20, maxWeight: 50, interval: '60ms' } })

    await inState(id, 'promoted')

    expect(await weightsOf(id)).toEqual([2_000, 4_000, 5_000])
    expect(await ask(url, 3, 'anybody')).toMatchObject({ value: 6, arm: 'champion' })
  })
})

describe('blueGreen', () => {
  it('shows the preview to those it is for, switches everybody on a word, and makes it final after the watch', async () => {
    const { id } = await begin({ blueGreen: { preview: { when: 'group == "qa"' }, autoPromotion: false, holdFor: '300ms' } })
    await inState(id, 'paused')

    expect(await ask(url, 3, 'somebody', { 'x-group': 'qa' })).toMatchObject({ value: 6, arm: 'challenger', assignment: 'target' })
    expect(await ask(url, 3, 'somebody')).toMatchObject({ value: 3, arm: 'champion' })
    expect(await act(id, 'resume')).toBe(200)
    const switched = await eventually('the switch', async () => {
      const view = await rolloutOf(url, id)
      return view.weightBps === 10_000 ? view : false
    })

    expect(switched.reason).toContain('the switch is watched')
    expect(await ask(url, 3, null)).toMatchObject({ value: 6, arm: 'challenger', assignment: 'none' })
    await inState(id, 'promoted')
  })

  it('goes back within the request that trips the breaker, though nobody has a key', async () => {
    const { id } = await begin({ blueGreen: { holdFor: '1h' } }, { challenger: 'broken' })
    await eventually('the switch', async () => (await rolloutOf(url, id)).weightBps === 10_000)

    for (let i = 0; i < 21; i++) expect(await ask(url, 5, null)).toMatchObject({ status: 200, value: 5 })

    expect(await inState(id, 'rolled-back')).toMatchObject({ weightBps: 0, reason: expect.stringContaining('circuit breaker') as string })
  })
})

describe('featureFlag', () => {
  const flag = { featureFlag: { rules: [{ when: 'group == "beta"' }, { when: 'group == "never"', serve: 'champion' }], otherwise: 'champion' } }

  it('serves by rules, switches off for the next request and on again, also across a restart', async () => {
    const { id } = await begin(flag)
    await inState(id, 'paused')
    const beta = () => ask(url, 3, 'somebody', { 'x-group': 'beta' })

    expect([await beta(), await ask(url, 3, 'somebody'), await ask(url, 3, 'somebody', { 'x-group': 'never' })].map(({ value }) => value)).toEqual([6, 3, 3])
    expect(await act(id, 'off')).toBe(200)
    expect(await beta()).toMatchObject({ value: 3, arm: 'champion' })
    expect(await act(id, 'off')).toBe(200)
    await gateway.close()
    gateway = await runGateway(folder.dataDir)
    url = gateway.url
    expect(await beta()).toMatchObject({ value: 3 })
    expect(await act(id, 'on')).toBe(200)
    expect(await act(id, 'on')).toBe(200)
    const isOn = await eventually('the challenger is warm again', async () => {
      const answer = await beta()
      return answer.arm === 'challenger' && answer
    })
    expect(isOn).toMatchObject({ value: 6, assignment: 'target' })
    expect(await inState(id, 'paused')).toMatchObject({ reason: expect.stringContaining('waits for a person to promote') as string })
    expect(await act(id, 'promote')).toBe(200)
    await inState(id, 'promoted')
  })
})

describe('darkLaunch', () => {
  it('is seen by those inside only, and waits for a person', async () => {
    const { id } = await begin({ darkLaunch: { when: 'group == "staff"', duration: '50ms' } })

    const view = await inState(id, 'paused').then(() => eventually('the end of its steps', async () => {
      const { step, state, reason } = await rolloutOf(url, id)
      return state === 'paused' && step === 2 ? { reason } : false
    }))

    expect(view.reason).toContain('waits for a person to promote')
    expect(await ask(url, 3, 'somebody', { 'x-group': 'staff' })).toMatchObject({ value: 6, arm: 'challenger' })
    expect(await ask(url, 3, 'somebody')).toMatchObject({ value: 3 })
  })
})

describe('shadow', () => {
  const analysis = {
    mode: 'equivalence',
    minSamples: 50,
    plannedSamples: 2_000,
    metrics: [
      { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.1 } },
      { name: 'same', source: 'agreement', role: 'critical', margin: { absolute: 0.1 } },
      { name: 'p95', source: 'latency', quantile: 0.95, role: 'monitor' }
    ]
  }
  const ended = ['promoted', 'rolled-back', 'failed']

  async function askUntilEnded (id: string): Promise<Awaited<ReturnType<typeof ask>>[]> {
    const answers: Awaited<ReturnType<typeof ask>>[] = []
    while (!ended.includes((await rolloutOf(url, id)).state) && answers.length < 5_000) {
      answers.push(...await Promise.all(Array.from({ length: 20 }, (_, i) => ask(url, 1 + i % 9, i % 2 === 0 ? `user-${i}` : null))))
    }
    return answers
  }

  it('promotes what answers the same though nobody has seen it, when it may', async () => {
    const { id } = await begin({ shadow: {} }, { challenger: 'same', analysis, promotion: 'automatic' })
    await eventually('the mirror', async () => (await rolloutOf(url, id)).step === 1)

    const answers = await askUntilEnded(id)

    expect(await rolloutOf(url, id)).toMatchObject({ state: 'promoted', verdict: { decision: 'promote' } })
    expect(answers.every(({ status, arm }) => status === 200 && arm === 'champion')).toBe(true)
    const { metrics } = (await rolloutOf(url, id)).verdict
    expect(metrics.find(({ name }) => name === 'p95')!.n.challenger).toBeGreaterThan(50)
  })

  it('rolls back what answers otherwise, and what fails; users never notice; nothing is lost by a restart', async () => {
    const { id } = await begin({ shadow: {} }, { analysis })
    await eventually('the mirror', async () => (await rolloutOf(url, id)).step === 1)
    await Promise.all(Array.from({ length: 20 }, (_, i) => ask(url, 3, `user-${i}`)))
    await eventually('twenty pairs', async () => (await rolloutOf(url, id)).verdict.metrics[1]!.n.challenger === 20)
    await gateway.close()
    gateway = await runGateway(folder.dataDir)
    url = gateway.url
    expect((await rolloutOf(url, id)).verdict.metrics[1]!.n.challenger).toBe(20)

    await askUntilEnded(id)
    expect(await rolloutOf(url, id)).toMatchObject({ state: 'rolled-back', reason: expect.stringContaining('same is proven worse') as string })

    const second = await begin({ shadow: {} }, { challenger: 'broken', analysis })
    await eventually('the mirror', async () => (await rolloutOf(url, second.id)).step === 1)
    for (let i = 0; i < 60; i++) expect(await ask(url, 5, null)).toMatchObject({ status: 200, value: 5, arm: 'champion' })
    expect(await inState(second.id, 'rolled-back')).toMatchObject({ reason: expect.stringContaining('circuit breaker') as string })
  })
})

describe('session affinity', () => {
  const sessions = Array.from({ length: 30 }, (_, i) => `user-${i}`)
  const versions = async () => Promise.all(sessions.map(async (session) => (await ask(url, 1, session)).value))
  const steps = [{ setWeight: 60 }, { pause: {} }, { setWeight: 10 }, { pause: {} }]

  it('pin: a session keeps the version that first answered it though the weight falls, across a restart, until a rollback', async () => {
    const { id } = await begin({ canary: { steps } }, { affinity: { mode: 'pin' }, promotion: 'manual' })
    await inState(id, 'paused')
    const first = await versions()
    expect(await act(id, 'resume')).toBe(200)
    await eventually('the lower weight', async () => (await rolloutOf(url, id)).weightBps === 1_000)

    expect(await versions()).toEqual(first)
    expect(await ask(url, 1, sessions[first.indexOf(2)]!)).toMatchObject({ arm: 'challenger', assignment: 'pin' })
    expect((await Promise.all(Array.from({ length: 30 }, (_, i) => ask(url, 1, `late-${i}`)))).filter(({ arm }) => arm === 'challenger').length).toBeLessThan(12)
    await gateway.close()
    gateway = await runGateway(folder.dataDir)
    url = gateway.url
    await eventually('the challenger', async () => (await versions()).join() === first.join())

    expect(await act(id, 'rollback')).toBe(200)
    expect(new Set(await versions())).toEqual(new Set([1]))
  })

  it('conversation: sessions end with the version they began with after a promotion, and new ones begin with the new', async () => {
    const { id } = await begin({ canary: { steps: [{ setWeight: 50 }, { pause: {} }] } }, { affinity: { mode: 'conversation', ttl: '1h' } })
    await inState(id, 'paused')
    const first = await versions()
    expect(new Set(first)).toEqual(new Set([1, 2]))
    expect(await act(id, 'promote')).toBe(200)
    await inState(id, 'promoted')

    expect(await versions()).toEqual(first)
    expect(await ask(url, 1, sessions[first.indexOf(1)]!)).toMatchObject({ assignment: 'pin', arm: 'none', version: expect.stringMatching(/^lookup:1@/) as string })
    expect(await ask(url, 1, 'new')).toMatchObject({ value: 2, arm: 'champion', assignment: 'none' })
    await gateway.close()
    gateway = await runGateway(folder.dataDir)
    url = gateway.url
    await eventually('the champion before', async () => (await versions()).join() === first.join())

    expect(await act(id, 'rollback')).toBe(200)
    expect(new Set(await versions())).toEqual(new Set([1]))
  })
})

describe('by hand', () => {
  it('skips the step that is under way, until there is none left', async () => {
    const { id } = await begin({ canary: { steps: [{ setWeight: 10 }, { pause: {} }, { setWeight: 20 }, { pause: { duration: '1h' } }] } }, { promotion: 'manual' })
    await inState(id, 'paused')

    expect(await act(id, 'skip')).toBe(200)
    await eventually('the second pause', async () => {
      const { state, weightBps } = await rolloutOf(url, id)
      return state === 'paused' && weightBps === 2_000
    })
    expect(await act(id, 'skip')).toBe(200)
    expect(await rolloutOf(url, id)).toMatchObject({ state: 'paused', step: 4 })
    expect(await act(id, 'skip')).toBe(409)
    expect(await act(id, 'rollback')).toBe(200)
    expect(await act(id, 'skip')).toBe(409)
  })

  it('is rolled back when its deadline passes, also while it waits for somebody', async () => {
    const { id } = await begin({ canary: { steps: [{ setWeight: 10 }, { pause: {} }] } }, { progressDeadline: '400ms' })

    expect(await inState(id, 'rolled-back')).toMatchObject({ reason: 'the progress deadline has passed' })
  })
})
