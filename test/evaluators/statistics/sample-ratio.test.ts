import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../evaluators/statistics/random.js'
import {
  chiSquareSampleRatio, defaultConcentration, sampleRatioEvidence, testSampleRatio
} from '../../../evaluators/statistics/sample-ratio.js'

const arms = fc.integer({ min: 2, max: 5 }).chain((k) => fc.record({
  counts: fc.array(fc.integer({ min: 0, max: 5_000 }), { minLength: k, maxLength: k }),
  weights: fc.array(fc.double({ min: 0.05, max: 1, noNaN: true }), { minLength: k, maxLength: k })
}))

describe('sequential sample-ratio test', () => {
  it('is by hand the ratio of two likelihoods', () => {
    // One unit for each of two arms under the prior beta(1, 1): 1/3 · 1/2 of all, against 1/4.
    expect(sampleRatioEvidence({ counts: [1, 1], weights: [1, 1] }, 2)).toBeCloseTo(Math.log((1 / 6) / (1 / 4)), 12)
  })

  it('does not depend on the order of the arms or the unit of the weights', () => {
    fc.assert(fc.property(arms, ({ counts, weights }) => {
      const there = sampleRatioEvidence({ counts, weights }, 100)

      expect(sampleRatioEvidence({ counts: [...counts].reverse(), weights: [...weights].reverse() }, 100)).toBeCloseTo(there, 6)
      expect(sampleRatioEvidence({ counts, weights: weights.map((w) => 4 * w) }, 100)).toBeCloseTo(there, 6)
    }))
  })

  it('adds the evidence of the stages and keeps the smallest p', () => {
    fc.assert(fc.property(arms, arms, fc.double({ min: 0, max: 1, noNaN: true }), (one, two, pBefore) => {
      const options = { concentration: 100, pBefore }
      const both = testSampleRatio([one, two], options)

      expect(both.logBayesFactor).toBeCloseTo(sampleRatioEvidence(one, 100) + sampleRatioEvidence(two, 100), 8)
      expect(both.p).toBeLessThanOrEqual(pBefore)
      expect(both.pThisLook).toBeGreaterThanOrEqual(0)
      expect(both.pThisLook).toBeLessThanOrEqual(1)
    }))
  })

  it('widens its prior for small trials only', () => {
    expect([defaultConcentration(0), defaultConcentration(50_000), defaultConcentration(50_001)]).toEqual([100, 100, 10_000])
    expect(testSampleRatio([{ counts: [30_000, 30_000], weights: [1, 1] }]).concentration).toBe(10_000)
    expect(testSampleRatio([]).p).toBe(1)
    expect(testSampleRatio([{ counts: [0, 0], weights: [1, 1] }])).toMatchObject({ logBayesFactor: 0, p: 1 })
  })

  it('finds a 48:52 split by 20,000 units about as often as the design assumes, and hardly ever one that is not there', () => {
    const random = seededRandom(9)
    const found = (share: number): number => {
      let hits = 0
      for (let rep = 0; rep < 100; rep++) {
        const counts = [0, 0]
        let p = 1
        for (let i = 1; i <= 20_000; i++) {
          counts[random.uniform() < share ? 1 : 0]! += 1
          if (i % 200 === 0) p = testSampleRatio([{ counts, weights: [1, 1] }], { pBefore: p }).p
        }
        if (p < 0.001) hits += 1
      }
      return hits
    }

    expect(found(0.52)).toBeGreaterThanOrEqual(85)
    expect(found(0.5)).toBe(0)
  })

  it.each<[string, number[], number[], string]>([
    ['one arm', [1], [1], 'counts'], ['a weight too few', [1, 2], [1], 'weights'], ['half a unit', [1, 0.5], [1, 1], 'counts[1]'],
    ['a negative count', [-1, 2], [1, 1], 'counts[0]'], ['NaN', [NaN, 2], [1, 1], 'counts[0]'], ['no weight', [1, 2], [1, 0], 'weights[1]']
  ])('refuses %s and names it', (_, counts, weights, argument) => {
    expect(() => testSampleRatio([{ counts, weights }])).toThrow(expect.objectContaining({ argument }) as Error)
    expect(() => chiSquareSampleRatio({ counts, weights })).toThrow(expect.objectContaining({ argument }) as Error)
  })

  it('refuses a prior without weight and a p that is none', () => {
    expect(() => sampleRatioEvidence({ counts: [1, 1], weights: [1, 1] }, 0)).toThrow('concentration')
    expect(() => testSampleRatio([], { pBefore: 1.5 })).toThrow('pBefore')
  })
})

describe('fixed chi-square of the split', () => {
  it('is just beyond the 99.9 % point of the table for 5,165 of 10,000', () => {
    // Chi-square table: the 99.9 % point of 1 degree of freedom is 10.828. Here 2 · 165² / 5,000 = 10.89.
    const { statistic, dof, p } = chiSquareSampleRatio({ counts: [5_165, 4_835], weights: [1, 1] })

    expect(dof).toBe(1)
    expect(statistic).toBeCloseTo(10.89, 12)
    expect(p).toBeLessThan(0.001)
    expect(p).toBeGreaterThan(0.00095)
  })

  it('finds nothing in nothing', () => {
    expect(chiSquareSampleRatio({ counts: [0, 0, 0], weights: [1, 2, 3] })).toEqual({ statistic: 0, dof: 2, p: 1 })
  })
})
