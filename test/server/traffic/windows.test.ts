import { describe, expect, it } from 'vitest'
import { decide, type AnalysisSpec } from '../../../evaluators/verdict.js'
import { type Place, Windows } from '../../../server/traffic/windows.js'

const HOUR = 3_600_000
const spec: AnalysisSpec = {
  alpha: 0.05,
  mode: 'equivalence',
  minSamples: 2,
  plannedSamples: 5_000,
  metrics: [
    { name: 'errors', source: 'errors', role: 'critical', direction: 'down', margin: { absolute: 0.01 } },
    { name: 'p95', source: 'latency', quantile: 0.95, role: 'monitor', direction: 'down' },
    { name: 'slow', source: 'latency', limitMs: 100, role: 'critical', direction: 'down', margin: { absolute: 0.01 } },
    { name: 'accuracy', source: 'feedback', key: 'correct', role: 'monitor', direction: 'up' }
  ]
}
const place = (change: Partial<Place> = {}): Place => ({ stage: 1, weightBps: 5_000, at: 0, arm: 'champion', bucket: 7, ...change })
const moment = { stage: 1, breaker: null, elapsedMs: 0 }

describe('Windows', () => {
  it('keeps what the evaluators need of each metric, per weight, hour and arm', () => {
    const windows = new Windows(spec)
    windows.request(place(), false, 100)
    windows.request(place(), false, 101)
    windows.request(place({ bucket: 8 }), true, 5_000)
    windows.request(place({ arm: 'challenger', at: HOUR }), false, 50)
    windows.feedback(place(), { key: 'correct', value: 1, at: HOUR })
    windows.feedback(place(), { key: 'other', value: 1, at: HOUR })

    const { strata } = windows.evidence(moment)

    expect(strata).toMatchObject([{ stage: 1, weightBps: 5_000, block: 0, challenger: {} }, { block: 1, champion: {} }])
    expect(strata[0]!.champion).toMatchObject({
      errors: { moments: { n: 3, sum: 1, clusters: 2 } }, slow: { moments: { n: 2, sum: 1, isBinary: true } }, p95: { histogram: { min: 100, max: 101 } }, accuracy: { moments: { n: 1, sum: 1 } }
    })
    expect(strata[1]!.challenger).toMatchObject({ errors: { moments: { n: 1, sum: 0 } }, slow: { moments: { n: 1, sum: 0 } } })
  })

  it('counts feedback that comes after the window of a metric as late, and no feedback of others', () => {
    const metrics = [{ ...spec.metrics[3]!, windowMs: HOUR }, { ...spec.metrics[3]!, name: 'whenever' }]
    const windows = new Windows({ ...spec, metrics })
    windows.feedback(place({ at: 5 }), { key: 'correct', value: 1, at: 5 + HOUR })
    expect(windows.evidence(moment)).not.toHaveProperty('late')

    windows.feedback(place({ at: 5 }), { key: 'correct', value: 0, at: 6 + HOUR })
    const { late, strata } = windows.evidence(moment)

    expect(late).toEqual({ accuracy: { champion: 1, challenger: 0 } })
    expect(strata[0]!.champion).toMatchObject({ accuracy: { moments: { n: 1, sum: 1 } }, whenever: { moments: { n: 2, sum: 1 } } })
  })

  it('has a block per hour for two days of a weight and per day from then on, so that a year stays a few hundred', () => {
    const windows = new Windows(spec)
    for (let hour = 5; hour < 365 * 24; hour++) windows.request(place({ at: hour * HOUR }), false, 10)
    const blocks = windows.evidence(moment).strata.map(({ block }) => block)

    expect(blocks.slice(0, 48)).toEqual(Array.from({ length: 48 }, (_, index) => 5 + index))
    expect(blocks.slice(48)).toEqual(Array.from({ length: 362 }, (_, index) => (3 + index) * 24))
  })

  it('counts latencies of answers only, against the quantile and the limit alike', () => {
    const windows = new Windows(spec)
    windows.request(place(), true, 5_000)

    expect(Object.keys(windows.evidence(moment).strata[0]!.champion)).toEqual(['errors'])
  })

  it('counts each session once, at the stage and in the arm where it was first seen', () => {
    const windows = new Windows(null)
    for (const bucket of [1, 2, 2, 3]) windows.request(place({ bucket, arm: 'challenger' }), false, 1)
    windows.request(place({ bucket: 9_999, at: HOUR }), false, 1)
    windows.request(place({ bucket: 9_999, stage: 2, arm: 'challenger', weightBps: 9_000 }), false, 1)
    windows.request(place({ bucket: 5_000, stage: 2, weightBps: 9_000 }), true, 1)

    expect(windows.evidence(moment).health).toEqual({
      assignments: [{ stage: 1, weightBps: 5_000, champion: 1, challenger: 3 }, { stage: 2, weightBps: 9_000, champion: 1, challenger: 0 }]
    })
  })

  it('gives evidence of which a verdict can be made: a split that is not the one intended pauses', () => {
    const windows = new Windows(spec)
    for (let bucket = 0; bucket < 1_000; bucket++) windows.request(place({ bucket, arm: bucket < 700 ? 'challenger' : 'champion' }), false, 20)

    expect(decide(spec, windows.evidence(moment))).toMatchObject({ decision: 'pause', rule: 2, health: [{ check: 'sample-ratio', action: 'pause' }] })
  })

  it('passes on the stage, the breaker and the age of the trial', () => {
    expect(new Windows(null).evidence({ stage: 3, breaker: 'tripped', elapsedMs: 5 })).toEqual({ stage: 3, strata: [], breaker: 'tripped', health: { assignments: [] }, elapsedMs: 5 })
  })
})
