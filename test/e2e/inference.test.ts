import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Registry } from '../../registry/registry.js'
import type { Gateway } from '../../server/gateway.js'
import { ask, call, publishLookups, runGateway, temporaryDataDir } from '../support/gateway.js'

const { dataDir, remove } = temporaryDataDir()
let gateway: Gateway
let url: string

beforeAll(async () => {
  await publishLookups(dataDir, { 1: 1, 2: 2 }, '1')
  gateway = await runGateway(dataDir, { bodyMaxBytes: 10_000 })
  url = gateway.url
})

afterAll(async () => {
  await gateway.close()
  remove()
})

const INPUT = { name: 'index', datatype: 'INT64', shape: [2], data: [3, 4] }
const infer = (body: unknown, headers: Record<string, string> = {}) => call(url, '/v2/models/lookup/infer', body, headers)

describe('Open Inference Protocol', () => {
  it('tells of the server and its health', async () => {
    expect((await call(url, '/v2')).json).toMatchObject({ name: 'gauntlet', extensions: [] })
    expect((await call(url, '/v2/')).status).toBe(200)
    expect((await call(url, '/v2/health/live')).json).toEqual({ live: true })
    expect((await call(url, '/v2/health/ready')).json).toEqual({ ready: true })
    expect((await call(url, '/v2/models')).json).toEqual({ models: ['lookup'] })
  })

  it('tells of a model: versions, inputs and outputs as read from the model itself', async () => {
    const { json } = await call(url, '/v2/models/lookup')

    expect(json).toMatchObject({
      name: 'lookup',
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'index', datatype: 'INT64', shape: [-1] }],
      outputs: [{ name: 'value', datatype: 'FP32', shape: [-1] }]
    })
    expect((json as { versions: string[] }).versions.toSorted()).toEqual(['1', '2'])
    expect((await call(url, '/v2/models/lookup/versions/2')).json).toMatchObject({ versions: ['2'] })
  })

  it('names the model or version that was probably meant', async () => {
    const message = async (path: string) => (await call(url, path, { inputs: [INPUT] })).json as { error: string }

    expect(await message('/v2/models/lokup/infer')).toMatchObject({ error: 'there is no model "lokup"; did you mean "lookup"?' })
    expect(await message('/v2/models/lookup/versions/11/infer')).toMatchObject({ error: expect.stringContaining('did you mean "1"?') as string })
  })

  it('tells whether a model and a version are ready', async () => {
    expect(await call(url, '/v2/models/lookup/ready')).toMatchObject({ status: 200, json: { name: 'lookup', ready: true } })
    expect(await call(url, '/v2/models/lookup/versions/1/ready')).toMatchObject({ status: 200 })
    expect(await call(url, '/v2/models/lookup/versions/2/ready')).toMatchObject({ status: 503, json: { ready: false } })
  })

  it('infers, and says in headers and body what happened', async () => {
    const { status, headers, json } = await infer({ id: 'mine', inputs: [INPUT] }, { 'x-request-id': 'req-1' })

    expect(status).toBe(200)
    expect(json).toEqual({
      model_name: 'lookup', model_version: '1', id: 'mine', outputs: [{ name: 'value', datatype: 'FP32', shape: [2], data: [3, 4] }]
    })
    expect(headers.get('x-gauntlet-version')).toMatch(/^lookup:1@[0-9a-f]{12}$/)
    expect(headers.get('x-gauntlet-arm')).toBe('champion')
    expect(headers.get('x-gauntlet-assignment')).toBe('none')
    expect(headers.get('x-request-id')).toBe('req-1')
  })

  it('gives its request id as id when the client sends none', async () => {
    const { headers, json } = await infer({ inputs: [INPUT] })

    expect((json as { id: string }).id).toBe(headers.get('x-request-id'))
  })

  it('calls a version directly', async () => {
    const { json, headers } = await call(url, '/v2/models/lookup/versions/1/infer', { inputs: [INPUT], outputs: [{ name: 'value' }] })

    expect(json).toMatchObject({ model_version: '1' })
    expect(headers.get('x-gauntlet-arm')).toBe('none')
  })

  it.each(['application/octet-stream', 'text/plain', ''])('reads JSON whatever the content type says: %j', async (type) => {
    const response = await fetch(`${url}/v2/models/lookup/infer`, {
      method: 'POST', body: Buffer.from(JSON.stringify({ inputs: [INPUT] })), headers: type === '' ? {} : { 'content-type': type }
    })

    expect(response.status).toBe(200)
  })

  it.each<[string, unknown, number, string | RegExp]>([
    ['bad JSON', '{', 400, /^body: expected JSON/],
    ['no body', '', 400, 'body: expected JSON: it is empty'],
    ['no inputs', {}, 400, 'inputs: expected an array of tensors'],
    ['a wrong datatype', { inputs: [{ ...INPUT, datatype: 'FP32' }] }, 400, /index.*INT64/],
    ['a wrong rank', { inputs: [{ ...INPUT, shape: [2, 1] }] }, 400, /index/],
    ['a wrong name', { inputs: [{ ...INPUT, name: 'x' }] }, 400, /index|"x"/],
    ['an unknown output', { inputs: [INPUT], outputs: [{ name: 'y' }] }, 400, 'output "y" is not one of value'],
    ['data that does not fill the shape', { inputs: [{ ...INPUT, data: [1] }] }, 400, /expected 2 elements/],
    ['a huge body', { inputs: [{ ...INPUT, shape: [5_000], data: Array(5_000).fill(1) }] }, 413, /too large/]
  ])('refuses %s in the form of the protocol', async (_what, body, status, message) => {
    const reply = await infer(body)

    expect(reply.status).toBe(status)
    expect(reply.json).toHaveProperty('error', message instanceof RegExp ? expect.stringMatching(message) : message)
  })

  it.each<[string, string, number]>([
    ['an unknown model', '/v2/models/nobody/infer', 404],
    ['an unknown version', '/v2/models/lookup/versions/9/infer', 404],
    ['a version that is not loaded', '/v2/models/lookup/versions/2/infer', 503],
    ['an unknown path', '/v2/nothing', 404]
  ])('refuses %s', async (_what, path, status) => {
    const reply = await call(url, path, { inputs: [INPUT] })

    expect(reply.status).toBe(status)
    expect(reply.json).toHaveProperty('error')
  })

  it('answers 405 for the wrong verb, naming the right one', async () => {
    const reply = await call(url, '/v2/models/lookup/infer')

    expect(reply.status).toBe(405)
    expect(reply.headers.get('allow')).toBe('POST')
  })

  it('says that the model failed, in its words, when a request breaks it', async () => {
    const reply = await infer({ inputs: [{ ...INPUT, data: [3, 77] }] })

    expect(reply.status).toBe(500)
    expect((reply.json as { error: string }).error).toMatch(/77|out of/i)
    expect((await ask(url, 5, null)).value).toBe(5)
  })

  it('answers each of many requests at once with its own result', async () => {
    const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => ask(url, i % 10, `s-${i}`)))

    expect(answers.map(({ value }) => value)).toEqual(Array.from({ length: 300 }, (_, i) => i % 10))
  })
})

describe('a model whose champion cannot answer', () => {
  it('says whether there is none, or one that is not loaded', async () => {
    const folder = temporaryDataDir()
    await publishLookups(folder.dataDir, { 1: 1 })
    let other = await runGateway(folder.dataDir)
    const answer = async () => await call(other.url, '/v2/models/lookup/infer', { inputs: [INPUT] })
    expect(await answer()).toMatchObject({
      status: 503, json: { code: 'NO_CHAMPION', error: 'model lookup has no champion: set the alias champion to a version' }
    })
    await other.close()
    const registry = Registry.open({ dataDir: folder.dataDir, now: Date.now })
    registry.setAlias({ name: 'lookup', alias: 'champion', version: '1', actor: 'test', reason: 'a test' })
    const { blobs } = await registry.verify('lookup', '1')
    registry.close()
    const { digest } = blobs.find(({ path }) => path.endsWith('.onnx'))!
    const blob = join(folder.dataDir, 'registry/blobs/sha256', digest.slice('sha256:'.length))
    chmodSync(blob, 0o644)
    writeFileSync(blob, 'not the model')
    other = await runGateway(folder.dataDir)
    expect(await answer()).toMatchObject({
      status: 503,
      json: { code: 'NO_CHAMPION', error: 'the champion of model lookup, 1, is not loaded: it is loading still, or the log says why it cannot be' }
    })
    await other.close()
    folder.remove()
  })
})

describe('control and operation', () => {
  it('lists models with what is loaded', async () => {
    const { json } = await call(url, '/api/models/lookup')

    expect(json).toMatchObject({ name: 'lookup', serving: '1', aliases: { champion: '1' } })
    expect((json as { versions: { version: string, state: string }[] }).versions).toEqual(expect.arrayContaining([
      expect.objectContaining({ version: '1', state: 'ready' }), expect.objectContaining({ version: '2', state: 'absent' })
    ]))
    expect((await call(url, '/api/models')).json).toHaveLength(1)
    expect((await call(url, '/api/models/lookup/versions/2')).json).toMatchObject({ version: '2', inputs: [{ name: 'index' }] })
  })

  it.each(['/api/models/nobody', '/api/models/lookup/versions/9', '/api/rollouts/none', '/api/nothing'])('answers 404 as a problem document: %s', async (path) => {
    const reply = await call(url, path)

    expect(reply.status).toBe(404)
    expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/)
    expect(reply.json).toMatchObject({ status: 404, instance: path })
  })

  it('describes itself as OpenAPI', async () => {
    const { json } = await call(url, '/api/openapi.json')

    expect(Object.keys((json as { paths: object }).paths)).toEqual(expect.arrayContaining([
      '/api/models', '/api/rollouts', '/api/rollouts/{id}', '/api/rollouts/{id}/promote', '/v1/feedback', '/v2/models/{model}/infer'
    ]))
  })

  it('exposes metrics per version', async () => {
    const text = (await call(url, '/metrics')).json as string

    expect(text).toMatch(/gauntlet_inference_requests_total\{model="lookup",version="1",arm="champion",outcome="ok"\} \d+/)
    expect(text).toMatch(/gauntlet_inference_duration_seconds_bucket\{le="0.01",model="lookup",version="1",arm="champion"\} \d+/)
    expect(text).toMatch(/gauntlet_traffic_weight\{model="lookup",version="1",rollout=""\} 1/)
    expect(text).toMatch(/gauntlet_queue_depth\{model="lookup",version="1"\} 0/)
    expect(text).toMatch(/gauntlet_host_memory_bytes\{model="lookup",version="1"\} [1-9]/)
  })

  it('is alive and ready', async () => {
    expect((await call(url, '/livez')).status).toBe(200)
    expect((await call(url, '/readyz')).json).toEqual({ ready: true, waiting: [] })
  })

  it('refuses feedback for an unknown id, and counts it', async () => {
    const reply = await call(url, '/v1/feedback', { requestId: 'nobody', values: { correct: 1 } })

    expect(reply.status).toBe(404)
    expect((await call(url, '/metrics')).json).toMatch(/gauntlet_feedback_total\{outcome="unknown"\} 1/)
  })

  it.each<[unknown, string]>([
    [{ values: { correct: 1 } }, 'requestId'],
    [{ requestId: 'x', values: { correct: 'yes' } }, 'values/correct'],
    [{ requestId: 'x' }, 'expected values or a label'],
    ['{', 'JSON']
  ])('refuses feedback of the wrong form: %j', async (body, message) => {
    const reply = await call(url, '/v1/feedback', body)

    expect(reply.status).toBe(400)
    expect((reply.json as { detail: string }).detail).toContain(message)
  })
})
