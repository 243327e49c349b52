import { connect } from 'node:net'
import Fastify from 'fastify'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import type { Registry } from '../../../registry/registry.js'
import { errorHandler } from '../../../server/errors.js'
import { EventFeed } from '../../../server/events/feed.js'
import { EventStreams } from '../../../server/events/streams.js'
import { eventRoutes } from '../../../server/routes/events.js'
import { writeEvents } from '../../support/event-rows.js'
import { followEvents } from '../../support/event-stream.js'
import { openRegistry } from '../../support/registry-fixtures.js'
import { BY, removeTemplate, rolloutIn } from '../../support/registry-rollouts.js'
import { eventually } from '../../support/wait.js'

afterAll(removeTemplate)

/** Events 1 to 3 made the rollout `progressing`. */
async function serve (settings: { clientsMax?: number, heartbeatMs?: number, stallTimeoutMs?: number, readyMax?: number } = {}) {
  const { registry, dataDir, rollout } = await rolloutIn('progressing')
  const { readyMax = 4, ...limits } = settings
  const feed = new EventFeed({ events: registry.events, readyMax, log: () => {} })
  const streams = new EventStreams({ feed, clientsMax: 8, heartbeatMs: 60_000, stallTimeoutMs: 60_000, ...limits })
  const app = Fastify({ forceCloseConnections: 'idle', ajv: { customOptions: { coerceTypes: true } } })
  app.setErrorHandler(errorHandler(() => {}))
  await app.register(eventRoutes, { prefix: '/api/events', registry, streams })
  const url = `${await app.listen({ port: 0 })}/api/events`
  onTestFinished(async () => {
    await app.close()
    feed.close()
  })
  return { registry, dataDir, rollout, feed, streams, app, url }
}

function advance (registry: Registry, id: string): void {
  registry.rollouts.apply(id, 'advance', { epoch: registry.rollouts.get(id).epoch, ...BY })
}

describe('a stream of events', () => {
  it('tells at once what happens from now on, each under its number', async () => {
    const { registry, rollout, url } = await serve()
    const { response, next, take } = await followEvents(url)
    expect(await next()).toEqual({ retry: '1000' })

    advance(registry, rollout.id)
    registry.rollouts.apply(rollout.id, 'pause', { epoch: 3, ...BY })

    expect(response.headers).toMatchObject({ 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-store' })
    const told = await take(2)
    expect(told.map(({ id, event }) => [id, event])).toEqual([['4', 'rollout.advance'], ['5', 'rollout.pause']])
    expect(told.map(({ data }) => JSON.parse(data!) as unknown)).toEqual(registry.events.list({ after: 3, limit: 9 }))
  })

  it('goes on behind the last event that the client has seen, wherever that is, without a hole or a repetition', async () => {
    const { dataDir, rollout, feed, url } = await serve({ readyMax: 4 })
    writeEvents(dataDir, 250, rollout.id)
    feed.look()

    for (const [query, header, first] of [['?after=0', undefined, 1], ['?after=7', undefined, 8], ['?after=1', '251', 252], ['', '120', 121]] as const) {
      const { take } = await followEvents(`${url}${query}`, header === undefined ? {} : { 'last-event-id': header })
      const ids = (await take(253 - first + 1)).map(({ id }) => Number(id))
      expect(ids).toEqual(Array.from({ length: 253 - first + 1 }, (_, i) => first + i))
    }
  })

  it('has only what happens to one rollout when asked so', async () => {
    const { registry, rollout, url } = await serve()
    const { take } = await followEvents(`${url}?rollout=${rollout.id}&after=3`)
    registry.rollouts.apply(rollout.id, 'rollback', { epoch: 2, ...BY })
    const second = registry.rollouts.create({ model: 'm', champion: '1', challenger: '3', spec: {}, salt: 's', ...BY })
    const other = await followEvents(`${url}?rollout=${second.id}&after=0`)
    registry.rollouts.apply(second.id, 'start', { epoch: 0, ...BY })

    expect((await take(1)).map(({ event }) => event)).toEqual(['rollout.rollback'])
    expect((await other.take(2)).map(({ event }) => event)).toEqual(['rollout.create', 'rollout.start'])
    expect((await fetch(`${url}?rollout=none`, { headers: { accept: 'text/event-stream' } })).status).toBe(404)
  })

  it('tells what other processes did as soon as the table is looked at', async () => {
    const { dataDir, rollout, feed, url } = await serve()
    const { next, take } = await followEvents(url)
    await next()
    const other = openRegistry({ dataDir }).registry
    advance(other, rollout.id)

    feed.look()

    expect((await take(1))[0]).toMatchObject({ id: '4', event: 'rollout.advance' })
  })

  it('says so when events that the client has not seen are gone, and when it names one that never was', async () => {
    const { registry, dataDir, rollout, feed, url } = await serve()
    writeEvents(dataDir, 10, rollout.id)
    feed.look()
    registry.events.prune({ before: 0, keepMax: 5, limit: 100 })

    const late = await followEvents(url, { 'last-event-id': '2' })
    const foreign = await followEvents(url, { 'last-event-id': '99' })
    const known = await followEvents(url, { 'last-event-id': '8' })

    const [gap, first] = await late.take(2)
    expect(gap).toEqual({ event: 'gap', data: '{"after":2,"oldest":9,"newest":13}' })
    expect(first!.id).toBe('9')
    expect((await known.take(1))[0]!.id).toBe('9')
    expect((await foreign.take(1))[0]).toMatchObject({ event: 'gap' })
    advance(registry, rollout.id)
    expect((await foreign.take(1))[0]!.id).toBe('14')
  })

  it('is heard from while nothing happens', async () => {
    const { url } = await serve({ heartbeatMs: 10 })
    const { next } = await followEvents(url)
    await next()

    expect(await next()).toEqual({ comment: 'still here' })
    expect(await next()).toEqual({ comment: 'still here' })
  })

  it('is refused beyond the limit, and had again when a client has left', async () => {
    const { url, streams } = await serve({ clientsMax: 1 })
    const { response } = await followEvents(url)

    const refused = await fetch(url, { headers: { accept: 'text/event-stream' } })
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
    expect(await refused.json()).toMatchObject({ title: 'TOO_MANY_CLIENTS' })
    expect((await fetch(url)).status).toBe(200)
    response.destroy()
    await eventually('the client has left', () => streams.size === 0)

    expect((await followEvents(url)).response.statusCode).toBe(200)
  })

  it('leaves a client that does not read, and lets it go on later by its last number', async () => {
    const { dataDir, rollout, feed, url, streams } = await serve({ stallTimeoutMs: 50 })
    const { hostname, port, pathname } = new URL(url)
    const slow = connect(Number(port), hostname)
    onTestFinished(() => { slow.destroy() })
    slow.pause()
    slow.write(`GET ${pathname}?after=0 HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\n\r\n`)
    await eventually('the client is there', () => streams.size === 1)
    writeEvents(dataDir, 60, rollout.id, { sizeBytes: 200_000 })
    feed.look()

    await eventually('the client was left', () => streams.size === 0)

    const { take } = await followEvents(url, { 'last-event-id': '60' })
    expect((await take(3)).map(({ id }) => id)).toEqual(['61', '62', '63'])
  })

  it('ends when the server stops, also for a client that does not read, and nobody is let in any more', async () => {
    const { app, streams, feed, dataDir, rollout, url } = await serve()
    const reading = await followEvents(`${url}?rollout=${rollout.id}&after=2`)
    const slow = await followEvents(`${url}?after=0`)
    slow.response.pause()
    await reading.take(1)
    writeEvents(dataDir, 60, 'other', { sizeBytes: 200_000 })
    feed.look()

    const rest = reading.rest()
    await app.close()

    expect(await rest).toEqual([])
    expect(streams.size).toBe(0)
    expect(() => { streams.requireRoom() }).toThrow('stopping')
  })

  it('answers a question about its head without staying, and refuses a number that is none', async () => {
    const { url, streams } = await serve()

    expect((await fetch(url, { method: 'HEAD', headers: { accept: 'text/event-stream' } })).status).toBe(200)
    expect(streams.size).toBe(0)
    for (const id of ['x', '-1', '1.5']) {
      expect((await fetch(url, { headers: { accept: 'text/event-stream', 'last-event-id': id } })).status).toBe(400)
    }
  })
})
