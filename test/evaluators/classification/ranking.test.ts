import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { calibration, probabilityLosses } from '../../../evaluators/classification/calibration.js'
import { rankingScores } from '../../../evaluators/classification/ranking.js'
import { EvaluatorError } from '../../../evaluators/errors.js'

const cases = fc.array(
  fc.tuple(fc.constantFrom(0, 1), fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 0.3, 0.5, 1))),
  { minLength: 1, maxLength: 50 }
)
const split = (list: readonly (readonly [number, number])[]): [number[], number[]] =>
  [list.map(([truth]) => truth), list.map(([, score]) => score)]

describe('ranking scores', () => {
  it('count pairs in order, ties half', () => {
    // Pairs (positive, negative): .8>.5, .8>.3, .5=.5, .5>.3 give 3.5 of 4.
    expect(rankingScores([1, 1, 0, 0], [0.8, 0.5, 0.5, 0.3]).rocAuc).toBe(0.875)
  })

  it('average precision over distinct thresholds', () => {
    // Thresholds .8: P 1, R ½; .5 (one of each): P 2/3, R 1.
    expect(rankingScores([1, 1, 0, 0], [0.8, 0.5, 0.5, 0.3]).averagePrecision).toBeCloseTo(0.5 + 0.5 * 2 / 3, 15)
  })

  it('equal a count over all pairs and thresholds', () => {
    fc.assert(fc.property(cases, (list) => {
      const [truth, scores] = split(list)
      const positives = scores.filter((_, i) => truth[i] === 1)
      const negatives = scores.filter((_, i) => truth[i] === 0)
      const wins = positives.flatMap((p) => negatives.map((n) => Number(p > n) + Number(p === n) / 2))
      const { rocAuc, averagePrecision } = rankingScores(truth, scores)

      if (wins.length === 0) expect(rocAuc).toBeNull()
      else expect(rocAuc).toBeCloseTo(wins.reduce((sum, win) => sum + win, 0) / wins.length, 12)

      const precisions = positives.map((p) => {
        const above = truth.filter((_, i) => scores[i]! >= p)
        return above.filter((t) => t === 1).length / above.length
      })
      if (positives.length === 0) expect(averagePrecision).toBeNull()
      else expect(averagePrecision).toBeCloseTo(precisions.reduce((sum, p) => sum + p, 0) / positives.length, 12)
    }))
  })

  it('keep to order and to any rising transformation, and mirror when the scores are negated', () => {
    fc.assert(fc.property(cases, (list) => {
      const [truth, scores] = split(list)
      const { rocAuc, averagePrecision } = rankingScores(truth, scores)

      expect(rankingScores([...truth].reverse(), [...scores].reverse())).toEqual(rankingScores(truth, scores))
      expect(rankingScores(truth, scores.map((score) => score * 1024)).averagePrecision).toEqual(averagePrecision)
      if (rocAuc !== null) expect(rankingScores(truth, scores.map((score) => -score)).rocAuc).toBeCloseTo(1 - rocAuc, 12)
    }))
  })

  it('take a million scores', () => {
    const truth = new Uint8Array(1_000_000).fill(1, 500_000)
    const scores = new Float64Array(1_000_000)
    for (let i = 0; i < scores.length; i++) scores[i] = truth[i]! + (i * 7919 % 10_007) / 10_007

    expect(rankingScores(truth, scores)).toMatchObject({ rocAuc: 1, averagePrecision: 1 })
  })

  it.each<[string, string, number[], number[]]>([
    ['no case', 'truth', [], []], ['another length', 'scores', [1], [1, 2]], ['NaN', 'scores[1]', [0, 1], [0, NaN]],
    ['a truth of 2', 'truth[0]: expected 0 or 1, got 2', [2], [1]], ['a truth of -1', 'truth[1]', [1, -1], [1, 2]]
  ])('are refused for %s', (_, message, truth, scores) => {
    expect(() => rankingScores(truth, scores)).toThrow(EvaluatorError)
    expect(() => rankingScores(truth, scores)).toThrow(message)
  })
})

describe('probability losses', () => {
  it('match a case worked by hand', () => {
    const { logLoss, brier } = probabilityLosses([1, 0], [0.8, 0.4])

    expect(logLoss).toBeCloseTo(-(Math.log(0.8) + Math.log(0.6)) / 2, 15)
    expect(brier).toBeCloseTo((0.04 + 0.16) / 2, 15)
  })

  it('charge a certain mistake 52 bits and no more', () => {
    expect(probabilityLosses([0], [1])).toEqual({ logLoss: 52 * Math.LN2, brier: 1 })
    expect(probabilityLosses([1], [1e-300]).logLoss).toBe(52 * Math.LN2)
  })

  it('lie in their ranges and are least for the share of positives among constant predictions', () => {
    fc.assert(fc.property(cases, fc.double({ min: 0, max: 1, noNaN: true }), (list, other) => {
      const [truth, probabilities] = split(list)
      const { logLoss, brier } = probabilityLosses(truth, probabilities)
      const share = truth.reduce((sum, t) => sum + t, 0) / truth.length
      const constant = (p: number): number => probabilityLosses(truth, truth.map(() => p)).brier

      expect(logLoss).toBeGreaterThanOrEqual(0)
      expect(logLoss).toBeLessThanOrEqual(36.05)
      expect(brier).toBeGreaterThanOrEqual(0)
      expect(brier).toBeLessThanOrEqual(1)
      expect(constant(share)).toBeLessThanOrEqual(constant(other) + 1e-12)
    }))
  })

  it.each([1.1, -0.1, NaN, Infinity])('refuse probability %s', (p) => {
    expect(() => probabilityLosses([1], [p])).toThrow('probabilities[0]: expected a number from 0 to 1')
    expect(() => calibration([1], [p])).toThrow('probabilities[0]')
  })
})

describe('calibration', () => {
  it('matches two bins worked by hand', () => {
    const { expectedError, greatestError, bins } = calibration([0, 1, 1, 1], [0.2, 0.4, 0.8, 0.9], { bins: 2 })

    expect(bins.map(({ n, observed }) => [n, observed])).toEqual([[2, 0.5], [2, 1]])
    expect(bins[0]!.predicted).toBeCloseTo(0.3, 15)
    expect(expectedError).toBeCloseTo(0.5 * 0.2 + 0.5 * 0.15, 15)
    expect(greatestError).toBeCloseTo(0.2, 15)
  })

  it('puts a probability on an edge into the upper bin, and 1 into the last', () => {
    for (let k = 0; k < 100; k++) {
      const { bins } = calibration([1, 1], [k / 100, (k + 0.5) / 100], { bins: 100 })

      expect(bins).toHaveLength(1)
    }
    expect(calibration([1, 1], [0.95, 1]).bins).toHaveLength(1)
  })

  it('cuts equal masses that differ by one case at most, and never between equal probabilities', () => {
    const probabilities = Array.from({ length: 103 }, (_, i) => (i / 103) ** 3)
    const sizes = calibration(probabilities.map(() => 1), probabilities, { binning: 'equal-mass' }).bins.map(({ n }) => n)

    expect(new Set(sizes)).toEqual(new Set([10, 11]))
    expect(calibration([0, 1, 1], [0.5, 0.5, 0.5], { binning: 'equal-mass', bins: 3 }).bins).toHaveLength(1)
  })

  it('is in range, independent of order, and 0 where every bin is right', () => {
    fc.assert(fc.property(cases, fc.constantFrom('equal-width' as const, 'equal-mass' as const), (list, binning) => {
      const [truth, probabilities] = split(list)
      const { expectedError, greatestError, bins } = calibration(truth, probabilities, { binning })

      expect(expectedError).toBeGreaterThanOrEqual(0)
      expect(expectedError).toBeLessThanOrEqual(greatestError + 1e-12)
      expect(greatestError).toBeLessThanOrEqual(1)
      expect(bins.reduce((sum, { n }) => sum + n, 0)).toBe(list.length)
      expect(calibration([...truth].reverse(), [...probabilities].reverse(), { binning }).expectedError).toBe(expectedError)
      expect(calibration(truth, truth, { binning }).expectedError).toBe(0)
    }))
  })

  it.each([0, -1, 1.5, NaN, 1e6])('refuses %s bins', (bins) => {
    expect(() => calibration([1], [1], { bins })).toThrow('bins: expected a whole number from 1 to 100000')
  })
})
