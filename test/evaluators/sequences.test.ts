import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { anytimeP, oneSidedHalfWidth, tuning, twoSidedHalfWidth } from '../../evaluators/statistics/sequences.js'
import { difference, relativeLift } from '../../evaluators/statistics/strata.js'
import { expectGolden, goldenSet } from '../support/golden.js'

const { cases, tolerance } = goldenSet('asymptotic_confidence_sequence')

describe('asymptotic confidence sequences against the reference figures', () => {
  const oneSample = cases.filter(({ id }) => id.startsWith('one_sample'))
  const twoSample = cases.filter(({ id }) => id.startsWith('two_sample'))

  it.each(oneSample)('agree for $id', ({ input, expected }) => {
    const { n, mean, sd, alpha, n_star: plannedSamples } = input as Record<string, number>
    const sequence = { se: sd! / Math.sqrt(n!), n: n!, alpha: alpha!, plannedSamples: plannedSamples! }

    expectGolden(tuning(alpha!, plannedSamples!), expected['rho2_two_sided'], tolerance)
    expectGolden(tuning(2 * alpha!, plannedSamples!), expected['rho2_one_sided'], tolerance)
    expectGolden(twoSidedHalfWidth(sequence), expected['half_width'], tolerance)
    expectGolden(mean! - oneSidedHalfWidth(sequence), expected['lower_one_sided'], tolerance)
    expectGolden(mean! + oneSidedHalfWidth(sequence), expected['upper_one_sided'], tolerance)
    expectGolden(anytimeP(sequence, mean!, 0).logE, expected['log_e_value'], tolerance)
    expectGolden(anytimeP(sequence, mean!, 0).p, expected['p_anytime'], tolerance)
  })

  it.each(twoSample)('agree for $id, difference and relative lift', ({ input, expected }) => {
    const { nA, meanA, sdA, nB, meanB, sdB, alpha, n_star: plannedSamples } = input as Record<string, number>
    const arms = {
      champion: { n: nA!, mean: meanA!, varianceOfMean: sdA! ** 2 / nA! },
      challenger: { n: nB!, mean: meanB!, varianceOfMean: sdB! ** 2 / nB! }
    }
    const rest = { n: nA! + nB!, alpha: alpha!, plannedSamples: plannedSamples! }

    const { estimate, se } = difference(arms)
    const lift = relativeLift(arms)

    expectGolden(estimate, expected['diff'], tolerance)
    expectGolden(se, expected['se'], tolerance)
    expectGolden(twoSidedHalfWidth({ se, ...rest }), expected['half_width'], tolerance)
    expectGolden(estimate - oneSidedHalfWidth({ se, ...rest }), expected['lower_one_sided'], tolerance)
    expectGolden(estimate + oneSidedHalfWidth({ se, ...rest }), expected['upper_one_sided'], tolerance)
    expectGolden(lift.estimate, expected['relative_lift'], tolerance)
    expectGolden(lift.se, expected['relative_se_delta'], tolerance)
    expectGolden(twoSidedHalfWidth({ se: lift.se, ...rest }), expected['relative_half_width'], tolerance)
  })
})

describe('asymptotic confidence sequences', () => {
  const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true })
  const level = fc.double({ min: 1e-6, max: 0.49, noNaN: true })
  const sequence = fc.record({ se: positive, n: fc.integer({ min: 1, max: 1e7 }), plannedSamples: fc.integer({ min: 1, max: 1e6 }) })

  it('widen at N* as the level falls', () => {
    const usualLevel = fc.double({ min: 1e-6, max: 0.2, noNaN: true })
    fc.assert(fc.property(sequence, usualLevel, fc.double({ min: 0.1, max: 0.9, noNaN: true }), (input, alpha, factor) => {
      for (const width of [oneSidedHalfWidth, twoSidedHalfWidth]) {
        const widest = width({ ...input, alpha: alpha * factor, plannedSamples: input.n })
        expect(widest).toBeGreaterThan(width({ ...input, alpha, plannedSamples: input.n }))
      }
    }))
  })

  it('are in proportion to the standard error, and wider than a fixed-sample interval', () => {
    fc.assert(fc.property(sequence, level, (input, alpha) => {
      const width = twoSidedHalfWidth({ ...input, alpha })
      expect(twoSidedHalfWidth({ ...input, se: 2 * input.se, alpha }) / width).toBeCloseTo(2, 10)
      expect(width / input.se).toBeGreaterThan(Math.sqrt(-2 * Math.log(alpha)))
    }))
  })

  it('exclude a truth exactly when its anytime p is at most alpha', () => {
    fc.assert(fc.property(sequence, level, fc.double({ min: -10, max: 10, noNaN: true }), (input, alpha, z) => {
      const half = twoSidedHalfWidth({ ...input, alpha })
      fc.pre(Math.abs(Math.abs(z * input.se) / half - 1) > 1e-9)

      expect(anytimeP({ ...input, alpha }, z * input.se, 0).p < alpha).toBe(Math.abs(z * input.se) > half)
    }))
  })

  it('are at N* as wide as the reference says: 1.55 and 1.69 times a fixed-sample interval', () => {
    const input = { se: 1, n: 5_000, alpha: 0.05, plannedSamples: 5_000 }

    expect(twoSidedHalfWidth(input) / 1.959964).toBeCloseTo(1.55, 2)
    expect(oneSidedHalfWidth(input) / 1.644854).toBeCloseTo(1.69, 2)
  })

  it.each([
    ['alpha 0', { alpha: 0 }], ['alpha 0.5', { alpha: 0.5 }], ['alpha NaN', { alpha: NaN }], ['no unit', { n: 0 }],
    ['no spread', { se: 0 }], ['an infinite spread', { se: Infinity }], ['no planned samples', { plannedSamples: 0 }]
  ])('refuse %s', (_, part) => {
    const input = { se: 1, n: 100, alpha: 0.05, plannedSamples: 5_000, ...part }

    expect(() => oneSidedHalfWidth(input)).toThrow(RangeError)
  })
})
