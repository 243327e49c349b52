import { describe, expect, it } from 'vitest'
import { decide, type AnalysisSpec } from '../../../evaluators/verdict.js'
import type { Mirrored } from '../../../server/traffic/messages.js'
import { agreementKey, Pairs } from '../../../server/traffic/pairs.js'

const range = { min: 0, max: 1 }
const spec: AnalysisSpec = {
  alpha: 0.05,
  mode: 'equivalence',
  minSamples: 50,
  plannedSamples: 2_000,
  metrics: [
    { name: 'errors', source: 'errors', role: 'critical', direction: 'down', margin: { absolute: 0.05 }, range },
    { name: 'slow', source: 'latency', limitMs: 100, role: 'monitor', direction: 'down', range },
    { name: 'p95', source: 'latency', quantile: 0.95, role: 'monitor', direction: 'down' },
    { name: 'same', source: 'feedback', key: agreementKey('same'), role: 'critical', direction: 'up', margin: { absolute: 0.05 }, range },
    { name: 'liked', source: 'feedback', key: 'liked', role: 'monitor', direction: 'up' }
  ]
}
const pair = (index: number, change: Partial<Mirrored> = {}): Mirrored => ({
  requestId: `r${index}`,
  rolloutId: 'r',
  at: index,
  stage: 1,
  bucket: index % 100,
  champion: { failed: false, latencyMs: 50 },
  challenger: { failed: false, latencyMs: 150 },
  scores: { same: 1 },
  ...change
})
const seen = (count: number, of: (index: number) => Partial<Mirrored> = () => ({})): Pairs => {
  const pairs = new Pairs(spec)
  for (let i = 0; i < count; i++) pairs.add(pair(i, of(i)))
  return pairs
}
const verdictOf = (pairs: Pairs) => decide(spec, { stage: 1, strata: [], breaker: null, pairs: pairs.evidence(false) })

describe('Pairs', () => {
  it('keeps the difference of both sides per metric, with an exact sequence where values are bounded', () => {
    const evidence = seen(10, (i) => ({ scores: { same: i === 0 ? 0 : 1 } })).evidence(false)

    expect(Object.keys(evidence).sort()).toEqual(['errors', 'same', 'slow'])
    expect(evidence['slow']!.differences).toMatchObject({ n: 10, mean: 1 })
    expect(evidence['same']!.differences).toMatchObject({ n: 10, sum: -1 })
    expect(evidence['same']!.sequences!.every(({ n, min, max }) => n === 10 && min === -1 && max === 1)).toBe(true)
  })

  it('leaves to the split what the split can tell', () => {
    expect(Object.keys(seen(10).evidence(true))).toEqual(['same'])
  })

  it('leaves out what was not measured: latencies of failures, scores without an output', () => {
    const evidence = seen(10, () => ({ challenger: { failed: true, latencyMs: 1 }, scores: {} })).evidence(false)

    expect(Object.keys(evidence)).toEqual(['errors'])
  })

  it('leads to promotion of a challenger that answers the same, long before a thousand pairs', () => {
    expect(verdictOf(seen(600))).toMatchObject({ decision: 'promote', metrics: [{ estimator: 'paired-empirical-bernstein' }, {}, {}, { outcome: 'pass' }, {}] })
  })

  it('leads back when it answers otherwise beyond the margin, or fails, and waits while little was seen', () => {
    expect(verdictOf(seen(600, (i) => ({ scores: { same: i % 2 } })))).toMatchObject({ decision: 'rollback', reason: expect.stringContaining('same') as string })
    expect(verdictOf(seen(600, (i) => ({ challenger: { failed: i % 3 === 0, latencyMs: 1 } })))).toMatchObject({ decision: 'rollback', reason: expect.stringContaining('errors') as string })
    expect(verdictOf(seen(49)).decision).toBe('continue')
  })

  it('counts a request without a session for itself', () => {
    expect(seen(500, () => ({ bucket: null })).evidence(false)['errors']!.differences.clusters).toBeGreaterThan(480)
  })
})
