import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BleuCounts, corpusBleu, countBleu, mergeBleuCounts, scoreBleu, sentenceBleu } from '../../../evaluators/text/bleu.js'

const text = fc.array(fc.constantFrom('the', 'cat', 'sat', 'on', 'mat', '.', '3.5'), { maxLength: 15 }).map((list) => list.join(' '))
const pairs = fc.array(fc.tuple(fc.array(text, { minLength: 1, maxLength: 3 }), text), { minLength: 1, maxLength: 6 })

describe('BLEU', () => {
  it('is the geometric mean of the precisions times the brevity penalty', () => {
    const bleu = sentenceBleu('the cat sat on the mat today', 'the cat sat on a mat')

    expect(bleu.matches).toEqual([5, 3, 2, 1])
    expect(bleu.totals).toEqual([6, 5, 4, 3])
    expect(bleu.brevityPenalty).toBeCloseTo(Math.exp(1 - 7 / 6), 12)
    expect(bleu.score).toBeCloseTo(100 * Math.exp(-1 / 6) * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25, 10)
  })

  it('halves, for each further order without a match, what such an order counts', () => {
    expect(sentenceBleu('a b c d', 'a b x y').precisions).toEqual([50, 100 / 3, 100 / (2 * 2), 100 / (4 * 1)])
  })

  it('clips by the reference that has an n-gram most often, and takes the closest length, the shorter of two', () => {
    expect(countBleu(['the the', 'the cat', 'the'], 'the the the').matches.slice(0, 2)).toEqual([2, 1])
    expect(countBleu(['a b c d', 'a b'], 'a b c').referenceLength).toBe(2)
    expect(countBleu(['a b', 'a b c d'], 'a b c').referenceLength).toBe(2)
    expect(countBleu(['a b c d e f', 'a b c d'], 'a b c').referenceLength).toBe(4)
  })

  it('counts for a short sentence only the orders that it has, unless told otherwise', () => {
    expect(sentenceBleu('a b', 'a b').score).toBeCloseTo(100, 10)
    expect(sentenceBleu('a b', 'a b', { effectiveOrder: false }).score).toBe(0)
    expect(corpusBleu(['a b'], ['a b']).score).toBe(0)
  })

  it('is 0 without a match, with the penalties that the lengths give', () => {
    expect(sentenceBleu('', '')).toMatchObject({ score: 0, brevityPenalty: 1, precisions: [0, 0, 0, 0] })
    expect(sentenceBleu('a', '')).toMatchObject({ score: 0, brevityPenalty: 0 })
    expect(sentenceBleu('', 'a')).toMatchObject({ score: 0, brevityPenalty: 1, totals: [1, 0, 0, 0] })
  })

  it('of a corpus comes from its parts merged in any grouping and order', () => {
    fc.assert(fc.property(pairs, fc.nat({ max: 6 }), (list, cut) => {
      const counts = list.map(([references, candidate]) => countBleu(references, candidate))
      const whole = corpusBleu(list.map(([references]) => references), list.map(([, candidate]) => candidate))
      const merged = mergeBleuCounts([mergeBleuCounts(counts.slice(cut)), mergeBleuCounts(counts.slice(0, cut))])

      expect(scoreBleu(merged)).toEqual(whole)
      expect(whole.score).toBeGreaterThanOrEqual(0)
      expect(whole.score).toBeLessThanOrEqual(100)
    }))
  })

  it('is 100 for equal texts of four tokens or more', () => {
    fc.assert(fc.property(text, (each) => {
      fc.pre(countBleu(each, each).candidateLength >= 4)

      expect(corpusBleu([each], [each]).score).toBeCloseTo(100, 9)
    }))
  })

  it('takes texts of 20,000 tokens', () => {
    const long = Array.from({ length: 20_000 }, (_, i) => `w${i % 777}`).join(' ')

    expect(sentenceBleu(long, long).score).toBeCloseTo(100, 9)
  })

  it('names what is wrong', () => {
    const counts: BleuCounts = countBleu('a', 'a')
    expect(() => corpusBleu([], [])).toThrow('candidates: expected at least 1 item')
    expect(() => corpusBleu(['a'], ['a', 'b'])).toThrow('references: expected 2 items as in candidates, got 1')
    expect(() => corpusBleu([['a', 1 as unknown as string]], ['a'])).toThrow('references[0][1]: expected a string')
    expect(() => sentenceBleu([], 'a')).toThrow('references: expected at least 1 item')
    expect(() => scoreBleu({ ...counts, matches: [2, 0, 0, 0] })).toThrow('counts.matches[0]: expected an integer from 0 to 1, got 2')
    expect(() => scoreBleu({ ...counts, totals: [1] })).toThrow('counts: expected matches and totals for 4 orders')
    expect(() => mergeBleuCounts([counts, { ...counts, candidateLength: NaN }])).toThrow('parts[1].candidateLength: expected an integer')
  })
})
