import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Registry } from '../../registry/registry.js'
import type { Gateway } from '../../server/gateway.js'
import { gauntlet } from '../support/command.js'
import { followEvents } from '../support/event-stream.js'
import { ask, call, publishedTemplate, rolloutOf, runGateway, startRollout } from '../support/gateway.js'
import { eventually } from '../support/wait.js'

let template: Awaited<ReturnType<typeof publishedTemplate>>
let folder: ReturnType<typeof template.copy>
let gateway: Gateway
let url: string

beforeAll(async () => {
  template = await publishedTemplate({ 1: 1, 2: 2, broken: 1 }, '1')
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

const spec = (challenger: string, steps: unknown[], more: object = {}) => ({
  model: 'lookup', challenger, strategy: { canary: { steps } }, ...more
})
const accuracy = { name: 'accuracy', source: 'feedback', key: 'correct', role: 'primary', direction: 'up', margin: { absolute: 0.05 } }
const held = (weight: number) => [{ setWeight: weight }, { pause: {} }]
const inState = (id: string, ...states: string[]) => eventually(`${id} ${states.join(' or ')}`, async () => {
  const view = await rolloutOf(url, id)
  return states.includes(view.state) ? view : false
})

/** Sessions that ask, and tell whether the answer pleased them: the scale of version `liked` does, mostly. */
async function drive (id: string, likes: (value: number, index: number) => boolean, sessions = 40): Promise<string[]> {
  const failures: string[] = []
  let count = 0
  const done = () => rolloutOf(url, id).then(({ state }) => ['promoted', 'rolled-back', 'failed'].includes(state))
  while (!await done() && count < 20_000) {
    await Promise.all(Array.from({ length: sessions }, async () => {
      const index = 1 + count++ % 9
      const answer = await ask(url, index, `user-${count}`)
      if (answer.status !== 200) failures.push(`${answer.status}`)
      else await call(url, '/v1/feedback', { requestId: answer.requestId, values: { correct: likes(answer.value, index) } })
    }))
  }
  return failures
}

describe('a promotion that is watched', () => {
  it('keeps its part of the sessions with the champion before, who returns when the new one fails, unseen by users', async () => {
    const { id } = await startRollout(url, spec('broken', held(10), { afterPromotion: { watch: '1h', holdback: 50 } }))
    await inState(id, 'paused')
    await call(url, `/api/rollouts/${id}/promote`, {})
    expect(await inState(id, 'promoted')).toMatchObject({ watchedUntil: expect.any(Number) as number, weightBps: 5_000 })

    const calm = await Promise.all(Array.from({ length: 40 }, (_, session) => ask(url, 0, `user-${session}`)))
    expect(new Set(calm.map(({ version }) => version!.split('@')[0]))).toEqual(new Set(['lookup:1', 'lookup:broken']))
    expect(await ask(url, 0, null)).toMatchObject({ status: 200, arm: 'challenger' })

    const statuses = await Promise.all(Array.from({ length: 200 }, async (_, session) => (await ask(url, 3, `user-${session}`)).status))
    expect(new Set(statuses)).toEqual(new Set([200]))
    const view = await eventually('the champion before is back', async () => {
      const now = await rolloutOf(url, id)
      return now.reverted === null ? false : now
    })
    expect(view).toMatchObject({ state: 'promoted', watchedUntil: null, reverted: { reason: expect.stringContaining('circuit breaker') as string } })
    expect(await ask(url, 3, 'anybody')).toMatchObject({ value: 3, arm: 'champion', assignment: 'none' })
  })
})

describe('a canary', () => {
  it('promotes a better challenger by itself, through every step', async () => {
    const analysis = { minSamples: 50, metrics: [accuracy] }
    const { id } = await startRollout(url, spec('2', [{ setWeight: 50 }, { pause: { duration: '50ms' } }, { analysis: {} }], { analysis }))

    const failures = await drive(id, (value, index) => value === index * 2 || index === 9)

    const view = await rolloutOf(url, id)
    expect(view).toMatchObject({ state: 'promoted', champion: '1', challenger: '2', verdict: { decision: 'promote' } })
    expect(view.verdict.metrics[0]).toMatchObject({ name: 'accuracy', outcome: 'pass', margin: 0.05 })
    expect(view.verdict.metrics[0]!.lower).toBeGreaterThan(0)
    expect(failures).toEqual([])
    expect(await ask(url, 4, 'anybody')).toMatchObject({ value: 8, arm: 'champion', assignment: 'none' })
    const verdicts = (await call(url, `/api/rollouts/${id}/verdicts`)).json as { decision: string, evidence: { strata: unknown[] } }[]
    expect(verdicts[0]).toMatchObject({ decision: 'promote' })
    expect(verdicts[0]!.evidence.strata.length).toBeGreaterThan(0)
    const history = (await call(url, `/api/rollouts/${id}/history`)).json as { event: string }[]
    expect(history.map(({ event }) => event)).toEqual(expect.arrayContaining(['start', 'warmed', 'advance', 'pause', 'resume', 'promote', 'complete']))
    const events = (await call(url, `/api/events?rollout=${id}&limit=1000`)).json as { id: number, type: string }[]
    expect(events.filter(({ type }) => type !== 'rollout.verdict').map(({ type }) => type)).toEqual(['rollout.create', ...history.map(({ event }) => `rollout.${event}`)])
    expect((await call(url, `/api/events?after=${events.at(-1)!.id}`)).json).toEqual([])
    const [latest] = (await call(url, `/api/audit?subject=${id}&limit=1`)).json as { id: number, action: string, hash: string }[]
    expect(latest).toMatchObject({ action: 'rollout.complete', hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string })
    expect((await call(url, '/api/audit/head')).json).toMatchObject({ id: expect.any(Number) as number })
    expect(await gauntlet('verdict', 'replay', id, '--data-dir', folder.dataDir)).toMatchObject({ code: 0, out: expect.stringContaining(' 0 different') as string })
    expect(await gauntlet('audit', 'verify', '--data-dir', folder.dataDir)).toMatchObject({ code: 0, out: expect.stringContaining('the audit trail is whole') as string })
  })

  it('rolls a worse challenger back by itself', async () => {
    const analysis = { minSamples: 50, metrics: [accuracy] }
    const { take } = await followEvents(`${url}/api/events`)
    const { id } = await startRollout(url, spec('2', [{ setWeight: 50 }, { analysis: {} }], { analysis }))

    await drive(id, (value, index) => value === index)

    const stored = (await call(url, `/api/events?rollout=${id}&limit=1000`)).json as { id: number }[]
    const told = (await take(stored.length)).map(({ data }) => JSON.parse(data!) as { type: string })
    expect(told).toEqual(stored)
    expect(told.findLast(({ type }) => type !== 'rollout.report')).toMatchObject({ type: 'rollout.rollback', body: { to: 'rolled-back', weightBps: 0 } })

    expect(await rolloutOf(url, id)).toMatchObject({ state: 'rolled-back', weightBps: 0, verdict: { decision: 'rollback' } })
    const page = await call(url, `/api/rollouts/${id}/report?format=html`)
    expect([page.headers.get('content-type'), page.headers.get('content-security-policy')]).toEqual(['text/html; charset=utf-8', expect.stringContaining('default-src \'none\'')])
    expect(page.json as string).toContain('by rule 1: harm was proven')
    const report = await call(url, `/api/rollouts/${id}/report`)
    expect(report.json).toMatchObject({ rollout: id, ending: { cause: 'harm' }, decision: { metrics: [{ name: 'accuracy', outcome: 'fail' }] } })
    expect((await call(url, `/api/rollouts/${id}/report?format=pdf`)).status).toBe(400)
    expect((await call(url, '/api/rollouts/none/report')).status).toBe(404)
    expect(await ask(url, 4, 'anybody')).toMatchObject({ value: 4, arm: 'champion', version: expect.stringMatching(/^lookup:1@/) })
  })

  it('lets the champion answer for a failing challenger, and trips the breaker on the spot', async () => {
    const { id } = await startRollout(url, spec('broken', held(50)))
    await inState(id, 'paused')

    const answers: Awaited<ReturnType<typeof ask>>[] = []
    for (let i = 0; i < 200; i++) answers.push(await ask(url, 5, `user-${i}`))

    expect(answers.every(({ status, value }) => status === 200 && value === 5)).toBe(true)
    const failovers = answers.filter(({ assignment }) => assignment === 'failover')
    expect(failovers).toHaveLength(20)
    const lastFailover = answers.findLastIndex(({ assignment }) => assignment === 'failover')
    expect(answers.slice(lastFailover + 1).every(({ arm, assignment }) => arm === 'champion' && assignment === 'none')).toBe(true)
    expect(await rolloutOf(url, id)).toMatchObject({ state: 'rolled-back', reason: expect.stringContaining('circuit breaker: 20 of 20') })
  })

  it('keeps every session where it is while the weight stands, and only moves some over when it grows', async () => {
    const { id } = await startRollout(url, spec('2', [{ setWeight: 30 }, { pause: {} }, { setWeight: 60 }, { pause: {} }]))
    await inState(id, 'paused')
    const sessions = Array.from({ length: 60 }, (_, i) => `user-${i}`)
    const arms = () => Promise.all(sessions.map(async (session) => (await ask(url, 1, session)).arm))

    const first = await arms()
    const again = await arms()
    await call(url, `/api/rollouts/${id}/resume`, { reason: 'more' })
    await eventually('weight 60', async () => (await rolloutOf(url, id)).weightBps === 6_000)
    const more = await arms()

    expect(again).toEqual(first)
    expect(first.filter((arm) => arm === 'challenger').length).toBeGreaterThan(5)
    expect(sessions.filter((_, i) => first[i] === 'challenger' && more[i] !== 'challenger')).toEqual([])
    expect(more.filter((arm) => arm === 'challenger').length).toBeGreaterThan(first.filter((arm) => arm === 'challenger').length)
  })

  it('sends who has no key to the champion, outside the analysis', async () => {
    const { id } = await startRollout(url, spec('2', [{ setWeight: 99 }, { pause: {} }], { analysis: { metrics: [accuracy] } }))
    await inState(id, 'paused')

    const answer = await ask(url, 3, null)
    const reply = await call(url, '/v1/feedback', { requestId: answer.requestId, values: { correct: 1 } })

    expect(answer).toMatchObject({ arm: 'champion', assignment: 'none', value: 3 })
    expect(reply.status).toBe(200)
    expect((await rolloutOf(url, id)).verdict.metrics[0]).toMatchObject({ n: { champion: 0, challenger: 0 } })
  })

  it('counts each key of a feedback once', async () => {
    const { id } = await startRollout(url, spec('2', [{ setWeight: 50 }, { pause: {} }], { analysis: { metrics: [accuracy] } }))
    await inState(id, 'paused')
    const { requestId, arm } = await ask(url, 3, 'somebody')

    for (let i = 0; i < 3; i++) await call(url, '/v1/feedback', { requestId, values: { correct: 1 } })

    const { n } = (await rolloutOf(url, id)).verdict.metrics[0]!
    expect(n[arm as 'champion' | 'challenger']).toBe(1)
    expect(n.champion + n.challenger).toBe(1)
  })

  it('waits for a person where promotion is manual', async () => {
    const { id } = await startRollout(url, spec('2', [{ setWeight: 50 }], { promotion: 'manual' }))
    expect(await inState(id, 'paused')).toMatchObject({ reason: 'every step has passed; waits for a person to promote' })

    const reply = await call(url, `/api/rollouts/${id}/promote`, { reason: 'looks good' }, { 'x-gauntlet-actor': 'ann' })

    expect(reply.json).toMatchObject({ state: 'promoted' })
    const history = (await call(url, `/api/rollouts/${id}/history`)).json as { event: string, actor: string, reason: string }[]
    expect(history).toContainEqual(expect.objectContaining({ event: 'promote', actor: 'ann', reason: 'looks good' }))
  })

  it('pauses instead of rolling back where the spec says so', async () => {
    const { id } = await startRollout(url, spec('broken', [{ setWeight: 50 }, { pause: { duration: '1h' } }], { onFailure: 'pause' }))
    await inState(id, 'paused')
    for (let i = 0; i < 60; i++) await ask(url, 5, `user-${i}`)

    expect(await rolloutOf(url, id)).toMatchObject({ state: 'paused', weightBps: 5_000 })
  })
})

describe('acts by hand', () => {
  it('promotes at once, keeps the old champion warm, and goes back to it', async () => {
    const { id } = await startRollout(url, spec('2', held(10)))
    await inState(id, 'paused')

    const promoted = await call(url, `/api/rollouts/${id}/promote`, {})
    expect(promoted).toMatchObject({ status: 200, json: { state: 'promoted' } })
    expect((await ask(url, 4, 'x')).value).toBe(8)
    expect((await call(url, '/v2/models/lookup/versions/1/ready')).status).toBe(200)

    const reverted = await call(url, `/api/rollouts/${id}/rollback`, { reason: 'support is on fire' }, { 'x-gauntlet-actor': 'ann' })
    expect(reverted).toMatchObject({ status: 200, json: { state: 'promoted', reverted: { actor: 'ann', reason: 'support is on fire' } } })
    expect((await ask(url, 4, 'x')).value).toBe(4)
    expect((await call(url, `/api/rollouts/${id}/rollback`, {})).status).toBe(409)
  })

  it('refuses any act on a rollout that has ended', async () => {
    const { id } = await startRollout(url, spec('2', held(10)))
    await inState(id, 'paused')
    await call(url, `/api/rollouts/${id}/rollback`, {})

    for (const act of ['promote', 'pause', 'resume', 'rollback']) {
      expect(await call(url, `/api/rollouts/${id}/${act}`, {})).toMatchObject({ status: 409, json: { title: 'ILLEGAL_TRANSITION' } })
    }
    expect((await call(url, '/api/rollouts/none/promote', {})).status).toBe(404)
  })

  it('pauses a step and resumes it', async () => {
    const { id } = await startRollout(url, spec('2', [{ setWeight: 10 }, { pause: { duration: '1h' } }, { setWeight: 20 }, { pause: {} }]))
    await inState(id, 'paused')
    const watched = gauntlet('rollout', 'watch', id, '--server', url)
    await eventually('somebody watches', async () => /^gauntlet_event_clients 1$/m.test((await call(url, '/metrics')).json))

    expect((await call(url, `/api/rollouts/${id}/pause`, { reason: 'lunch' })).json).toMatchObject({ state: 'paused', pausedUntil: null, reason: 'lunch' })
    await call(url, `/api/rollouts/${id}/resume`, {})
    expect(await inState(id, 'paused')).toMatchObject({ weightBps: 1_000 })
    await call(url, `/api/rollouts/${id}/resume`, {})
    await eventually('the next weight', async () => (await rolloutOf(url, id)).weightBps === 2_000)
    await inState(id, 'paused')
    await call(url, `/api/rollouts/${id}/rollback`, { reason: 'enough' })
    const { code, talk, out } = await watched
    expect([code, talk.match(/(?<=Z {2})\w+/g)]).toEqual([0, ['pause', 'resume', 'pause', 'resume', 'advance', 'pause', 'rollback']])
    expect(out).toContain('state      rolled-back')
  })
})

describe('what is refused', () => {
  it('refuses a bad spec whole, naming each wrong path', async () => {
    const reply = await call(url, '/api/rollouts', { model: 'lookup', challenger: 2, strategy: { canary: { steps: [{ setWeight: 200 }] } }, onFailure: 'x' })

    expect(reply.status).toBe(400)
    const { errors } = reply.json as { errors: { path: string }[] }
    expect(errors.map(({ path }) => path).sort()).toEqual(['challenger', 'onFailure', 'strategy.canary.steps[0].setWeight'])
    expect((await call(url, '/api/rollouts')).json).toEqual([])
  })

  it('takes the spec as YAML too', async () => {
    const yaml = 'model: lookup\nchallenger: "2"\nstrategy: { canary: { steps: [ { setWeight: 10 }, { pause: {} } ] } }\n'

    expect((await call(url, '/api/rollouts', yaml, { 'content-type': 'application/yaml' })).status).toBe(201)
    for (const wrong of ['a: [', '- '.repeat(100_000), `a: &a x\nb: [${'*a,'.repeat(200)}]`]) {
      expect((await call(url, '/api/rollouts', wrong, { 'content-type': 'application/yaml' }))).toMatchObject({ status: 400 })
    }
  })

  it.each<[string, object, number]>([
    ['an unknown model', { model: 'nobody' }, 404],
    ['an unknown challenger', { challenger: '9' }, 404],
    ['the champion as its own challenger', { challenger: '1' }, 409]
  ])('refuses %s', async (_what, change, status) => {
    expect((await call(url, '/api/rollouts', { ...spec('2', held(10)), ...change })).status).toBe(status)
  })

  it('refuses a second open rollout of a model, and moving its champion during one', async () => {
    const { id } = await startRollout(url, spec('2', held(10)))

    expect(await call(url, '/api/rollouts', spec('broken', held(10)))).toMatchObject({ status: 409, json: { title: 'ROLLOUT_OPEN' } })
    const moved = await call(url, '/api/models/lookup/aliases/champion', { version: '2', reason: 'now' }, {}, 'PUT')
    expect(moved).toMatchObject({ status: 409, json: { title: 'ALIAS_LOCKED' } })
    await call(url, `/api/rollouts/${id}/rollback`, {})
    expect((await call(url, '/api/models/lookup/aliases/champion', { version: '2', reason: 'now' }, {}, 'PUT')).status).toBe(200)
  })
})

describe('what another process does to the registry', () => {
  it('is seen within a second: a new champion answers without a restart', async () => {
    const registry = Registry.open({ dataDir: folder.dataDir, now: Date.now })
    registry.setAlias({ name: 'lookup', alias: 'champion', version: '2', actor: 'cli', reason: 'release' })
    registry.close()
    const movedAt = performance.now()

    await eventually('the new champion', async () => {
      const answer = await ask(url, 3, 'x')
      expect(answer.status).toBe(200)
      return answer.value === 6
    })

    expect(performance.now() - movedAt).toBeLessThan(5_000)
    expect((await call(url, '/v2/models/lookup/versions/1/ready')).status).toBe(200)
  })
})
