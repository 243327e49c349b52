import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluatorError } from '../../evaluators/errors.js'
import { LogHistogram, type LogHistogramJson } from '../../evaluators/statistics/histogram.js'
import { histogramOf } from '../support/evidence.js'
import { seededRandom } from '../../evaluators/statistics/random.js'

const value = fc.double({ min: 1e-6, max: 1e9, noNaN: true })
const sample = fc.array(value, { minLength: 1, maxLength: 200 })
const ascending = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b)

describe('log histogram', () => {
  it('gives every order statistic within 0.5 %', () => {
    fc.assert(fc.property(sample, (values) => {
      const histogram = histogramOf(values)

      ascending(values).forEach((exact, i) => {
        expect(Math.abs(histogram.valueAtRank(i + 1) / exact - 1)).toBeLessThanOrEqual(0.005 + 1e-9)
      })
    }))
  })

  it('keeps its promise at any relative error it was asked for', () => {
    fc.assert(fc.property(sample, fc.double({ min: 1e-4, max: 0.5, noNaN: true }), (values, relativeError) => {
      const histogram = new LogHistogram(relativeError)
      for (const x of values) histogram.add(x)

      ascending(values).forEach((exact, i) => {
        expect(Math.abs(histogram.valueAtRank(i + 1) / exact - 1)).toBeLessThanOrEqual(relativeError + 1e-9)
      })
    }))
  })

  it('never falls as the rank rises, and stays between the least and greatest value', () => {
    fc.assert(fc.property(sample, (values) => {
      const histogram = histogramOf(values)
      const byRank = values.map((_, i) => histogram.valueAtRank(i + 1))

      expect(byRank).toEqual(ascending(byRank))
      expect(byRank[0]).toBe(Math.min(...values))
      expect(byRank.at(-1)).toBe(Math.max(...values))
    }))
  })

  it('gives equal values back exactly', () => {
    const histogram = histogramOf([7.3, 7.3, 7.3, 7.3])

    expect([1, 2, 3, 4].map((rank) => histogram.valueAtRank(rank))).toEqual([7.3, 7.3, 7.3, 7.3])
  })

  it('takes 0, tiny and huge values', () => {
    const histogram = histogramOf([0, 0, 1e-9, 5, 1e12, 1e15])

    expect(histogram.valueAtRank(1)).toBe(0)
    expect(histogram.valueAtRank(2)).toBeLessThan(1e-6)
    expect(histogram.valueAtRank(4) / 5).toBeCloseTo(1, 2)
    expect(histogram.valueAtRank(6)).toBe(1e15)
    expect(histogram.count).toBe(6)
  })

  it('holds a bounded number of buckets', () => {
    const histogram = new LogHistogram()
    const random = seededRandom(2)
    for (let i = 0; i < 200_000; i++) histogram.add(10 ** (random.uniform() * 40 - 20))

    expect(histogram.toJSON().buckets.length).toBeLessThanOrEqual(6_930)
  })

  it.each([-1, NaN, Infinity])('refuses the value %s', (x) => {
    expect(() => new LogHistogram().add(x)).toThrow(RangeError)
  })

  it.each([0, 4, 1.5, NaN])('refuses rank %s of 3', (rank) => {
    expect(() => histogramOf([1, 2, 3]).valueAtRank(rank)).toThrow('rank must be an integer from 1 to 3')
  })

  it('gives the same buckets by table and by logarithm', () => {
    const random = seededRandom(6)
    const index = (relativeError: number, x: number): number => {
      const histogram = new LogHistogram(relativeError)
      histogram.add(x)
      return histogram.toJSON().buckets[0]![0]
    }
    for (let i = 0; i < 3_000; i++) {
      const x = 10 ** (random.uniform() * 15 - 6)
      for (const relativeError of [0.0001, 0.005, 0.3]) {
        expect(index(relativeError, x)).toBe(Math.floor(Math.log(x) / Math.log1p(relativeError)))
      }
    }
  })

  it('counts the values up to a limit, exactly but for one bucket', () => {
    fc.assert(fc.property(sample, value, (values, limit) => {
      const histogram = histogramOf(values)
      const within = (factor: number): number => values.filter((x) => x <= limit * factor).length

      expect(histogram.countAtMost(limit)).toBeGreaterThanOrEqual(within(1 - 0.00501))
      expect(histogram.countAtMost(limit)).toBeLessThanOrEqual(within(1 + 0.00501))
    }))
  })

  it('never counts fewer values up to a higher limit', () => {
    fc.assert(fc.property(sample, value, value, (values, a, b) => {
      const histogram = histogramOf(values)

      expect(histogram.countAtMost(Math.min(a, b))).toBeLessThanOrEqual(histogram.countAtMost(Math.max(a, b)))
    }))
  })

  it('tells the share above a limit', () => {
    const histogram = histogramOf([100, 200, 300, 900])

    expect([50, 250, 800, 900, Infinity].map((limit) => histogram.shareAbove(limit))).toEqual([1, 0.5, 0.25, 0, 0])
    expect(histogram.shareAbove(-Infinity)).toBe(1)
    expect(histogramOf([7, 7]).shareAbove(7)).toBe(0)
    expect(histogramOf([0, 1e-7, 5]).shareAbove(0)).toBeGreaterThanOrEqual(1 / 3)
    expect(new LogHistogram().shareAbove(1)).toBeNull()
    expect(() => histogram.shareAbove(NaN)).toThrow('limit')
  })

  it.each([0, -1, 0.6, NaN, 1e-9])('refuses relative error %s', (relativeError) => {
    expect(() => new LogHistogram(relativeError)).toThrow(RangeError)
  })
})

describe('merged log histograms', () => {
  const merged = (...parts: readonly (readonly number[])[]): LogHistogramJson => {
    const histogram = new LogHistogram()
    for (const part of parts) histogram.merge(histogramOf(part))
    return histogram.toJSON()
  }

  it('equal one histogram of all values, to the byte, in any order and grouping', () => {
    fc.assert(fc.property(sample, sample, sample, (x, y, z) => {
      const together = JSON.stringify(histogramOf([...x, ...y, ...z]))

      expect(JSON.stringify(merged(x, y, z))).toBe(together)
      expect(JSON.stringify(merged(z, x, y))).toBe(together)
      expect(JSON.stringify(merged([...x, ...y], z))).toBe(together)
    }))
  })

  it('are unchanged by an empty one, and doubled by themselves', () => {
    const histogram = histogramOf([1, 2, 3])
    histogram.merge(new LogHistogram())
    expect(histogram.toJSON()).toEqual(histogramOf([1, 2, 3]).toJSON())

    histogram.merge(histogram)
    expect(histogram.toJSON()).toEqual(histogramOf([1, 1, 2, 2, 3, 3]).toJSON())
  })

  it('refuse other buckets', () => {
    expect(() => new LogHistogram().merge(new LogHistogram(0.01))).toThrow(RangeError)
  })
})

describe('log histogram as JSON', () => {
  it('comes back the same', () => {
    fc.assert(fc.property(sample, (values) => {
      const json = JSON.parse(JSON.stringify(histogramOf(values))) as LogHistogramJson

      expect(LogHistogram.fromJSON(json).toJSON()).toEqual(json)
    }))
    expect(LogHistogram.fromJSON(new LogHistogram().toJSON()).count).toBe(0)
  })

  it('merges into a histogram like the histogram that it was', () => {
    fc.assert(fc.property(sample, sample, (a, b) => {
      const [merged, expected] = [histogramOf(a), histogramOf(a)]
      expected.merge(histogramOf(b))

      merged.mergeJSON(histogramOf(b).toJSON())

      expect(merged.toJSON()).toEqual(expected.toJSON())
      expect(merged.count).toBe(a.length + b.length)
    }))
  })

  it('changes nothing when it is refused', () => {
    const histogram = histogramOf([1, 2])
    const before = histogram.toJSON()
    const good = histogramOf([3, 4]).toJSON()

    for (const part of [{ relativeError: 0.01 }, { buckets: [...good.buckets, [0, -1]] as [number, number][] }, { max: null }]) {
      expect(() => { histogram.mergeJSON({ ...good, ...part }) }).toThrow(EvaluatorError)
    }

    expect(histogram.toJSON()).toEqual(before)
  })

  it.each<[string, Partial<LogHistogramJson>]>([
    ['a bucket beyond the range', { buckets: [[99_999, 1]] }], ['half a bucket', { buckets: [[0.5, 1]] }],
    ['a negative count', { buckets: [[0, -1]] }], ['half a count', { buckets: [[0, 1.5]] }],
    ['no least value', { min: null }], ['no greatest value', { max: null }], ['a least above the greatest', { min: 9 }],
    ['an infinite greatest value', { max: Infinity }]
  ])('is refused with %s', (_, part) => {
    const json = { relativeError: 0.005, min: 1, max: 2, buckets: [[0, 1]] as [number, number][], ...part }

    expect(() => LogHistogram.fromJSON(json)).toThrow(RangeError)
  })
})
