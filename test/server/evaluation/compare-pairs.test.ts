import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../evaluators/statistics/random.js'
import { comparePairs, type CompareOptions, type PairedComparison, type ScorePairs } from '../../../server/evaluation/compare-pairs.js'
import { agree, summarise, type Compared } from '../../../server/evaluation/compare-summary.js'

const OPTIONS: CompareOptions = { alpha: 0.05, margin: null, plannedRows: 1_000, resamples: 200, random: seededRandom(1) }

/** Scores in 0..1 where B gains `gain` on average. */
function pairsOf (n: number, gain: number, more: Partial<ScorePairs> = {}): ScorePairs {
  const random = seededRandom(n)
  const a = Float64Array.from({ length: n }, () => 0.3 + 0.2 * random.uniform())
  const b = a.map((value) => value + gain + 0.1 * (random.uniform() - 0.5))
  return { a, b, better: 'higher', range: [0, 1], ...more }
}

const compare = (pairs: ScorePairs, more: Partial<CompareOptions> = {}): PairedComparison =>
  comparePairs(pairs, { ...OPTIONS, random: seededRandom(1), ...more })

describe('a paired comparison', () => {
  it.each<[number, number, string]>([
    [500, 0.2, 'empirical Bernstein'], [999, 0.2, 'empirical Bernstein'], [1_000, 0.2, 'asymptotic sequence']
  ])('of %i bounded pairs uses the method for so many', (n, gain, method) => {
    const { interval, conclusion } = compare(pairsOf(n, gain))

    expect(interval!.method).toBe(method)
    expect(interval!.lower).toBeLessThan(gain)
    expect(interval!.upper).toBeGreaterThan(gain)
    expect(conclusion).toBe('b is better')
  })

  it.each<[string, ScorePairs, Partial<CompareOptions>, string]>([
    ['a gain', pairsOf(2_000, 0.05), {}, 'b is better'],
    ['a loss', pairsOf(2_000, -0.05), {}, 'b is worse'],
    ['a gain of what should be low', pairsOf(2_000, 0.05, { better: 'lower' }), {}, 'b is worse'],
    ['a loss of what should be low', pairsOf(2_000, -0.05, { better: 'lower' }), {}, 'b is better'],
    ['a gain of what has no side', pairsOf(2_000, 0.05, { better: 'neither' }), {}, 'b is higher'],
    ['nothing', pairsOf(2_000, 0), {}, 'undecided'],
    ['nothing, with a margin', pairsOf(2_000, 0), { margin: 0.01 }, 'no worse than the margin'],
    ['nothing of what should be low, with a margin', pairsOf(2_000, 0, { better: 'lower' }), { margin: 0.01 }, 'no worse than the margin'],
    ['nothing, with too narrow a margin', pairsOf(2_000, 0), { margin: 0.0001 }, 'undecided'],
    ['a loss within the margin', pairsOf(2_000, -0.02), { margin: 0.1 }, 'b is worse'],
    ['a gain in too few rows', pairsOf(20, 0.05), {}, 'undecided'],
    ['a gain without bounds in too few rows', pairsOf(199, 0.05, { range: null }), {}, 'undecided'],
    ['a gain without bounds in enough', pairsOf(200, 0.05, { range: null }), {}, 'b is better']
  ])('concludes from %s', (_what, pairs, options, conclusion) => {
    expect(compare(pairs, options).conclusion).toBe(conclusion)
  })

  it('says of a loss within the margin that it is one', () => {
    expect(compare(pairsOf(2_000, -0.02), { margin: 0.1 })).toMatchObject({ isWithinMargin: true, reason: expect.stringMatching(/less than the margin 0\.1/) })
  })

  it('has the paired t interval of the textbook', () => {
    const a = Float64Array.of(1, 2, 3, 4)
    const b = Float64Array.of(2, 4, 3, 7)

    const { fixed, difference } = compare({ a, b, better: 'higher', range: null })

    // differences 1, 2, 0, 3: mean 1.5, sd 1.290994; t(0.975, 3) = 3.182446
    expect(difference).toBe(1.5)
    expect(fixed!.pairedT.lower).toBeCloseTo(1.5 - 3.182446305284263 * 1.2909944487358056 / 2, 9)
    expect(fixed!.bootstrap.lower).toBeGreaterThanOrEqual(0)
    expect(fixed!.bootstrap.upper).toBeLessThanOrEqual(3)
  })

  it('knows nothing of others from one pair, or from equal differences without bounds', () => {
    const one = compare({ a: Float64Array.of(0.2), b: Float64Array.of(0.9), better: 'higher', range: [0, 1] })
    const equal = compare({ a: new Float64Array(300), b: new Float64Array(300).fill(1), better: 'higher', range: null })

    expect(one).toMatchObject({ n: 1, fixed: null, conclusion: 'undecided' })
    expect(equal).toMatchObject({ interval: null, fixed: null, conclusion: 'undecided', reason: expect.stringMatching(/same difference/) })
  })

  it('turns round when A and B change places', () => {
    const scores = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })), { minLength: 1, maxLength: 60 })
    fc.assert(fc.property(scores, (rows) => {
      const [a, b] = [Float64Array.from(rows, ([x]) => x), Float64Array.from(rows, ([, y]) => y)]
      const one = compare({ a, b, better: 'higher', range: [0, 1] }, { resamples: 20 })
      const other = compare({ a: b, b: a, better: 'higher', range: [0, 1] }, { resamples: 20 })

      expect(one.difference).toBeCloseTo(-other.difference, 12)
      expect(one.interval!.lower).toBeCloseTo(-other.interval!.upper, 9)
      expect(one.interval!.upper).toBeCloseTo(-other.interval!.lower, 9)
    }), { numRuns: 50 })
  })

  it('covers no difference at every look in about as many runs as it says', () => {
    const random = seededRandom(7)
    let wrong = 0
    for (let run = 0; run < 60; run++) {
      const a = Float64Array.from({ length: 300 }, () => random.uniform())
      const b = Float64Array.from({ length: 300 }, () => random.uniform())
      const looks = [20, 50, 100, 200, 300].map((n) => compare({ a: a.subarray(0, n), b: b.subarray(0, n), better: 'higher', range: [0, 1] }, { resamples: 1 }))
      if (looks.some(({ conclusion }) => conclusion !== 'undecided')) wrong++
    }

    expect(wrong).toBeLessThanOrEqual(6)
  })
})

describe('all metrics together', () => {
  const compared = (metric: string, conclusion: Compared['conclusion'], better: Compared['better'] = 'higher', differences: number[] = []): Compared =>
    ({ ...compare(pairsOf(10, 0)), metric, conclusion, better, differences: Float64Array.from(differences) })

  it.each<[string, Compared['conclusion'][], string]>([
    ['all are', ['b is better', 'b is better'], 'b is better'],
    ['all are', ['b is worse', 'b is worse'], 'b is worse'],
    ['one is, the other no worse', ['b is better', 'no worse than the margin'], 'b is no worse'],
    ['all are no worse', ['no worse than the margin'], 'b is no worse'],
    ['one is and one is not', ['b is better', 'b is worse', 'undecided'], 'mixed'],
    ['one does not say', ['b is better', 'undecided'], 'undecided'],
    ['one does not say', ['b is worse', 'undecided'], 'undecided'],
    ['one is worse, the other no worse', ['b is worse', 'no worse than the margin'], 'undecided']
  ])('conclude when %s: %j is %s', (_when, conclusions, expected) => {
    const { conclusion, reason } = summarise(conclusions.map((each, i) => compared(`m${i}`, each)))

    expect(conclusion).toBe(expected)
    for (const each of conclusions) expect(reason).toContain(`${each} by m`)
  })

  it('leave out those without a better side', () => {
    expect(summarise([compared('length', 'b is higher', 'neither'), compared('bleu', 'b is better')]).conclusion).toBe('b is better')
    expect(summarise([compared('length', 'undecided', 'neither')])).toMatchObject({ conclusion: 'undecided', reason: 'no metric has a better side' })
  })

  it('are set beside people\'s numbers, as a whole and row by row', () => {
    const people = compared('people', 'b is worse', 'higher', [-1, -1, NaN, 0, 1])

    expect(agree(compared('m', 'b is worse', 'higher', [-1, 1, 1, 1, 1]), people)).toEqual({ metric: 'm', verdict: 'agrees', told: 3, same: 2 })
    expect(agree(compared('m', 'b is better', 'lower', [-1, 1, 1, 1, 1]), people)).toEqual({ metric: 'm', verdict: 'contradicts', told: 3, same: 1 })
    expect(agree(compared('m', 'undecided'), people)).toMatchObject({ verdict: 'cannot tell' })
    expect(agree(compared('m', 'b is higher', 'neither'), people)).toBeNull()
  })
})
