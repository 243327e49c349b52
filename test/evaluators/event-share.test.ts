import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareEventShares, eventShareAt, logEvidence, ratioInterval, type EventStratum } from '../../evaluators/statistics/event-share.js'
import { expectGolden, goldenSet } from '../support/golden.js'

const { cases, tolerance } = goldenSet('event_rate_ratio')
const count = fc.integer({ min: 0, max: 2_000 })
const share = fc.double({ min: 0.01, max: 0.99, noNaN: true })
const stratum = fc.record({ champion: count, challenger: count, share })

describe('event-share test against the reference figures', () => {
  it.each(cases)('agrees for $id', ({ input, expected }) => {
    const {
      events_champion: champion, events_challenger: challenger, challenger_traffic_share: theta, alpha
    } = input as Record<string, number>
    const strata = [{ champion: champion!, challenger: challenger!, share: theta! }]
    const shareAt = (ratio: number): number => ratio === Infinity ? 1 : theta! * ratio / (theta! * ratio + 1 - theta!)

    const { lower, upper } = ratioInterval(strata, alpha!)!

    expectGolden(logEvidence(strata, 0), expected['log_e_equal'], tolerance)
    expectGolden(Math.min(1, Math.exp(-logEvidence(strata, 0))), expected['p_anytime'], tolerance)
    expectGolden(lower, expected['rate_ratio_lower'], tolerance)
    expectGolden(upper, expected['rate_ratio_upper'], tolerance)
    expectGolden(shareAt(lower), expected['share_lower'], tolerance)
    expectGolden(shareAt(upper), expected['share_upper'], tolerance)
  })
})

describe('interval of the ratio of two event rates', () => {
  it('holds the estimate and widens as the level falls', () => {
    fc.assert(fc.property(stratum, fc.double({ min: 1e-4, max: 0.4, noNaN: true }), (one, alpha) => {
      fc.pre(one.champion + one.challenger > 0)
      const interval = ratioInterval([one], alpha)!
      const wider = ratioInterval([one], alpha / 2)!

      expect(interval.lower).toBeLessThanOrEqual(interval.estimate!)
      expect(interval.upper).toBeGreaterThanOrEqual(interval.estimate!)
      expect(wider.lower).toBeLessThanOrEqual(interval.lower)
      expect(wider.upper).toBeGreaterThanOrEqual(interval.upper)
    }))
  })

  it('is centred on the ratio of the rates when the shares are constant', () => {
    const { estimate } = ratioInterval([{ champion: 90, challenger: 20, share: 0.1 }], 0.05)!

    expect(estimate).toBeCloseTo((20 / 0.1) / (90 / 0.9), 10)
  })

  it('turns into its reciprocal when the arms are swapped', () => {
    fc.assert(fc.property(fc.array(stratum, { minLength: 1, maxLength: 4 }), (strata) => {
      fc.pre(strata.some(({ champion, challenger }) => champion + challenger > 0))
      const there = ratioInterval(strata, 0.05)
      const back = ratioInterval(strata.map((s) => ({ champion: s.challenger, challenger: s.champion, share: 1 - s.share })), 0.05)

      expect(back === null).toBe(there === null)
      if (there === null || back === null) return
      expect(back.lower * there.upper || 1).toBeCloseTo(1, 5)
      expect(back.upper * there.lower || 1).toBeCloseTo(1, 5)
    }))
  })

  it('is bounded by the ratios at which the evidence of all stages together reaches 1 / alpha', () => {
    const stages: EventStratum[] = [
      { champion: 99, challenger: 2, share: 0.01 }, { champion: 80, challenger: 14, share: 0.1 }, { champion: 30, challenger: 41, share: 0.5 }
    ]
    const { lower, upper } = ratioInterval(stages, 0.05)!

    for (const ratio of [lower, upper]) {
      const sum = stages.reduce((total, stage) => total + logEvidence([stage], Math.log(ratio)), 0)
      expect(sum).toBeCloseTo(Math.log(1 / 0.05), 8)
      expect(logEvidence(stages, Math.log(ratio))).toBeCloseTo(sum, 10)
    }
    expect(lower).toBeLessThan(1.3)
    expect(upper).toBeGreaterThan(1.3)
  })

  it('is unbounded where only one arm has events, and says nothing without any', () => {
    expect(ratioInterval([{ champion: 0, challenger: 9, share: 0.5 }], 0.05)).toMatchObject({ estimate: Infinity, upper: Infinity })
    expect(ratioInterval([{ champion: 9, challenger: 0, share: 0.5 }], 0.05)).toMatchObject({ estimate: 0, lower: 0 })
    expect(ratioInterval([{ champion: 0, challenger: 0, share: 0.5 }], 0.05)).toEqual({ estimate: null, lower: 0, upper: Infinity })
    expect(ratioInterval([], 0.05)).toEqual({ estimate: null, lower: 0, upper: Infinity })
  })

  it('does not exist when the stages contradict each other', () => {
    const stages = [{ champion: 1_000, challenger: 10, share: 0.5 }, { champion: 10, challenger: 1_000, share: 0.5 }]

    expect(ratioInterval(stages, 0.05)).toBeNull()
  })

  it.each<[string, Partial<EventStratum>]>([
    ['a share of 0', { share: 0 }], ['a share of 1', { share: 1 }], ['half an event', { champion: 0.5 }], ['a negative count', { challenger: -1 }]
  ])('refuses %s', (_, part) => {
    expect(() => ratioInterval([{ champion: 1, challenger: 1, share: 0.5, ...part }], 0.05)).toThrow(RangeError)
  })

  it.each([0, 1, NaN])('refuses alpha %s', (alpha) => {
    expect(() => ratioInterval([{ champion: 1, challenger: 1, share: 0.5 }], alpha)).toThrow(RangeError)
  })
})

describe('comparison of event shares', () => {
  it('puts evidence, running p and interval together', () => {
    const strata = [{ champion: 90, challenger: 25, share: 0.1 }]
    const result = compareEventShares(strata, { pBefore: 0.001 })

    expect(result.logE).toBe(logEvidence(strata, 0))
    expect(result.pThisLook).toBeCloseTo(Math.exp(-result.logE), 12)
    expect(result.p).toBe(0.001)
    expect(result.ratio).toBeCloseTo(2.5, 10)
    expect(result.interval).toEqual({ lower: ratioInterval(strata, 0.05)!.lower, upper: ratioInterval(strata, 0.05)!.upper })
  })

  it('has no ratio without events or when the stages contradict each other', () => {
    const stages = [{ champion: 1_000, challenger: 10, share: 0.5 }, { champion: 10, challenger: 1_000, share: 0.5 }]

    expect(compareEventShares([])).toEqual({ logE: 0, pThisLook: 1, p: 1, ratio: null, interval: { lower: 0, upper: Infinity } })
    expect(compareEventShares(stages)).toMatchObject({ ratio: null, interval: null })
  })

  it('leaves equal rates out of its interval exactly when p is below alpha', () => {
    fc.assert(fc.property(stratum, fc.double({ min: 1, max: 1_000, noNaN: true }), (one, concentration) => {
      const { p, interval } = compareEventShares([one], { concentration })
      fc.pre(Math.abs(p / 0.05 - 1) > 1e-6)

      expect(p < 0.05).toBe(interval!.lower > 1 || interval!.upper < 1)
    }))
  })

  it('maps a ratio to the share of the events and back to the traffic at 1', () => {
    expect(eventShareAt(1, 0.1)).toBeCloseTo(0.1, 12)
    expect([0, Infinity].map((ratio) => eventShareAt(ratio, 0.1))).toEqual([0, 1])
    expect(eventShareAt(3, 0.25)).toBeCloseTo(0.5, 12)
  })

  it.each<[string, object]>([
    ['no prior', { concentration: 0 }], ['an infinite prior', { concentration: Infinity }], ['a p of 2', { pBefore: 2 }], ['alpha 1', { alpha: 1 }]
  ])('refuses %s', (_, options) => {
    expect(() => compareEventShares([{ champion: 1, challenger: 1, share: 0.5 }], options)).toThrow(RangeError)
  })

  it('refuses a ratio or share that is none', () => {
    expect(() => logEvidence([], Infinity)).toThrow('lnRatio')
    expect(() => eventShareAt(-1, 0.5)).toThrow('ratio')
    expect(() => eventShareAt(1, 0)).toThrow('share')
  })
})
