import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type * as Inspect from '../../models/inspect.js'
import { Registry } from '../../registry/registry.js'
import type { Gateway } from '../../server/gateway.js'
import type { RolloutView } from '../../server/routes/rollout-view.js'
import { importCompiled } from '../support/compiled.js'
import { FIXTURES } from '../support/fixtures.js'
import { call, rolloutOf, runGateway, startRollout, temporaryDataDir } from '../support/gateway.js'
import { eventually } from '../support/wait.js'

const FINAL = ['promoted', 'rolled-back', 'failed']
const folder = temporaryDataDir()
let gateway: Gateway

async function publish (name: string, versions: Readonly<Record<string, string>>): Promise<void> {
  const registry = Registry.open({ dataDir: folder.dataDir, now: Date.now })
  const [champion] = Object.keys(versions)
  for (const [version, path] of Object.entries(versions)) {
    const alias = version === champion ? { alias: 'champion' } : {}
    const { inspectModel } = await importCompiled<typeof Inspect>('models/inspect.js')
    await registry.publish({ path: join(FIXTURES!, 'models', path), name, version, actor: 'test', ...alias }, inspectModel)
  }
  registry.close()
}

/** Users who send messages and tell whether the answer was right, until the trial has ended. */
async function trial (model: string, challenger: string): Promise<RolloutView> {
  const messages = readFileSync(join(FIXTURES!, 'data/sms-spam/SMSSpamCollection.tsv'), 'utf8').trim().split('\n').map((line) => line.split('\t'))
  await eventually('the champion', async () => (await call(gateway.url, `/v2/models/${model}/ready`)).status === 200)
  const { id } = await startRollout(gateway.url, {
    model,
    challenger,
    strategy: { canary: { steps: [{ setWeight: 50 }, { analysis: {} }] } },
    analysis: {
      metrics: [
        { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.05 } },
        { name: 'accuracy', source: 'feedback', key: 'correct', role: 'primary', direction: 'up', margin: { absolute: 0.02 } }
      ]
    }
  })
  let next = 0
  const user = async (): Promise<void> => {
    while (next < 8_000 && !FINAL.includes((await rolloutOf(gateway.url, id)).state)) {
      for (let i = 0; i < 10; i++) await classify(model, messages[(next++ * 17) % messages.length]!, next)
    }
  }
  await Promise.all(Array.from({ length: 16 }, user))
  return await rolloutOf(gateway.url, id)
}

async function classify (model: string, [label, text]: string[], session: number): Promise<void> {
  const inputs = [{ name: 'input', datatype: 'BYTES', shape: [1, 1], data: [text] }]
  const reply = await call(gateway.url, `/v2/models/${model}/infer`, { inputs }, { 'x-session-id': `s-${session}` })
  const { outputs } = reply.json as { outputs: { name: string, data: (number | string)[] }[] }
  const answer = Number(outputs.find(({ name }) => /label/.test(name))!.data[0]) === 1 ? 'spam' : 'ham'
  await call(gateway.url, '/v1/feedback', { requestId: reply.headers.get('x-request-id'), values: { correct: answer === label }, label })
}

describe.runIf(FIXTURES !== null)('real models', () => {
  beforeAll(async () => {
    await publish('filetype', { 2.1: 'magika-standard-v2_1', 3.3: 'magika-standard-v3_3' })
    await publish('spam', { initial: 'spam-tfidf/initial/model.patched.onnx', exp0001: 'spam-tfidf/exp0001/model.patched.onnx' })
    await publish('spam-reverse', { exp0001: 'spam-tfidf/exp0001/model.patched.onnx', initial: 'spam-tfidf/initial/model.patched.onnx' })
    await publish('iris', { 1: 'iris-rf' })
    await publish('banking', { 1: 'trained-banking77-bow' })
    await publish('sentences', { 1: 'trained-sts-encoder' })
    gateway = await runGateway(folder.dataDir)
  }, 120_000)

  afterAll(async () => {
    await gateway.close()
    folder.remove()
  })

  it('refuses a challenger whose label space and input width differ, saying so, unless told to accept it', async () => {
    const document = { model: 'filetype', challenger: '3.3', strategy: { canary: { steps: [{ setWeight: 10 }, { pause: {} }] } } }

    const refused = await call(gateway.url, '/api/rollouts', document)
    const accepted = await call(gateway.url, '/api/rollouts', { ...document, allowSignatureChange: true })

    expect(refused).toMatchObject({ status: 409, json: { title: 'SIGNATURE_CHANGED' } })
    expect((refused.json as { detail: string }).detail).toMatch(/4096.*2048|2048.*4096/)
    expect((refused.json as { detail: string }).detail).toMatch(/213.*214|214.*213/)
    expect(accepted.status).toBe(201)
  })

  it('rolls back the spam filter that calls everything spam', async () => {
    expect(await trial('spam', 'exp0001')).toMatchObject({ state: 'rolled-back', verdict: { decision: 'rollback' } })
  }, 120_000)

  it('promotes the good spam filter over the bad one', async () => {
    expect(await trial('spam-reverse', 'initial')).toMatchObject({ state: 'promoted', verdict: { decision: 'promote' } })
  }, 120_000)

  it('never fetches an output that is not a tensor', async () => {
    const inputs = [{ name: 'float_input', datatype: 'FP32', shape: [1, 4], data: [5.1, 3.5, 1.4, 0.2] }]
    const { json } = await call(gateway.url, '/v2/models/iris/infer', { inputs })

    expect((json as { outputs: unknown[] }).outputs).toEqual([{ name: 'output_label', datatype: 'INT64', shape: [1], data: [0] }])
  })

  it('takes sentences and gives labels, or embeddings', async () => {
    const text = (data: string[]) => ({ inputs: [{ name: 'text', datatype: 'BYTES', shape: [data.length], data }] })
    const labels = await call(gateway.url, '/v2/models/banking/infer', text(['my card was stolen', 'how do I top up by cheque?']))
    const vectors = await call(gateway.url, '/v2/models/sentences/infer', text(['a man plays a guitar', 'somebody plays guitar']))

    const outputs = (labels.json as { outputs: { name: string, shape: number[], data: unknown[] }[] }).outputs
    expect(outputs.find(({ name }) => name === 'label')!.data).toEqual(['lost_or_stolen_card', 'top_up_by_cash_or_cheque'])
    expect(outputs.find(({ name }) => name === 'scores')!.shape).toEqual([2, 77])
    expect((vectors.json as { outputs: { name: string, shape: number[] }[] }).outputs[0]).toMatchObject({ name: 'embedding', shape: [2, 128] })
  })
})
