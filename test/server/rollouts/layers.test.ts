import { describe, expect, it } from 'vitest'
import type { RegistryError } from '../../../registry/errors.js'
import { assign } from '../../../server/routing/assign.js'
import { parseRolloutSpec } from '../../../server/rollouts/spec.js'
import { SpecError } from '../../../server/rollouts/spec-error.js'
import { simulateRollout } from '../../../server/simulation/run.js'
import { parseScenario } from '../../../server/simulation/scenario.js'
import { openRegistry, publishVersions, START_MS } from '../../support/registry-fixtures.js'
import { openDesk } from '../../support/rollout-desk.js'

const HAND = { actor: 'ann', reason: 'because' }
const document = (model: string, layer: object | undefined, more: object = {}) =>
  ({ model, challenger: '2', strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } }, ...layer === undefined ? {} : { layer }, ...more })
const refusal = (act: () => unknown): Pick<RegistryError, 'code' | 'message'> | null => {
  try {
    act()
    return null
  } catch (error) {
    return error as RegistryError
  }
}

describe('rollouts of one layer', () => {
  it('share out its sessions; one that would take some of another\'s is refused, and nothing of it is kept', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1', '2'], {}, 'ranking')
    await publishVersions(registry, ['1', '2'], {}, 'pricing')
    const { controller, settings } = openDesk(registry, () => START_MS)
    const first = controller.start(document('ranking', { name: 'checkout', to: 40 }), HAND)

    const start = (layer: object | undefined, more: object = {}) => () => controller.start(document('pricing', layer, more), HAND)
    expect(refusal(start({ name: 'checkout', from: 39.99, to: 100 }))).toMatchObject({
      code: 'LAYER_TAKEN', message: `rollout ${first.id} has 0 to 40 % of layer checkout, which 39.99 to 100 % overlaps; choose another range or end it first`
    })
    expect(refusal(start({ name: 'checkout', from: 40, to: 100 }, { affinity: { keys: ['cookie:user'] } }))).toMatchObject({
      code: 'LAYER_TAKEN', message: expect.stringContaining('need the same affinity.keys') as string
    })
    expect(registry.rollouts.list('pricing')).toEqual([])
    controller.start(document('pricing', { name: 'checkout', from: 40, to: 100 }), HAND)

    const armsOf = (session: string) => ['ranking', 'pricing'].map((model) =>
      assign(settings.get(model)!, { headers: { 'x-session-id': session }, body: null }, { newId: () => 'unused' }))
    const all = Array.from({ length: 2_000 }, (_, i) => armsOf(`s${i}`))
    expect(all.filter((both) => both.every(({ isOutside }) => isOutside !== true))).toEqual([])
    expect(all.filter((both) => both.some(({ arm }) => arm === 'challenger')).length).toBeGreaterThan(900)
  })

  it('take a range that an ended one had, or that is of another layer', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1', '2'], {}, 'ranking')
    await publishVersions(registry, ['1', '2'], {}, 'pricing')
    await publishVersions(registry, ['1', '2'], {}, 'search')
    const { controller } = openDesk(registry, () => START_MS)
    const { id } = controller.start(document('ranking', { name: 'checkout', to: 100 }), HAND)

    controller.start(document('pricing', { name: 'browse', to: 100 }), HAND)
    controller.rollback(id, HAND)

    expect(controller.start(document('search', { name: 'checkout', to: 100 }), HAND).state).toBe('paused')
  })
})

describe('a layer of a rollout document', () => {
  it.each([
    ['layer.to', { name: 'l', from: 50, to: 50 }],
    ['layer.to', { name: 'l', from: 50 }],
    ['layer.to', { name: 'l', from: 0, to: 101 }],
    ['layer.name', { to: 10 }],
    ['layer.share', { name: 'l', to: 10, share: 5 }]
  ])('is refused by %s', (path, layer) => {
    const fault = refusal(() => parseRolloutSpec(document('m', layer)))
    expect(fault).toBeInstanceOf(SpecError)
    expect((fault as unknown as SpecError).faults.map((one) => one.path)).toEqual([path])
  })

  it('keeps the simulated challenger from those outside', () => {
    const scenario = parseScenario({ traffic: { perSecond: 10 }, maxDuration: '20m', arms: { champion: {}, challenger: {} }, person: { step: 'stop' } })
    const exposed = (layer: object | undefined) => {
      const { exposedSessions, sessions } = simulateRollout(parseRolloutSpec(document('m', layer, {
        strategy: { canary: { steps: [{ setWeight: 50 }, { setMirror: 100 }, { pause: { duration: '10m' } }] } }
      })), scenario, 1)
      return exposedSessions / sessions
    }

    expect(exposed(undefined)).toBeCloseTo(0.5, 1.3)
    expect(exposed({ name: 'l', from: 80, to: 100 })).toBeCloseTo(0.1, 1.3)
  })
})
