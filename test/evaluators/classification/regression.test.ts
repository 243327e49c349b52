import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { labelAgreement, numericAgreement } from '../../../evaluators/classification/agreement.js'
import { regressionScores } from '../../../evaluators/classification/regression.js'
import { EvaluatorError } from '../../../evaluators/errors.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const value = fc.oneof(
  fc.double({ min: -1e300, max: 1e300, noNaN: true }), fc.integer({ min: -5, max: 5 }), fc.double({ min: -1e-300, max: 1e-300, noNaN: true })
)
const pairs = fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 40 })
const split = (list: readonly (readonly [number, number])[]): [number[], number[]] =>
  [list.map(([a]) => a), list.map(([, b]) => b)]

describe('regression scores', () => {
  it('match a case worked by hand', () => {
    const { n, meanAbsoluteError, rootMeanSquaredError, bias, r2 } = regressionScores([3, -0.5, 2, 7], [2.5, 0, 2, 8])

    expect(n).toBe(4)
    expect(meanAbsoluteError).toBeCloseTo(0.5, 15)
    expect(rootMeanSquaredError).toBeCloseTo(Math.sqrt(0.375), 15)
    expect(bias).toBeCloseTo(0.25, 15)
    // Σ(truth − 2.875)² = 29.1875.
    expect(r2).toBeCloseTo(1 - 1.5 / 29.1875, 15)
  })

  it('leave r2 undefined for a constant truth, even one that sums inexactly', () => {
    expect(regressionScores([0.1, 0.1, 0.1], [1, 2, 3]).r2).toBeNull()
    expect(regressionScores([5], [5])).toMatchObject({ r2: null, meanAbsoluteError: 0, rootMeanSquaredError: 0 })
  })

  it('keep their accuracy on a large offset', () => {
    const { r2, bias } = regressionScores([1e9 + 1, 1e9 + 2, 1e9 + 3], [1e9 + 1, 1e9 + 2, 1e9 + 4])

    expect(r2).toBeCloseTo(0.5, 12)
    expect(bias).toBeCloseTo(1 / 3, 12)
  })

  it('are ordered, finite and independent of the order of cases, for huge and tiny values too', () => {
    fc.assert(fc.property(pairs, (list) => {
      const [truth, predicted] = split(list)
      const { meanAbsoluteError, rootMeanSquaredError, bias, r2 } = regressionScores(truth, predicted)
      const reversed = regressionScores([...truth].reverse(), [...predicted].reverse())

      expect(Number.isFinite(rootMeanSquaredError)).toBe(true)
      expect(Math.abs(bias)).toBeLessThanOrEqual(meanAbsoluteError * (1 + 1e-12))
      expect(meanAbsoluteError).toBeLessThanOrEqual(rootMeanSquaredError * (1 + 1e-12))
      expect(reversed.rootMeanSquaredError).toBeLessThanOrEqual(rootMeanSquaredError * (1 + 1e-12))
      if (r2 !== null) expect(r2).toBeLessThanOrEqual(1)
    }))
  })

  it.each<[string, string, number[], number[]]>([
    ['no case', 'truth', [], []], ['another length', 'predicted', [1, 2], [1]], ['NaN', 'truth[0]', [NaN], [1]],
    ['Infinity', 'predicted[1]', [1, 2], [1, Infinity]], ['a distance beyond doubles', 'predicted', [1e308], [-1e308]]
  ])('are refused for %s', (_, message, truth, predicted) => {
    expect(() => regressionScores(truth, predicted)).toThrow(EvaluatorError)
    expect(() => regressionScores(truth, predicted)).toThrow(message)
  })
})

describe('agreement of labels', () => {
  it('is the share of equal labels, and kappa beyond chance', () => {
    expect(labelAgreement(['a', 'b', 'a', 'b'], ['a', 'b', 'b', 'b'])).toEqual({
      n: 4, share: 0.75, se: Math.sqrt(0.1875 / 4), kappa: 0.5
    })
  })

  it('leaves kappa undefined when both give one label', () => {
    expect(labelAgreement(['a', 'a'], ['a', 'a'])).toEqual({ n: 2, share: 1, se: null, kappa: null })
  })

  it('is symmetric', () => {
    const label = fc.integer({ min: 0, max: 3 })
    fc.assert(fc.property(fc.array(fc.tuple(label, label), { minLength: 1 }), (list) => {
      const [a, b] = split(list)

      expect(labelAgreement(b, a).share).toBe(labelAgreement(a, b).share)
    }))
  })
})

describe('agreement of numbers', () => {
  it('matches a case worked by hand', () => {
    const agreement = numericAgreement([1, 2, 3, 4], [2, 3, 4, 9])

    // With divisor n: s_a² = 1.25, s_b² = 7.25, s_ab = 2.75, shift 2.
    expect(agreement.meanAbsoluteDifference).toBeCloseTo(2, 15)
    expect(agreement.meanDifference).toBeCloseTo(2, 15)
    expect(agreement.pearson).toBeCloseTo(2.75 / Math.sqrt(1.25 * 7.25), 14)
    expect(agreement.spearman).toBeCloseTo(1, 14)
    expect(agreement.concordance).toBeCloseTo(5.5 / (1.25 + 7.25 + 4), 14)
  })

  it('gives equal values the mean of their ranks', () => {
    // Ranks 1.5, 1.5, 3 and 1, 2, 3: covariance 0.75, variances 0.75 and 1.
    expect(numericAgreement([1, 1, 2], [1, 2, 3]).spearman).toBeCloseTo(0.75 / Math.sqrt(0.75), 14)
  })

  it('leaves undefined what a constant leaves open', () => {
    expect(numericAgreement([1, 1], [1, 2])).toMatchObject({ pearson: null, spearman: null, concordance: 0 })
    expect(numericAgreement([2, 2], [2, 2])).toMatchObject({ pearson: null, concordance: null })
    expect(numericAgreement([2], [3])).toMatchObject({ pearson: null, concordance: 0, meanDifference: 1 })
  })

  it('stays in range, is symmetric, and never claims more concordance than correlation', () => {
    fc.assert(fc.property(pairs, (list) => {
      const [a, b] = split(list)
      const agreement = numericAgreement(a, b)
      const back = numericAgreement(b, a)

      for (const each of ['pearson', 'spearman', 'concordance'] as const) {
        if (agreement[each] === null) expect(back[each]).toBeNull()
        else {
          expect(Math.abs(agreement[each])).toBeLessThanOrEqual(1)
          expect(back[each]).toBeCloseTo(agreement[each], 9)
        }
      }
      if (agreement.pearson !== null) {
        expect(Math.abs(agreement.concordance!)).toBeLessThanOrEqual(Math.abs(agreement.pearson) + 1e-12)
      }
      expect(back.meanAbsoluteDifference).toBe(agreement.meanAbsoluteDifference)
    }))
  })

  it('takes a hundred thousand numbers', () => {
    const random = seededRandom(3)
    const a = Float64Array.from({ length: 100_000 }, () => random.normal())

    const agreement = numericAgreement(a, a.map((x) => x + 1))

    expect(agreement.spearman).toBeCloseTo(1, 6)
    expect(agreement.pearson).toBeCloseTo(1, 9)
    expect(agreement.concordance).toBeCloseTo(2 / 3, 2)
  })

  it('is refused for bad input', () => {
    expect(() => numericAgreement([1], [NaN])).toThrow('b[0]: expected a finite number')
    expect(() => numericAgreement([], [])).toThrow('a: expected at least 1 item')
    expect(() => numericAgreement([1, 2], [1])).toThrow('b: expected 2 items as in a')
  })
})
