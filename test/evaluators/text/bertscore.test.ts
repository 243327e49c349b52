import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bertScore, bertScoreMultiReference, isEmptyText } from '../../../evaluators/text/bertscore.js'
import { countDocumentFrequencies, idfWeights } from '../../../evaluators/text/inverse-document-frequency.js'
import { packRows, type TokenEmbeddings } from '../../../evaluators/text/token-embeddings.js'
import { seededRandom } from '../../../scripts/support/random.js'

const X = [1, 0]
const Y = [0, 1]
const DIAGONAL = [3, 3]
const HALF = Math.SQRT1_2

const text = (rows: number[][], extra: Partial<TokenEmbeddings> = {}): TokenEmbeddings => ({ ...packRows(rows), ...extra })
/** CLS, the rows, SEP. */
const framed = (rows: number[][]): TokenEmbeddings =>
  text([[1, 1], ...rows, [1, -1]], { isSpecial: [1, ...rows.map(() => 0), 1] })

const component = fc.oneof(fc.double({ min: -2, max: 2, noNaN: true }), fc.constantFrom(0, 1e200, -1e200, 1e-200, 5e-324, 1.7e308))
const anyText = fc.integer({ min: 1, max: 3 }).chain((width) => fc.tuple(
  fc.array(fc.array(component, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 9 }),
  fc.array(fc.array(component, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 9 })
))

describe('bertScore', () => {
  it('matches every token with the nearest of the other text, whatever the vectors\' lengths', () => {
    const score = bertScore(text([X, DIAGONAL]), text([[5, 0], [0, 0.1]]))

    expect(score.precision).toBeCloseTo((1 + HALF) / 2, 12)
    expect(score.recall).toBeCloseTo((1 + HALF) / 2, 12)
    expect(score.f1).toBeCloseTo((1 + HALF) / 2, 12)
  })

  it('weighs the tokens of each side', () => {
    const score = bertScore(text([X, DIAGONAL], { weights: [3, 1] }), text([X, Y], { weights: [0, 2] }))

    expect(score.precision).toBeCloseTo((3 + HALF) / 4, 12)
    expect(score.recall).toBeCloseTo(HALF, 12)
  })

  it('gives special tokens no weight, yet lets tokens be matched with them unless told not to', () => {
    const [candidate, reference] = [framed([DIAGONAL]), framed([X])]

    expect(bertScore(candidate, reference).precision).toBeCloseTo(1, 12)
    expect(bertScore(candidate, reference, { areSpecialsMatchable: false }).precision).toBeCloseTo(HALF, 12)
  })

  it('is 0 when a text is empty: no token, or only the two that frame it', () => {
    const nothing = { values: new Float32Array(0), width: 2 }

    for (const empty of [framed([]), nothing]) {
      expect(isEmptyText(empty)).toBe(true)
      expect(bertScore(empty, framed([X]))).toEqual({ precision: 0, recall: 0, f1: 0 })
      expect(bertScore(framed([X]), empty)).toEqual({ precision: 0, recall: 0, f1: 0 })
    }
    expect(isEmptyText(text([X, Y]))).toBe(false)
  })

  it('leaves a side undefined whose weights are all 0, and then gives F1 0', () => {
    expect(bertScore(text([X, Y]), text([X, Y], { weights: [0, 0] }))).toEqual({ precision: 1, recall: null, f1: 0 })
  })

  it('leaves a side undefined that has nothing to be matched with', () => {
    const onlySpecial = text([X, Y, X], { isSpecial: [1, 1, 1] })

    expect(bertScore(text([X]), onlySpecial, { areSpecialsMatchable: false })).toEqual({ precision: null, recall: null, f1: 0 })
  })

  it('can be negative, and has no F1 when precision and recall cancel out', () => {
    expect(bertScore(text([X]), text([[-2, 0]]))).toEqual({ precision: -1, recall: -1, f1: -1 })
    expect(bertScore(text([X]), text([X, [-1, 0]], { weights: [0, 1] }))).toEqual({ precision: 1, recall: -1, f1: null })
  })

  it('gives a vector of zeros cosine 0 with every token', () => {
    expect(bertScore(text([[0, 0]]), text([X]))).toEqual({ precision: 0, recall: 0, f1: 0 })
  })

  it('rescales by a baseline without clipping', () => {
    const baseline = { precision: 0.5, recall: 0.75, f1: 0.6 }

    expect(bertScore(text([X]), text([X]), { baseline })).toEqual({ precision: 1, recall: 1, f1: 1 })
    expect(bertScore(text([X]), text([Y]), { baseline })).toEqual({ precision: -1, recall: -3, f1: -0.6 / 0.4 })
    expect(bertScore(text([X]), text([X], { weights: [0] }), { baseline }).recall).toBeNull()
  })

  it('agrees with the plain definition for texts of any size', () => {
    fc.assert(fc.property(anyText, fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), ([a, b], numbers) => {
      const weigh = (rows: number[][]): number[] => rows.map(() => numbers.next().value as number)
      const [weightsA, weightsB] = [weigh(a), weigh(b)]

      const got = bertScore(text(a, { weights: weightsA }), text(b, { weights: weightsB }))

      const expected = [mean(a, b, weightsA), mean(b, a, weightsB)]
      for (const [i, value] of [got.precision, got.recall].entries()) {
        if (expected[i] === null) expect(value).toBeNull()
        else expect(Math.abs(value! - expected[i]!)).toBeLessThan(1e-9)
      }
    }))
  })

  it.each([[301, 3, 300], [5, 6, 20_001], [1, 700, 130]])('agrees with it for %i and %i tokens of %i numbers', (tokens, others, width) => {
    const random = seededRandom(5)
    const rows = (count: number): number[][] => Array.from({ length: count }, () => Array.from({ length: width }, () => 2 * random() - 1))
    const [a, b] = [rows(tokens), rows(others)]

    const { precision, recall } = bertScore(text(a), text(b))

    expect(precision).toBeCloseTo(mean(a, b, a.map(() => 1))!, 12)
    expect(recall).toBeCloseTo(mean(b, a, b.map(() => 1))!, 12)
  })

  it('has bounded precision and recall, never NaN, and swaps them with its arguments', () => {
    fc.assert(fc.property(anyText, fc.boolean(), ([a, b], areSpecialsMatchable) => {
      const [one, other] = [bertScore(text(a), text(b), { areSpecialsMatchable }), bertScore(text(b), text(a), { areSpecialsMatchable })]

      for (const value of [one.precision!, one.recall!]) expect(Math.abs(value)).toBeLessThanOrEqual(1 + 1e-15)
      expect(one.f1).not.toBeNaN()
      expect(one.precision).toBeCloseTo(other.recall!, 12)
      expect(one.recall).toBeCloseTo(other.precision!, 12)
    }))
  })

  it('does not depend on the order of tokens, and is 1 for equal texts', () => {
    fc.assert(fc.property(anyText, ([a, b]) => {
      expect(bertScore(text([...a].reverse()), text([...b].reverse())).precision).toBeCloseTo(bertScore(text(a), text(b)).precision!, 9)
      const directed = a.filter((row) => row.some((value) => value !== 0))
      if (directed.length > 0) expect(bertScore(text(directed), text(directed)).f1).toBeCloseTo(1, 12)
    }))
  })

  it('does not gain recall when candidate tokens are taken away', () => {
    fc.assert(fc.property(anyText, ([a, b]) => {
      fc.pre(a.length > 1)
      expect(bertScore(text(a.slice(1)), text(b)).recall!).toBeLessThanOrEqual(bertScore(text(a), text(b)).recall! + 1e-12)
    }))
  })

  it.each<[string, () => unknown, string, string]>([
    ['vectors of different width', () => bertScore(text([X]), text([[1, 0, 0]])), 'LENGTH_MISMATCH', 'reference.width: expected 2 as in candidate, got 3'],
    ['a number that is not finite', () => bertScore(text([X, [NaN, 1]]), text([X])), 'NOT_FINITE', 'candidate.values[2]: expected a finite number, got NaN'],
    ['an infinite number', () => bertScore(text([X]), text([[1, -Infinity]])), 'NOT_FINITE', 'reference.values[1]: expected a finite number, got -Infinity'],
    ['a negative weight', () => bertScore(text([X], { weights: [-1] }), text([X])), 'OUT_OF_RANGE', 'candidate.weights[0]: expected a number of at least 0, got -1'],
    ['a weight that is not a number', () => bertScore(text([X], { weights: [NaN] }), text([X])), 'NOT_FINITE', 'candidate.weights[0]: expected a finite number, got NaN'],
    ['too few weights', () => bertScore(text([X, Y], { weights: [1] }), text([X])), 'LENGTH_MISMATCH', 'candidate.weights: expected one number for each of 2 tokens, got 1'],
    ['too many marks', () => bertScore(text([X]), text([X], { isSpecial: [0, 1] })), 'LENGTH_MISMATCH', 'reference.isSpecial: expected one number for each of 1 tokens, got 2'],
    ['a width of 0', () => bertScore({ values: [1], width: 0 }, text([X])), 'OUT_OF_RANGE', 'candidate.width: expected a whole number of at least 1, got 0'],
    ['half a row', () => bertScore({ values: [1, 2, 3], width: 2 }, text([X])), 'LENGTH_MISMATCH', 'candidate.values: expected a multiple of the width 2, got 3 numbers'],
    ['a baseline of 1', () => bertScore(text([X]), text([X]), { baseline: { precision: 0, recall: 1, f1: 0 } }), 'OUT_OF_RANGE', 'baseline.recall: expected a finite number below 1, got 1'],
    ['no references', () => bertScoreMultiReference(text([X]), []), 'EMPTY', 'references: expected at least 1 item, got 0'],
    ['no rows', () => packRows([]), 'EMPTY', 'rows: expected at least 1 item, got 0'],
    ['empty rows', () => packRows([[]]), 'EMPTY', 'rows[0]: expected at least 1 item, got 0'],
    ['rows of different length', () => packRows([[1], [1, 2]]), 'LENGTH_MISMATCH', 'rows[1]: expected 1 numbers as in rows[0], got 2']
  ])('refuses %s', (_, act, code, message) => {
    expect(act).toThrow(expect.objectContaining({ name: 'EvaluatorError', code, message }))
  })
})

describe('bertScoreMultiReference', () => {
  it('takes the best precision, recall and F1 each by itself', () => {
    const candidate = text([X, DIAGONAL])
    const references = [text([X]), text([X, Y, DIAGONAL])]
    const scores = references.map((reference) => bertScore(candidate, reference))

    const best = bertScoreMultiReference(candidate, references)

    expect(best.precision).toBe(Math.max(...scores.map(({ precision }) => precision!)))
    expect(best.recall).toBe(Math.max(...scores.map(({ recall }) => recall!)))
    expect(best.f1).toBe(Math.max(...scores.map(({ f1 }) => f1!)))
    expect(best.recall).toBe(scores[0]!.recall)
    expect(best.precision).toBe(scores[1]!.precision)
  })

  it('is not defined where it is not for one of the references, and rescales at the end', () => {
    const baseline = { precision: 0.5, recall: 0.5, f1: 0.5 }

    const best = bertScoreMultiReference(text([X]), [text([X]), text([Y], { weights: [0] })], { baseline })

    expect(best).toEqual({ precision: 1, recall: null, f1: 1 })
  })
})

describe('idfWeights', () => {
  const table = countDocumentFrequencies([[2, 7, 7, 3], [2, 7, 9, 3], [2, 3], Int32Array.of(2, 9, 3)])

  it('weighs by the natural logarithm of how rare a token is, 0 for one in all texts', () => {
    expect(table.documents).toBe(4)
    expect([...table.frequencies].sort(([a], [b]) => a - b)).toEqual([[2, 4], [3, 4], [7, 2], [9, 2]])
    expect([...idfWeights([2, 7, 9, 42, 3], table)]).toEqual([0, Math.log(5 / 3), Math.log(5 / 3), Math.log(5), 0])
  })

  it('gives all tokens of a single text weight 0', () => {
    expect([...idfWeights([2, 5, 3], countDocumentFrequencies([[2, 5, 3]]))]).toEqual([0, 0, 0])
  })

  it('never weighs a token less when fewer texts have it', () => {
    fc.assert(fc.property(fc.array(fc.array(fc.nat(9), { maxLength: 6 }), { minLength: 1, maxLength: 9 }), (texts) => {
      const { documents, frequencies } = countDocumentFrequencies(texts)
      const ids = [...Array(10).keys()].sort((a, b) => (frequencies.get(a) ?? 0) - (frequencies.get(b) ?? 0))
      const weights = idfWeights(ids, { documents, frequencies })

      for (let i = 1; i < ids.length; i++) expect(weights[i]!).toBeLessThanOrEqual(weights[i - 1]!)
      expect(Math.min(...weights)).toBeGreaterThanOrEqual(0)
    }))
  })

  it.each<[string, () => unknown, string, string]>([
    ['no texts', () => countDocumentFrequencies([]), 'EMPTY', 'texts: expected at least 1 item, got 0'],
    ['an id that is no integer', () => countDocumentFrequencies([[1], [1, 2.5]]), 'OUT_OF_RANGE', 'texts[1][1]: expected an integer, got 2.5'],
    ['an id that is not a number', () => idfWeights([NaN], table), 'OUT_OF_RANGE', 'ids[0]: expected an integer, got NaN'],
    ['a table of no texts', () => idfWeights([1], { documents: 0, frequencies: new Map() }), 'OUT_OF_RANGE', 'documents: expected a whole number of at least 1, got 0'],
    ['a token in more texts than there are', () => idfWeights([1], { documents: 2, frequencies: new Map([[1, 3]]) }), 'OUT_OF_RANGE', 'frequencies[1]: expected a whole number from 0 to 2, got 3']
  ])('refuses %s', (_, act, code, message) => {
    expect(act).toThrow(expect.objectContaining({ name: 'EvaluatorError', code, message }))
  })
})

/** The definition, without blocks: vectors scaled by their greatest number first, so that squares stay finite. */
function mean (rows: number[][], others: number[][], weights: number[]): number | null {
  const unit = (row: number[]): number[] => {
    const greatest = Math.max(...row.map(Math.abs))
    if (greatest === 0) return row
    const scaled = row.map((value) => value / greatest)
    const length = Math.hypot(...scaled)
    return scaled.map((value) => value / length)
  }
  const [units, otherUnits] = [rows.map(unit), others.map(unit)]
  const best = units.map((row) => Math.max(...otherUnits.map((other) => row.reduce((sum, value, k) => sum + value * other[k]!, 0))))
  const greatest = Math.max(...weights)
  if (greatest === 0) return null
  const relative = weights.map((weight) => weight / greatest)
  return relative.reduce((sum, weight, t) => sum + weight * best[t]!, 0) / relative.reduce((sum, weight) => sum + weight)
}
