import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chiSquareTest, cramersV, fisherExact, gTest, yatesTest } from '../../../evaluators/statistics/contingency.js'

const count = fc.integer({ min: 1, max: 10_000 })
const twoByTwo = fc.tuple(fc.tuple(count, count), fc.tuple(count, count))
const table = fc.integer({ min: 2, max: 5 }).chain((columns) =>
  fc.array(fc.array(count, { minLength: columns, maxLength: columns }), { minLength: 2, maxLength: 4 }))

describe('chi-square and G', () => {
  it('are 4.8 and 4.8247 for [[30, 70], [45, 55]], 4.18 with continuity correction', () => {
    expect(chiSquareTest([[30, 70], [45, 55]])).toMatchObject({ statistic: expect.closeTo(4.8, 12), degreesOfFreedom: 1 })
    expect(gTest([[30, 70], [45, 55]]).statistic).toBeCloseTo(4.824672109496449, 10)
    expect(yatesTest([[30, 70], [45, 55]])!.statistic).toBeCloseTo(4.181333333333333, 10)
  })

  it('do not depend on the order of rows and columns, nor on which is which', () => {
    fc.assert(fc.property(table, (rows) => {
      const flipped = rows.toReversed().map((row) => row.toReversed())
      const transposed = rows[0]!.map((_, j) => rows.map((row) => row[j]!))

      for (const test of [chiSquareTest, gTest]) {
        const { statistic, p } = test(rows)
        for (const other of [flipped, transposed]) expect(test(other).statistic).toBeCloseTo(statistic, 6)
        expect(statistic).toBeGreaterThanOrEqual(0)
        expect(p).toBeGreaterThanOrEqual(0)
        expect(p).toBeLessThanOrEqual(1)
      }
      expect(cramersV(rows)).toBeGreaterThanOrEqual(0)
      expect(cramersV(rows)).toBeLessThanOrEqual(1)
    }))
  })

  it('are 0 for proportional rows, and V is 1 for a perfect relation', () => {
    expect(chiSquareTest([[1, 2, 3], [10, 20, 30]])).toEqual({ statistic: 0, degreesOfFreedom: 2, p: 1 })
    expect(gTest([[1, 2, 3], [10, 20, 30]]).p).toBe(1)
    expect(cramersV([[7, 0], [0, 9]])).toBe(1)
  })

  it('drop empty columns and tell nothing of a single one', () => {
    expect(chiSquareTest([[5, 0, 9], [7, 0, 6]])).toEqual(chiSquareTest([[5, 9], [7, 6]]))
    expect(chiSquareTest([[20], [30]])).toEqual({ statistic: 0, degreesOfFreedom: 0, p: 1 })
    expect(cramersV([[20, 0], [30, 0]])).toBe(0)
    expect(yatesTest([[1, 2, 3], [3, 2, 1]])).toBeNull()
  })

  it.each<[string, number[][], string]>([
    ['no row', [], 'table: expected at least 1 item'], ['ragged rows', [[1, 2], [1]], 'table[1]'],
    ['half a count', [[1, 0.5], [1, 1]], 'table[0][1]'], ['a negative count', [[1, 1], [-1, 1]], 'table[1][0]'],
    ['NaN', [[NaN, 1], [1, 1]], 'table[0][0]'], ['an empty row', [[0, 0], [1, 1]], 'table[0]']
  ])('refuse %s', (_, rows, message) => {
    expect(() => chiSquareTest(rows)).toThrow(message)
  })
})

describe('Fisher\'s exact test', () => {
  it('gives for the lady tasting tea 17/35, 69/70 and 17/70', () => {
    const { oddsRatio, pTwoSided, pLess, pGreater } = fisherExact([[3, 1], [1, 3]])

    expect(oddsRatio).toBe(9)
    expect(pTwoSided).toBeCloseTo(17 / 35, 14)
    expect(pLess).toBeCloseTo(69 / 70, 14)
    expect(pGreater).toBeCloseTo(17 / 70, 14)
  })

  it('is symmetric in rows and columns, and its sides overlap in the observed table', () => {
    fc.assert(fc.property(twoByTwo, ([[a, b], [c, d]]) => {
      const one = fisherExact([[a, b], [c, d]])
      const swapped = fisherExact([[c, d], [a, b]])
      const transposed = fisherExact([[a, c], [b, d]])

      expect(swapped.pTwoSided).toBeCloseTo(one.pTwoSided, 8)
      expect(transposed.pTwoSided).toBeCloseTo(one.pTwoSided, 8)
      expect(swapped.pLess).toBeCloseTo(one.pGreater, 8)
      expect(one.pLess + one.pGreater).toBeGreaterThanOrEqual(1 - 1e-9)
      expect(one.pTwoSided).toBeGreaterThanOrEqual(Math.min(one.pLess, one.pGreater) - 1e-9)
    }), { numRuns: 50 })
  })

  it('adds up both tails of a symmetric table of large counts', () => {
    const { pTwoSided, pLess } = fisherExact([[49_000, 51_000], [50_000, 50_000]])

    expect(pTwoSided / pLess).toBeCloseTo(2, 9)
  })

  it('tells nothing of a table with an empty margin', () => {
    expect(fisherExact([[0, 0], [4, 6]])).toEqual({ oddsRatio: null, pTwoSided: 1, pLess: 1, pGreater: 1 })
    expect(fisherExact([[1, 0], [0, 1]]).oddsRatio).toBe(Infinity)
  })

  it.each<[string, number[][]]>([
    ['three rows', [[1, 2], [3, 4], [5, 6]]], ['three columns', [[1, 2, 3], [3, 4, 5]]], ['a fraction', [[1.5, 2], [3, 4]]]
  ])('refuses %s', (_, rows) => {
    expect(() => fisherExact(rows)).toThrow(/^table/)
  })
})
