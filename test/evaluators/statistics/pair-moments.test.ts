import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluatorError } from '../../../evaluators/errors.js'
import {
  mergePairMoments, NO_PAIR_MOMENTS, PairMoments, pairMoments, type PairMomentsSummary
} from '../../../evaluators/statistics/pair-moments.js'

const value = fc.double({ min: -1e3, max: 1e3, noNaN: true })
const units = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 40 })
const of = (pairs: readonly (readonly [number, number])[]): PairMomentsSummary =>
  pairMoments(pairs.map(([y]) => y), pairs.map(([, x]) => x))

function expectSame (a: PairMomentsSummary, b: PairMomentsSummary): void {
  expect(a.n).toBe(b.n)
  for (const field of ['meanY', 'meanX', 'm2Y', 'm2X', 'coXY'] as const) {
    expect(Math.abs(a[field] - b[field])).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(a.m2Y) + Math.abs(a.m2X)))
  }
}

describe('pair moments', () => {
  it('are those of the textbook', () => {
    expect(pairMoments([1, 2, 6], [2, 2, 5])).toEqual({ n: 3, meanY: 3, meanX: 3, m2Y: 14, m2X: 6, coXY: 9 })
  })

  it('keep their digits near 1e6', () => {
    const near = pairMoments([0.25, 0.5, 1], [0.5, 0.25, 0.125])
    const far = pairMoments([1e6 + 0.25, 1e6 + 0.5, 1e6 + 1], [1e6 + 0.5, 1e6 + 0.25, 1e6 + 0.125])

    expect(far.m2Y).toBeCloseTo(near.m2Y, 9)
    expect(far.coXY).toBeCloseTo(near.coXY, 9)
  })

  it('do not depend on order, grouping or partition', () => {
    fc.assert(fc.property(units, units, units, (a, b, c) => {
      const together = of([...a, ...b, ...c])

      expectSame(mergePairMoments(mergePairMoments(of(a), of(b)), of(c)), together)
      expectSame(mergePairMoments(of(a), mergePairMoments(of(b), of(c))), together)
      expectSame(mergePairMoments(of(c), mergePairMoments(of(b), of(a))), together)
    }))
  })

  it('are unchanged by the moments of nothing', () => {
    const some = pairMoments([1, 2], [3, 4])

    expect(mergePairMoments(NO_PAIR_MOMENTS, some)).toEqual(some)
    expect(mergePairMoments(some, NO_PAIR_MOMENTS)).toEqual(some)
  })

  it('stay finite for huge and tiny values', () => {
    const { m2Y, coXY } = pairMoments([1e140, -1e140, 1e140], [1e-300, 2e-300, -1e-300])

    expect(Number.isFinite(m2Y)).toBe(true)
    expect(Number.isFinite(coXY)).toBe(true)
  })

  it.each<[number[], number[], string]>([
    [[], [], 'y'], [[1], [1, 2], 'x'], [[1, NaN], [1, 2], 'y[1]'], [[1], [Infinity], 'x[0]'], [[1e141], [1], 'y[0]']
  ])('refuse %j with %j and name %s', (y, x, argument) => {
    expect(() => pairMoments(y, x)).toThrow(expect.objectContaining({ argument }) as Error)
  })

  it('refuse a unit without a number and stay as they were', () => {
    const moments = new PairMoments()

    expect(() => moments.add(1, NaN)).toThrow(EvaluatorError)
    expect(moments.summary()).toEqual(NO_PAIR_MOMENTS)
  })
})
