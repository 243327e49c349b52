import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { andersonDarling } from '../../../evaluators/drift/anderson-darling.js'
import { cramerVonMises } from '../../../evaluators/drift/cramer-von-mises.js'
import { kolmogorovUpper, kolmogorovUpperExact } from '../../../evaluators/drift/kolmogorov-distribution.js'
import {
  kolmogorovSmirnov, kolmogorovSmirnovExactP, kolmogorovSmirnovLimitP, kolmogorovSmirnovRoundedP, kolmogorovSmirnovStephensP
} from '../../../evaluators/drift/kolmogorov-smirnov.js'
import { populationStability, stabilityOfCounts } from '../../../evaluators/drift/population-stability.js'
import { sortAscending } from '../../../evaluators/statistics/radix-sort.js'
import { energyDistance, wasserstein1, wasserstein1Normed } from '../../../evaluators/drift/wasserstein.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const value = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e3, max: 1e3 }), fc.constantFrom(0, 1, 1e-300, -1e300, 1e308))
const sample = fc.array(value, { minLength: 2, maxLength: 40 })
const FIGURES: readonly [string, (x: number[], y: number[]) => number][] = [
  ['Kolmogorov-Smirnov', (x, y) => kolmogorovSmirnov(x, y).statistic], ['its p', (x, y) => kolmogorovSmirnov(x, y).p],
  ['Wasserstein-1', wasserstein1], ['energy distance', energyDistance],
  ['Cramér-von Mises', (x, y) => cramerVonMises(x, y).statistic], ['its p', (x, y) => cramerVonMises(x, y).p]
]

describe.each(FIGURES)('%s', (_, figure) => {
  it('is the same either way round and in any order, and never NaN or negative', () => {
    fc.assert(fc.property(sample, sample, (x, y) => {
      const got = figure(x, y)

      expect(got).toBeGreaterThanOrEqual(0)
      const again = figure(y.toReversed(), x.toReversed())
      if (Number.isFinite(got)) expect(Math.abs(again - got)).toBeLessThanOrEqual(1e-9 * Math.max(1, got))
    }))
  })

  it.each<[string, number[], number[], string]>([
    ['an empty sample', [], [1, 2], 'x: expected at least'], ['NaN', [1, 2], [1, NaN], 'y[1]: expected a finite number'],
    ['Infinity', [Infinity, 1], [1, 2], 'x[0]']
  ])('refuses %s', (_, x, y, message) => {
    expect(() => figure(x, y)).toThrow(message)
  })
})

describe('Kolmogorov-Smirnov', () => {
  it('takes ties together and leaves its arguments alone', () => {
    const x = Object.freeze([3, 1, 2, 2])

    expect(kolmogorovSmirnov(x, [2, 2, 4, 9])).toMatchObject({ statistic: 0.5, method: 'exact' })
    expect(kolmogorovSmirnov(x, x)).toMatchObject({ statistic: 0, p: 1 })
  })

  it('counts the paths: two disjoint samples of 3 and 2 are 2 of 10 orders', () => {
    expect(kolmogorovSmirnov([1, 2, 3], [4, 5]).p).toBeCloseTo(0.2, 14)
    expect(kolmogorovSmirnovExactP(1, 100, 100)).toBeGreaterThan(0)
    expect(kolmogorovSmirnovExactP(1, 5_000, 2_000)).toBe(0)
  })

  it('switches to Stephens above 10,000 pairs, close to the exact p', () => {
    const random = seededRandom(5)
    const x = Array.from({ length: 101 }, () => random.normal())
    const y = Array.from({ length: 100 }, () => random.normal() + 0.2)
    const { statistic, p, method } = kolmogorovSmirnov(x, y)

    expect(method).toBe('stephens')
    expect(Math.abs(p - kolmogorovSmirnovExactP(statistic, 101, 100))).toBeLessThan(0.01)
  })

  it('rejects about as often as it says when nothing differs', () => {
    const random = seededRandom(6)
    const draw = (): number[] => Array.from({ length: 60 }, () => random.uniform())
    const rejected = Array.from({ length: 1_000 }, () => kolmogorovSmirnov(draw(), draw()).p <= 0.1).filter(Boolean).length

    expect(rejected).toBeGreaterThan(55)
    expect(rejected).toBeLessThan(120)
  })

  it('has approximations that fall as the distance grows, from 1 at 0', () => {
    for (const p of [kolmogorovSmirnovStephensP, kolmogorovSmirnovLimitP, kolmogorovSmirnovExactP, kolmogorovSmirnovRoundedP]) {
      const ps = [0, 0.1, 0.3, 0.5, 0.8, 1].map((d) => p(d, 30, 20)!)
      expect(ps[0]).toBe(1)
      expect(ps.every((each, i) => i === 0 || each <= ps[i - 1]!)).toBe(true)
    }
    expect(kolmogorovSmirnovRoundedP(0.5, 1, 1)).toBeNull()
  })

  it.each([[1.1, 3, 3], [NaN, 3, 3], [0.5, 0, 3], [0.5, 3, 1.5], [0.5, 20_000, 20_000]])('refuses D %s of %s and %s', (d, n, m) => {
    expect(() => kolmogorovSmirnovExactP(d, n, m)).toThrow(RangeError)
  })
})

describe('Kolmogorov\'s distribution', () => {
  // SciPy 1.17: kstwo.sf(d, n).
  it.each([
    [0.3, 10, 0.27053557479999946], [0.08, 140, 0.31480749911643063], [0.04, 500, 0.3902508696049749],
    [0.01, 20_000, 0.03638603905248727]
  ])('has at d %s of %s values the tail %s', (d, n, tail) => {
    expect(kolmogorovUpperExact(d, n)).toBeCloseTo(tail, 9)
  })

  it('is for one value 2(1 − d) above one half, and for two by hand', () => {
    expect(kolmogorovUpperExact(0.7, 1)).toBeCloseTo(0.6, 14)
    expect(kolmogorovUpperExact(0.4, 2)).toBeCloseTo(1 - 2 * 0.3 ** 2, 12)
    expect(kolmogorovUpperExact(0.2, 2)).toBe(1)
  })

  it('joins its methods without a step, and approaches the limit', () => {
    for (const [n, d] of [[140, Math.sqrt(3 / 140)], [3_000, Math.sqrt(2.2 / 3_000)], [140, 0.5]] as const) {
      const [below, above] = [kolmogorovUpperExact(d - 1e-9, n), kolmogorovUpperExact(d + 1e-9, n)]
      expect(Math.abs(below - above)).toBeLessThan(1e-6)
    }
    expect(Math.abs(kolmogorovUpperExact(0.8 / 1_000, 1_000_000) - kolmogorovUpper(0.8))).toBeLessThan(1e-3)
    expect(kolmogorovUpper(1 - 1e-12)).toBeCloseTo(kolmogorovUpper(1), 10)
    expect(kolmogorovUpper(1.3580986393225505)).toBeCloseTo(0.05, 9)
  })
})

describe('Wasserstein-1', () => {
  it('is the shift of a shifted sample, and scales with the unit', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: -1_000, max: 1_000 }), { minLength: 1 }), fc.integer({ min: 0, max: 50 }), (x, shift) => {
      const y = x.map((each) => each + shift)
      expect(wasserstein1(x, y)).toBeCloseTo(shift, 6)
      expect(wasserstein1(x.map((each) => 4 * each), y.map((each) => 4 * each))).toBeCloseTo(4 * shift, 6)
    }))
  })

  it('obeys the triangle inequality', () => {
    const plain = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 20 })
    fc.assert(fc.property(plain, plain, plain, (x, y, z) => {
      expect(wasserstein1(x, z)).toBeLessThanOrEqual(wasserstein1(x, y) + wasserstein1(y, z) + 1e-9)
    }))
  })

  it('is normed by the reference\'s deviation, at least 0.001', () => {
    expect(wasserstein1Normed([0, 2], [1, 3])).toBe(1)
    expect(wasserstein1Normed([5, 5], [6])).toBe(1_000)
  })
})

describe('Anderson-Darling', () => {
  it('grows with the shift, is capped, and tells nothing of equal values', () => {
    const base = Array.from({ length: 30 }, (_, i) => i)
    const statistics = [0, 3, 9, 30].map((shift) => andersonDarling([base, base.map((x) => x + shift)]).statistic!)

    expect(statistics).toEqual(statistics.toSorted((a, b) => a - b))
    expect(andersonDarling([base, base]).pCapped).toBe(0.25)
    expect(andersonDarling([base, base.map((x) => x + 99)]).pCapped).toBe(0.001)
    expect(andersonDarling([[1, 1], [1, 1]])).toMatchObject({ statistic: null, pCapped: null })
  })

  it('does not depend on the order of samples', () => {
    fc.assert(fc.property(sample, sample, sample, (x, y, z) => {
      const [one, other] = [andersonDarling([x, y, z]).statistic, andersonDarling([z, x, y.toReversed()]).statistic]
      if (one === null) expect(other).toBeNull()
      else expect(other).toBeCloseTo(one, 6)
    }))
  })

  it.each<[string, number[][], string]>([
    ['one sample', [[1, 2, 3, 4]], 'samples: expected at least 2'], ['an empty one', [[1], []], 'samples[1]'],
    ['three values', [[1, 2], [3]], 'samples: expected at least 4']
  ])('refuses %s', (_, samples, message) => {
    expect(() => andersonDarling(samples)).toThrow(message)
  })
})

describe('Cramér-von Mises', () => {
  // SciPy 1.17: cramervonmises_2samp(x, y, method='asymptotic').
  it.each([[10, 10, 3.5, 0.485, 0.04334987330191942], [30, 25, 9.5, 0.7387878787878783, 0.010118789674921636]])(
    'of 1..%s against 1..%s moved by %s is %s with p %s', (n, m, shift, statistic, p) => {
      const got = cramerVonMises(Array.from({ length: n }, (_, i) => i + 1), Array.from({ length: m }, (_, i) => i + 1 + shift))

      expect(got.statistic).toBeCloseTo(statistic, 12)
      expect(got.p).toBeCloseTo(p, 10)
    })

  it('is certain of equal samples', () => {
    expect(cramerVonMises([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]).p).toBeGreaterThan(0.99)
  })
})

describe('population stability', () => {
  it('is 0 for the same sample and the same either way round for counts', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(500), fc.nat(500)), { minLength: 1, maxLength: 8 }), (cells) => {
      const [p, q] = [[1, ...cells.map(([a]) => a)], [1, ...cells.map(([, b]) => b)]]
      for (const rule of ['floor', 'laplace'] as const) {
        expect(stabilityOfCounts(p, q, rule)).toBeGreaterThanOrEqual(0)
        expect(stabilityOfCounts(q, p, rule)).toBeCloseTo(stabilityOfCounts(p, q, rule), 9)
        expect(stabilityOfCounts(p, p, rule)).toBe(0)
      }
    }))
  })

  it('puts a value on an edge into the bin above, and keeps the outer bins open', () => {
    expect(populationStability([1, 2, 3, 4, 5], [-9, 3, 99], 2)).toMatchObject({ edges: [3], referenceCounts: [2, 3], currentCounts: [1, 2] })
  })

  it.each([1, 2.5, NaN, 1e6])('refuses %s bins', (bins) => {
    expect(() => populationStability([1], [1], bins)).toThrow('bins')
  })

  it('refuses counts that are all zero, negative, or of other categories', () => {
    expect(() => stabilityOfCounts([0], [1])).toThrow('reference: expected at least one count above 0')
    expect(() => stabilityOfCounts([1], [-1])).toThrow('current[0]')
    expect(() => stabilityOfCounts([1], [1, 2])).toThrow('current: expected 1 items')
  })
})

describe('sorting', () => {
  it('agrees with the sort of the language on many numbers of every size and sign', () => {
    const random = seededRandom(9)
    const values = Float64Array.from({ length: 20_000 }, () => random.normal() * 10 ** (random.uniform() * 600 - 300))
    values.set([0, -0, Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE])

    expect(sortAscending(values.slice())).toEqual(values.slice().sort())
  })

  it('agrees with it to the bit, wherever the values lie, however close, and with ties', () => {
    const spread = fc.constantFrom(0, Number.MIN_VALUE, 1e-12, 1e-6, 1, 1e300)
    const shape = fc.record({
      n: fc.integer({ min: 4_090, max: 6_000 }), centre: fc.constantFrom(0, 1, -1_000, 1e-310), spread, values: fc.constantFrom(3, 500, 1e9), seed: fc.nat()
    })
    fc.assert(fc.property(shape, ({ n, centre, spread, values, seed }) => {
      const random = seededRandom(seed)
      const buffer = new Float64Array(n + 1)
      const view = buffer.subarray(1)
      for (let i = 0; i < n; i++) view[i] = random.uniform() < 0.01 ? -0 : centre + spread * (random.below(values) / values - 0.5)
      const expected = view.slice().sort()

      const sorted = sortAscending(view)

      expect(sorted).toBe(view)
      expect(buffer[0]).toBe(0)
      expect(sorted.every((value, i) => Object.is(value, expected[i]))).toBe(true)
    }), { numRuns: 30 })
  })

  it('takes ties together: the distance is the one that counting gives', () => {
    const sample = fc.array(fc.constantFrom(-1, -0, 0, 1, 2, 3), { minLength: 1, maxLength: 30 })
    fc.assert(fc.property(sample, sample, (x, y) => {
      const share = (values: number[], at: number): number => values.filter((value) => value <= at).length / values.length
      const distances = [...x, ...y].map((at) => Math.abs(share(x, at) - share(y, at)))

      expect(kolmogorovSmirnov(x, y).statistic).toBeCloseTo(Math.max(...distances), 12)
    }))
  })

  it('compares a million values on each side without exhausting the stack', () => {
    const random = seededRandom(1)
    const [x, y] = [0, 0.01].map((shift) => Float64Array.from({ length: 1_000_000 }, () => random.uniform() + shift))

    expect(kolmogorovSmirnov(x!, y!).statistic).toBeCloseTo(0.01, 2)
    expect(wasserstein1(x!, y!)).toBeCloseTo(0.01, 2)
  })
})
