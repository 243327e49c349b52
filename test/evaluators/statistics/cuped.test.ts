import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { adjustedMean, adjustForCovariate, pooledTheta } from '../../../evaluators/statistics/cuped.js'
import { pairMoments, type PairMomentsSummary } from '../../../evaluators/statistics/pair-moments.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const value = fc.double({ min: -100, max: 100, noNaN: true })
const arm = fc.array(fc.tuple(value, value), { minLength: 2, maxLength: 40 })
const momentsOf = (pairs: readonly (readonly [number, number])[]): PairMomentsSummary =>
  pairMoments(pairs.map(([y]) => y), pairs.map(([, x]) => x))

describe('covariate adjustment', () => {
  it('takes away all of a metric that the covariate explains', () => {
    const adjustment = adjustForCovariate({
      champion: pairMoments([2, 4, 6, 8], [1, 2, 3, 4]), challenger: pairMoments([5, 7, 9], [2, 3, 4])
    })!

    expect(adjustment.theta).toBeCloseTo(2, 12)
    expect(adjustment.estimate).toBeCloseTo(1, 12)
    expect(adjustment.se).toBeCloseTo(0, 6)
    expect(adjustment.varianceRatio).toBeCloseTo(0, 9)
    expect(adjustment.raw.estimate).toBeCloseTo(2, 12)
  })

  it('never has a larger pooled spread than the raw difference of equally large arms', () => {
    const pair = fc.integer({ min: 2, max: 30 }).chain((n) => {
      const rows = fc.array(fc.tuple(value, value), { minLength: n, maxLength: n })
      return fc.tuple(rows, rows)
    })
    fc.assert(fc.property(pair, ([a, b]) => {
      const adjustment = adjustForCovariate({ champion: momentsOf(a), challenger: momentsOf(b) })
      if (adjustment === null) return
      expect(adjustment.se).toBeLessThanOrEqual(adjustment.raw.se * (1 + 1e-9))
    }))
  })

  it('does not depend on the unit or the origin of the covariate', () => {
    fc.assert(fc.property(arm, arm, (a, b) => {
      const moved = (pairs: [number, number][]): [number, number][] => pairs.map(([y, x]) => [y, 8 * x + 64])
      const there = adjustForCovariate({ champion: momentsOf(a), challenger: momentsOf(b) })
      const back = adjustForCovariate({ champion: momentsOf(moved(a)), challenger: momentsOf(moved(b)) })
      fc.pre(there !== null && momentsOf(a).m2X + momentsOf(b).m2X > 1e-3)

      expect(back!.estimate).toBeCloseTo(there!.estimate, 5)
      expect(back!.se).toBeCloseTo(there!.se, 5)
    }))
  })

  it('keeps the level of the metric and shrinks the variance by 1 − r²', () => {
    const random = seededRandom(3)
    const draw = (): [number, number] => {
      const x = random.normal()
      return [10 + 0.8 * x + 0.6 * random.normal(), x]
    }
    const arms = {
      champion: momentsOf(Array.from({ length: 20_000 }, draw)), challenger: momentsOf(Array.from({ length: 20_000 }, draw))
    }
    const { champion, varianceRatio } = adjustForCovariate(arms)!

    expect(champion.mean).toBeCloseTo(10, 1)
    expect(varianceRatio).toBeCloseTo(1 - 0.8 ** 2, 1)
  })

  it('is undefined for a covariate that does not vary within the arms, and for a single unit', () => {
    const constant = { champion: pairMoments([1, 2, 3], [0.1, 0.1, 0.1]), challenger: pairMoments([1, 2, 4], [7, 7, 7]) }

    expect(adjustForCovariate(constant)).toBeNull()
    expect(pooledTheta([constant.champion, constant.challenger])).toBeNull()
    expect(pooledTheta([])).toBeNull()
    expect(adjustForCovariate({ champion: pairMoments([1], [1]), challenger: pairMoments([1, 2], [1, 2]) })).toBeNull()
  })

  it('has no variance ratio when the metric is constant', () => {
    const flat = pairMoments([5, 5, 5], [1, 2, 3])

    expect(adjustForCovariate({ champion: flat, challenger: flat })).toMatchObject({ theta: 0, estimate: 0, varianceRatio: null })
  })

  it('with theta 0 is the plain mean', () => {
    expect(adjustedMean(pairMoments([1, 2, 6], [1, 2, 3]), 0, 5)).toEqual({ n: 3, mean: 3, varianceOfMean: 14 / 2 / 3 })
  })
})
