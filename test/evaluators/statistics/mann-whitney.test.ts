import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluatorError } from '../../../evaluators/errors.js'
import { mannWhitney, mannWhitneyExact } from '../../../evaluators/statistics/mann-whitney.js'

const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true, noDefaultInfinity: true }))
const sample = fc.array(value, { minLength: 1, maxLength: 25 })

/** Every way to choose which ranks belong to x, with the U each gives. */
function allCounts (n: number, m: number): number[] {
  const counts: number[] = []
  for (let mask = 0; mask < 2 ** (n + m); mask++) {
    let [u, below, size] = [0, 0, 0]
    for (let rank = 0; rank < n + m; rank++) {
      if ((mask >> rank & 1) === 1) [u, size] = [u + below, size + 1]
      else below++
    }
    if (size === n) counts.push(u)
  }
  return counts
}

describe('Mann-Whitney test', () => {
  it('counts pairs, ties half', () => {
    // 1 beats nothing, 3 beats 2, 2 ties 2: 1.5 of 3.
    expect(mannWhitney([1, 3, 2], [2])).toMatchObject({ u: 1.5, auc: 0.5, hasTies: true, pTwoSided: 1 })
  })

  it('says nothing when all values are equal', () => {
    expect(mannWhitney([1, 1], [1, 1, 1])).toEqual({
      u: 3, auc: 0.5, pTwoSided: 1, pTwoSidedContinuity: 1, pLessContinuity: 1, hasTies: true
    })
  })

  it('is small on the side that the values are on', () => {
    const low = Array.from({ length: 30 }, (_, i) => i)
    const high = low.map((each) => each + 20)

    expect(mannWhitney(low, high).pLessContinuity).toBeLessThan(1e-6)
    expect(mannWhitney(high, low).pLessContinuity).toBeGreaterThan(0.999999)
  })

  it('mirrors when the samples swap, keeps to order and to rising transformations, and gives probabilities', () => {
    fc.assert(fc.property(sample, sample, (x, y) => {
      const test = mannWhitney(x, y)
      const mirrored = mannWhitney(y, x)

      expect(mirrored.u).toBe(x.length * y.length - test.u)
      expect(mirrored.pTwoSided).toBeCloseTo(test.pTwoSided, 12)
      expect(mannWhitney([...x].reverse(), Float64Array.from(y))).toEqual(test)
      expect(mannWhitney(x.map(Math.atan), y.map(Math.atan)).hasTies || !test.hasTies).toBe(true)
      expect(test.pTwoSided).toBeLessThanOrEqual(test.pTwoSidedContinuity)
      for (const p of [test.auc, test.pTwoSided, test.pTwoSidedContinuity, test.pLessContinuity]) {
        expect(p).toBeGreaterThanOrEqual(0)
        expect(p).toBeLessThanOrEqual(1)
      }
    }))
  })

  it.each<[string, number[], number[]]>([
    ['x: expected at least 1 item', [], [1]], ['y: expected at least 1 item', [1], []], ['y[0]', [1], [NaN]],
    ['x[1]', [1, Infinity], [1]]
  ])('is refused: %s', (message, x, y) => {
    expect(() => mannWhitney(x, y)).toThrow(EvaluatorError)
    expect(() => mannWhitneyExact(x, y)).toThrow(message)
  })
})

describe('exact Mann-Whitney test', () => {
  it.each([[1, 1], [3, 4], [5, 2], [6, 6]])('equals a count over all arrangements of %s and %s values', (n, m) => {
    const counts = allCounts(n, m)
    for (let shift = 0; shift <= m; shift++) {
      const x = Array.from({ length: n }, (_, i) => i + shift + 0.5)
      const y = Array.from({ length: m }, (_, i) => i)
      const { u } = mannWhitney(x, y)
      const share = (isIn: (count: number) => boolean): number => counts.filter(isIn).length / counts.length
      const exact = mannWhitneyExact(x, y)!

      expect(exact.pLess).toBeCloseTo(share((count) => count <= u), 12)
      expect(exact.pGreater).toBeCloseTo(share((count) => count >= u), 12)
      expect(exact.pTwoSided).toBeCloseTo(Math.min(1, 2 * Math.min(exact.pLess, exact.pGreater)), 12)
    }
  })

  it('nears the normal approximation as samples grow', () => {
    const x = Array.from({ length: 60 }, (_, i) => i * 1.01)
    const y = Array.from({ length: 60 }, (_, i) => i + 5.005)

    expect(Math.abs(mannWhitneyExact(x, y)!.pTwoSided / mannWhitney(x, y).pTwoSidedContinuity - 1)).toBeLessThan(0.01)
  })

  it('is not given with ties, or for more than 20,000 pairs', () => {
    expect(mannWhitneyExact([1, 2], [2, 3])).toBeNull()
    expect(mannWhitneyExact(Array.from({ length: 200 }, (_, i) => i), Array.from({ length: 101 }, (_, i) => -1 - i))).toBeNull()
  })
})
