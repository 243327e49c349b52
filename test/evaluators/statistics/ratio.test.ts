import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluatorError } from '../../../evaluators/errors.js'
import { clusterVariance, Moments } from '../../../evaluators/statistics/moments.js'
import { mergePairMoments, pairMoments } from '../../../evaluators/statistics/pair-moments.js'
import { ratioEstimate, ratioMean } from '../../../evaluators/statistics/ratio.js'

const unit = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 20 }))
const units = fc.array(unit, { minLength: 2, maxLength: 40 })

describe('ratio over units', () => {
  it('is the mean with its standard error when every denominator is 1', () => {
    const { estimate, se } = ratioEstimate([1, 2, 6], [1, 1, 1])!

    expect(estimate).toBe(3)
    expect(se).toBeCloseTo(Math.sqrt(14 / 2 / 3), 12)
  })

  it('agrees with the cluster-robust variance of the single requests', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 })), { minLength: 2, maxLength: 30 }), (pairs) => {
      fc.pre(pairs.every(([hits, misses]) => hits + misses > 0))
      const moments = new Moments()
      pairs.forEach(([hits, misses], cluster) => {
        for (let i = 0; i < hits; i++) moments.add(1, cluster)
        for (let i = 0; i < misses; i++) moments.add(0, cluster)
      })
      const { se } = ratioEstimate(pairs.map(([hits]) => hits), pairs.map(([hits, misses]) => hits + misses))!

      expect(se ** 2).toBeCloseTo(clusterVariance(moments.summary()), 10)
    }))
  })

  it('does not depend on order or on the partition of the units, and has no unit of its own', () => {
    fc.assert(fc.property(units, units, (a, b) => {
      const of = (pairs: readonly (readonly [number, number])[], factor = 1) =>
        pairMoments(pairs.map(([y]) => y * factor), pairs.map(([, x]) => x * factor))
      const whole = ratioMean(of([...a, ...b]))!
      const merged = ratioMean(mergePairMoments(of(b), of(a)))!
      const scaled = ratioMean(of([...a, ...b], 1024))!

      expect(merged.mean).toBeCloseTo(whole.mean, 10)
      expect(merged.varianceOfMean).toBeCloseTo(whole.varianceOfMean, 10)
      expect(scaled.mean).toBeCloseTo(whole.mean, 10)
      expect(scaled.varianceOfMean).toBeCloseTo(whole.varianceOfMean, 10)
    }))
  })

  it('is undefined for one unit and for denominators that sum to 0', () => {
    expect(ratioEstimate([1], [2])).toBeNull()
    expect(ratioEstimate([1, 2], [0, 0])).toBeNull()
    expect(ratioEstimate([1, 2], [-1, 1])).toBeNull()
  })

  it.each<[number[], number[], string]>([
    [[], [], 'numerators'], [[1], [1, 2], 'denominators'], [[1, 2], [1, NaN], 'denominators[1]']
  ])('refuses %j over %j and names %s', (numerators, denominators, argument) => {
    expect(() => ratioEstimate(numerators, denominators)).toThrow(expect.objectContaining({ argument }) as Error)
    expect(() => ratioEstimate(numerators, denominators)).toThrow(EvaluatorError)
  })
})
