import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  clusterVariance, CLUSTERS_MAX, mergeMoments, Moments, NO_MOMENTS, requestVariance, varianceOfMean, type MomentsSummary
} from '../../evaluators/statistics/moments.js'
import { binaryMoments, momentsOf } from '../support/evidence.js'
import { expectGolden, goldenSet } from '../support/golden.js'
import { seededRandom } from '../../evaluators/statistics/random.js'

const finite = fc.double({ min: -1e3, max: 1e3, noNaN: true })
const observations = fc.array(fc.tuple(finite, fc.integer({ min: 0, max: 5 })), { minLength: 2, maxLength: 60 })

describe('moments', () => {
  it('agree with the textbook sums', () => {
    fc.assert(fc.property(observations, (pairs) => {
      const summary = momentsOf(pairs.map(([x]) => x), (i) => pairs[i]![1])
      const sum = pairs.reduce((total, [x]) => total + x, 0)
      const m2 = pairs.reduce((total, [x]) => total + (x - sum / pairs.length) ** 2, 0)

      expect(summary.n).toBe(pairs.length)
      expect(summary.sum).toBeCloseTo(sum, 6)
      expect(summary.mean).toBeCloseTo(sum / pairs.length, 8)
      expect(summary.m2).toBeCloseTo(m2, 4)
    }))
  })

  it('keep their digits when every value is near 1e6', () => {
    const random = seededRandom(1)
    const small = Array.from({ length: 20_000 }, () => random.below(1024) / 1024)
    const cluster = (i: number): number => i % 700

    const near = momentsOf(small, cluster)
    const far = momentsOf(small.map((x) => x + 1e6), cluster)

    expect(Math.abs(far.mean - 1e6 - near.mean)).toBeLessThan(1e-9)
    expect(Math.abs(far.m2 / near.m2 - 1)).toBeLessThan(1e-9)
    expect(Math.abs(clusterVariance(far) / clusterVariance(near) - 1)).toBeLessThan(1e-9)
  })

  it('know whether every value was 0 or 1', () => {
    expect(momentsOf([0, 1, 1]).isBinary).toBe(true)
    expect(momentsOf([0, 1, 0.5]).isBinary).toBe(false)
    expect(NO_MOMENTS).toMatchObject({ n: 0, isBinary: true, clusters: 0 })
  })

  it.each([[NaN, 0], [Infinity, 0], [1, -1], [1, CLUSTERS_MAX], [1, 0.5]])('refuse value %s from cluster %s and stay as they were', (value, cluster) => {
    const moments = new Moments()
    moments.add(3, 7)
    const before = moments.summary()

    expect(() => moments.add(value, cluster)).toThrow(RangeError)
    expect(moments.summary()).toEqual(before)
  })

  it('survive a round trip through JSON', () => {
    const summary = momentsOf([1, 2.5, 2])

    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary)
  })
})

describe('merged moments', () => {
  const disjoint = (pairs: readonly [number, number][], offset: number): MomentsSummary =>
    momentsOf(pairs.map(([x]) => x), (i) => pairs[i]![1] + offset)
  const expectSame = (a: MomentsSummary, b: MomentsSummary): void => {
    expect(a.n).toBe(b.n)
    expect(a.clusters).toBe(b.clusters)
    expect(a.isBinary).toBe(b.isBinary)
    expect(a.sum).toBeCloseTo(b.sum, 6)
    expect(a.mean).toBeCloseTo(b.mean, 8)
    expect(a.m2 / (1 + b.m2)).toBeCloseTo(b.m2 / (1 + b.m2), 8)
    expect(clusterVariance(a) / (1 + clusterVariance(b))).toBeCloseTo(clusterVariance(b) / (1 + clusterVariance(b)), 6)
  }

  it('equal the moments of all observations together', () => {
    fc.assert(fc.property(observations, observations, (left, right) => {
      const together = momentsOf([...left, ...right].map(([x]) => x), (i) =>
        i < left.length ? left[i]![1] : right[i - left.length]![1] + 100)

      expectSame(mergeMoments(disjoint(left, 0), disjoint(right, 100)), together)
    }))
  })

  it('do not depend on grouping or order', () => {
    fc.assert(fc.property(observations, observations, observations, (x, y, z) => {
      const [a, b, c] = [disjoint(x, 0), disjoint(y, 100), disjoint(z, 200)]

      expectSame(mergeMoments(mergeMoments(a, b), c), mergeMoments(a, mergeMoments(b, c)))
      expectSame(mergeMoments(a, b), mergeMoments(b, a))
    }))
  })

  it('are unchanged by the moments of nothing', () => {
    const some = momentsOf([1, 2])

    expect(mergeMoments(NO_MOMENTS, some)).toEqual(some)
    expect(mergeMoments(some, NO_MOMENTS)).toEqual(some)
  })
})

describe('variance of a mean', () => {
  const { cases, tolerance } = goldenSet('stratified_cuped_ratio')
  const ratios = cases.filter(({ id }) => id.startsWith('ratio'))

  it.each(ratios)('is the delta-method ratio variance over clusters for $id', ({ input, expected }) => {
    const { numerator_by_unit: successes, denominator_by_unit: requests } = input as Record<string, number[]>
    const moments = new Moments()
    requests!.forEach((count, unit) => {
      for (let i = 0; i < count; i++) moments.add(i < successes![unit]! ? 1 : 0, unit)
    })
    const summary = moments.summary()

    expectGolden(summary.mean, expected['ratio'], tolerance)
    expectGolden(Math.sqrt(clusterVariance(summary)), expected['se'], tolerance)
  })

  it('is never below the one of independent requests', () => {
    fc.assert(fc.property(observations, (pairs) => {
      const summary = momentsOf(pairs.map(([x]) => x), (i) => pairs[i]![1])
      fc.pre(summary.clusters > 1)

      expect(varianceOfMean(summary)).toBeGreaterThanOrEqual(requestVariance(summary))
    }))
  })

  it('is the one of independent requests when every session made one', () => {
    const summary = momentsOf([3, 1, 4, 1, 5, 9, 2, 6])

    expect(clusterVariance(summary)).toBeCloseTo(requestVariance(summary), 12)
  })

  it('grows by the group size when a session repeats itself', () => {
    const once = momentsOf([3, 1, 4, 1, 5, 9, 2, 6])
    const fourTimes = momentsOf([3, 1, 4, 1, 5, 9, 2, 6].flatMap((x) => [x, x, x, x]), (i) => Math.floor(i / 4))

    expect(varianceOfMean(fourTimes)).toBeCloseTo(varianceOfMean(once), 12)
    expect(requestVariance(fourTimes)).toBeLessThan(varianceOfMean(once) / 4)
  })

  it('cannot be told from one observation or one session', () => {
    expect(requestVariance(momentsOf([1]))).toBeNaN()
    expect(varianceOfMean(momentsOf([1, 2, 3], () => 0))).toBeNaN()
  })

  it('takes hand-written tallies for those of an accumulator', () => {
    const counted = momentsOf(Array.from({ length: 1_000 }, (_, i) => i < 30 ? 1 : 0))

    expect(varianceOfMean(binaryMoments(30, 1_000))).toBeCloseTo(varianceOfMean(counted), 15)
  })
})
