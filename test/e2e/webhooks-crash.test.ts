import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Listening, startGateway, stop } from '../../scripts/support/process.js'
import { compiledFile } from '../support/compiled.js'
import { call, publishedTemplate, startRollout } from '../support/gateway.js'
import { eventually } from '../support/wait.js'
import { startReceiver } from '../support/webhook-receiver.js'

const main = pathToFileURL(compiledFile('server/main.js'))
let template: Awaited<ReturnType<typeof publishedTemplate>>
let folder: ReturnType<typeof template.copy>
let receiver: Awaited<ReturnType<typeof startReceiver>>
let gateway: Listening

beforeAll(async () => {
  template = await publishedTemplate({ 1: 1, 2: 2 }, '1')
})

afterAll(() => { template.remove() })

beforeEach(async () => {
  receiver = await startReceiver()
  vi.stubEnv('GAUNTLET_WEBHOOK_URLS', `${receiver.url}/hook`)
  vi.stubEnv('GAUNTLET_WEBHOOK_SECRET', `whsec_${Buffer.alloc(32, 7).toString('base64')}`)
  vi.stubEnv('GAUNTLET_WEBHOOK_RETRY_FIRST_MS', '1')
  folder = template.copy()
  gateway = await startGateway(folder.dataDir, main)
})

afterEach(async () => {
  await stop(gateway)
  await receiver.close()
  folder.remove()
  vi.unstubAllEnvs()
})

async function kill (): Promise<void> {
  const ended = once(gateway.child, 'exit')
  gateway.child.kill('SIGKILL')
  await ended
}

describe('kill -9 of a gateway that tells a webhook', () => {
  it('loses no event and tells of none out of order, wherever it comes', async () => {
    receiver.script.push(200, 'hang')
    const steps = [{ setWeight: 30 }, { pause: {} }]
    const { id } = await startRollout(gateway.url, { model: 'lookup', challenger: '2', postMortem: 'never', strategy: { canary: { steps } } })
    await receiver.until(2)
    await kill()

    receiver.script.push('hang')
    gateway = await startGateway(folder.dataDir, main)
    await receiver.until(3)
    await kill()

    receiver.script.push(500, 500)
    gateway = await startGateway(folder.dataDir, main)
    await receiver.until(5)
    await kill()

    gateway = await startGateway(folder.dataDir, main)
    await call(gateway.url, `/api/rollouts/${id}/rollback`, { reason: 'enough' })

    const events = (await call(gateway.url, '/api/events?limit=1000')).json as { id: number, type: string }[]
    expect(events.at(-1)).toMatchObject({ type: 'rollout.rollback' })
    const last = `evt_${id}_${events.at(-1)!.id}`
    await eventually('the last event is told', () => receiver.received.some((request) => request.id === last))
    const told = receiver.received.map((request) => Number(request.id.split('_').at(-1)))
    expect(told).toEqual([...told].sort((a, b) => a - b))
    expect([...new Set(told)]).toEqual(events.map((event) => event.id))
    expect(told.filter((number) => number === 2).length).toBeGreaterThanOrEqual(4)
    expect((await call(gateway.url, '/api/webhooks/dead-letters')).json).toEqual([])
  })
})
