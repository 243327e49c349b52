import { createHmac } from 'node:crypto'
import Fastify from 'fastify'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Registry } from '../../../registry/registry.js'
import { errorHandler } from '../../../server/errors.js'
import { EventFeed } from '../../../server/events/feed.js'
import { webhookRoutes } from '../../../server/routes/webhooks.js'
import { parseWebhookTargets } from '../../../server/webhooks/targets.js'
import { Webhooks, type WebhooksOptions } from '../../../server/webhooks/webhooks.js'
import { writeEvents } from '../../support/event-rows.js'
import { BY, removeTemplate, rolloutIn } from '../../support/registry-rollouts.js'
import { eventually } from '../../support/wait.js'
import { startReceiver, type Behaviour, type Received } from '../../support/webhook-receiver.js'

afterAll(removeTemplate)

const KEY = Buffer.alloc(32, 7)
const env = { GAUNTLET_WEBHOOK_SECRET: `whsec_${KEY.toString('base64')}` }
const idsOf = (received: readonly Received[]): number[] => received.map(({ id }) => Number(id.split('_').at(-1)))

/** Events 1 to 3 made the rollout; nobody is told of them, since webhooks begin with what happens next. */
async function told (script: Behaviour[] = []) {
  const { registry, dataDir, rollout } = await rolloutIn('progressing')
  const receiver = await startReceiver(script)
  onTestFinished(receiver.close)
  const said: { message: string, fields: Record<string, unknown> }[] = []
  const begin = (settings: Partial<WebhooksOptions> & { urls?: string } = {}) => {
    const { urls = `${receiver.url}/hook`, ...rest } = settings
    const log: WebhooksOptions['log'] = (_level, message, fields) => { said.push({ message, fields }) }
    const feed = new EventFeed({ events: registry.events, readyMax: 4, log })
    const webhooks = new Webhooks({
      targets: parseWebhookTargets(urls, env),
      feed,
      store: registry.webhooks,
      timeoutMs: 5_000,
      attemptsMax: 5,
      retry: { firstMs: 2, maxMs: 20 },
      deadLettersMax: 10,
      now: Date.now,
      random: () => 0.5,
      log,
      ...rest
    })
    let isClosed = false
    const close = async (): Promise<void> => {
      if (!isClosed) await webhooks.close()
      isClosed = true
      feed.close()
    }
    onTestFinished(close)
    return { webhooks, feed, close }
  }
  return { registry, dataDir, rollout, receiver, begin, said }
}

function move (registry: Registry, id: string, times = 1): void {
  for (let i = 0; i < times; i++) registry.rollouts.apply(id, 'advance', { epoch: registry.rollouts.get(id).epoch, ...BY })
}

const positionOf = (registry: Registry): number => registry.webhooks.list()[0]!.position

describe('a webhook', () => {
  it('is told of every event as it happens, in order, signed over the very bytes', async () => {
    const { registry, rollout, receiver, begin } = await told()
    begin()

    move(registry, rollout.id, 3)

    const received = await receiver.until(3)
    expect(idsOf(received)).toEqual([4, 5, 6])
    const { headers, body, path } = received[0]!
    const signed = `${headers['webhook-id'] as string}.${headers['webhook-timestamp'] as string}.${body}`
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', KEY).update(signed).digest('base64')}`)
    expect(Math.abs(Date.now() / 1_000 - Number(headers['webhook-timestamp']))).toBeLessThan(60)
    expect([path, headers['content-type']]).toEqual(['/hook', 'application/json'])
    expect(JSON.parse(body)).toMatchObject({ type: 'rollout.advance', data: { id: 4, rolloutId: rollout.id, to: 'progressing', actor: 'ann' } })
  })

  it('is told again, by the same id and before anything later, while it fails, whatever way it does', async () => {
    const script: Behaviour[] = [500, 'break', 404, { status: 302, headers: { location: '/elsewhere' } }]
    const { registry, rollout, receiver, begin, said } = await told(script)
    const { webhooks } = begin()

    move(registry, rollout.id, 2)

    expect(idsOf(await receiver.until(6))).toEqual([4, 4, 4, 4, 4, 5])
    expect(new Set(receiver.received.map(({ path }) => path))).toEqual(new Set(['/hook']))
    await eventually('it is done', () => positionOf(registry) === 5)
    expect(webhooks.list()).toMatchObject([{ origin: receiver.url, format: 'standard', waiting: 0, attempts: 0, nextAt: null, error: null }])
    expect(webhooks.attempts().map(({ outcome, count }) => [outcome, count])).toEqual([['failed', 4], ['delivered', 2]])
    expect(said.map(({ fields }) => fields['error'])).toEqual(['answered 500', expect.stringMatching(/socket|closed|reset/), 'answered 404', 'answered 302'])
    expect(JSON.stringify(said)).not.toContain('/hook')
  })

  it('that does not answer in time is told again', async () => {
    const { registry, rollout, receiver, begin, said } = await told(['hang'])
    begin({ timeoutMs: 30 })

    move(registry, rollout.id)

    expect(idsOf(await receiver.until(2))).toEqual([4, 4])
    expect(said[0]).toMatchObject({ fields: { error: 'no answer within 30 ms', attempts: 1 } })
  })

  it('may say how long to wait, up to the limit', async () => {
    const { registry, rollout, receiver, begin, said } = await told([{ status: 429, headers: { 'retry-after': '3600' } }])
    begin({ retry: { firstMs: 1, maxMs: 15 } })

    move(registry, rollout.id)
    await receiver.until(2)

    expect(said[0]).toMatchObject({ fields: { error: 'answered 429', retryInMs: 15 } })
  })

  it('that takes an event in no attempt leaves a dead letter, and is told of the next one', async () => {
    const { registry, rollout, receiver, begin, said } = await told([500, 500, 503, 200, 410])
    const { webhooks } = begin({ attemptsMax: 3 })

    move(registry, rollout.id, 4)

    expect(idsOf(await receiver.until(6))).toEqual([4, 4, 4, 5, 6, 7])
    const [gone, spent] = webhooks.deadLetters({ limit: 9 })
    expect(spent).toMatchObject({ id: 1, origin: receiver.url, attempts: 3, error: 'answered 503', event: registry.events.list({ after: 3, limit: 1 })[0] })
    expect(gone).toMatchObject({ id: 2, attempts: 1, error: 'answered 410', event: { id: 6 } })
    expect(webhooks.deadLetters({ before: 2, limit: 9 }).map(({ id }) => id)).toEqual([1])
    expect(said.filter(({ message }) => message.includes('dead letter'))).toHaveLength(2)
  })

  it('has a dead letter once more when somebody says so, and it is gone when it is taken', async () => {
    const { registry, rollout, receiver, begin } = await told([410, 500])
    const { webhooks, feed, close } = begin()
    const app = Fastify()
    app.setErrorHandler(errorHandler(() => {}))
    await app.register(webhookRoutes, { prefix: '/api/webhooks', webhooks })
    const redeliver = async (id: number) => await app.inject({ method: 'POST', url: `/api/webhooks/dead-letters/${id}/redeliver` })
    move(registry, rollout.id)
    await eventually('the dead letter', () => webhooks.deadLetters({ limit: 1 }).length === 1)

    expect(await redeliver(1)).toMatchObject({ statusCode: 502 })
    expect((await app.inject('/api/webhooks/dead-letters')).json()).toMatchObject([{ id: 1, event: { id: 4 } }])
    expect(await redeliver(1)).toMatchObject({ statusCode: 204, body: '' })
    expect((await app.inject('/api/webhooks/dead-letters')).json()).toEqual([])
    expect(await redeliver(1)).toMatchObject({ statusCode: 404 })

    expect(new Set(receiver.received.map(({ id }) => id))).toEqual(new Set([`evt_${rollout.id}_4`]))
    expect(receiver.received.map(({ headers }) => typeof headers['webhook-signature'])).toEqual(['string', 'string', 'string'])
    expect((await app.inject('/api/webhooks')).json()).toMatchObject([{ position: feed.newest, waiting: 0 }])
    expect((await app.inject('/api/webhooks')).body).not.toContain('/hook')
    await close()
  })

  it('keeps the newest dead letters only', async () => {
    const { registry, rollout, receiver, begin } = await told(Array.from({ length: 5 }, () => 500))
    const { webhooks } = begin({ attemptsMax: 1, deadLettersMax: 2 })

    move(registry, rollout.id, 6)
    await receiver.until(6)

    expect(webhooks.deadLetters({ limit: 9 }).map(({ event }) => (event as { id: number }).id)).toEqual([8, 7])
  })

  it('that fails does not keep others waiting', async () => {
    const { registry, rollout, receiver, begin } = await told()
    const broken = await startReceiver(Array.from({ length: 99 }, () => 'hang' as const))
    onTestFinished(broken.close)
    const { webhooks } = begin({ urls: `${broken.url}/a,${receiver.url}/b#format=slack` })

    move(registry, rollout.id, 3)

    const [first] = await receiver.until(3)
    expect(JSON.parse(first!.body)).toEqual({ text: `*m* rollout ${rollout.id} (1 -&gt; 2): advance, now progressing at 0 %, by ann: because` })
    await eventually('the other waits', () => webhooks.list().some(({ origin, waiting }) => origin === broken.url && waiting === 3))
  })
})

describe('after a restart', () => {
  it('a webhook is told of what it has not had, in order, with the attempt at hand made again', async () => {
    const { registry, dataDir, rollout, receiver, begin } = await told([200, 'hang'])
    const first = begin()
    move(registry, rollout.id, 2)
    await receiver.until(2)
    await first.close()
    writeEvents(dataDir, 60, rollout.id)

    begin()

    expect(idsOf(await receiver.until(63))).toEqual([4, 5, ...Array.from({ length: 61 }, (_, i) => 5 + i)])
  })

  it('attempts are counted on, and waits go on', async () => {
    const { registry, rollout, receiver, begin } = await told([500, 500, 500])
    const first = begin({ attemptsMax: 3, retry: { firstMs: 3_600_000, maxMs: 3_600_000 } })
    move(registry, rollout.id)
    await eventually('it has failed once', () => registry.webhooks.list()[0]!.attempts === 1)
    await first.close()
    const waiting = begin({ attemptsMax: 3 })
    expect(waiting.webhooks.list()).toMatchObject([{ attempts: 1, error: 'answered 500', waiting: 1 }])
    await waiting.close()

    const later = begin({ attemptsMax: 3, now: () => Date.now() + 3_600_000 })

    await eventually('it is given up', () => later.webhooks.deadLetters({ limit: 1 }).length === 1)
    expect(idsOf(receiver.received)).toEqual([4, 4, 4])
  })

  it('one that left the settings is shown as such, and goes on where it was when it is back', async () => {
    const { registry, rollout, receiver, begin } = await told()
    await begin().close()
    const without = begin({ urls: 'none' })
    move(registry, rollout.id, 2)
    without.feed.look()
    expect(without.webhooks.list()).toMatchObject([{ format: null, waiting: 2 }])
    await without.close()

    begin()

    expect(idsOf(await receiver.until(2))).toEqual([4, 5])
  })

  it('says so when events are gone that a webhook was not told of', async () => {
    const { registry, rollout, receiver, begin, said } = await told()
    await begin().close()
    move(registry, rollout.id, 4)
    registry.events.prune({ before: 0, keepMax: 1, limit: 99 })

    begin()

    expect(idsOf(await receiver.until(1))).toEqual([7])
    expect(said[0]).toMatchObject({ message: expect.stringContaining('were gone') as string, fields: { after: 3, next: 7 } })
  })
})
