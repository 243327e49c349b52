import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluatorError } from '../../../evaluators/errors.js'
import {
  clopperPearsonInterval, compareProportions, wilsonInterval
} from '../../../evaluators/statistics/proportion-tests.js'
import type { Tally } from '../../../evaluators/statistics/proportions.js'

const tally = fc.integer({ min: 1, max: 100_000 }).chain((n) => fc.integer({ min: 0, max: n }).map((events) => ({ events, n })))
const complement = ({ events, n }: Tally): Tally => ({ events: n - events, n })

describe('comparison of two proportions', () => {
  it('matches the example of Newcombe (1998), table II, row (a): 56/70 against 48/80', () => {
    const { difference, newcombe } = compareProportions({ events: 48, n: 80 }, { events: 56, n: 70 })

    expect(difference).toBeCloseTo(0.2, 12)
    expect(newcombe.lower).toBeCloseTo(0.0524, 4)
    expect(newcombe.upper).toBeCloseTo(0.3339, 4)
  })

  it('has no z, and p 1, when neither or every unit had the event', () => {
    expect(compareProportions({ events: 0, n: 5 }, { events: 0, n: 9 })).toMatchObject({ z: null, p: 1, difference: 0 })
    expect(compareProportions({ events: 5, n: 5 }, { events: 9, n: 9 })).toMatchObject({ z: null, p: 1 })
  })

  it('mirrors when arms swap or events become non-events, and holds the difference in its intervals', () => {
    fc.assert(fc.property(tally, tally, (one, two) => {
      const test = compareProportions(one, two)
      const swapped = compareProportions(two, one)
      const turned = compareProportions(complement(one), complement(two))

      expect(swapped.p).toBeCloseTo(test.p, 12)
      expect(swapped.newcombe.lower).toBeCloseTo(-test.newcombe.upper, 9)
      expect(turned.newcombe.upper).toBeCloseTo(-test.newcombe.lower, 9)
      expect(test.newcombe.lower).toBeLessThanOrEqual(test.difference)
      expect(test.newcombe.upper).toBeGreaterThanOrEqual(test.difference)
      expect(Math.abs(test.newcombe.lower)).toBeLessThanOrEqual(1)
      expect(test.agrestiCaffo.lower).toBeLessThan(test.agrestiCaffo.upper)
      expect(test.p).toBeGreaterThanOrEqual(0)
      expect(test.p).toBeLessThanOrEqual(1)
    }))
  })

  it.each<[string, Tally]>([
    ['no unit', { events: 0, n: 0 }], ['more events than units', { events: 3, n: 2 }], ['half an event', { events: 0.5, n: 2 }],
    ['NaN', { events: NaN, n: 2 }], ['a negative count', { events: -1, n: 2 }]
  ])('is refused with %s', (_, bad) => {
    const good = { events: 1, n: 2 }

    expect(() => compareProportions(bad, good)).toThrow(EvaluatorError)
    expect(() => compareProportions(good, bad)).toThrow('challenger')
    expect(() => wilsonInterval(bad)).toThrow('tally')
    expect(() => clopperPearsonInterval(bad)).toThrow('tally')
  })

  it.each([0, 1, -1, NaN])('is refused at confidence %s', (confidence) => {
    expect(() => compareProportions({ events: 1, n: 2 }, { events: 1, n: 2 }, confidence)).toThrow('confidence')
    expect(() => clopperPearsonInterval({ events: 1, n: 2 }, confidence)).toThrow('confidence')
  })
})

describe('interval of one proportion', () => {
  it('is known in closed form when there is no event', () => {
    const none = { events: 0, n: 20 }

    expect(clopperPearsonInterval(none).lower).toBe(0)
    expect(clopperPearsonInterval(none).upper).toBeCloseTo(1 - 0.025 ** (1 / 20), 12)
    expect(wilsonInterval(none).lower).toBe(0)
    expect(wilsonInterval(none).upper).toBeCloseTo(3.841458820694124 / (20 + 3.841458820694124), 12)
  })

  it('holds the rate, mirrors for non-events, and is wider when exact or more confident', () => {
    fc.assert(fc.property(tally, (counts) => {
      const rate = counts.events / counts.n
      for (const intervalOf of [wilsonInterval, clopperPearsonInterval]) {
        const { lower, upper } = intervalOf(counts)
        const turned = intervalOf(complement(counts))
        const wide = intervalOf(counts, 0.999)

        expect([0, lower, rate, upper, 1].every((each, i, all) => i === 0 || each >= all[i - 1]!)).toBe(true)
        expect(turned.lower).toBeCloseTo(1 - upper, 9)
        expect(wide.lower).toBeLessThanOrEqual(lower)
        expect(wide.upper).toBeGreaterThanOrEqual(upper)
      }
    }))
  })

  it('covers the truth at least as often as promised when exact', () => {
    const [n, p] = [30, 0.17]
    let [covered, mass] = [0, (1 - p) ** n]
    for (let events = 0; events <= n; events++) {
      const { lower, upper } = clopperPearsonInterval({ events, n })
      if (lower <= p && p <= upper) covered += mass
      mass *= (n - events) / (events + 1) * p / (1 - p)
    }

    expect(covered).toBeGreaterThanOrEqual(0.95)
    expect(covered).toBeLessThan(0.99)
  })
})
