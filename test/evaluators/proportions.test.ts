import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  expectedEvents, proportionSequence, stratifiedProportions, type Tally, type TallyStratum
} from '../../evaluators/statistics/proportions.js'
import { lnBeta } from '../../evaluators/statistics/special.js'
import { difference } from '../../evaluators/statistics/strata.js'
import { expectGolden, goldenSet } from '../support/golden.js'

const Z = 1.959963984540054
const tally = fc.integer({ min: 5, max: 5_000 })
  .chain((n) => fc.record({ n: fc.constant(n), events: fc.integer({ min: 0, max: n }) }))
const of = (events: number, n: number): Tally => ({ events, n })

describe('Agresti-Caffo', () => {
  const { cases, tolerance } = goldenSet('two_proportion')
  const large = cases.filter(({ input }) => (input as Record<string, number>)['n2']! >= 5)

  it.each(large)('agrees with the reference interval for $id when there is one stratum', ({ input, expected }) => {
    const { count1, n1, count2, n2 } = input as Record<string, number>
    const [lower, upper] = expected['agresti_caffo95'] as [number, number]

    const { estimate, se } = difference(stratifiedProportions([{ champion: of(count1!, n1!), challenger: of(count2!, n2!) }])!)

    expectGolden(estimate - Z * se, lower, tolerance)
    expectGolden(estimate + Z * se, upper, tolerance)
  })

  it('gives for many equal strata nearly what one large stratum gives', () => {
    const strata = Array.from({ length: 50 }, (): TallyStratum => ({ champion: of(3, 30), challenger: of(2, 10) }))

    const split = difference(stratifiedProportions(strata)!)
    const whole = difference(stratifiedProportions([{ champion: of(150, 1_500), challenger: of(100, 500) }])!)

    expect(split.estimate).toBeCloseTo(whole.estimate, 12)
    expect(split.se / whole.se).toBeGreaterThan(1)
    expect(split.se / whole.se).toBeLessThan(1.06)
  })

  it('changes its sign and nothing else when the arms are swapped', () => {
    fc.assert(fc.property(fc.array(fc.tuple(tally, tally), { minLength: 1, maxLength: 6 }), (pairs) => {
      const there = difference(stratifiedProportions(pairs.map(([champion, challenger]) => ({ champion, challenger })))!)
      const back = difference(stratifiedProportions(pairs.map(([challenger, champion]) => ({ champion, challenger })))!)

      expect(back.estimate).toBeCloseTo(-there.estimate, 12)
      expect(back.se).toBeCloseTo(there.se, 12)
    }))
  })

  it('changes only the sign when the two values are exchanged', () => {
    fc.assert(fc.property(tally, tally, (champion, challenger) => {
      const other = ({ events, n }: Tally): Tally => of(n - events, n)
      const there = difference(stratifiedProportions([{ champion, challenger }])!)
      const back = difference(stratifiedProportions([{ champion: other(champion), challenger: other(challenger) }])!)

      expect(back.estimate).toBeCloseTo(-there.estimate, 12)
      expect(back.se).toBeCloseTo(there.se, 12)
    }))
  })

  it('has a spread even without any event', () => {
    expect(difference(stratifiedProportions([{ champion: of(0, 50), challenger: of(0, 50) }])!).se).toBeGreaterThan(0)
  })

  it('skips small strata and refuses impossible tallies', () => {
    const strata = [{ champion: of(1, 100), challenger: of(1, 4) }, { champion: of(1, 100), challenger: of(0, 5) }]

    expect(stratifiedProportions(strata)).toMatchObject({ n: 105, used: 1, skipped: 1 })
    expect(stratifiedProportions(strata.slice(0, 1))).toBeNull()
    for (const bad of [of(2, 1), of(-1, 5), of(0.5, 5), of(NaN, 5)]) {
      expect(() => stratifiedProportions([{ champion: of(1, 9), challenger: bad }])).toThrow(RangeError)
    }
  })
})

describe('exact sequence of one proportion', () => {
  const level = fc.double({ min: 1e-4, max: 0.5, noNaN: true })

  it('holds the observed rate, lies in 0..1 and widens as the level falls', () => {
    fc.assert(fc.property(tally, level, (counted, alpha) => {
      const { lower, upper } = proportionSequence(counted, alpha)
      const wider = proportionSequence(counted, alpha / 2)

      expect(lower).toBeGreaterThanOrEqual(0)
      expect(upper).toBeLessThanOrEqual(1)
      expect(lower).toBeLessThanOrEqual(counted.events / counted.n)
      expect(upper).toBeGreaterThanOrEqual(counted.events / counted.n)
      expect(wider.lower).toBeLessThanOrEqual(lower)
      expect(wider.upper).toBeGreaterThanOrEqual(upper)
    }))
  })

  it('ends where the mixture outgrows the likelihood by 2 / alpha', () => {
    fc.assert(fc.property(tally, level, (counted, alpha) => {
      const { events, n } = counted
      const { lower, upper } = proportionSequence(counted, alpha)
      const logE = (p: number): number =>
        lnBeta(0.5 + events, 0.5 + n - events) - lnBeta(0.5, 0.5) - events * Math.log(p) - (n - events) * Math.log1p(-p)

      // Five digits: next to 1 neighbouring doubles p are up to 3e-6 apart in ln E.
      if (events > 0) expect(logE(lower)).toBeCloseTo(Math.log(2 / alpha), 5)
      if (events < n) expect(logE(upper)).toBeCloseTo(Math.log(2 / alpha), 5)
    }))
  })

  it('mirrors when events and non-events are exchanged', () => {
    fc.assert(fc.property(tally, ({ events, n }) => {
      const there = proportionSequence(of(events, n), 0.05)
      const back = proportionSequence(of(n - events, n), 0.05)

      expect(back.lower).toBeCloseTo(1 - there.upper, 12)
      expect(back.upper).toBeCloseTo(1 - there.lower, 12)
    }))
  })

  it('without any event falls below 0.01 at alpha 0.05 from 754 units on, not before', () => {
    const upper = (n: number): number => proportionSequence(of(0, n), 0.05).upper

    // Solved apart from this code: ln(Γ(½)Γ(n+½)/Γ(n+1)/π) − n ln 0.99 is 3.68334 at 753 and 3.69273 at 754; ln 40 = 3.68888.
    expect(upper(753)).toBeGreaterThan(0.01)
    expect(upper(754)).toBeLessThan(0.01)
    expect(proportionSequence(of(0, 754), 0.05).lower).toBe(0)
  })

  it('knows nothing without units', () => {
    expect(proportionSequence(of(0, 0), 0.05)).toEqual({ lower: 0, upper: 1 })
  })

  it.each([0, 1, NaN])('refuses alpha %s', (alpha) => {
    expect(() => proportionSequence(of(1, 2), alpha)).toThrow(RangeError)
  })

  it('refuses impossible tallies', () => {
    expect(() => proportionSequence(of(3, 2), 0.05)).toThrow('0 <= events <= n, got 3 of 2')
  })
})

describe('expected events', () => {
  it('are the total events times the smaller share in one stratum', () => {
    expect(expectedEvents([{ champion: of(30, 900), challenger: of(10, 100) }])).toBeCloseTo(40 * 0.1, 12)
  })

  it('count the rarer value, so that an accuracy of 1 is like an error rate of 0', () => {
    expect(expectedEvents([{ champion: of(900, 900), challenger: of(100, 100) }])).toBe(0)
    expect(expectedEvents([{ champion: of(870, 900), challenger: of(90, 100) }])).toBeCloseTo(4, 12)
  })

  it('add up over strata, without those too small to be used', () => {
    const strata = [
      { champion: of(9, 90), challenger: of(1, 10) }, { champion: of(5, 50), challenger: of(5, 50) }, { champion: of(3, 9), challenger: of(1, 4) }
    ]

    expect(expectedEvents(strata)).toBeCloseTo(1 + 5, 12)
    expect(expectedEvents([])).toBe(0)
  })
})

describe('the beta function', () => {
  it('has its closed values', () => {
    expect(lnBeta(0.5, 0.5)).toBeCloseTo(Math.log(Math.PI), 14)
    expect(lnBeta(3, 4)).toBeCloseTo(-Math.log(60), 13)
    expect(lnBeta(1, 1e9)).toBeCloseTo(-Math.log(1e9), 10)
  })

  it.each([[0, 1], [1, -1], [NaN, 1], [1, Infinity]])('refuses %s and %s', (a, b) => {
    expect(() => lnBeta(a, b)).toThrow(RangeError)
  })
})
