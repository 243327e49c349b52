import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluatorError } from '../../../evaluators/errors.js'
import {
  benjaminiHochberg, benjaminiYekutieli, bonferroni, holm, rejectAt
} from '../../../evaluators/statistics/multiple-testing.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const probabilities = fc.array(
  fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 0.05, 1)), { maxLength: 40 }
)
const adjustments = { benjaminiHochberg, benjaminiYekutieli, bonferroni, holm }

describe('adjusted p-values', () => {
  it('match a list worked by hand', () => {
    const p = [0.04, 0.01, 0.03]

    expect(bonferroni(p)).toEqual([0.12, 0.03, 0.09])
    expect(holm(p)).toEqual([0.06, 0.03, 0.06])
    benjaminiHochberg(p).forEach((adjusted, i) => expect(adjusted).toBeCloseTo([0.04, 0.03, 0.04][i]!, 15))
    benjaminiYekutieli(p).forEach((adjusted, i) => {
      expect(adjusted).toBeCloseTo([0.04, 0.03, 0.04][i]! * (1 + 1 / 2 + 1 / 3), 15)
    })
  })

  it('of equal p-values keep them to the last digit, so that one at the level still falls', () => {
    expect(rejectAt(benjaminiHochberg([0.05, 0.05, 0.05, 0.05, 0.05, 0.05]), 0.05)).toEqual(new Array(6).fill(true))
  })

  it.each(Object.entries(adjustments))('of %s are empty for no test and unchanged for one', (_, adjust) => {
    expect(adjust([])).toEqual([])
    expect(adjust([0.3])).toEqual([0.3])
    expect(adjust(Float64Array.of(0.25))).toEqual([0.25])
  })

  it.each(Object.entries(adjustments))('of %s stay in 0..1, are never less than p, and keep its order', (_, adjust) => {
    fc.assert(fc.property(probabilities, (p) => {
      const before = [...p]
      const adjusted = adjust(p)

      expect(p).toEqual(before)
      p.forEach((value, i) => {
        expect(adjusted[i]!).toBeGreaterThanOrEqual(value * (1 - 1e-12))
        expect(adjusted[i]!).toBeLessThanOrEqual(1)
        p.forEach((other, j) => {
          if (value <= other) expect(adjusted[i]!).toBeLessThanOrEqual(adjusted[j]!)
        })
      })
      expect(adjust([...p].reverse())).toEqual([...adjusted].reverse())
    }), { numRuns: 50 })
  })

  it('are ordered: Benjamini-Hochberg, then Holm, then Bonferroni; Benjamini-Yekutieli above the first', () => {
    fc.assert(fc.property(probabilities, (p) => {
      const [bh, by, step, all] = [benjaminiHochberg(p), benjaminiYekutieli(p), holm(p), bonferroni(p)]

      p.forEach((_, i) => {
        expect(bh[i]!).toBeLessThanOrEqual(step[i]! * (1 + 1e-12))
        expect(bh[i]!).toBeLessThanOrEqual(by[i]! * (1 + 1e-12))
        expect(step[i]!).toBeLessThanOrEqual(all[i]!)
      })
    }))
  })

  it('take 200,000 tests', () => {
    const random = seededRandom(5)
    const p = Float64Array.from({ length: 200_000 }, () => random.uniform())

    expect(rejectAt(benjaminiHochberg(p), 0.01).filter(Boolean).length).toBeLessThan(10)
  })

  it.each<[string, number[]]>([
    ['p[1]', [0.1, NaN]], ['p[0]', [-0.01]], ['p[2]', [0, 1, 1.01]], ['p[0]', [Infinity]]
  ])('are refused at %s', (place, p) => {
    for (const adjust of Object.values(adjustments)) {
      expect(() => adjust(p)).toThrow(EvaluatorError)
      expect(() => adjust(p)).toThrow(`${place}: expected a probability from 0 to 1`)
    }
  })

  it.each([0, 1, NaN, -1])('are not rejected at level %s', (q) => {
    expect(() => rejectAt([0.1], q)).toThrow('q: expected a number between 0 and 1')
  })
})
