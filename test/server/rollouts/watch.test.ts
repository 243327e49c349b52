import { afterAll, describe, expect, it } from 'vitest'
import { parseRolloutSpec } from '../../../server/rollouts/spec.js'
import { RolloutController } from '../../../server/rollouts/controller.js'
import type { TrialSetting } from '../../../server/fleet.js'
import { assign } from '../../../server/routing/assign.js'
import { BY, removeTemplate, rolloutIn } from '../../support/registry-rollouts.js'

afterAll(removeTemplate)

const WATCH = { watch: '30m', holdback: 5 }

/** A promotion by a controller over a real registry, on a clock that is moved by hand. */
async function promoted (afterPromotion: object = WATCH) {
  const { registry } = await rolloutIn('rolled-back')
  const clock = { at: 1_000_000 }
  const seen: { setting: TrialSetting | null, forced: string | null } = { setting: null, forced: null }
  const open = () => new RolloutController({
    registry,
    fleet: {
      load: () => ({ state: 'ready' }),
      setTrial: (_model: string, setting: TrialSetting | null) => { seen.setting = setting },
      setConversation: () => {},
      sync: () => {},
      force: (_model: string, version: string) => { seen.forced = version },
      release: () => { seen.forced = null }
    },
    traffic: { record: () => {}, recordMirrored: () => {}, replay: async () => {} },
    gates: { forget: () => {} },
    probes: { look: () => null, forget: () => {} },
    pins: { drop: () => {} },
    now: () => clock.at,
    newSalt: () => 'salt',
    log: () => {},
    onEnd: () => {}
  } as unknown as ConstructorParameters<typeof RolloutController>[0])
  const controller = open()
  const document = { model: 'm', challenger: '2', strategy: { canary: { steps: [{ setWeight: 10 }, { pause: {} }] } }, afterPromotion }
  const { id } = controller.start(document, BY)
  controller.promote(id, BY)
  const fail = (driver = controller): void => {
    const { rolloutId, stage, weightBps } = seen.setting!
    driver.observe({ requestId: 'r', rolloutId, stage, weightBps, arm: 'challenger', bucket: 1, failed: true, latencyMs: 1 } as Parameters<RolloutController['observe']>[0])
  }
  return { registry, clock, seen, open, controller, id, document, fail }
}

const events = (history: readonly { event: string }[]): string | undefined => history.at(-1)?.event

describe('the watch after a promotion', () => {
  it('is refused where several challengers contest, by the path of the fault', () => {
    const arms = [{ version: '2', weight: 10 }, { version: '3', weight: 10 }]
    expect(() => parseRolloutSpec({ model: 'm', strategy: { abn: { arms } }, afterPromotion: WATCH })).toThrow(/afterPromotion: expected nothing with strategy abn/)
  })

  it('keeps a part of the sessions with the champion before until it is over, then the promotion stands', async () => {
    const { registry, clock, seen, controller, id, document } = await promoted()
    expect(registry.alias('m', 'champion')).toBe('2')
    expect(seen.setting).toMatchObject({ challenger: '2', control: '1', weightBps: 9_500, isRouting: true })
    expect(assign({ ...seen.setting!, keys: [] }, { headers: {} } as Parameters<typeof assign>[1], { newId: () => 'id' }).arm).toBe('challenger')
    expect(() => controller.start({ ...document, challenger: '3' }, BY)).toThrow(/being watched/)

    clock.at += 30 * 60_000 - 1
    controller.look()
    expect(seen.setting).not.toBeNull()
    clock.at += 1
    controller.look()

    expect(seen.setting).toBeNull()
    expect(controller.driven()).toEqual([])
    expect(registry.alias('m', 'champion')).toBe('2')
    expect(events(registry.rollouts.history(id))).toBe('settle')
  })

  it('restores the champion before within the request that trips the breaker, with the verdict stored', async () => {
    const { registry, seen, controller, id, fail } = await promoted()

    for (let i = 0; i < 20; i++) fail()
    expect(seen).toEqual({ setting: null, forced: '1' })
    controller.look()

    expect(registry.alias('m', 'champion')).toBe('1')
    expect(registry.rollouts.get(id)).toMatchObject({ state: 'promoted', reverted: { actor: 'gauntlet', reason: expect.stringContaining('circuit breaker') as string } })
    expect(registry.rollouts.verdicts(id, 1)[0]).toMatchObject({ decision: 'rollback', acted: true })
    expect(registry.audit().list({ subject: id }).map(({ action }) => action)).toEqual(expect.arrayContaining(['rollout.revert', 'rollout.verdict']))
  })

  it('only tells where it is asked to notify', async () => {
    const { registry, controller, id, fail } = await promoted({ ...WATCH, onFailure: 'notify' })

    for (let i = 0; i < 20; i++) fail()
    controller.look()

    expect(registry.alias('m', 'champion')).toBe('2')
    expect(registry.rollouts.verdicts(id, 1)[0]).toMatchObject({ decision: 'rollback', acted: false })
  })

  it('goes on after a restart, and ends by hand or when the champion is another', async () => {
    const { registry, seen, open, id, fail } = await promoted()
    const restarted = open()
    await restarted.restore()
    expect(restarted.driven()).toEqual([id])
    expect(seen.setting).toMatchObject({ control: '1' })
    for (let i = 0; i < 19; i++) fail(restarted)

    restarted.skipStep(id, BY)

    expect(registry.rollouts.history(id).at(-1)).toMatchObject({ event: 'settle', actor: 'ann' })
    expect(() => restarted.skipStep(id, BY)).toThrow(/promoted/)
    expect(restarted.rollback(id, BY).reverted).toMatchObject({ actor: 'ann' })
  })
})
