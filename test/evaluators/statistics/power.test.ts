import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluatorError } from '../../../evaluators/errors.js'
import { noncentralTOutside, noncentralTUpper } from '../../../evaluators/statistics/noncentral-t.js'
import {
  daysToCollect, differenceVariance, provableGap, samplesToDecide, samplesToDistinguish
} from '../../../evaluators/statistics/power.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'
import {
  detectableEffect, powerAt, proportionSamplesPerArm, samplePairs, samplesPerArm, samplesPerArmOfT
} from '../../../evaluators/statistics/sample-size.js'
import { oneSidedHalfWidth, twoSidedHalfWidth } from '../../../evaluators/statistics/sequences.js'
import { studentUpper } from '../../../evaluators/statistics/special.js'

const plan = { gap: 0.1, variance: 4, alpha: 0.05, plannedSamples: 5_000 }
const sequential = fc.record({
  gap: fc.double({ min: 0.01, max: 3, noNaN: true }),
  variance: fc.double({ min: 0.01, max: 100, noNaN: true }),
  alpha: fc.double({ min: 1e-4, max: 0.4, noNaN: true }),
  plannedSamples: fc.integer({ min: 10, max: 1_000_000 }),
  power: fc.double({ min: 0.5, max: 0.999, noNaN: true })
})

describe('units until a sequence decides', () => {
  it('are the least at which the median estimate excludes the bound', () => {
    for (const [count, halfWidth] of [[samplesToDecide, oneSidedHalfWidth], [samplesToDistinguish, twoSidedHalfWidth]] as const) {
      const n = count(plan)!
      const at = (units: number): number => halfWidth({ ...plan, n: units, se: Math.sqrt(4 / units) })

      expect(at(n)).toBeLessThanOrEqual(0.1)
      expect(at(n - 1)).toBeGreaterThan(0.1)
    }
  })

  it('are the least of all, not only next to the answer', () => {
    fc.assert(fc.property(sequential, (drawn) => {
      const n = samplesToDecide({ ...drawn, samplesMax: 400 })
      const first = Array.from({ length: 400 }, (_, i) => i + 1).find((units) => provableGap(drawn, units) <= drawn.gap)

      expect(n).toBe(first ?? null)
    }), { numRuns: 60 })
  })

  it('rise with variance and power, and fall as the gap grows', () => {
    fc.assert(fc.property(sequential, (drawn) => {
      const n = samplesToDecide(drawn)!

      expect(samplesToDecide({ ...drawn, variance: 2 * drawn.variance })!).toBeGreaterThanOrEqual(n)
      expect(samplesToDecide({ ...drawn, power: 0.9995 })!).toBeGreaterThanOrEqual(n)
      expect(samplesToDecide({ ...drawn, gap: 2 * drawn.gap })!).toBeLessThanOrEqual(n)
    }))
  })

  it('depend on gap²/variance alone, and need fewer at one side than at two', () => {
    expect(samplesToDecide({ ...plan, gap: 1, variance: 400 })).toBe(samplesToDecide(plan))
    expect(samplesToDecide(plan)!).toBeLessThan(samplesToDistinguish(plan)!)
    expect(samplesToDecide({ ...plan, power: 0.5 })).toBe(samplesToDecide(plan))
  })

  it('are null beyond the greatest answer wanted', () => {
    const n = samplesToDecide(plan)!

    expect(samplesToDecide({ ...plan, samplesMax: n })).toBe(n)
    expect(samplesToDecide({ ...plan, samplesMax: n - 1 })).toBeNull()
    expect(samplesToDecide({ ...plan, gap: 1e-9 })).toBeNull()
    expect(samplesToDecide({ ...plan, gap: 1e6 })).toBe(1)
  })

  it('bring a median estimate to the bound in about half of all trials', () => {
    const random = seededRandom(21)
    const n = samplesToDecide({ gap: 0.3, variance: 1, alpha: 0.05, plannedSamples: 300 })!
    let decided = 0
    for (let i = 0; i < 600; i++) {
      const estimate = 0.3 + random.normal() / Math.sqrt(n)
      if (estimate >= oneSidedHalfWidth({ se: 1 / Math.sqrt(n), n, alpha: 0.05, plannedSamples: 300 })) decided++
    }

    expect(Math.abs(decided / 600 - 0.5)).toBeLessThan(0.08)
  })

  it.each<[string, object]>([
    ['gap', { gap: 0 }], ['gap', { gap: NaN }], ['variance', { variance: 0 }], ['plannedSamples', { plannedSamples: -1 }],
    ['power', { power: 0.4 }], ['power', { power: 1 }], ['samplesMax', { samplesMax: 0 }], ['alpha', { alpha: 0 }]
  ])('are refused for a bad %s: %o', (field, part) => {
    expect(() => samplesToDecide({ ...plan, ...part })).toThrow(EvaluatorError)
    expect(() => samplesToDecide({ ...plan, ...part })).toThrow(field)
  })
})

describe('what N units can prove', () => {
  it('is the inverse of the units to decide, and falls in N', () => {
    fc.assert(fc.property(sequential, ({ gap, ...rest }) => {
      const n = samplesToDecide({ gap, ...rest })!

      expect(provableGap(rest, n)).toBeLessThanOrEqual(gap)
      if (n > 1) expect(provableGap(rest, n - 1)).toBeGreaterThan(gap)
    }))
  })

  it('is refused for no units', () => {
    expect(() => provableGap(plan, 0)).toThrow('samples: expected a number from 1')
  })
})

describe('variance of a difference, and days', () => {
  it('is 4 σ² at an even split, least there for equal spreads', () => {
    const at = (challengerShare: number): number => differenceVariance({ sdChampion: 3, sdChallenger: 3, challengerShare })

    expect(at(0.5)).toBe(36)
    expect(at(0.05)).toBeCloseTo(9 / 0.05 + 9 / 0.95, 10)
    expect(at(0.3)).toBeGreaterThan(at(0.5))
    expect(() => at(0)).toThrow('challengerShare')
    expect(() => differenceVariance({ sdChampion: -1, sdChallenger: 1, challengerShare: 0.5 })).toThrow('sdChampion')
  })

  it('are what is missing divided by the traffic', () => {
    expect(daysToCollect(10_000, 4_000, 1_500)).toBe(4)
    expect(daysToCollect(10, 40, 1_500)).toBe(0)
    expect(() => daysToCollect(10, 0, 0)).toThrow('samplesPerDay')
  })
})

describe('fixed sample sizes', () => {
  const means = { effect: 0.5, sd: 1, alpha: 0.05, power: 0.8 }

  it('match the tables of Cohen (1988): d 0.5, α 0.05, power 0.8 needs 64 per arm', () => {
    expect(Math.ceil(samplesPerArmOfT(means))).toBe(64)
    expect(Math.ceil(samplesPerArm(means))).toBe(63)
    expect(samplePairs(means)).toBe(samplesPerArm(means) / 2)
  })

  it('give their own power and effect back', () => {
    fc.assert(fc.property(
      fc.double({ min: 0.01, max: 5, noNaN: true }), fc.double({ min: 0.001, max: 0.2, noNaN: true }),
      fc.double({ min: 0.3, max: 0.999, noNaN: true }), fc.constantFrom(1 as const, 2 as const),
      (effect, alpha, power, sides) => {
        const drawn = { effect, sd: 1.5, alpha, power, sides }
        const n = samplesPerArm(drawn)

        expect(detectableEffect(drawn, n) / effect).toBeCloseTo(1, 10)
        expect(powerAt(drawn, n)).toBeGreaterThanOrEqual(power - 1e-12)
        expect(powerAt(drawn, n)).toBeLessThan(power + alpha)
        expect(samplesPerArm({ ...drawn, sides: 1 })).toBeLessThanOrEqual(n)
      }))
  })

  it('of the t test exceed those of the normal, and have the power they promise', () => {
    for (const effect of [0.1, 0.4, 1, 3]) {
      const t = samplesPerArmOfT({ ...means, effect })

      expect(t).toBeGreaterThan(samplesPerArm({ ...means, effect }))
      expect(t).toBeLessThan(samplesPerArm({ ...means, effect }) + 3)
    }
    expect(samplesPerArmOfT({ ...means, effect: 20 })).toBeLessThan(2)
    expect(samplesPerArmOfT({ ...means, power: 0.06 })).toBeGreaterThan(1)
  })

  it('for proportions agree to a few per cent between methods, and do not care which is first', () => {
    const rates = { p1: 0.1, p2: 0.12, alpha: 0.05, power: 0.8 }
    const [unpooled, pooled, arcsine] = (['unpooled', 'pooled', 'arcsine'] as const)
      .map((method) => proportionSamplesPerArm({ ...rates, method })) as [number, number, number]

    expect(unpooled).toBeCloseTo((1.959963984540054 + 0.8416212335729143) ** 2 * (0.09 + 0.1056) / 0.0004, 6)
    expect(pooled / unpooled).toBeCloseTo(1, 2)
    expect(arcsine / unpooled).toBeCloseTo(1, 2)
    expect(proportionSamplesPerArm({ ...rates, p1: 0.12, p2: 0.1 })).toBeCloseTo(unpooled, 6)
  })

  it.each<[string, () => unknown]>([
    ['effect', () => samplesPerArm({ ...means, effect: 0 })], ['sd', () => samplePairs({ ...means, sd: -1 })],
    ['alpha', () => samplesPerArm({ ...means, alpha: 1 })], ['power', () => samplesPerArm({ ...means, power: 0.05 })],
    ['power', () => detectableEffect({ ...means, power: NaN }, 10)], ['perArm', () => powerAt(means, 0)],
    ['perArm', () => detectableEffect(means, Infinity)], ['effect / sd', () => samplesPerArmOfT({ ...means, effect: 101 })],
    ['p1', () => proportionSamplesPerArm({ p1: 0, p2: 0.5, alpha: 0.05, power: 0.8 })],
    ['p2', () => proportionSamplesPerArm({ p1: 0.5, p2: 0.5, alpha: 0.05, power: 0.8 })]
  ])('are refused for a bad %s', (field, call) => {
    expect(call).toThrow(EvaluatorError)
    expect(call).toThrow(`${field}: expected`)
  })
})

describe('noncentral t distribution', () => {
  // SciPy 1.17, nct.sf.
  it.each([
    [1.5, 10, 1, 0.3304831517846451], [2, 3.5, -0.5, 0.02520462177156027], [-1, 8, 1.5, 0.9918206689040208],
    [3, 100, 3, 0.5029654875011134], [25, 50, 20, 0.032310702999425796], [2, 1, 0, 0.14758361765043326]
  ])('leaves beyond %s, with %s degrees of freedom and noncentrality %s, just %s', (t, df, delta, expected) => {
    expect(noncentralTUpper(t, df, delta)).toBeCloseTo(expected, 10)
  })

  it('is Student for noncentrality 0', () => {
    fc.assert(fc.property(fc.double({ min: -30, max: 30, noNaN: true }), fc.double({ min: 0.5, max: 1_000, noNaN: true }), (t, df) => {
      expect(noncentralTUpper(t, df, 0)).toBeCloseTo(studentUpper(t, df), 10)
      expect(noncentralTOutside(Math.abs(t), df, 0)).toBeCloseTo(2 * studentUpper(Math.abs(t), df), 10)
    }))
  })

  it('gives probabilities that fall in t and rise in the noncentrality, and both tails add up', () => {
    const t = fc.double({ min: -60, max: 60, noNaN: true })
    fc.assert(fc.property(t, fc.double({ min: 0.5, max: 1e5, noNaN: true }), fc.double({ min: -40, max: 40, noNaN: true }), (t, df, delta) => {
      const upper = noncentralTUpper(t, df, delta)
      const outside = noncentralTOutside(Math.abs(t), df, delta)

      expect(upper).toBeGreaterThanOrEqual(0)
      expect(upper).toBeLessThanOrEqual(1)
      expect(noncentralTUpper(t + 1, df, delta)).toBeLessThanOrEqual(upper + 1e-9)
      expect(noncentralTUpper(t, df, delta + 1)).toBeGreaterThanOrEqual(upper - 1e-9)
      expect(outside).toBeCloseTo(
        noncentralTUpper(Math.abs(t), df, delta) + noncentralTUpper(Math.abs(t), df, -delta), 9
      )
    }), { numRuns: 60 })
  })

  it('is refused outside its range', () => {
    expect(() => noncentralTUpper(NaN, 3, 1)).toThrow('t: expected a finite number')
    expect(() => noncentralTUpper(1, 0, 1)).toThrow('df: expected a number from')
    expect(() => noncentralTUpper(1, 3, 2_001)).toThrow('delta: expected a number from -2000 to 2000')
    expect(() => noncentralTOutside(-1, 3, 1)).toThrow('t: expected a number from 0')
    expect(noncentralTOutside(0, 3, 1)).toBe(1)
  })
})
