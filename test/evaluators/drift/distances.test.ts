import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  greatestDifference, hellingerDistance, jensenShannonDistance, kullbackLeibler, totalVariation
} from '../../../evaluators/drift/distances.js'
import { centroid, centroidCosineDistance, centroidDistance } from '../../../evaluators/drift/embeddings.js'
import { maximumMeanDiscrepancy } from '../../../evaluators/drift/maximum-mean-discrepancy.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const pair = fc.array(fc.tuple(fc.nat(1_000), fc.nat(1_000)), { minLength: 1, maxLength: 8 })
  .map((cells) => [[1, ...cells.map(([a]) => a)], [2, ...cells.map(([, b]) => b)]] as const)
const BOUNDED = [jensenShannonDistance, hellingerDistance, totalVariation, greatestDifference]

describe('distances of discrete distributions', () => {
  it('are symmetric, 0 for equal and 1 for disjoint ones, and ignore the scale of the weights', () => {
    fc.assert(fc.property(pair, ([p, q]) => {
      for (const distance of BOUNDED) {
        const got = distance(p, q)
        expect(got).toBeGreaterThanOrEqual(0)
        expect(got).toBeLessThanOrEqual(1)
        expect(distance(q, p)).toBeCloseTo(got, 10)
        expect(distance(p.map((x) => x * 1e300), q)).toBeCloseTo(got, 7)
        expect(distance(p, p)).toBe(0)
      }
    }))
    for (const distance of BOUNDED) expect(distance([2, 0], [0, 5])).toBe(1)
    expect(jensenShannonDistance([1, 0], [0, 1], 'e')).toBeCloseTo(Math.sqrt(Math.LN2), 14)
  })

  it('keep their classical order: H² <= TV <= √2·H, L∞ <= TV, and Pinsker\'s inequality', () => {
    fc.assert(fc.property(pair, ([p, q]) => {
      const [h, tv] = [hellingerDistance(p, q), totalVariation(p, q)]
      expect(h * h).toBeLessThanOrEqual(tv + 1e-12)
      expect(tv).toBeLessThanOrEqual(Math.SQRT2 * h + 1e-12)
      expect(greatestDifference(p, q)).toBeLessThanOrEqual(tv + 1e-12)
      expect(2 * tv * tv).toBeLessThanOrEqual(kullbackLeibler(p, q) + 1e-12)
    }))
  })

  it('give an infinite divergence where q lacks a category of p, not the other way round', () => {
    expect(kullbackLeibler([1, 1], [1, 0])).toBe(Infinity)
    expect(kullbackLeibler([1, 0], [1, 1])).toBeCloseTo(Math.LN2, 14)
  })

  it.each<[string, number[], number[], string]>([
    ['no category', [], [], 'p: expected at least'], ['NaN', [1, NaN], [1, 1], 'p[1]'], ['a negative weight', [1, 1], [1, -1], 'q[1]'],
    ['nothing but zeros', [0, 0], [1, 1], 'p: expected at least one weight'], ['other categories', [1], [1, 2], 'q: expected 1 items']
  ])('refuse %s', (_, p, q, message) => {
    for (const distance of [...BOUNDED, kullbackLeibler]) expect(() => distance(p, q)).toThrow(message)
  })
})

const random = seededRandom(3)
const cloud = (n: number, shift: number): number[][] =>
  Array.from({ length: n }, () => Array.from({ length: 4 }, () => random.normal() + shift))

describe('maximum mean discrepancy', () => {
  it('is for two pairs of points what the definition gives', () => {
    const k = (d: number): number => Math.exp(-d * d / 2)
    const got = maximumMeanDiscrepancy([[0], [1]], [[2], [4]], { sigma: 1 })

    expect(got.unbiased).toBeCloseTo(k(1) + k(2) - (k(2) + k(4) + k(1) + k(3)) / 2, 14)
    expect(got.biased).toBeCloseTo((2 + 2 * k(1) + 2 + 2 * k(2)) / 4 - (k(2) + k(4) + k(1) + k(3)) / 2, 14)
    expect(got).toMatchObject({ p: null, permutations: 0 })
  })

  it('does not depend on side, order, or unit, and takes the median distance as its width', () => {
    const [x, y] = [cloud(12, 0), cloud(15, 1)]
    const one = maximumMeanDiscrepancy(x, y)

    expect(maximumMeanDiscrepancy(y.toReversed(), x).unbiased).toBeCloseTo(one.unbiased, 12)
    for (const unit of [1e-200, 1e200]) {
      const scaled = [x, y].map((side) => side.map((vector) => vector.map((each) => each * unit)))
      expect(maximumMeanDiscrepancy(scaled[0]!, scaled[1]!).unbiased).toBeCloseTo(one.unbiased, 10)
    }
    expect(maximumMeanDiscrepancy([[0], [1]], [[3], [6]]).sigma).toBe(3)
  })

  it('finds a shift and leaves equal clouds alone, the same with the same seed', () => {
    const shifted = maximumMeanDiscrepancy(cloud(40, 0), cloud(40, 1), { random: seededRandom(1) })
    const [a, b] = [cloud(40, 0), cloud(40, 0)]

    expect(shifted).toMatchObject({ p: 1 / 200, permutations: 199 })
    expect(maximumMeanDiscrepancy(a, b, { random: seededRandom(1) }).p).toBeGreaterThan(0.02)
    expect(maximumMeanDiscrepancy(a, b, { random: seededRandom(1) })).toEqual(maximumMeanDiscrepancy(a, b, { random: seededRandom(1) }))
  })

  it('stops drawing once the p is known to be high', () => {
    const got = maximumMeanDiscrepancy(cloud(20, 0), cloud(20, 0), { random: seededRandom(1), permutationsMax: 100_000, exceedancesMax: 10 })

    expect(got.permutations).toBeLessThan(10_000)
    expect(got.p).toBe(10 / got.permutations)
  })

  it('is 0 with p 1 for one point repeated', () => {
    const same = Array.from({ length: 5 }, () => [1, 2])

    expect(maximumMeanDiscrepancy(same, same, { random: seededRandom(1) })).toMatchObject({ sigma: 1, unbiased: 0, biased: 0, p: 1 })
  })

  it.each<[string, number[][], number[][], object, string]>([
    ['one vector', [[1]], [[1], [2]], {}, 'x: expected at least 2'], ['another dimension', [[1], [2]], [[1], [2, 3]], {}, 'y[1]: expected 1'],
    ['NaN', [[1], [NaN]], [[1], [2]], {}, 'x[1][0]'], ['a width of 0', [[1], [2]], [[1], [2]], { sigma: 0 }, 'sigma'],
    ['what is no permutation', [[1], [2]], [[1], [2]], { permutations: [[0, 0, 1, 2]] }, 'permutations[0]'],
    ['no permutations', [[1], [2]], [[1], [2]], { random: seededRandom(1), permutationsMax: 0 }, 'permutationsMax']
  ])('refuses %s', (_, x, y, options, message) => {
    expect(() => maximumMeanDiscrepancy(x, y, options)).toThrow(message)
  })
})

describe('centroids', () => {
  it('are 5 apart at right angles', () => {
    expect(Array.from(centroid([[1, 2], [3, 4]]))).toEqual([2, 3])
    expect(centroidDistance([[3, 0]], [[0, 4]])).toBe(5)
    expect(centroidCosineDistance([[3, 0]], [[0, 4]])).toBe(1)
    expect(centroidCosineDistance([[1, 1]], [[-2, -2]])).toBeCloseTo(2, 14)
  })

  it('have no angle where one is zero, and no overflow', () => {
    expect(centroidCosineDistance([[1], [-1]], [[1]])).toBeNull()
    expect(centroidDistance([[1e300, 0]], [[0, 1e300]])).toBeCloseTo(Math.SQRT2 * 1e300, -290)
  })
})
