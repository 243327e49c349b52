import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Classification } from '../../../evaluators/judge/classify.js'
import { concludeRun, judgementWindows } from '../../../evaluators/judge/run.js'
import { labelScore, scoreCanary, type ScoredMetric } from '../../../evaluators/judge/score.js'

const metric = (classification: Classification, groups: string[] = ['g'], over: Partial<ScoredMetric> = {}): ScoredMetric =>
  ({ classification, groups, critical: false, ...over })

describe('scoreCanary', () => {
  it('is the share of passes, half-up to two decimals', () => {
    const passes = Array<ScoredMetric>(13_333).fill(metric('Pass'))
    const highs = Array<ScoredMetric>(6_667).fill(metric('High'))

    expect(scoreCanary([metric('Pass'), metric('Pass'), metric('Low')]).score).toBe(66.67)
    expect(scoreCanary([...passes, ...highs]).groupScores[0]!.score).toBe(66.665)
    expect(scoreCanary([...passes, ...highs]).score).toBe(66.67)
  })

  it('weighs the groups, and shares what is left among those without a weight', () => {
    const metrics = [metric('Pass', ['a']), metric('High', ['b']), metric('Pass', ['c'])]

    expect(scoreCanary(metrics, { a: 50, b: 30, c: 20 }).score).toBe(70)
    expect(scoreCanary(metrics, { b: 40 }).score).toBe(60)
    expect(scoreCanary(metrics).score).toBe(66.67)
  })

  it('counts a metric in each of its groups', () => {
    expect(scoreCanary([metric('High', ['a', 'b']), metric('Pass', ['b'])], { a: 50, b: 50 }).groupScores)
      .toEqual([{ name: 'a', score: 0, hasNoData: false }, { name: 'b', score: 50, hasNoData: false }])
  })

  it('keeps the traps of the original', () => {
    expect(scoreCanary([metric('Pass', ['a'])], { a: 60, absent: 40 }).score).toBe(60)
    expect(scoreCanary([metric('Pass', ['a']), metric('Pass', ['b'])], { a: 150 }).score).toBe(100)
    expect(scoreCanary([metric('High', ['a']), metric('Pass', ['b'])], { a: 150 }).score).toBe(-50)
    expect(scoreCanary([metric('Error', ['a']), metric('Error', ['b'])]).score).toBe(100)
    expect(scoreCanary([metric('Pass', ['a'], { muted: true })]).score).toBe(0)
    expect(scoreCanary([]).score).toBe(0)
  })

  it('is 0 when a critical metric does not pass, unless it is muted', () => {
    const others = [metric('Pass'), metric('Pass')]

    expect(scoreCanary([...others, metric('Low', ['g'], { critical: true })])).toMatchObject({ score: 0, zeroedBecause: 'critical' })
    expect(scoreCanary([...others, metric('Nodata', ['g'], { critical: true })])).toMatchObject({ zeroedBecause: 'critical' })
    expect(scoreCanary([...others, metric('Pass', ['g'], { critical: true })])).toMatchObject({ score: 100, zeroedBecause: null })
    expect(scoreCanary([...others, metric('Low', ['g'], { critical: true, muted: true })])).toMatchObject({ score: 100 })
  })

  it('is 0 from half of the metrics without data on', () => {
    expect(scoreCanary([metric('Nodata'), metric('Pass')])).toMatchObject({ score: 0, zeroedBecause: 'nodata>=50%' })
    expect(scoreCanary([metric('Nodata'), metric('Pass'), metric('Pass')])).toMatchObject({ score: 100, zeroedBecause: null })
    expect(scoreCanary([metric('NodataFailMetric'), metric('Pass')])).toMatchObject({ score: 50, zeroedBecause: null })
  })

  it('lies between 0 and 100 without weights, whatever the order, and rises with a pass', () => {
    const labels = fc.array(fc.record({
      classification: fc.constantFrom<Classification>('Pass', 'High', 'Low', 'Nodata', 'NodataFailMetric', 'Error'),
      groups: fc.subarray(['a', 'b', 'c'], { minLength: 1 }),
      critical: fc.constant(false)
    }), { minLength: 1, maxLength: 12 })
    fc.assert(fc.property(labels, fc.nat(), (metrics, at) => {
      const { score } = scoreCanary(metrics)
      const better = metrics.map((each, i) => i === at % metrics.length && each.classification === 'High' ? { ...each, classification: 'Pass' as const } : each)

      expect(score).toBeGreaterThanOrEqual(0)
      expect(score).toBeLessThanOrEqual(100)
      expect(scoreCanary(metrics.toReversed()).score).toBeCloseTo(score, 1)
      expect(scoreCanary(better).score).toBeGreaterThanOrEqual(score)
    }))
  })

  it('refuses a weight that is not a number', () => {
    expect(() => scoreCanary([metric('Pass')], { g: NaN })).toThrow(/^groupWeights\.g: expected a number/)
  })
})

describe('labelScore', () => {
  const thresholds = { pass: 95, marginal: 75 }

  it('includes the thresholds', () => {
    expect([100, 95, 94.99, 75, 74.99, 0].map((score) => labelScore(score, thresholds)))
      .toEqual(['Pass', 'Pass', 'Marginal', 'Marginal', 'Fail', 'Fail'])
  })

  it.each([
    [NaN, thresholds, 'score'],
    [50, { pass: 101, marginal: 75 }, 'thresholds.pass'],
    [50, { pass: 95, marginal: NaN }, 'thresholds.marginal'],
    [50, { pass: 70, marginal: 75 }, 'thresholds.marginal']
  ])('refuses %d with %j', (score, given, argument) => {
    expect(() => labelScore(score, given)).toThrow(expect.objectContaining({ argument, code: 'OUT_OF_RANGE' }))
  })
})

describe('judgementWindows', () => {
  const MINUTE = 60_000

  it('grows from the start', () => {
    expect(judgementWindows({ startMs: 0, lifetimeDurationMins: 10, analysisIntervalMins: 4, beginAfterMins: 1 })).toEqual([
      { startMs: 0, endMs: 5 * MINUTE }, { startMs: 0, endMs: 9 * MINUTE }
    ])
  })

  it('slides with a lookback', () => {
    expect(judgementWindows({ startMs: MINUTE, lifetimeDurationMins: 6, analysisIntervalMins: 3, lookbackMins: 2 })).toEqual([
      { startMs: 2 * MINUTE, endMs: 4 * MINUTE }, { startMs: 5 * MINUTE, endMs: 7 * MINUTE }
    ])
  })

  it('judges once where the interval is missing or longer than the run', () => {
    expect(judgementWindows({ startMs: 0, lifetimeDurationMins: 10 })).toHaveLength(1)
    expect(judgementWindows({ startMs: 0, lifetimeDurationMins: 10, analysisIntervalMins: 60 })).toEqual([{ startMs: 0, endMs: 10 * MINUTE }])
    expect(judgementWindows({ startMs: 0, lifetimeDurationMins: 0.3, analysisIntervalMins: 0.1 })).toHaveLength(3)
  })

  it.each([
    [{ startMs: 0, lifetimeDurationMins: 0 }, 'lifetimeDurationMins'],
    [{ startMs: NaN, lifetimeDurationMins: 1 }, 'startMs'],
    [{ startMs: 0, lifetimeDurationMins: 1, analysisIntervalMins: 0 }, 'analysisIntervalMins'],
    [{ startMs: 0, lifetimeDurationMins: 1, beginAfterMins: -1 }, 'beginAfterMins'],
    [{ startMs: 0, lifetimeDurationMins: 1, lookbackMins: -1 }, 'lookbackMins']
  ])('refuses %j', (schedule, argument) => {
    expect(() => judgementWindows(schedule)).toThrow(expect.objectContaining({ argument }))
  })
})

describe('concludeRun', () => {
  const thresholds = { pass: 95, marginal: 75 }

  it('stops at the first score that is not above marginal, though its label is Marginal', () => {
    expect(labelScore(75, thresholds)).toBe('Marginal')
    expect(concludeRun([100, 75, 100], thresholds)).toEqual({ didPass: false, stoppedAt: 1, reason: 'score 75 is not above marginal 75' })
  })

  it('else goes by the last score', () => {
    expect(concludeRun([80, 96], thresholds).didPass).toBe(true)
    expect(concludeRun([96, 80], thresholds)).toMatchObject({ didPass: false, stoppedAt: null })
    expect(concludeRun([76], { marginal: 75 }).didPass).toBe(true)
    expect(concludeRun([94], { pass: 95 }).didPass).toBe(false)
    expect(concludeRun([0]).didPass).toBe(true)
  })

  it('fails without a judgement', () => {
    expect(concludeRun([], thresholds)).toEqual({ didPass: false, stoppedAt: null, reason: 'no judgement was made' })
  })

  it('refuses scores and thresholds that are none', () => {
    expect(() => concludeRun([NaN])).toThrow(expect.objectContaining({ argument: 'scores[0]' }))
    expect(() => concludeRun([1], { pass: 101 })).toThrow(expect.objectContaining({ argument: 'thresholds.pass' }))
  })
})
