import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  confusionMatrix, countConfusion, mergeConfusions, type Confusion, type Label
} from '../../../evaluators/classification/confusion.js'
import { classificationScores, type ClassificationScores } from '../../../evaluators/classification/scores.js'
import { EvaluatorError } from '../../../evaluators/errors.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const label = fc.integer({ min: -3, max: 3 })
const pairs = fc.array(fc.tuple(label, label), { minLength: 1, maxLength: 60 })
const countPairs = (list: readonly (readonly [Label, Label])[]): Confusion =>
  countConfusion(list.map(([truth]) => truth), list.map(([, predicted]) => predicted))
const scoresOf = (truth: readonly Label[], predicted: readonly Label[]): ClassificationScores =>
  classificationScores(countConfusion(truth, predicted))

describe('confusion counts', () => {
  it('stand over the sorted union of true and predicted labels', () => {
    const confusion = countConfusion(['cat', 'dog', 'cat', 'eel'], ['dog', 'dog', 'cat', 'ant'])

    expect(confusion.labels).toEqual(['ant', 'cat', 'dog', 'eel'])
    expect(confusionMatrix(confusion)).toEqual([[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0]])
  })

  it('sort numbers by value and take typed arrays', () => {
    expect(countConfusion(Int32Array.of(10, 9), Int32Array.of(-1, 9)).labels).toEqual([-1, 9, 10])
  })

  it('are the same in any order and after any merge, through JSON too', () => {
    fc.assert(fc.property(pairs, pairs, (one, other) => {
      const together = countPairs([...one, ...other])
      const stored = JSON.parse(JSON.stringify(countPairs(one))) as Confusion

      expect(countPairs([...one, ...other].reverse())).toEqual(together)
      expect(mergeConfusions(stored, countPairs(other))).toEqual(together)
      expect(mergeConfusions(countPairs(other), stored)).toEqual(together)
    }))
  })

  it('hold many labels without a dense matrix', () => {
    const names = Array.from({ length: 5_000 }, (_, i) => `output ${i}`)
    const confusion = countConfusion(names, names)

    expect(classificationScores(confusion).accuracy).toBe(1)
    expect(() => confusionMatrix(confusion)).toThrow('labels: expected at most 2000')
  })

  it.each<[string, string, Label[], Label[]]>([
    ['no case', 'truth: expected at least 1 item', [], []],
    ['lists of different length', 'predicted: expected 2 items', [1, 2], [1]],
    ['numbers against digits', 'predicted[0]: expected a number like the first label, got "1"', [1], ['1']],
    ['NaN', 'predicted[1]: expected a number like the first label, got NaN', [1, 2], [1, NaN]],
    ['a missing label', 'truth[1]: expected a string like the first label, got null', ['a', null as never], ['a', 'b']],
    ['a boolean', 'truth[0]: expected a number or a string, got true', [true as never], [true as never]]
  ])('are refused for %s', (_, message, truth, predicted) => {
    expect(() => countConfusion(truth, predicted)).toThrow(EvaluatorError)
    expect(() => countConfusion(truth, predicted)).toThrow(message)
  })

  it('of numbers do not merge with those of strings', () => {
    expect(() => mergeConfusions(countConfusion([1], [1]), countConfusion(['1'], ['1']))).toThrow('other.labels[0]')
  })

  it.each<[string, Confusion]>([
    ['cells[0]', { labels: [1], cells: [[0, 1, 1]] }], ['cells[0]', { labels: [1], cells: [[0.5, 0, 1]] }],
    ['cells[0]', { labels: [1], cells: [[0, 0, 0]] }], ['cells[1]', { labels: [1], cells: [[0, 0, 1], [0, 0, 1]] }],
    ['labels[1]', { labels: [2, 1], cells: [[0, 0, 1]] }], ['cells', { labels: [], cells: [] }]
  ])('are refused when stored ones are wrong at %s', (place, confusion) => {
    expect(() => classificationScores(confusion)).toThrow(`confusion.${place}`)
    expect(() => mergeConfusions(confusion, countConfusion([1], [1]))).toThrow(`one.${place}`)
  })
})

describe('classification scores', () => {
  // By hand: TP 3, FP 1, FN 2, TN 4 for label 1.
  const truth = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
  const predicted = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]

  it('match a 2 × 2 table worked by hand', () => {
    const scores = scoresOf(truth, predicted)

    expect(scores.n).toBe(10)
    expect(scores.accuracy).toBeCloseTo(0.7, 15)
    expect(scores.balancedAccuracy).toBeCloseTo((3 / 5 + 4 / 5) / 2, 15)
    expect(scores.classes[1]).toMatchObject({ label: 1, support: 5, predicted: 4, precision: 0.75, recall: 0.6 })
    expect(scores.classes[1]!.f1).toBeCloseTo(6 / 9, 15)
    expect(scores.macro.f1).toBeCloseTo((6 / 9 + 8 / 11) / 2, 15)
    expect(scores.matthewsCorrelation).toBeCloseTo((3 * 4 - 1 * 2) / Math.sqrt(4 * 5 * 5 * 6), 15)
    expect(scores.kappa).toBeCloseTo((0.7 - 0.5) / 0.5, 15)
  })

  it('weight classes by support, and pool them for micro', () => {
    const { weighted, micro, classes, accuracy } = scoresOf(['a', 'a', 'a', 'b'], ['a', 'a', 'b', 'b'])

    expect(weighted.precision).toBeCloseTo((3 * 1 + 1 * 0.5) / 4, 15)
    expect(weighted.recall).toBe(accuracy)
    expect(micro).toEqual({ precision: 0.75, recall: 0.75, f1: 0.75 })
    expect(classes.map(({ label }) => label)).toEqual(['a', 'b'])
  })

  it('penalise far confusions more in quadratic kappa', () => {
    const near = scoresOf([0, 1, 2, 0, 1, 2], [1, 1, 2, 0, 1, 2])
    const far = scoresOf([0, 1, 2, 0, 1, 2], [2, 1, 2, 0, 1, 2])

    expect(near.kappaQuadratic!).toBeGreaterThan(far.kappaQuadratic!)
    expect(near.kappaQuadratic!).toBeGreaterThan(near.kappa!)
  })

  it('stay in their ranges, never NaN, and keep to order and renaming', () => {
    fc.assert(fc.property(pairs, (list) => {
      const scores = classificationScores(countPairs(list))
      const renamed = classificationScores(countPairs(list.map(([a, b]) => [`${a + 5}`, `${b + 5}`])))

      for (const value of [scores.accuracy, scores.balancedAccuracy, ...Object.values(scores.macro),
        ...Object.values(scores.weighted), ...scores.classes.flatMap(({ precision, recall, f1 }) => [precision, recall, f1])]) {
        expect(value).toBeGreaterThanOrEqual(0)
        expect(value).toBeLessThanOrEqual(1 + 1e-12)
      }
      expect(Math.abs(scores.matthewsCorrelation)).toBeLessThanOrEqual(1)
      for (const kappa of [scores.kappa, scores.kappaQuadratic]) {
        if (kappa !== null) expect(Math.abs(kappa)).toBeLessThanOrEqual(1 + 1e-12)
      }
      expect(renamed.kappaQuadratic).toEqual(scores.kappaQuadratic)
      expect(renamed.matthewsCorrelation).toBe(scores.matthewsCorrelation)
    }))
  })

  it('are 1 for equal labels, and symmetric under swapping the lists where they should be', () => {
    fc.assert(fc.property(pairs, (list) => {
      const forth = classificationScores(countPairs(list))
      const back = classificationScores(countPairs(list.map(([a, b]) => [b, a])))
      const same = classificationScores(countPairs(list.map(([a]) => [a, a])))

      expect(back.accuracy).toBe(forth.accuracy)
      expect(back.matthewsCorrelation).toBeCloseTo(forth.matthewsCorrelation, 12)
      expect(back.macro.precision).toBeCloseTo(forth.macro.recall, 12)
      expect([same.accuracy, same.macro.f1, same.balancedAccuracy]).toEqual([1, 1, 1])
      expect(same.kappa === null || same.kappa === 1).toBe(true)
    }))
  })

  it('leave kappa undefined, and correlation 0, when one label is all there is', () => {
    expect(scoresOf([1, 1], [1, 1])).toMatchObject({ kappa: null, kappaQuadratic: null, matthewsCorrelation: 0 })
  })

  it('tell no standard error at 0, at 1 and without cases', () => {
    const { classes, se } = scoresOf(['a', 'b'], ['a', 'c'])

    expect(classes.map(({ se }) => se)).toEqual([
      { precision: null, recall: null, f1: null }, { precision: null, recall: null, f1: null },
      { precision: null, recall: null, f1: null }
    ])
    expect(se.accuracy).toBeCloseTo(Math.sqrt(0.25 / 2), 15)
  })
})

describe('standard errors of classification scores', () => {
  it('match the formulas worked by hand', () => {
    const [, one] = scoresOf([1, 1, 1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]).classes

    expect(one!.se.precision).toBeCloseTo(Math.sqrt(0.75 * 0.25 / 4), 15)
    expect(one!.se.recall).toBeCloseTo(Math.sqrt(0.6 * 0.4 / 5), 15)
    // F = 2/3 with 2TP + FP + FN = 9: (2/3)(1/3)(4/3)/9.
    expect(one!.se.f1).toBeCloseTo(Math.sqrt(8 / 243), 15)
  })

  it('are close to the true spread of the scores over many samples', () => {
    const random = seededRandom(11)
    const samples = Array.from({ length: 300 }, () => {
      const truth = Array.from({ length: 400 }, () => random.below(3))
      return scoresOf(truth, truth.map((t) => random.uniform() < 0.7 ? t : random.below(3)))
    })
    const ratio = (score: (s: ClassificationScores) => number, se: (s: ClassificationScores) => number): number => {
      const mean = samples.reduce((sum, s) => sum + score(s), 0) / samples.length
      const spread = Math.sqrt(samples.reduce((sum, s) => sum + (score(s) - mean) ** 2, 0) / (samples.length - 1))
      return samples.reduce((sum, s) => sum + se(s), 0) / samples.length / spread
    }

    // A standard deviation over 300 samples errs by 1/√600, 4 %.
    for (const value of [
      ratio(({ accuracy }) => accuracy, ({ se }) => se.accuracy!),
      ratio(({ balancedAccuracy }) => balancedAccuracy, ({ se }) => se.balancedAccuracy!),
      ratio(({ macro }) => macro.f1, ({ se }) => se.macroF1!),
      ratio(({ classes }) => classes[0]!.f1, ({ classes }) => classes[0]!.se.f1!),
      ratio(({ classes }) => classes[1]!.precision, ({ classes }) => classes[1]!.se.precision!),
      ratio(({ classes }) => classes[2]!.recall, ({ classes }) => classes[2]!.se.recall!)
    ]) expect(Math.abs(value - 1)).toBeLessThan(0.13)
  })
})
