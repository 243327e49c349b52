import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { corpusChrf, countChrf, mergeChrfCounts, scoreChrf, sentenceChrf } from '../../../evaluators/text/chrf.js'

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', ' ', '.', '😀', '\ud800'), maxLength: 20 })
const pairs = fc.array(fc.tuple(fc.array(text, { minLength: 1, maxLength: 3 }), text), { minLength: 1, maxLength: 6 })

describe('chrF', () => {
  it('is the F-score, recall counting twice, of mean precision and recall over the orders', () => {
    // "ab" against "abc": precisions 1, 1; recalls 2/3, 1/2; trigrams are missing on one side and left out.
    const [precision, recall] = [1, (2 / 3 + 1 / 2) / 2]

    expect(sentenceChrf('abc', 'ab')).toBeCloseTo(100 * 5 * precision * recall / (4 * precision + recall), 10)
    expect(sentenceChrf('abc', 'ab', { beta: 0 })).toBeCloseTo(100, 10)
  })

  it('counts code points, white space left out', () => {
    expect(countChrf('a 😀\u00a0b', '\ud800').references).toEqual([3, 2, 1, 0, 0, 0])
    expect(countChrf('a 😀\u00a0b', '\ud800').candidates).toEqual([1, 0, 0, 0, 0, 0])
    expect(countChrf('', 'ab').candidates).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('splits for chrF++ a punctuation mark off the end of a word, or else off its start', () => {
    const { references, matches } = countChrf('(hi) "yes (no', '(hi )', { characterOrder: 1, wordOrder: 2 })

    expect(references).toEqual([11, 6, 5])
    expect(matches.slice(1)).toEqual([2, 0])
    expect(countChrf('(hi)', '(hi )', { wordOrder: 2 }).matches.slice(6)).toEqual([1, 0])
  })

  it('takes the best of several references', () => {
    expect(sentenceChrf(['zzz', 'abcdef', 'abc'], 'abc')).toBeCloseTo(100, 10)
  })

  it('is 0 where a side is empty, also where both are', () => {
    for (const [reference, candidate] of [['', ''], ['a', ''], [' ', 'a']] as const) {
      expect(sentenceChrf(reference, candidate, { wordOrder: 2 })).toBe(0)
    }
  })

  it('of a corpus comes from its parts merged in any grouping and order, within 0..100', () => {
    fc.assert(fc.property(pairs, fc.nat({ max: 5 }), (list, cut) => {
      const counts = list.map(([references, candidate]) => countChrf(references, candidate, { wordOrder: 2 }))
      const whole = corpusChrf(list.map(([references]) => references), list.map(([, candidate]) => candidate), { wordOrder: 2 })
      const parts = [counts.slice(cut), counts.slice(0, cut)].filter(({ length }) => length > 0)

      expect(scoreChrf(mergeChrfCounts(parts.map(mergeChrfCounts)))).toBe(whole)
      expect(whole).toBeGreaterThanOrEqual(0)
      expect(whole).toBeLessThanOrEqual(100)
    }))
  })

  it('is 100 for equal texts with a character, and swaps precision and recall with the texts', () => {
    fc.assert(fc.property(text, text, (a, b) => {
      if (a.trim() !== '') expect(sentenceChrf(a, a, { wordOrder: 2 })).toBeCloseTo(100, 9)
      expect(sentenceChrf(a, b, { beta: 1 })).toBeCloseTo(sentenceChrf(b, a, { beta: 1 }), 9)
    }))
  })

  it('takes texts of 20,000 tokens', () => {
    const long = Array.from({ length: 20_000 }, (_, i) => `w${i % 777}`).join(' ')

    expect(sentenceChrf(long, long, { wordOrder: 2 })).toBeCloseTo(100, 9)
  })

  it('names what is wrong', () => {
    const counts = countChrf('ab', 'ab')
    expect(() => sentenceChrf('a', 'a', { characterOrder: 0 })).toThrow('characterOrder: expected a number from 1 to 20')
    expect(() => sentenceChrf('a', 'a', { wordOrder: 1.5 })).toThrow('wordOrder: expected an integer')
    expect(() => sentenceChrf('a', 'a', { beta: NaN })).toThrow('beta: expected a number from 0 to 100')
    expect(() => sentenceChrf([], 'a')).toThrow('references: expected at least 1 item')
    expect(() => sentenceChrf('a', null as unknown as string)).toThrow('candidate: expected a string, got null')
    expect(() => corpusChrf([], [])).toThrow('candidates: expected at least 1 item')
    expect(() => corpusChrf(['a'], ['a', 'b'])).toThrow('references: expected 2 items')
    expect(() => mergeChrfCounts([])).toThrow('parts: expected at least 1 item')
    expect(() => mergeChrfCounts([counts, countChrf('a', 'a', { wordOrder: 2 })])).toThrow('parts[1].matches: expected 6 items')
    expect(() => scoreChrf({ ...counts, matches: [9, 0, 0, 0, 0, 0] })).toThrow('counts.matches[0]: expected an integer from 0 to 2, got 9')
    expect(() => scoreChrf({ ...counts, candidates: undefined as unknown as number[] })).toThrow('counts.candidates: expected a list')
  })
})
