import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quantileInflation, quantileSequence } from '../../../evaluators/statistics/quantile-sequence.js'
import { ranked } from '../../../evaluators/statistics/quantiles.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const sample = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 1, maxLength: 200 })
const level = fc.double({ min: 1e-6, max: 0.999, noNaN: true })

describe('confidence sequence of a quantile', () => {
  it('has bounds among the values, in order, wider at a smaller level', () => {
    fc.assert(fc.property(sample, fc.double({ min: 0.001, max: 0.999, noNaN: true }), level, (values, p, alpha) => {
      const { lower, upper } = quantileSequence(ranked(values), p, alpha)
      const wider = quantileSequence(ranked(values), p, alpha / 2)

      if (lower !== null && upper !== null) expect(lower).toBeLessThanOrEqual(upper)
      if (wider.lower !== null) expect(wider.lower).toBeLessThanOrEqual(lower!)
      if (wider.upper !== null) expect(wider.upper).toBeGreaterThanOrEqual(upper!)
    }))
  })

  it('has no bounds before the sample is large enough', () => {
    expect(quantileSequence(ranked([]), 0.5, 0.05)).toEqual({ lower: null, upper: null })
    expect(quantileSequence(ranked([1, 2, 3]), 0.5, 0.05)).toEqual({ lower: null, upper: null })
    expect(quantileSequence(ranked(Array.from({ length: 100 }, (_, i) => i)), 0.99, 0.05)).toMatchObject({ upper: null })
  })

  it('hardly ever leaves out the median at any of 100 looks, also with ties', () => {
    const random = seededRandom(5)
    let missed = 0
    for (let rep = 0; rep < 200; rep++) {
      const values: number[] = []
      for (let look = 1; look <= 100; look++) {
        for (let i = 0; i < 5; i++) values.push(random.below(11))
        const { lower, upper } = quantileSequence(ranked(values), 0.5, 0.05)
        if ((lower !== null && lower > 5) || (upper !== null && upper < 5)) {
          missed += 1
          break
        }
      }
    }

    expect(missed).toBeLessThanOrEqual(10)
  })

  it.each([[0, 0.05], [1, 0.05], [0.5, 0], [0.5, 1], [NaN, 0.05]])('refuses quantile %s at level %s', (p, alpha) => {
    expect(() => quantileSequence(ranked([1]), p, alpha)).toThrow(RangeError)
  })
})

describe('inflation of a quantile by sessions', () => {
  it('is the root of the session size when a session repeats itself', () => {
    const values = Array.from({ length: 400 }, (_, i) => Math.floor(i / 4) % 10)
    const clusters = values.map((_, i) => `session ${Math.floor(i / 4)}`)

    expect(quantileInflation(values, clusters, 4)).toBeCloseTo(2, 1)
  })

  it('is 1 when every request has a session of its own, and never less', () => {
    fc.assert(fc.property(sample, fc.integer({ min: 1, max: 9 }), (values, size) => {
      const single = quantileInflation(values, values.map((_, i) => i), 0)
      const grouped = quantileInflation(values, values.map((_, i) => i % size), 0)

      if (single !== null) expect(single).toBeCloseTo(1, 9)
      if (grouped !== null) expect(grouped).toBeGreaterThanOrEqual(1)
    }))
  })

  it('cannot be told from one session, or with all values on one side', () => {
    expect(quantileInflation([1, 2, 3], ['a', 'a', 'a'], 2)).toBeNull()
    expect(quantileInflation([1, 2, 3], ['a', 'b', 'c'], 9)).toBeNull()
  })

  it('refuses lists of different length, nothing at all and NaN', () => {
    expect(() => quantileInflation([1, 2], [1], 1)).toThrow('clusters')
    expect(() => quantileInflation([], [], 1)).toThrow('values')
    expect(() => quantileInflation([1, NaN], [1, 2], 1)).toThrow('values[1]')
    expect(() => quantileInflation([1, 2], [1, 2], NaN)).toThrow('quantile')
  })
})
