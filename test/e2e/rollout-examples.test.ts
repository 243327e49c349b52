import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Gateway } from '../../server/gateway.js'
import { gauntlet } from '../support/command.js'
import { call, publishedTemplate, rolloutOf, runGateway, startRollout } from '../support/gateway.js'
import { eventually } from '../support/wait.js'

const folder = fileURLToPath(new URL('../../docs/rollouts/', import.meta.url))
const EXAMPLES = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
const STRATEGIES = ['abn', 'blueGreen', 'canary', 'darkLaunch', 'featureFlag', 'progressive', 'shadow']

let template: Awaited<ReturnType<typeof publishedTemplate>>
let copy: ReturnType<typeof template.copy>
let gateway: Gateway

beforeAll(async () => {
  template = await publishedTemplate({ '1.0.0': 1, '2.0.0': 1, '2.1.0': 1 }, '1.0.0')
  copy = template.copy()
  gateway = await runGateway(copy.dataDir)
})

afterAll(async () => {
  await gateway.close()
  copy.remove()
  template.remove()
})

describe('the examples of docs/rollouts', () => {
  it('are one of every strategy', () => {
    const strategies = EXAMPLES.map((name) => Object.keys((parse(readFileSync(folder + name, 'utf8')) as { strategy: object }).strategy)[0])

    expect(strategies.sort()).toEqual(STRATEGIES)
  })

  it.each(EXAMPLES)('promote a better version and roll a worse one back, simulated: %s', async (name) => {
    const outcome = async (scenario: string) => {
      const { code, out } = await gauntlet('rollout', 'simulate', folder + name, '--scenario', `${folder}scenarios/${scenario}.yaml`, '--runs', '1', '--json')
      expect(code).toBe(0)
      return (JSON.parse(out) as { outcomes: { outcome: string }[] }).outcomes.map((one) => one.outcome)
    }

    expect(await outcome('better')).toEqual(['promoted'])
    expect(await outcome('worse')).toEqual(['rolled-back'])
  }, 60_000)

  it.each(EXAMPLES)('are taken by a gateway, which does the first step and goes back: %s', async (name) => {
    const document = { ...parse(readFileSync(folder + name, 'utf8')) as object, model: 'lookup' }
    expect((await gauntlet('rollout', 'plan', folder + name)).code).toBe(0)

    const { id } = await startRollout(gateway.url, document)

    await eventually('the first step', async () => (await rolloutOf(gateway.url, id)).step > 0)
    expect(await call(gateway.url, `/api/rollouts/${id}/rollback`, { reason: 'an example' })).toMatchObject({ status: 200, json: { state: 'rolled-back' } })
  })
})
