import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bootstrapMeans } from '../../../evaluators/text/aggregate.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const scores = fc.array(fc.double({ min: -1e300, max: 1e300, noNaN: true }), { minLength: 1, maxLength: 20 })

describe('bootstrap of means', () => {
  it('gives type-7 percentiles of the means of explicit resamples', () => {
    const indices = [[0, 0], [0, 1], [1, 1]]
    const { f1 } = bootstrapMeans({ f1: [0, 1] }, { indices }, 0.5)

    expect(f1).toEqual({ low: 0.25, mid: 0.5, high: 0.75, mean: 0.5 })
  })

  it('draws the same rows for every column, from the generator that is passed', () => {
    const options = () => ({ random: seededRandom(11), resamples: 200 })
    const { a, b } = bootstrapMeans({ a: [1, 2, 3, 9], b: [2, 4, 6, 18] }, options())

    expect(b).toEqual({ low: 2 * a.low, mid: 2 * a.mid, high: 2 * a.high, mean: 2 * a.mean })
    expect(bootstrapMeans({ a: [1, 2, 3, 9] }, options()).a).toEqual(a)
    expect(bootstrapMeans({ a: [1, 2, 3, 9] }, { random: seededRandom(12), resamples: 200 }).a).not.toEqual(a)
  })

  it('covers the mean about as a normal interval does', () => {
    const random = seededRandom(5)
    const values = Float64Array.from({ length: 400 }, () => random.normal())
    const { x } = bootstrapMeans({ x: values }, { random })

    expect((x.high - x.low) / (2 * 1.96 / 20)).toBeCloseTo(1, 0.5)
    expect(Math.abs(x.mid - x.mean)).toBeLessThan(0.01)
  })

  it('stays within the scores, in order, without NaN for huge ones', () => {
    fc.assert(fc.property(scores, fc.nat(), (values, seed) => {
      const { x } = bootstrapMeans({ x: values }, { random: seededRandom(seed), resamples: 50 })
      const slack = 1e-12 * Math.max(...values.map(Math.abs))

      expect(x.low).toBeGreaterThanOrEqual(Math.min(...values) - slack)
      expect(x.low).toBeLessThanOrEqual(x.mid)
      expect(x.mid).toBeLessThanOrEqual(x.high)
      expect(x.high).toBeLessThanOrEqual(Math.max(...values) + slack)
      expect(Number.isFinite(x.mean)).toBe(true)
    }))
    expect(bootstrapMeans({ x: new Array<number>(4).fill(Number.MAX_VALUE) }, { indices: [[0, 1, 2, 3]] }).x.mid).toBe(Number.MAX_VALUE)
  })

  it('widens with the confidence, and has no width for a constant or a single row', () => {
    const rows = [0.1, 0.5, 0.2, 0.9, 0.4]
    const at = (confidence: number) => bootstrapMeans({ x: rows }, { random: seededRandom(1) }, confidence).x

    expect(at(0.99).low).toBeLessThan(at(0.5).low)
    expect(at(0.99).high).toBeGreaterThan(at(0.5).high)
    expect(bootstrapMeans({ x: [0.3] }, { random: seededRandom(1) }).x).toEqual({ low: 0.3, mid: 0.3, high: 0.3, mean: 0.3 })
  })

  it('leaves its arguments as they are', () => {
    const [x, indices] = [Object.freeze([3, 1, 2]), Object.freeze([Object.freeze([2, 2, 0])])]

    expect(bootstrapMeans({ x }, { indices }).x.mid).toBeCloseTo(7 / 3, 12)
  })

  it('names what is wrong', () => {
    const random = seededRandom(1)
    expect(() => bootstrapMeans({}, { random })).toThrow('columns: expected at least 1 item')
    expect(() => bootstrapMeans({ x: [] }, { random })).toThrow('columns.x: expected at least 1 item')
    expect(() => bootstrapMeans({ x: [1, NaN] }, { random })).toThrow('columns.x[1]: expected a finite number')
    expect(() => bootstrapMeans({ x: [1, 2], y: [1] }, { random })).toThrow('columns.y: expected 2 items as in columns.x')
    expect(() => bootstrapMeans({ x: [1] }, { random, resamples: 0 })).toThrow('resamples: expected a number from 1')
    expect(() => bootstrapMeans({ x: [1] }, { random, resamples: 1.5 })).toThrow('resamples: expected an integer')
    expect(() => bootstrapMeans({ x: [1] }, { random }, 1)).toThrow('confidence: expected a number between 0 and 1')
    expect(() => bootstrapMeans({ x: [1] }, { indices: [] })).toThrow('indices: expected at least 1 item')
    expect(() => bootstrapMeans({ x: [1, 2] }, { indices: [[0]] })).toThrow('indices[0]: expected 2 row numbers')
    expect(() => bootstrapMeans({ x: [1, 2] }, { indices: [[0, 2]] })).toThrow('indices[0][1]: expected a row number from 0 to 1, got 2')
  })
})
