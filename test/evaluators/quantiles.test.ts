import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hasTail, quantileEstimate, quantileType1, quantileType7, ranked } from '../../evaluators/statistics/quantiles.js'
import { histogramOf } from '../support/evidence.js'
import { expectGolden, goldenSet } from '../support/golden.js'
import { seededRandom } from '../../evaluators/statistics/random.js'

describe('order-statistic quantile', () => {
  const { cases, tolerance } = goldenSet('quantiles')

  it.each(cases)('agrees with the reference figures for $id', ({ input, expected }) => {
    const { x, p } = input as { x: number[], p: number[] }
    const sample = ranked(x)

    p.forEach((level, i) => {
      if (level > 0 && level < 1) expectGolden(quantileEstimate(sample, level).value, (expected['type1'] as number[])[i], tolerance)
    })
    for (const [level, se] of Object.entries(expected['orderstat_se'] as Record<string, number | null>)) {
      const got = quantileEstimate(sample, Number(level)).se
      if (se === null) expect(got).toBeNull()
      else expectGolden(got!, se, tolerance)
    }
  })

  it('scales with the unit of measurement', () => {
    const sample = fc.array(fc.double({ min: 1, max: 100, noNaN: true }), { minLength: 30, maxLength: 100 })
    fc.assert(fc.property(sample, fc.double({ min: 0.2, max: 0.8, noNaN: true }), (values, p) => {
      const one = quantileEstimate(ranked(values), p)
      const other = quantileEstimate(ranked(values.map((x) => x * 4)), p)

      expect(other.value).toBe(4 * one.value)
      expect(other.se).toBe(one.se === null ? null : 4 * one.se)
    }))
  })

  it('is on a histogram within its 0.5 % of the one on the values themselves', () => {
    const random = seededRandom(3)
    const values = Array.from({ length: 5_000 }, () => 40 * Math.exp(random.normal() * 0.5))

    for (const p of [0.5, 0.95, 0.99]) {
      const exact = quantileEstimate(ranked(values), p)
      const bucketed = quantileEstimate(histogramOf(values), p)
      expect(Math.abs(bucketed.value / exact.value - 1)).toBeLessThan(0.005)
      expect(Math.abs(bucketed.se! - exact.se!)).toBeLessThan(2 * 0.005 * exact.value / (2 * 1.96))
    }
  })

  it('has a standard error close to the true spread of the quantile', () => {
    const random = seededRandom(4)
    const quantiles: number[] = []
    const errors: number[] = []
    for (let i = 0; i < 400; i++) {
      const estimate = quantileEstimate(ranked(Array.from({ length: 1_000 }, () => -Math.log(1 - random.uniform()))), 0.9)
      quantiles.push(estimate.value)
      errors.push(estimate.se!)
    }
    const mean = quantiles.reduce((sum, q) => sum + q, 0) / 400
    const spread = Math.sqrt(quantiles.reduce((sum, q) => sum + (q - mean) ** 2, 0) / 399)

    expect(errors.reduce((sum, se) => sum + se, 0) / 400 / spread).toBeCloseTo(1, 0.5)
  })

  it.each([0, 1, NaN])('refuses quantile %s', (p) => {
    expect(() => quantileEstimate(ranked([1, 2]), p)).toThrow(RangeError)
  })

  it('refuses an empty sample and ranks outside it', () => {
    expect(() => quantileEstimate(ranked([]), 0.5)).toThrow('at least one value')
    expect(() => ranked([1]).valueAtRank(2)).toThrow(RangeError)
  })
})

describe('quantiles of types 7 and 1', () => {
  const ascending = fc.array(fc.double({ min: -1e308, max: 1e308, noNaN: true }), { minLength: 1, maxLength: 50 })
    .map((values) => Float64Array.from(values).sort())
  const level = fc.double({ min: 0, max: 1, noNaN: true })

  it('are between and at the order statistics', () => {
    expect(quantileType7([1, 2, 4, 8], 0.5)).toBe(3)
    expect(quantileType1([1, 2, 4, 8], 0.5)).toBe(2)
    expect([0, 1].map((p) => quantileType7([1, 2, 4, 8], p))).toEqual([1, 8])
    expect([0, 1].map((p) => quantileType1([1, 2, 4, 8], p))).toEqual([1, 8])
    expect(quantileType1([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.7)).toBe(7)
  })

  it('stay inside the sample and never fall as the level rises', () => {
    for (const quantile of [quantileType7, quantileType1]) {
      fc.assert(fc.property(ascending, level, level, (values, p, q) => {
        const low = quantile(values, Math.min(p, q))
        const high = quantile(values, Math.max(p, q))

        expect(low).toBeGreaterThanOrEqual(values[0]!)
        expect(high).toBeLessThanOrEqual(values.at(-1)!)
        expect(low).toBeLessThanOrEqual(high)
      }))
    }
  })

  it.each<[number[], number, string]>([
    [[], 0.5, 'ascending'], [[1], -0.1, 'p'], [[1], 1.1, 'p'], [[1], NaN, 'p'], [[NaN], 0.5, 'ascending[0]'], [[1, Infinity], 1, 'ascending[1]']
  ])('refuse %j at %s and name %s', (values, p, argument) => {
    for (const quantile of [quantileType7, quantileType1]) {
      expect(() => quantile(values, p)).toThrow(expect.objectContaining({ argument }) as Error)
    }
  })
})

describe('the tail gate', () => {
  it.each([[0.95, 400], [0.99, 2_000], [0.9, 200], [0.5, 40]])('needs for quantile %s exactly %s values', (p, n) => {
    expect(hasTail(n, p, 20)).toBe(true)
    expect(hasTail(n - 1, p, 20)).toBe(false)
  })
})
