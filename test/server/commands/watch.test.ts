import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { apiClient, type RolloutView } from '../../../server/commands/api-client.js'
import { intervalBar, liveLines, type RolloutNews } from '../../../server/commands/live-view.js'
import { watchRollout } from '../../../server/commands/watch.js'
import { eventually } from '../../support/wait.js'

const metric = { name: 'accuracy', role: 'primary', outcome: 'inconclusive', estimator: 'x', estimate: 0.02, lower: -0.01, upper: 0.05, margin: 0.02, marginKind: 'absolute', n: { champion: 90, challenger: 80 }, reason: 'too few' }
const viewIn = (state: string, weightBps = 2_000): RolloutView => ({
  id: 'r1',
  model: 'spam',
  champion: '1',
  challenger: '2',
  state,
  step: 1,
  weightBps,
  reason: 'because',
  reverted: null,
  watchedUntil: null,
  verdict: { decision: 'continue', reason: 'too few', metrics: [metric], eta: { samples: 400, samplesAtPower: null, days: 0.5, daysAtPower: null, assumed: null, reason: 'about 400 more' } }
} as unknown as RolloutView)
const news = (type: string, body: object = {}): RolloutNews => ({
  at: 1_700_000_000_000, type: `rollout.${type}`, body: { to: 'progressing', step: 2, weightBps: 5_000, actor: 'ann', reason: 'r', ...body }
})

/** A gateway of which one says what it answers next. */
async function gateway () {
  const state = { view: viewIn('progressing'), streams: [] as { response: ServerResponse, lastEventId: string | undefined }[], hasEvents: true, views: 0 }
  const server = createServer((request, response) => {
    if (request.url!.startsWith('/api/rollouts/r1')) {
      state.views++
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(state.view))
    } else if (!state.hasEvents || !request.headers.accept!.includes('text/event-stream')) {
      response.writeHead(503, { 'content-type': 'application/problem+json' }).end('{}')
    } else {
      response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).write('retry: 1\n\n')
      state.streams.push({ response, lastEventId: request.headers['last-event-id'] as string | undefined })
    }
  })
  const listen = async (port = 0): Promise<number> => {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    if (server.listening) await new Promise((resolve) => { server.close(resolve) })
  }
  onTestFinished(close)
  const port = await listen()
  const stream = (count = 1) => eventually(`stream ${count}`, () => state.streams[count - 1])
  const tell = (count: number, id: number, one: RolloutNews): void => {
    state.streams[count - 1]!.response.write(`id: ${id}\nevent: ${one.type}\ndata: ${JSON.stringify(one)}\n\n`)
  }
  return { state, url: `http://127.0.0.1:${port}`, port, stream, tell, listen, close }
}

function watch (url: string, terminal: { columns: number, rows: number } | null = null) {
  const abort = new AbortController()
  onTestFinished(() => { abort.abort() })
  const said: string[] = []
  const drawn: string[] = []
  const printed: unknown[] = []
  const done = watchRollout('r1', {
    api: () => apiClient(url, 'ann', abort.signal),
    print: (json) => { printed.push(json) },
    warn: (line) => { said.push(line) },
    signal: abort.signal,
    terminal: terminal === null ? null : { ...terminal, write: (text: string) => drawn.push(text) > 0 }
  })
  done.catch(() => {})
  return { done, said, drawn, printed, abort }
}

describe('watching a rollout', () => {
  it('tells a line for each thing that happens, and the rollout at its end', async () => {
    const { state, url, stream, tell } = await gateway()
    const { done, said, printed } = watch(url)
    await stream()

    tell(1, 7, news('advance', { reason: 'weight 50 %\u001b[2J' }))
    tell(1, 8, news('verdict', { decision: 'continue', reason: 'too few', to: undefined }))
    await eventually('both lines', () => said.length >= 3)
    state.view = viewIn('promoted')
    tell(1, 9, news('complete', { to: 'promoted' }))
    await done

    expect(said).toEqual([
      'r1  spam  1 -> 2  progressing  20 %  n >= 80  too few  eta 400 samples, 12.0 h',
      '2023-11-14T22:13:20.000Z  advance   progressing, step 2, weight 50 %, by ann: weight 50 % [2J',
      '2023-11-14T22:13:20.000Z  verdict   continue: too few',
      '2023-11-14T22:13:20.000Z  complete  promoted, step 2, weight 50 %, by ann: r'
    ])
    expect(printed).toEqual([state.view])
    expect(state.views).toBe(3)
  })

  it('goes on behind the last event when the gateway comes back', async () => {
    const { state, url, port, stream, tell, listen, close } = await gateway()
    const { done, said } = watch(url)
    await stream()
    tell(1, 7, news('advance'))
    await eventually('the first line', () => said.length >= 2)

    await close()
    await eventually('the outage is told', () => said.some((line) => line.includes('waiting for the gateway')))
    state.view = viewIn('rolled-back')
    await listen(port)
    expect((await stream(2)).lastEventId).toBe('7')
    tell(2, 8, news('pause', { to: 'paused' }))
    tell(2, 9, news('rollback', { to: 'rolled-back' }))
    await done

    expect(said.filter((line) => line.startsWith('2023')).map((line) => line.split('  ')[1]!)).toEqual(['advance', 'pause', 'rollback'])
  })

  it('ends when the end was not told of because events were gone', async () => {
    const { state, url, stream, tell } = await gateway()
    const { done, printed, said } = watch(url)
    await stream()
    tell(1, 7, news('advance'))
    await eventually('the first line', () => said.length >= 2)
    state.view = viewIn('failed')
    state.streams[0]!.response.end()

    await stream(2)
    state.streams[1]!.response.write('event: gap\ndata: {"after":7,"oldest":99,"newest":100}\n\n')
    await done

    expect(printed).toEqual([state.view])
  })

  it('asks again and again where there is no stream to be had', async () => {
    const { state, url } = await gateway()
    state.hasEvents = false
    const { done, said } = watch(url)
    await eventually('it asks', () => state.views >= 3)
    state.view = viewIn('promoted')

    await done

    expect(said).toHaveLength(1)
  })

  it('of one that has ended prints it at once; of none fails; and can be broken off', async () => {
    const { state, url, stream } = await gateway()
    const broken = watch(url)
    await stream()
    broken.abort.abort()
    await expect(broken.done).rejects.toThrow()
    state.view = viewIn('promoted')

    const { done, printed } = watch(url)
    await done

    expect(printed).toEqual([state.view])
    expect(state.streams).toHaveLength(1)
    await expect(watch('http://127.0.0.1:1').done).rejects.toThrow('no gateway answers')
  })

  it('draws over what it has drawn on a terminal, and leaves nothing of it behind', async () => {
    const { state, url, stream, tell } = await gateway()
    const { done, drawn } = watch(url, { columns: 60, rows: 20 })
    await stream()
    tell(1, 7, news('advance'))
    await eventually('it is drawn', () => drawn.some((text) => text.includes('advance')))
    state.view = viewIn('promoted')
    tell(1, 8, news('complete', { to: 'promoted' }))
    await done

    let left: string[] = []
    for (const text of drawn) {
      const isUp = text.startsWith('\u001b[') && text.endsWith('A\r\u001b[J')
      if (isUp) left = left.slice(0, left.length - Number.parseInt(text.slice(2)))
      else left.push(...text.split('\n').slice(0, -1))
    }
    expect(left).toEqual([])
  })
})

describe('the screen', () => {
  it('has the weight, each interval against its margin, the estimate of the time, and what happened last', () => {
    const screen = liveLines(viewIn('progressing'), [news('advance')], 120, 40)

    expect(screen).toEqual([
      'rollout    r1',
      'model      spam: champion 1, challenger 2',
      'state      progressing, step 1, weight 20 %',
      'reason     because',
      'verdict    continue: too few',
      'eta        about 400 more',
      '  inconclusive accuracy     +0.0200 [-0.0100, +0.0500] margin 0.02  n 90 / 80',
      '',
      '            worse                              better',
      '  accuracy  .............m..----|------o-----------..',
      '',
      '2023-11-14T22:13:20.000Z  advance   progressing, step 2, weight 50 %, by ann: r'
    ])
  })

  it('fits the terminal, however small', () => {
    const small = liveLines(viewIn('progressing'), [news('advance')], 20, 5)

    expect(small).toHaveLength(4)
    expect(small.every((line) => line.length < 20)).toBe(true)
    expect(liveLines(viewIn('progressing'), [], 1, 1)).toHaveLength(1)
  })

  it('draws open intervals to the edge, and no margin that is in another unit', () => {
    const bar = (change: object) => intervalBar({ ...metric, ...change })

    expect(bar({ lower: null, upper: null, marginKind: 'relative' })).toMatch(/^-+\|-+o-*$/)
    expect(bar({ estimate: 0, lower: 0, upper: 0, margin: null })).toMatch(/^\.{20}o\.{20}$/)
    expect(bar({ estimate: null })).toBeNull()
  })
})
