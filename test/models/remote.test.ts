import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ModelPool, type LiveModel, type PoolOptions } from '../../models/pool.js'
import { inspectRemote, proveRemote, runRemote } from '../../models/remote/prove.js'
import type { RemoteBackend, RemoteOptions, RemoteSpec } from '../../models/remote/spec.js'
import type { Tensor } from '../../models/tensor.js'
import type { Gateway } from '../../server/gateway.js'
import { startProxy, type Fault, type FaultyProxy } from '../support/faulty-proxy.js'
import { publishedTemplate, runGateway } from '../support/gateway.js'
import { poolOptions } from '../support/models-hosts.js'
import { eventually } from '../support/wait.js'

let template: Awaited<ReturnType<typeof publishedTemplate>>
let folder: ReturnType<typeof template.copy>
let peer: Gateway
let proxy: FaultyProxy
let pools: ModelPool[] = []

const SIGNATURE = {
  inputs: [{ name: 'index', datatype: 'INT64' as const, shape: [-1] }],
  outputs: [{ name: 'value', datatype: 'FP32' as const, shape: [-1] }]
}

beforeAll(async () => {
  template = await publishedTemplate({ 1: 1, 3: 3 }, '3')
  folder = template.copy()
  peer = await runGateway(folder.dataDir)
})
afterAll(async () => {
  await peer.close()
  folder.remove()
  template.remove()
})
beforeEach(async () => { proxy = await startProxy(peer.url) })
afterEach(async () => {
  await Promise.all(pools.map(async (pool) => { await pool.close() }))
  pools = []
  await proxy.close()
})

function specOf (backend: Partial<RemoteBackend> = {}, more: Partial<RemoteSpec> = {}): RemoteSpec {
  return {
    name: 'far',
    version: '1',
    ...SIGNATURE,
    examples: [],
    backend: { protocol: 'oip-v2-http', url: proxy.url, modelName: 'lookup', modelVersion: '3', timeoutMs: 5_000, concurrency: 4, ...backend },
    ...more
  }
}

function remoteOptions (more: Partial<RemoteOptions> = {}): RemoteOptions {
  return { origins: [proxy.url], variable: () => undefined, replyBytesMax: 100_000, healthIntervalMs: 60_000, ...more }
}

function live (spec: RemoteSpec, more: Partial<PoolOptions> = {}): LiveModel & { logged: string[] } {
  const options = poolOptions({ restartBackoffMs: { first: 5, max: 20 }, remote: remoteOptions(), ...more })
  const pool = new ModelPool(options)
  pools.push(pool)
  return Object.assign(pool.ensure(spec), { logged: options.logged })
}

const indices = (...values: number[]): Tensor[] =>
  [{ name: 'index', datatype: 'INT64', shape: [values.length], data: BigInt64Array.from(values, BigInt) }]
const soon = (ms = 10_000, retryOnCrash = false) => ({ deadlineAt: performance.now() + ms, retryOnCrash })
const isInfer: (request: Parameters<Fault>[0]) => boolean = ({ url = '' }) => url.endsWith('/infer')

describe('a remote version', () => {
  it('answers as its server does, over connections that are kept', async () => {
    const model = live(specOf())
    await model.whenReady()

    const answers = await Promise.all(Array.from({ length: 40 }, async (_, i) => await model.infer(indices(i % 10, 1), soon())))

    expect(answers.map(([value]) => [...value!.data])).toEqual(answers.map((_, i) => [i % 10 * 3, 3]))
    expect(answers[0]![0]).toMatchObject({ name: 'value', datatype: 'FP32', shape: [2] })
    expect(proxy.connections).toBeLessThanOrEqual(5)
    expect(model.stats()).toMatchObject({ batches: 40, rows: 80, restarts: 0, inFlight: 0, queueDepth: 0, pid: null })
  })

  it('opens nothing but what the operator allows, whatever the artifact says', async () => {
    const model = live(specOf(), { remote: remoteOptions({ origins: ['https://elsewhere.example'] }) })

    await expect(model.whenReady()).rejects.toMatchObject({ code: 'LOAD_FAILED', message: expect.stringContaining(`${proxy.url} may not be opened: the operator allows https://elsewhere.example`) })
    await expect(live(specOf(), { remote: undefined as never }).whenReady()).rejects.toMatchObject({ code: 'LOAD_FAILED' })
    await expect(inspectRemote(specOf().backend, remoteOptions({ origins: [] }))).rejects.toMatchObject({ code: 'LOAD_FAILED' })
    expect(proxy.connections).toBe(0)
  })

  it('follows no redirect to where it may not go', async () => {
    proxy.fault = (_request, response) => {
      response.writeHead(302, { location: `${peer.url}/v2/models/lookup/ready` }).end()
      return true
    }
    await expect(live(specOf()).whenReady()).rejects.toMatchObject({ message: expect.stringContaining('redirect (HTTP 302), which is not followed') })
  })

  it('sends headers whose values are in variables, and is not loaded without them', async () => {
    const spec = specOf({ headers: { authorization: 'GAUNTLET_REMOTE_HEADER_A' } })
    const variable = (value: string | undefined) => ({ remote: remoteOptions({ variable: (name) => name === 'GAUNTLET_REMOTE_HEADER_A' ? value : 'other' }) })

    await live(spec, variable('Bearer x')).whenReady()
    expect(proxy.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer x', 'Bearer x'])
    await expect(live(spec, variable(undefined)).whenReady()).rejects.toMatchObject({ message: expect.stringContaining('GAUNTLET_REMOTE_HEADER_A, for the header authorization, is not set') })
    await expect(live(spec, variable('a\r\nb: c')).whenReady()).rejects.toMatchObject({ message: expect.stringContaining('has characters that no header can have') })
  })

  it.each<[string, Partial<RemoteBackend>, Partial<RemoteSpec>, string]>([
    ['a model that is not there', { modelName: 'nobody' }, {}, 'HTTP 404'],
    ['a version that is not there', { modelVersion: '9' }, {}, 'HTTP 404'],
    ['another datatype', {}, { outputs: [{ name: 'value', datatype: 'FP64', shape: [-1] }] }, 'the version has the output "value" FP64 [-1], and the server has FP32 [-1]'],
    ['an input that is not there', {}, { inputs: [{ name: 'i', datatype: 'INT64', shape: [-1] }] }, 'the input "i" INT64 [-1], and the server does not have it']
  ])('is not loaded for %s', async (_, backend, more, message) => {
    await expect(live(specOf(backend, more)).whenReady()).rejects.toMatchObject({ code: 'LOAD_FAILED', message: expect.stringContaining(message) })
  })

  it('passes its golden examples, or is not loaded', async () => {
    const example = (value: number) => ({
      inputs: [{ name: 'index', datatype: 'INT64' as const, shape: [1], data: [2] }], outputs: [{ name: 'value', datatype: 'FP32' as const, shape: [1], data: [value] }], tolerance: 0
    })

    await proveRemote(specOf({}, { examples: [example(6)] }), remoteOptions())
    await expect(proveRemote(specOf({}, { examples: [example(6), example(7)] }), remoteOptions())).rejects.toThrow(/golden example 1, output "value": element 0: expected 7, got 6/)
    expect((await runRemote(specOf({}, { examples: [example(7)] }), remoteOptions(), [indices(4)]))[0]![0]!.data).toEqual(Float32Array.of(12))
  })

  it('tells what its server says that it takes and gives', async () => {
    expect(await inspectRemote(specOf().backend, remoteOptions())).toEqual(SIGNATURE)
  })
})

describe('a server that is away', () => {
  it('when the version is loaded is asked again and again; after some times requests are refused until it comes', async () => {
    proxy.fault = (request) => { request.destroy(); return true }
    const model = live(specOf(), { restartsMax: 3 })

    await expect(model.whenReady()).rejects.toMatchObject({ code: 'LOAD_FAILED', message: expect.stringContaining('(attempt 3 of 3)') })

    expect(model.state).toBe('failed')
    await expect(model.infer(indices(1), soon())).rejects.toMatchObject({ code: 'HOST_NOT_READY' })
    proxy.fault = null
    await eventually('it is found all the same', () => model.state === 'ready')
    expect([...(await model.infer(indices(1), soon()))[0]!.data]).toEqual([3])
  })

  it('for a moment is found when it comes', async () => {
    let asked = 0
    proxy.fault = (_request, response) => {
      if (++asked > 2) return false
      response.writeHead(503, { 'content-type': 'application/json' }).end('{"error":"loading"}')
      return true
    }
    const model = live(specOf(), { restartsMax: 5 })

    await model.whenReady()

    expect(model.logged.join()).toContain('HTTP 503, loading; asking again in 5 ms')
  })

  it('later keeps requests waiting until it is back, and checks it anew', async () => {
    const model = live(specOf())
    await model.whenReady()
    const { port } = proxy
    await proxy.close()

    await expect(model.infer(indices(1), soon())).rejects.toMatchObject({ code: 'HOST_CRASHED' })
    expect(model.state).toBe('restarting')
    const waiting = model.infer(indices(5), soon())
    await expect(model.infer(indices(5), soon(30))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    proxy = await startProxy(peer.url, port)

    expect([...(await waiting)[0]!.data]).toEqual([15])
    expect(model.state).toBe('ready')
    expect(proxy.seen.map(({ call }) => call.replace('/v2/models/lookup/versions/3', ''))).toEqual(['GET /ready', 'GET ', 'POST /infer'])
    expect(model.stats().restarts).toBe(1)
  })

  it('is noticed by asking after its health, without a request', async () => {
    const model = live(specOf(), { remote: remoteOptions({ healthIntervalMs: 10 }) })
    await model.whenReady()
    proxy.fault = (_request, response) => { response.writeHead(500).end(); return true }

    await eventually('it is restarting', () => model.state === 'restarting')
    proxy.fault = null
    await eventually('it is ready', () => model.state === 'ready')
  })

  it('and comes back as something else is given up', async () => {
    const model = live(specOf())
    await model.whenReady()
    proxy.fault = (request, response) => {
      if (isInfer(request)) response.destroy()
      else response.writeHead(200).end('{"inputs":[{"name":"x","datatype":"FP32","shape":[1]}],"outputs":[{"name":"y","datatype":"FP32","shape":[1]}]}')
      return true
    }

    await expect(model.infer(indices(1), soon(10_000, true))).rejects.toMatchObject({ code: 'HOST_NOT_READY' })
    expect(model.state).toBe('failed')
  })
})

describe('a request to a server', () => {
  /** The first so many requests go wrong. */
  const failing = (count: number, work: (response: Parameters<Fault>[1]) => void): Fault => {
    let left = count
    return (request, response) => {
      if (!isInfer(request) || left-- <= 0) return false
      work(response)
      return true
    }
  }
  const answering = (status: number, body: string) => (response: Parameters<Fault>[1]): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  }
  const cut = (response: Parameters<Fault>[1]): void => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('{"outputs":[', () => { response.destroy() })
  }

  it('whose connection is cut mid-reply is sent again once when it may be', async () => {
    const model = live(specOf())
    await model.whenReady()
    proxy.fault = failing(1, cut)
    expect([...(await model.infer(indices(2), soon(10_000, true)))[0]!.data]).toEqual([6])

    proxy.fault = failing(1, cut)
    await expect(model.infer(indices(2), soon())).rejects.toMatchObject({ code: 'HOST_CRASHED' })
    proxy.fault = failing(2, cut)
    await expect(model.infer(indices(2), soon(10_000, true))).rejects.toMatchObject({ code: 'HOST_CRASHED' })
  })

  it('over a connection that the server had closed meanwhile is sent over another one', async () => {
    const model = live(specOf())
    await model.whenReady()
    let isFirst = true
    proxy.fault = (request) => {
      if (!isFirst || !isInfer(request)) return false
      isFirst = false
      request.socket.destroy()
      return true
    }

    expect([...(await model.infer(indices(3), soon()))[0]!.data]).toEqual([9])
    expect(model.stats().restarts).toBe(0)
  })

  it('that is too slow ends at its deadline, or at the time that the version allows', async () => {
    const slow = (): void => {}
    const model = live(specOf())
    await model.whenReady()
    proxy.fault = failing(1, slow)
    await expect(model.infer(indices(1), soon(40))).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })

    const hasty = live(specOf({ timeoutMs: 40 }))
    await hasty.whenReady()
    proxy.fault = failing(1, slow)
    await expect(hasty.infer(indices(1), soon())).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
    expect(hasty.state).toBe('ready')
  })

  it.each([
    [400, '{"error":"bad\\nthing"}', 'INFERENCE_FAILED', 'the server refuses: HTTP 400, bad thing'],
    [401, 'no', 'INFERENCE_FAILED', 'HTTP 401'],
    [429, '{}', 'QUEUE_FULL', 'HTTP 429'],
    [500, '{"error":"oh"}', 'INFERENCE_FAILED', 'HTTP 500, oh'],
    [503, '', 'HOST_CRASHED', 'HTTP 503'],
    [504, '', 'DEADLINE_EXCEEDED', 'HTTP 504'],
    [200, 'hello', 'INFERENCE_FAILED', 'does not answer with a JSON object'],
    [200, '{"outputs":{}}', 'INFERENCE_FAILED', 'answers without outputs'],
    [200, '{"outputs":[{"name":"other","datatype":"FP32","shape":[1],"data":[1]}]}', 'INFERENCE_FAILED', 'answers without the output "value"'],
    [200, '{"outputs":[{"name":"value","datatype":"FP32","shape":[1,1],"data":[1]}]}', 'INFERENCE_FAILED', 'as FP32 [1, 1], expected FP32 [-1]'],
    [200, '{"outputs":[{"name":"value","datatype":"FP64","shape":[1],"data":[1]}]}', 'INFERENCE_FAILED', 'as FP64 [1], expected FP32 [-1]'],
    [200, '{"outputs":[{"name":"value","datatype":"FP32","shape":[2],"data":[1]}]}', 'INFERENCE_FAILED', 'expected 2 elements for shape [2], got 1'],
    [200, ' '.repeat(200_000), 'INFERENCE_FAILED', 'the answer is longer than 100000 bytes']
  ])('that is answered with %s %s fails as %s', async (status, body, code, message) => {
    const model = live(specOf())
    await model.whenReady()
    proxy.fault = failing(1, answering(status, body))

    await expect(model.infer(indices(1), soon())).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
    expect([...(await model.infer(indices(1), soon()))[0]!.data]).toEqual([3])
  })

  it('waits while as many are under way as may be, and is refused when too many wait', async () => {
    const model = live(specOf({ concurrency: 2 }), { queueMax: 3 })
    await model.whenReady()
    const held: (() => void)[] = []
    proxy.fault = (request, response) => {
      if (!isInfer(request)) return false
      request.resume()
      held.push(() => { response.end('{"outputs":[{"name":"value","datatype":"FP32","shape":[1],"data":[1]}]}') })
      return true
    }
    const under = Array.from({ length: 5 }, async () => await model.infer(indices(1), soon()))
    await eventually('two are under way', () => held.length === 2)

    expect(model.stats()).toMatchObject({ inFlight: 2, queueDepth: 3 })
    await expect(model.infer(indices(1), soon())).rejects.toMatchObject({ code: 'QUEUE_FULL' })
    const removed = pools[0]!.remove('far:1')
    await eventually('all are answered', () => { held.splice(0).forEach((answer) => { answer() }); return model.stats().inFlight === 0 })

    expect(await Promise.all(under)).toHaveLength(5)
    await removed
    expect(model.state).toBe('stopped')
  })
})
