import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clusterVariance, requestVariance } from '../../evaluators/statistics/moments.js'
import { twoSidedHalfWidth } from '../../evaluators/statistics/sequences.js'
import {
  designEffect, difference, relativeLift, stratifiedMeans, type ArmMean, type MeanStratum
} from '../../evaluators/statistics/strata.js'
import { momentsOf } from '../support/evidence.js'
import { expectGolden, goldenSet } from '../support/golden.js'

interface Stage { nA: number, meanA: number, sdA: number, nB: number, meanB: number, sdB: number }

const arm = fc.record({
  n: fc.integer({ min: 5, max: 10_000 }),
  mean: fc.double({ min: 0.1, max: 100, noNaN: true }),
  varianceOfMean: fc.double({ min: 1e-6, max: 1, noNaN: true })
})
const strata = fc.array(fc.record({ champion: arm, challenger: arm }), { minLength: 1, maxLength: 8 })
const swapped = (list: readonly MeanStratum[]): MeanStratum[] =>
  list.map(({ champion, challenger }) => ({ champion: challenger, challenger: champion }))

describe('stratified difference', () => {
  const { cases, tolerance } = goldenSet('stratified_cuped_ratio')

  it.each(cases.filter(({ id }) => id.startsWith('stages')))('agrees with the reference figures for $id', ({ input, expected }) => {
    const { stages, alpha, n_star: plannedSamples } = input as unknown as { stages: Stage[], alpha: number, n_star: number }
    const means = stratifiedMeans(stages.map(({ nA, meanA, sdA, nB, meanB, sdB }) => ({
      champion: { n: nA, mean: meanA, varianceOfMean: sdA ** 2 / nA },
      challenger: { n: nB, mean: meanB, varianceOfMean: sdB ** 2 / nB }
    })))!

    const { estimate, se } = difference(means)

    expect(means.n).toBe(expected['N'])
    expectGolden(estimate, expected['diff'], tolerance)
    expectGolden(se, expected['se'], tolerance)
    expectGolden(twoSidedHalfWidth({ se, n: means.n, alpha, plannedSamples }), expected['half_width'], tolerance)
  })

  it('changes its sign and nothing else when the arms are swapped', () => {
    fc.assert(fc.property(strata, (list) => {
      const there = difference(stratifiedMeans(list)!)
      const back = difference(stratifiedMeans(swapped(list))!)

      expect(back.estimate).toBeCloseTo(-there.estimate, 9)
      expect(back.se).toBeCloseTo(there.se, 12)
    }))
  })

  it('sees no effect in a trend that both arms share, whatever the shares', () => {
    const trend = [10, 20, 30].map((mean, g): MeanStratum => ({
      champion: { n: 1_000 - g * 300, mean, varianceOfMean: 0.01 },
      challenger: { n: 10 + g * 300, mean, varianceOfMean: 0.01 }
    }))

    expect(difference(stratifiedMeans(trend)!).estimate).toBeCloseTo(0, 12)
  })

  it('skips strata with under 2 champion or 5 challenger units, or without a known variance, and counts them', () => {
    const of = (n: number, varianceOfMean = 0.1): ArmMean => ({ n, mean: n, varianceOfMean })
    const good = { champion: of(2), challenger: of(5) }
    const list = [good, { champion: of(1), challenger: of(5) }, { champion: of(2), challenger: of(4) }, { champion: of(9, NaN), challenger: of(9) }]

    expect(stratifiedMeans(list)).toMatchObject({ n: 7, used: 1, skipped: 3, champion: { n: 2, mean: 2 } })
    expect(stratifiedMeans(list.slice(1))).toBeNull()
  })
})

describe('relative lift', () => {
  it('has the sign of the difference, for negative means too', () => {
    fc.assert(fc.property(strata, fc.boolean(), (list, isNegative) => {
      const factor = isNegative ? -1 : 1
      const signed = list.map(({ champion, challenger }) => ({
        champion: { ...champion, mean: factor * champion.mean }, challenger: { ...challenger, mean: factor * challenger.mean }
      }))
      const means = stratifiedMeans(signed)!

      expect(Math.sign(relativeLift(means).estimate)).toBe(Math.sign(difference(means).estimate))
    }))
  })

  it('does not depend on the unit of measurement', () => {
    fc.assert(fc.property(arm, arm, fc.double({ min: 0.01, max: 100, noNaN: true }), (champion, challenger, unit) => {
      const scaled = (a: ArmMean): ArmMean => ({ n: a.n, mean: a.mean * unit, varianceOfMean: a.varianceOfMean * unit ** 2 })
      const [one, other] = [relativeLift({ champion, challenger }), relativeLift({ champion: scaled(champion), challenger: scaled(challenger) })]

      expect(other.estimate).toBeCloseTo(one.estimate, 9)
      expect(other.se / one.se).toBeCloseTo(1, 9)
    }))
  })
})

describe('relative lift over nothing', () => {
  it('is refused', () => {
    const some = { n: 10, mean: 1, varianceOfMean: 1 }

    expect(() => relativeLift({ champion: { ...some, mean: 0 }, challenger: some })).toThrow('champion.mean')
  })
})

describe('design effect', () => {
  const once = momentsOf([0, 1, 1, 0, 0, 1, 0, 0])
  const repeated = momentsOf([0, 1, 1, 0, 0, 1, 0, 0].flatMap((x) => [x, x, x]), (i) => Math.floor(i / 3))

  it('is 1 for independent requests and about the group size for sessions that repeat themselves', () => {
    expect(designEffect([once, once], [1, 2])).toBeCloseTo(1, 12)
    expect(designEffect([repeated], [1])).toBeCloseTo(clusterVariance(repeated) / requestVariance(repeated), 12)
    expect(designEffect([repeated], [1])).toBeGreaterThan(3)
  })

  it('is never below 1, and 1 when nothing varies', () => {
    const alternating = momentsOf([0, 1, 0, 1, 0, 1], (i) => Math.floor(i / 2))

    expect(designEffect([alternating], [1])).toBe(1)
    expect(designEffect([momentsOf([0, 0, 0])], [1])).toBe(1)
  })

  it('leaves out strata of a single session, and cannot be told from these alone', () => {
    const single = momentsOf([0, 1, 1, 1], () => 3)

    expect(designEffect([repeated, single], [1, 9])).toBe(designEffect([repeated], [1]))
    expect(designEffect([single], [1])).toBeNaN()
  })
})
