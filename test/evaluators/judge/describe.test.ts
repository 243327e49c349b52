import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  cohensD, commonLanguageEffectSize, meanRatio, percentileR7, summariseSide
} from '../../../evaluators/judge/describe.js'
import {
  detectOutliersByQuartiles, detectOutliersBySigma, quartileFences, removeNaN, removeOutliers, replaceNaN
} from '../../../evaluators/judge/transform.js'

const value = fc.double({ min: -1e9, max: 1e9, noNaN: true })
const side = fc.array(value, { minLength: 1, maxLength: 60 })
const fault = (argument: string): unknown => expect.objectContaining({ name: 'EvaluatorError', argument })

describe('summariseSide', () => {
  it('gives the sample standard deviation', () => {
    // R: sd(c(2, 4, 4, 4, 5, 5, 7, 9)) = 2.13809
    expect(summariseSide([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ min: 2, max: 9, mean: 5, std: Math.sqrt(32 / 7), count: 8 })
  })

  it('is all 0 for no value, and has no spread for one', () => {
    expect(summariseSide([])).toEqual({ min: 0, max: 0, mean: 0, std: 0, count: 0 })
    expect(summariseSide([-3])).toEqual({ min: -3, max: -3, mean: -3, std: 0, count: 1 })
  })

  it('keeps its digits under a large offset', () => {
    expect(summariseSide([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]).std).toBeCloseTo(Math.sqrt(30), 9)
  })

  it('is finite at both ends of the magnitudes', () => {
    for (const unit of [5e-324, 1e150]) {
      expect(Object.values(summariseSide([unit, -unit, unit])).every(Number.isFinite)).toBe(true)
    }
  })

  it('refuses what is not a measurement', () => {
    expect(() => summariseSide([1, NaN])).toThrow(fault('values[1]') as Error)
    expect(() => summariseSide([2e150])).toThrow(fault('values[0]') as Error)
  })
})

describe('percentileR7', () => {
  it('interpolates between neighbours as R does by default', () => {
    // R: quantile(c(1, 2, 4, 8), c(.1, .25, .5, .9))
    expect([10, 25, 50, 90].map((percent) => percentileR7([8, 1, 4, 2], percent))).toEqual([
      expect.closeTo(1.3, 12), 1.75, 3, expect.closeTo(6.8, 12)
    ])
  })

  it('never falls as the percentage rises, from the least to the greatest value', () => {
    fc.assert(fc.property(side, fc.double({ min: 0, max: 100, noNaN: true }), fc.double({ min: 0, max: 100, noNaN: true }), (values, a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)]
      expect(percentileR7(values, low)).toBeLessThanOrEqual(percentileR7(values, high) + 1e-6)
      expect([percentileR7(values, 0), percentileR7(values, 100)]).toEqual([Math.min(...values), Math.max(...values)])
    }))
  })

  it('refuses an empty sample and a percentage outside its range', () => {
    expect(() => percentileR7([], 50)).toThrow(fault('values') as Error)
    expect(() => percentileR7([1], 101)).toThrow(fault('percent') as Error)
  })
})

describe('effect sizes', () => {
  it('have no mean ratio where a mean is 0 or a side is empty', () => {
    expect(meanRatio({ experiment: [3, 5], control: [1, 3] })).toBe(2)
    expect(meanRatio({ experiment: [1], control: [0, 0] })).toBeNull()
    expect(meanRatio({ experiment: [-1, 1], control: [4] })).toBeNull()
    expect(meanRatio({ experiment: [], control: [4] })).toBeNull()
  })

  it('count the pairs in which the experiment is greater', () => {
    // By hand: of six pairs 3 are greater and 2 tie.
    expect(commonLanguageEffectSize({ experiment: [1, 2, 3], control: [1, 2] })).toBeCloseTo((3 + 2 / 2) / 6, 14)
  })

  it('complement each other when the sides are swapped', () => {
    fc.assert(fc.property(side, side, (a, b) => {
      const effect = commonLanguageEffectSize({ experiment: a, control: b })
      expect(effect).toBeGreaterThanOrEqual(0)
      expect(effect + commonLanguageEffectSize({ experiment: b, control: a })).toBeCloseTo(1, 12)
    }))
  })

  it('give Cohen\'s d without its sign, or null without spread', () => {
    // By hand: means 2 and 5, both variances 1.
    expect(cohensD({ experiment: [1, 2, 3], control: [4, 5, 6] })).toBeCloseTo(3, 12)
    expect(cohensD({ experiment: [4, 5, 6], control: [1, 2, 3] })).toBeCloseTo(3, 12)
    expect(cohensD({ experiment: [1, 1], control: [2, 2] })).toBeNull()
    expect(cohensD({ experiment: [1], control: [2] })).toBeNull()
    expect(() => cohensD({ experiment: [], control: [1] })).toThrow(fault('experiment') as Error)
  })
})

describe('outlier detectors', () => {
  const values = [10, 11, 12, 13, 14, 60]

  it('put the fences a multiple of the interquartile range outside the quartiles', () => {
    // Quartiles 11.25 and 13.75.
    expect(quartileFences(values, { factor: 2, reducesSensitivity: false })).toEqual({ low: 6.25, high: 18.75 })
    expect(detectOutliersByQuartiles(values, { factor: 2, reducesSensitivity: false })).toEqual([false, false, false, false, false, true])
  })

  it('never put them inside the outer percentiles when less sensitive', () => {
    fc.assert(fc.property(side, fc.double({ min: 0.1, max: 5, noNaN: true }), (xs, factor) => {
      const { low, high } = quartileFences(xs, { factor, reducesSensitivity: true })
      expect(low).toBeLessThanOrEqual(percentileR7(xs, 1))
      expect(high).toBeGreaterThanOrEqual(percentileR7(xs, 99))
    }))
  })

  it('take a value on the fence for one of the others', () => {
    expect(detectOutliersByQuartiles([0, 0, 0, 0], { factor: 1, reducesSensitivity: false })).toEqual([false, false, false, false])
    expect(detectOutliersBySigma([-1, 1], 1)).toEqual([false, false])
  })

  it('measure by the population standard deviation', () => {
    // Mean 2, population deviation 4, sample deviation 4.47: 10 lies 8 above.
    expect(detectOutliersBySigma([0, 0, 0, 0, 10], 1.9)).toEqual([false, false, false, false, true])
    expect(detectOutliersBySigma([0, 0, 0, 0, 10], 2)).toEqual([false, false, false, false, false])
  })

  it('find nothing in nothing', () => {
    expect(detectOutliersByQuartiles([], { factor: 3, reducesSensitivity: true })).toEqual([])
    expect(detectOutliersBySigma([], 3)).toEqual([])
  })

  it.each([0, -1, NaN, Infinity])('refuse the factor %d', (factor) => {
    expect(() => detectOutliersByQuartiles([], { factor, reducesSensitivity: true })).toThrow(fault('factor') as Error)
    expect(() => detectOutliersBySigma([1], factor)).toThrow(fault('k') as Error)
  })
})

describe('transforms', () => {
  it('drop or replace the steps without data', () => {
    expect(removeNaN([NaN, 1, NaN, 0])).toEqual([1, 0])
    expect(replaceNaN(Float64Array.of(NaN, 1), -2.5)).toEqual([-2.5, 1])
    expect(() => replaceNaN([1], NaN)).toThrow(fault('replacement') as Error)
  })

  it('drop what is flagged', () => {
    expect(removeOutliers([1, 2, 3], [false, true, false])).toEqual([1, 3])
    expect(() => removeOutliers([1], [])).toThrow(fault('flags') as Error)
  })
})
