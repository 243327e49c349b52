import { describe, expect, it } from 'vitest'
import { forecastPlan, type Assumption } from '../../../server/rollouts/forecast.js'
import { parseRolloutSpec } from '../../../server/rollouts/spec.js'

const metrics = [
  { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.01 } },
  { name: 'p95', source: 'latency', quantile: 0.95, role: 'monitor' }
]
const planOf = (strategy: object, analysis: object = {}) =>
  parseRolloutSpec({ model: 'm', challenger: '2', strategy, analysis: { mode: 'equivalence', metrics, ...analysis } })
const canary = planOf({ canary: { steps: [{ setWeight: 5 }, { analysis: {} }, { setWeight: 50 }, { pause: { duration: '1d' } }, { analysis: {} }, { pause: {} }] } })
const assumed: Record<string, Assumption> = { errors: { rate: 0.01 } }

describe('forecastPlan', () => {
  it('says of each gate how many values it needs, fewer at an even split, and of each step how long it lasts', () => {
    const steps = forecastPlan(canary, { perDay: 10_000, assumed })

    const [, first, , pause, second, person] = steps
    expect(first!.gate).toMatchObject([{ name: 'errors', role: 'critical', note: 'equal versions at a rate of 0.01, values of both arms' }])
    expect(first!.gate[0]!.median!).toBeLessThan(first!.gate[0]!.atPower!)
    expect(first!.days).toBeCloseTo(first!.gate[0]!.atPower! / 10_000)
    expect(second!.gate[0]!.atPower!).toBeLessThan(first!.gate[0]!.atPower! / 3)
    expect(second!.setting.weightBps).toBe(5_000)
    expect(pause!.days).toBe(1)
    expect(person!.days).toBeNull()
  })

  it('never says fewer than the least samples the spec asks for', () => {
    const strict = planOf({ canary: { steps: [{ setWeight: 10 }, { analysis: {} }] } }, { minSamples: 100_000 })

    expect(forecastPlan(strict, { assumed })[1]!.gate[0]).toMatchObject({ median: 1_000_000, atPower: 1_000_000, days: null })
  })

  it('counts pairs where only a mirror compares, and its share of the traffic', () => {
    const [, all] = forecastPlan(planOf({ shadow: { mirror: 100 } }), { perDay: 1_000, assumed })
    const [, half] = forecastPlan(planOf({ shadow: { mirror: 50 } }), { perDay: 1_000, assumed })

    expect(all!.gate[0]!.note).toContain('pairs')
    expect(half!.gate[0]!.atPower).toBe(all!.gate[0]!.atPower)
    expect(half!.days).toBeCloseTo(2 * all!.days!)
  })

  it('says why there is no forecast', () => {
    const unknown = forecastPlan(canary, { perDay: 10, assumed: {} })

    expect(unknown[1]).toMatchObject({ days: null, gate: [{ median: null, note: expect.stringContaining('--assume errors=RATE') as string }] })
  })
})
