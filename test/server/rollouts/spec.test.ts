import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { SpecError } from '../../../server/rollouts/spec-error.js'
import { durationMs, parseRolloutSpec } from '../../../server/rollouts/spec.js'

const DOCUMENT = `
model: ticket-triage
challenger: "2.0.0"
affinity: { keys: ["header:x-session-id", "cookie:gauntlet_session"], mode: hash }
strategy:
  canary:
    steps:
      - setWeight: 20
      - pause: { duration: 5s }
      - analysis: {}
      - setWeight: 50
      - pause: {}
      - analysis: {}
analysis:
  alpha: 0.05
  mode: superiority
  minSamples: 200
  metrics:
    - { name: errors,   source: errors,                     role: critical, margin: { absolute: 0.01 } }
    - { name: p95,      source: latency, quantile: 0.95,    role: critical, margin: { relative: 0.5 } }
    - { name: accuracy, source: feedback, key: correct,     role: primary,  direction: up, margin: { absolute: 0.02 } }
breaker: { maxErrorRate: 0.5, minRequests: 20, windowSeconds: 10 }
onFailure: rollback
promotion: automatic
`

const changed = (change: (document: never) => void): unknown => {
  const document: unknown = parse(DOCUMENT)
  change(document as never)
  return document
}

function faultsOf (document: unknown): Record<string, string> {
  try {
    parseRolloutSpec(document)
  } catch (error) {
    if (error instanceof SpecError) return Object.fromEntries(error.faults.map(({ path, message }) => [path, message]))
    throw error
  }
  return {}
}

interface Draft {
  model?: string,
  challenger: unknown,
  extra?: number,
  onFailure: string
  affinity: { keys: string[], mode: string, issue?: string }
  strategy: { canary: { steps: Record<string, unknown>[] } }
  analysis?: { alpha: number, mode: string, metrics: Record<string, unknown>[] }
}

describe('parseRolloutSpec', () => {
  it('compiles the steps of a canary', () => {
    const { steps, minDurationMs } = parseRolloutSpec(parse(DOCUMENT))

    expect(steps).toEqual([
      { kind: 'setWeight', weightBps: 2_000 },
      { kind: 'pause', durationMs: 5_000 },
      { kind: 'analysis' },
      { kind: 'setWeight', weightBps: 5_000 },
      { kind: 'pause', durationMs: null },
      { kind: 'analysis' }
    ])
    expect(minDurationMs).toBe(0)
  })

  it('gives itself back: a stored spec compiles to the same plan', () => {
    const plan = parseRolloutSpec(parse(DOCUMENT))

    expect(parseRolloutSpec(JSON.parse(JSON.stringify(plan.spec)))).toEqual(plan)
  })

  it('fills what a short document leaves out', () => {
    const { spec, analysis } = parseRolloutSpec({ model: 'm', challenger: '2', strategy: { canary: { steps: [{ setWeight: 5 }] } } })

    expect(spec).toMatchObject({ onFailure: 'rollback', breaker: { minRequests: 20 }, affinity: { mode: 'hash' } })
    expect(analysis).toBeNull()
  })

  it('compiles a budget, a latency limit and what is said of a metric, and leaves out what is not there', () => {
    const { analysis } = parseRolloutSpec(changed((d: Draft) => {
      Object.assign(d.analysis!, { maxDuration: '7d', maxSamples: 20_000 })
      d.analysis!.metrics.push(
        { name: 'slow', source: 'latency', limit: '800ms', role: 'critical', margin: { absolute: 0.01 } },
        { name: 'length', source: 'feedback', key: 'length', role: 'critical', direction: 'up', margin: { relative: 0.1 }, twoSided: true, heavyTailed: true })
    }))

    expect(analysis!.budget).toEqual({ samplesMax: 20_000, durationMs: 7 * 86_400_000 })
    expect(analysis!.metrics.slice(3)).toEqual([
      { name: 'slow', source: 'latency', limitMs: 800, role: 'critical', direction: 'down', margin: { absolute: 0.01 }, range: { min: 0, max: 1 } },
      { name: 'length', source: 'feedback', key: 'length', role: 'critical', direction: 'up', margin: { relative: 0.1 }, twoSided: true, heavyTailed: true }
    ])
    expect(parseRolloutSpec(parse(DOCUMENT)).analysis).not.toHaveProperty('budget')
  })

  it('only shows a metric on a dry run, which is none to decide by', () => {
    const document = changed((d: Draft) => {
      d.analysis!.metrics.push({ name: 'bought', source: 'feedback', key: 'bought', role: 'critical', direction: 'up', margin: { absolute: 0.1 }, window: '24h', minSamples: 50, dryRun: true })
    })
    expect(parseRolloutSpec(document).analysis!.metrics[3]).toEqual(
      { name: 'bought', source: 'feedback', key: 'bought', role: 'monitor', direction: 'up', margin: { absolute: 0.1 }, windowMs: 86_400_000, minSamples: 50 })

    expect(faultsOf(changed((d: Draft) => {
      for (const metric of d.analysis!.metrics) metric['dryRun'] = true
    }))).toEqual({ 'analysis.metrics': 'mode superiority needs a metric of role primary' })
  })

  it('names every wrong path of a document at once', () => {
    const faults = faultsOf(changed((d: Draft) => {
      delete d.model
      d.challenger = 2
      d.extra = 1
      d.onFailure = 'explode'
      d.strategy.canary.steps[0] = { setWeight: 120 }
      d.strategy.canary.steps[1] = { pause: { duration: 'soon' } }
      d.analysis!.alpha = 2
    }))

    expect(Object.keys(faults).sort()).toEqual([
      'analysis.alpha', 'challenger', 'extra', 'model', 'onFailure', 'strategy.canary.steps[0].setWeight', 'strategy.canary.steps[1].pause.duration'
    ])
    expect(faults['onFailure']).toBe('must be one of "rollback", "pause"')
    expect(faults['extra']).toBe('is not a known field')
    expect(faults['model']).toBe('is required')
  })

  it.each<[string, (d: Draft) => void]>([
    ['strategy.canary.steps[0]', (d) => { d.strategy.canary.steps[0] = { setWeight: 20, analysis: {} } }],
    ['strategy.canary.steps[2]', (d) => { d.strategy.canary.steps[0] = { setWeight: 100 } }],
    ['analysis', (d) => { delete d.analysis }],
    ['affinity.keys[1]', (d) => { d.affinity.keys[1] = 'ip:client' }],
    ['affinity.issue', (d) => { d.affinity.issue = 'another' }],
    ['affinity.mode', (d) => { d.affinity.mode = 'sticky' }],
    ['analysis.metrics[0].margin', (d) => { delete d.analysis!.metrics[0]!['margin'] }],
    ['analysis.metrics[0].key', (d) => { d.analysis!.metrics[0]!['key'] = 'x' }],
    ['analysis.metrics[0].direction', (d) => { d.analysis!.metrics[0]!['direction'] = 'up' }],
    ['analysis.metrics[0].source', (d) => { d.analysis!.metrics[0]!['source'] = 'vibes' }],
    ['analysis.metrics[1].quantile', (d) => { delete d.analysis!.metrics[1]!['quantile'] }],
    ['analysis.metrics[1].name', (d) => { d.analysis!.metrics[1]!['name'] = 'errors' }],
    ['analysis.metrics[2].key', (d) => { delete d.analysis!.metrics[2]!['key'] }],
    ['analysis.metrics[2].direction', (d) => { delete d.analysis!.metrics[2]!['direction'] }],
    ['analysis.metrics[2].margin', (d) => { d.analysis!.metrics[2]!['margin'] = { absolute: 1, relative: 1 } }],
    ['analysis.metrics', (d) => { d.analysis!.metrics.pop() }],
    ['analysis.metrics[0].quantile', (d) => { d.analysis!.metrics[0]!['quantile'] = 0.5 }],
    ['analysis.metrics[0].limit', (d) => { d.analysis!.metrics[0]!['limit'] = '1s' }],
    ['analysis.metrics[1].limit', (d) => { d.analysis!.metrics[1]!['limit'] = '1s' }],
    ['analysis.metrics[1].limit', (d) => { delete d.analysis!.metrics[1]!['quantile']; d.analysis!.metrics[1]!['limit'] = 'soon' }],
    ['analysis.metrics[1].limit', (d) => { delete d.analysis!.metrics[1]!['quantile']; d.analysis!.metrics[1]!['limit'] = 0 }],
    ['analysis.metrics[1].window', (d) => { d.analysis!.metrics[1]!['window'] = '24h' }],
    ['analysis.metrics[1].heavyTailed', (d) => { d.analysis!.metrics[1]!['heavyTailed'] = true }],
    ['analysis.metrics[2].twoSided', (d) => { d.analysis!.metrics[2]!['twoSided'] = true }],
    ['analysis.metrics[1].twoSided', (d) => { d.analysis!.metrics[1] = { name: 'x', source: 'latency', quantile: 0.5, role: 'monitor', twoSided: true } }],
    ['analysis.maxDuration', (d) => { Object.assign(d.analysis!, { maxDuration: 'for ever' }) }],
    ['analysis.maxSamples', (d) => { Object.assign(d.analysis!, { maxSamples: 1 }) }]
  ])('refuses a wrong %s', (path, change) => {
    expect(Object.keys(faultsOf(changed(change as never)))).toContain(path)
  })

  it.each([null, [], 'text', 1])('refuses %j as a document', (document) => {
    expect(faultsOf(document)).toEqual({ '': 'expected an object with model, challenger and strategy' })
  })
})

describe('durationMs', () => {
  it.each([['500ms', 500], ['5s', 5_000], ['1.5m', 90_000], ['1h', 3_600_000], ['1d', 86_400_000], [10, 10_000]])('reads %j', (text, ms) => {
    expect(durationMs(text)).toBe(ms)
  })
})
