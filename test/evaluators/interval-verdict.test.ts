import { describe, expect, it } from 'vitest'
import { decideByIntervals, judgementsOf, type IntervalEvidence, type IntervalSpec } from '../../evaluators/interval-verdict.js'
import { seededRandom } from '../../evaluators/statistics/random.js'

const MINUTE = 60_000
const config = {
  judge: { name: 'NetflixACAJudge-v1.0' },
  metrics: [
    { name: 'errors', groups: ['health'], analysisConfigurations: { canary: { direction: 'increase', critical: true } } },
    { name: 'p95', groups: ['speed'], analysisConfigurations: { canary: { direction: 'increase', effectSize: { allowedIncrease: 1.2 } } } },
    { name: 'kpi', groups: ['quality'], analysisConfigurations: { canary: { direction: 'decrease', effectSize: { allowedDecrease: 0.9 } } } }
  ]
}
const spec = (more: Partial<IntervalSpec> = {}): IntervalSpec => ({
  kind: 'kayenta',
  stepMs: MINUTE,
  intervalMs: 10 * MINUTE,
  lifetimeMs: 30 * MINUTE,
  lookbackMs: null,
  thresholds: { pass: 90, marginal: 50 },
  config,
  metrics: [
    { name: 'errors', source: 'errors', role: 'critical', direction: 'down' },
    { name: 'p95', source: 'latency', quantile: 0.95, role: 'primary', direction: 'down' },
    { name: 'kpi', source: 'feedback', key: 'k', role: 'primary', direction: 'up' }
  ],
  ...more
})

/** Noise around a level, of one metric after the other. */
function evidence (minutes: number, challenger: Partial<Record<'errors' | 'p95' | 'kpi', number>>, more: Partial<IntervalEvidence> = {}): IntervalEvidence {
  const random = seededRandom(7)
  const steps = Math.min(30, Math.floor(minutes / 10) * 10)
  const noise = (level: number) => Array.from({ length: steps }, () => level * (0.95 + random.uniform() / 10))
  const levels = { errors: 2, p95: 20, kpi: 0.7 }
  const series = Object.fromEntries(Object.entries(levels).map(([name, level]) => [name, {
    champion: noise(level), challenger: noise(challenger[name as keyof typeof levels] ?? level), n: { champion: 100, challenger: 90 }
  }]))
  return { stage: 1, strata: [], breaker: null, elapsedMs: minutes * MINUTE, intervals: { seed: 'r1/1', from: 0, series }, ...more }
}

describe('a verdict by intervals', () => {
  it('says nothing before the first judgement, goes on after each, and promotes at the end of the lifetime alone', () => {
    expect(decideByIntervals(spec(), evidence(9.9, {}))).toMatchObject({
      decision: 'continue', rule: 6, metrics: [], reason: 'no judgement yet: the first is made 600 s after the weight was set'
    })
    for (const minutes of [10, 19, 29.9]) expect(decideByIntervals(spec(), evidence(minutes, {})).decision).toBe('continue')
    const last = decideByIntervals(spec(), evidence(30, {}))
    expect(last).toMatchObject({ decision: 'promote', rule: 4, judge: { judgement: 3, judgements: 3, result: { score: { score: 100 } } } })
    expect(last.reason).toBe('judgement 3 of 3: score 100, Pass (pass 90, marginal 50): errors Pass, p95 Pass, kpi Pass')
    expect(decideByIntervals(spec(), evidence(1e6, {})).decision).toBe('promote')
  })

  it('rolls back at once on a critical metric, and names the classification of each metric', () => {
    const verdict = decideByIntervals(spec(), evidence(10, { errors: 3 }))

    expect(verdict).toMatchObject({ decision: 'rollback', rule: 1 })
    expect(verdict.reason).toBe('judgement 1 of 3: score 0, Fail (pass 90, marginal 50): errors High, p95 Pass, kpi Pass')
    expect(verdict.metrics.map(({ name, role, outcome, n }) => [name, role, outcome, n.champion])).toEqual([
      ['errors', 'critical', 'fail', 100], ['p95', 'primary', 'pass', 100], ['kpi', 'primary', 'pass', 100]
    ])
    expect(verdict.metrics[0]!.reason).toMatch(/^High: higher than the control: shift \[/)
  })

  it('goes on while the score is marginal, and fails when the last one still is', () => {
    expect(decideByIntervals(spec(), evidence(20, { p95: 30 }))).toMatchObject({ decision: 'continue', judge: { result: { score: { classification: 'Marginal' } } } })
    expect(decideByIntervals(spec(), evidence(30, { p95: 30 }))).toMatchObject({ decision: 'rollback', rule: 1 })
    expect(decideByIntervals(spec({ thresholds: { pass: 60, marginal: 50 } }), evidence(30, { p95: 30 })).decision).toBe('promote')
    expect(decideByIntervals(spec(), evidence(20, { p95: 30, kpi: 0.5 })).decision).toBe('rollback')
  })

  it('asks for a person when the strict judge has too little to settle it by the end', () => {
    const strict = spec({ config: { ...config, judge: { name: 'GauntletJudge-v1.0' } } })
    const thin = (minutes: number): IntervalEvidence => {
      const { intervals, ...rest } = evidence(minutes, {})
      const few = { ...intervals.series['kpi']!, challenger: intervals.series['kpi']!.challenger.map((value, i) => i < 4 ? value : null) }
      return { ...rest, intervals: { ...intervals, series: { ...intervals.series, kpi: few } } }
    }

    expect(decideByIntervals(strict, thin(20))).toMatchObject({ decision: 'continue', metrics: [{}, {}, { outcome: 'inconclusive' }] })
    expect(decideByIntervals(strict, thin(30))).toMatchObject({ decision: 'pause', rule: 5 })
  })

  it('is second to the breaker and to sessions that are not split as intended', () => {
    const assignments = [{ stage: 1, weightBps: 5_000, champion: 3_000, challenger: 2_000 }]

    expect(decideByIntervals(spec(), evidence(30, {}, { breaker: 'it tripped' }))).toMatchObject({ decision: 'rollback', rule: 1, reason: 'it tripped' })
    expect(decideByIntervals(spec(), evidence(30, {}, { health: { assignments } }))).toMatchObject({ decision: 'pause', rule: 2, judge: { judgement: 3 } })
  })

  it('gives equal bytes for equal arguments, also where constant series need noise', () => {
    const constant = evidence(30, {})
    const flat = { champion: Array<number>(30).fill(1), challenger: Array<number>(30).fill(2), n: { champion: 1, challenger: 1 } }
    const given = { ...constant, intervals: { ...constant.intervals, series: { ...constant.intervals.series, p95: flat } } }
    const again = JSON.parse(JSON.stringify(given)) as IntervalEvidence

    expect(JSON.stringify(decideByIntervals(spec(), again))).toBe(JSON.stringify(decideByIntervals(spec(), given)))
  })

  it('counts whole intervals only', () => {
    expect(judgementsOf(spec({ lifetimeMs: 39 * MINUTE }), 1e12)).toEqual({ due: 3, total: 3 })
    expect(judgementsOf(spec(), -5)).toEqual({ due: 0, total: 3 })
  })
})
