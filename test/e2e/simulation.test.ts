import { expect, it } from 'vitest'
import { Registry } from '../../registry/registry.js'
import type * as Log from '../../server/traffic/log.js'
import type { ReplayedPrediction } from '../../server/traffic/messages.js'
import { Stage } from '../../server/simulation/stage.js'
import { importCompiled } from '../support/compiled.js'
import { ask, call, publishLookups, rolloutOf, runGateway, startRollout, temporaryDataDir } from '../support/gateway.js'
import { eventually } from '../support/wait.js'

const spec = {
  model: 'lookup',
  challenger: '2',
  strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }, { analysis: {} }] } },
  promotion: 'manual',
  analysis: {
    minSamples: 50,
    metrics: [
      { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.2 } },
      { name: 'p95', source: 'latency', quantile: 0.95, role: 'monitor' },
      { name: 'right', source: 'feedback', key: 'right', role: 'primary', direction: 'up', margin: { absolute: 0.2 } }
    ]
  }
}

it('gives the same bytes for the traffic of a real gateway: verdict and evidence', async () => {
  const { dataDir, remove } = temporaryDataDir()
  await publishLookups(dataDir, { 1: 1, 2: 2 }, '1')
  const gateway = await runGateway(dataDir)
  const { url } = gateway
  const { id } = await startRollout(url, spec)
  const inState = (state: string) => eventually(state, async () => (await rolloutOf(url, id)).state === state)
  await inState('paused')
  for (let i = 0; i < 400; i++) {
    const { arm, requestId } = await ask(url, i % 5, `session-${i % 150}`)
    const right = arm === 'challenger' || i % 2 === 0 ? 1 : 0
    expect((await call(url, '/v1/feedback', { requestId, values: { right } })).status).toBe(200)
  }
  await call(url, `/api/rollouts/${id}/resume`, { reason: 'enough' })
  await eventually('the last word', async () => (await rolloutOf(url, id)).reason.includes('waits for a person to promote'))
  await gateway.close()

  const registry = Registry.open({ dataDir, now: Date.now })
  const row = registry.rollouts.get(id)
  const [real] = registry.rollouts.verdicts(id, 1)
  const warmedAt = registry.rollouts.history(id).find(({ event }) => event === 'warmed')!.at
  registry.close()
  const trace = await traceOf(dataDir, id)
  remove()
  expect(trace).toHaveLength(400)

  let [now, isWarm] = [row.createdAt, false]
  const { controller, rollouts } = new Stage({ now: () => now, salt: row.salt, isWarm: () => isWarm })
  const hand = { actor: 'test', reason: 'as it was' }
  const simulated = controller.start(spec, hand).id
  ;[now, isWarm] = [warmedAt, true]
  controller.look()
  for (const { prediction, values } of trace) {
    now = prediction.at
    const mine = { ...prediction, rolloutId: simulated }
    controller.observe(mine)
    controller.feedback({ prediction: mine, accepted: Object.keys(values), duplicates: [], at: now }, values)
  }
  now = warmedAt + (real!.evidence as { elapsedMs: number }).elapsedMs
  controller.proceed(simulated, hand)
  const [copy] = rollouts.verdicts()

  expect(JSON.stringify(copy!.verdict)).toBe(JSON.stringify(real!.verdict))
  expect(JSON.stringify(copy!.evidence)).toBe(JSON.stringify(real!.evidence))
  expect(rollouts.get(simulated)).toMatchObject({ state: 'paused', step: row.step, reason: row.reason })
})

/** What the gateway has logged of a rollout, in the order of logging. */
async function traceOf (dataDir: string, id: string): Promise<ReplayedPrediction[]> {
  const { TrafficLog } = await importCompiled<typeof Log>('server/traffic/log.js')
  const log = await TrafficLog.open({ dataDir, flushMs: 10, queueMax: 1_000, now: Date.now })
  const trace: ReplayedPrediction[] = []
  await log.replay(id, (logged) => { trace.push(logged) }, () => {})
  await log.close()
  return trace
}
