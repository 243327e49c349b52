import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluatorError } from '../../../evaluators/errors.js'
import { describeSample, quantile, spreadOf } from '../../../evaluators/statistics/descriptive.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'
import { studentUpper } from '../../../evaluators/statistics/special.js'
import { equivalenceTest, pairedEquivalenceTest } from '../../../evaluators/statistics/tost.js'
import { studentCritical, welchTest, type WelchTest } from '../../../evaluators/statistics/welch.js'

const value = fc.oneof(
  fc.integer({ min: -5, max: 5 }), fc.double({ min: -1e300, max: 1e300, noNaN: true }),
  fc.double({ min: -1e-290, max: 1e-290, noNaN: true })
)
const sample = fc.array(value, { minLength: 1, maxLength: 20 })
const ordinary = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 2, maxLength: 20 })
const defined = (test: WelchTest): Extract<WelchTest, { defined: true }> => {
  if (!test.defined) throw new Error(test.reason)
  return test
}

describe('mean and spread', () => {
  it('lose no digits to an offset, to tiny or to huge values', () => {
    expect(spreadOf('x', [1e6 + 1, 1e6 + 2, 1e6 + 3])).toEqual({ n: 3, mean: 1e6 + 2, standardDeviation: 1 })
    expect(spreadOf('x', [1e15 + 1, 1e15 + 2, 1e15 + 3]).standardDeviation).toBe(1)
    expect(spreadOf('x', [1e-200, 3e-200]).standardDeviation! / 1e-200).toBeCloseTo(Math.SQRT2, 12)
    expect(spreadOf('x', [1e300, 3e300]).standardDeviation! / 1e300).toBeCloseTo(Math.SQRT2, 12)
  })

  it('is exactly 0 for equal values, and unknown for one', () => {
    for (let n = 2; n < 200; n++) expect(spreadOf('x', new Array(n).fill(0.1)).standardDeviation).toBe(0)
    expect(spreadOf('x', [7])).toEqual({ n: 1, mean: 7, standardDeviation: null })
  })

  it('are those of the textbook', () => {
    fc.assert(fc.property(ordinary, (values) => {
      const mean = values.reduce((sum, each) => sum + each, 0) / values.length
      const variance = values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (values.length - 1)
      const spread = spreadOf('x', values)

      expect(spread.mean).toBeCloseTo(mean, 10)
      expect(spread.standardDeviation).toBeCloseTo(Math.sqrt(variance), 7)
    }))
  })

  it('are refused for values further apart than doubles reach, and name the argument', () => {
    expect(() => spreadOf('latency', [1.7e308, -1.7e308])).toThrow('latency: expected values that lie less than 1e308 apart')
    expect(() => quantile([1.7e308, -1.7e308], 0.5)).toThrow(EvaluatorError)
    expect(() => spreadOf('latency', [])).toThrow('latency: expected at least 1 item')
  })
})

describe('description of a sample', () => {
  it('holds quartiles with interpolation, and leaves the values as they are', () => {
    const values = Object.freeze([4, 1, 10, 2]) as readonly number[]

    expect(describeSample(values)).toMatchObject({ n: 4, mean: 4.25, min: 1, quartile1: 1.75, median: 3, quartile3: 5.5, max: 10 })
    expect(quantile(Int16Array.of(4, 1, 10, 2), 0.5)).toBe(3)
  })

  it('has quantiles that rise from the least value to the greatest', () => {
    fc.assert(fc.property(ordinary, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (values, p, q) => {
      const { min, max } = describeSample(values)

      expect(quantile(values, 0)).toBe(min)
      expect(quantile(values, 1)).toBe(max)
      expect(quantile(values, Math.min(p, q))).toBeLessThanOrEqual(quantile(values, Math.max(p, q)) + 1e-12)
    }))
  })

  it.each([-0.1, 1.1, NaN])('has no quantile %s', (p) => {
    expect(() => quantile([1, 2], p)).toThrow('p: expected a number from 0 to 1')
  })
})

describe('Welch test', () => {
  it('matches a case worked by hand', () => {
    // Variances 1 and 4, means 2 and 4: se² = 1/3 + 4/3, df = (5/3)²/((1/9 + 16/9)/2).
    const test = defined(welchTest([1, 2, 3], [2, 4, 6]))

    expect(test.difference).toBe(-2)
    expect(test.t).toBeCloseTo(-2 / Math.sqrt(5 / 3), 14)
    expect(test.df).toBeCloseTo(25 / 9 / (17 / 18), 14)
    expect(test.cohensD).toBeCloseTo(-2 / Math.sqrt(2.5), 14)
    expect(test.hedgesG).toBeCloseTo(test.cohensD * 0.8, 14)
  })

  it('cannot tell with one value, or when nothing varies, and never says equal', () => {
    expect(welchTest([1], [1, 2])).toEqual({ defined: false, reason: 'n<2', difference: null })
    expect(welchTest([0.1, 0.1, 0.1], [0.3, 0.3])).toEqual({ defined: false, reason: 'zero variance', difference: 0.1 - 0.3 })
  })

  it('has an interval that excludes 0 exactly when p is small', () => {
    fc.assert(fc.property(ordinary, ordinary, (x, y) => {
      const test = welchTest(x, y)
      if (!test.defined || Math.abs(test.pTwoSided - 0.05) < 1e-9) return

      expect(test.interval.lower > 0 || test.interval.upper < 0).toBe(test.pTwoSided < 0.05)
      expect(defined(welchTest(x, y, 0.99)).interval.lower).toBeLessThanOrEqual(test.interval.lower)
    }))
  })

  it('mirrors when the samples swap, and gives no NaN for huge, tiny, constant or single values', () => {
    fc.assert(fc.property(sample, sample, (x, y) => {
      const [test, back] = [welchTest(x, y), welchTest(y, x)]

      expect(back.defined).toBe(test.defined)
      if (!test.defined || !back.defined) return
      expect(back.difference + test.difference).toBe(0)
      expect(back.pGreater).toBe(test.pLess)
      expect(Object.values(test).some(Number.isNaN)).toBe(false)
      expect(test.pTwoSided).toBeGreaterThanOrEqual(0)
      expect(test.pTwoSided).toBeLessThanOrEqual(1)
    }))
  })

  it('rejects an equal mean in about 5 % of fixed samples', () => {
    const random = seededRandom(8)
    let rejected = 0
    for (let i = 0; i < 1_000; i++) {
      const x = Float64Array.from({ length: 12 }, () => random.normal())
      const y = Float64Array.from({ length: 20 }, () => 3 * random.normal())
      if (defined(welchTest(x, y)).pTwoSided < 0.05) rejected++
    }

    expect(rejected).toBeGreaterThan(25)
    expect(rejected).toBeLessThan(75)
  })

  it('is refused for bad input', () => {
    expect(() => welchTest([], [1])).toThrow('x: expected at least 1 item')
    expect(() => welchTest([1], [NaN])).toThrow('y[0]: expected a finite number')
    for (const confidence of [0, 1, NaN]) expect(() => welchTest([1, 2], [1, 2], confidence)).toThrow('confidence')
  })
})

describe('critical values of Student', () => {
  // SciPy 1.17, t.isf.
  it.each([
    [0.025, 1, 12.706204736174705], [0.025, 30, 2.042272456301238], [0.0005, 2.5, 18.277893528130647],
    [0.4, 7.3, 0.2627568052507191], [1e-6, 12, 8.504302718054584]
  ])('for tail %s with %s degrees of freedom', (tail, df, expected) => {
    expect(studentCritical(tail, df)).toBeCloseTo(expected, 10)
  })

  it('leave just the tail that was asked for', () => {
    fc.assert(fc.property(fc.double({ min: 1e-8, max: 0.49, noNaN: true }), fc.double({ min: 0.7, max: 1e6, noNaN: true }), (tail, df) => {
      expect(Math.abs(studentUpper(studentCritical(tail, df), df) / tail - 1)).toBeLessThan(1e-9)
    }))
  })
})

describe('equivalence test', () => {
  const bounds = { low: -1, high: 1 }

  it('needs both bounds excluded, and grows with distance from the middle', () => {
    const x = Array.from({ length: 40 }, (_, i) => i % 4)
    const near = equivalenceTest(x, x, bounds)
    const far = equivalenceTest(x, x.map((each) => each + 0.8), bounds)

    expect(near).toMatchObject({ defined: true, difference: 0 })
    expect(near.defined && near.p).toBeLessThan(0.001)
    expect(far.defined && far.p).toBeGreaterThan(0.2)
    expect(far.defined && far.pUpper).toBeLessThan(1e-6)
  })

  it('gains from pairing when pairs go together', () => {
    const champion = Array.from({ length: 30 }, (_, i) => i)
    const challenger = champion.map((each, i) => each + (i % 2) / 10)
    const [paired, apart] = [pairedEquivalenceTest(challenger, champion, bounds), equivalenceTest(challenger, champion, bounds)]

    expect(paired.defined && paired.p).toBeLessThan(1e-20)
    expect(apart.defined && apart.p).toBeGreaterThan(0.05)
  })

  it('is the greater of two probabilities, whatever the values', () => {
    fc.assert(fc.property(sample, sample, (x, y) => {
      const test = equivalenceTest(x, y, bounds)
      if (!test.defined) return

      expect(test.p).toBe(Math.max(test.pLower, test.pUpper))
      expect(test.p).toBeGreaterThanOrEqual(0)
      expect(test.p).toBeLessThanOrEqual(1)
    }))
  })

  it('cannot tell without two values or any variation', () => {
    expect(equivalenceTest([1], [1], bounds)).toMatchObject({ defined: false, reason: 'n<2' })
    expect(pairedEquivalenceTest([1], [1], bounds)).toEqual({ defined: false, reason: 'n<2', difference: null })
    expect(pairedEquivalenceTest([2, 3], [1, 2], bounds)).toEqual({ defined: false, reason: 'zero variance', difference: 1 })
  })

  it('is refused for bounds out of order and lists of different length', () => {
    expect(() => equivalenceTest([1, 2], [1, 3], { low: 1, high: 1 })).toThrow('bounds: expected finite low < high')
    expect(() => equivalenceTest([1, 2], [1, 3], { low: NaN, high: 1 })).toThrow(EvaluatorError)
    expect(() => pairedEquivalenceTest([1, 2], [1], bounds)).toThrow('champion: expected 2 items as in challenger')
  })
})
