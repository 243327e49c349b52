import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { corpusDistinctN, distinctN, measureLength, measureRepetition, tokenizeWords } from '../../../evaluators/text/descriptors.js'

const text = fc.array(fc.constantFrom('a', 'b', 'c', '.'), { maxLength: 60 }).map((list) => list.join(' '))

/** The longest run of tokens that occurs twice, by trying all. */
function longestRunByDefinition (tokens: readonly string[]): number {
  for (let length = tokens.length - 1; length > 0; length--) {
    const runs = tokens.slice(length - 1).map((_, i) => tokens.slice(i, i + length).join(' '))
    if (new Set(runs).size < runs.length) return length
  }
  return 0
}

describe('words of any script', () => {
  it('are runs of letters, marks and digits in lower case, and single Chinese or Japanese characters', () => {
    expect(tokenizeWords("Don't stop, ÉTÉ 3.5!")).toEqual(['don', 't', 'stop', 'été', '3', '5'])
    expect(tokenizeWords('GPT中文кот')).toEqual(['gpt', '中', '文', 'кот'])
    expect(tokenizeWords(' \ud800… ')).toEqual([])
  })
})

describe('length', () => {
  it('is told in UTF-16 units, code points and words', () => {
    expect(measureLength('Hi 😀 you')).toEqual({ characters: 9, codePoints: 8, tokens: 2 })
    expect(measureLength('\ud83d\ud83d\ude00\ude00')).toEqual({ characters: 4, codePoints: 3, tokens: 0 })
    expect(measureLength('')).toEqual({ characters: 0, codePoints: 0, tokens: 0 })
  })

  it('has as many code points as the text has characters when spread', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '\ud83d', '\ude00') }), (each) => {
      expect(measureLength(each).codePoints).toBe([...each].length)
    }))
  })
})

describe('repetition', () => {
  it('is the share of n-grams that were there before, and the longest run that comes again', () => {
    expect(measureRepetition('the cat sat, the cat sat, the cat ran', 2)).toEqual({ repeatedShare: 1 - 4 / 8, longestRun: 5 })
    expect(measureRepetition('no no no no', 1)).toEqual({ repeatedShare: 0.75, longestRun: 3 })
    expect(measureRepetition('all words differ here')).toEqual({ repeatedShare: 0, longestRun: 0 })
  })

  it('has no share where the text has no n-gram', () => {
    expect(measureRepetition('two words')).toEqual({ repeatedShare: null, longestRun: 0 })
    expect(measureRepetition('')).toEqual({ repeatedShare: null, longestRun: 0 })
  })

  it('finds the longest run that any search finds', () => {
    fc.assert(fc.property(text, (each) => {
      expect(measureRepetition(each).longestRun).toBe(longestRunByDefinition(tokenizeWords(each)))
    }), { numRuns: 300 })
  })

  it('complements distinct-n', () => {
    fc.assert(fc.property(text, fc.integer({ min: 1, max: 5 }), (each, n) => {
      const { repeatedShare } = measureRepetition(each, n)
      const distinct = distinctN(each, n)

      if (distinct === null) expect(repeatedShare).toBeNull()
      else expect(repeatedShare! + distinct).toBeCloseTo(1, 12)
    }))
  })

  it('takes a text of 20,000 tokens', () => {
    expect(measureRepetition(Array.from({ length: 20_000 }, (_, i) => `w${i % 100}`).join(' ')).longestRun).toBe(19_900)
  })
})

describe('distinct-n', () => {
  it('is the share of different n-grams', () => {
    expect(distinctN('the cat the cat the', 1)).toBe(2 / 5)
    expect(distinctN('the cat the cat the', 2)).toBe(2 / 4)
    expect(distinctN('the', 2)).toBeNull()
  })

  it('of a corpus pools the n-grams, none across two texts', () => {
    expect(corpusDistinctN(['a b', 'b a', 'a b'], 2)).toBe(2 / 3)
    expect(corpusDistinctN(['a', 'b'], 2)).toBeNull()
  })

  it('does not depend on the order of the texts, and lies in (0, 1]', () => {
    fc.assert(fc.property(fc.array(text, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 4 }), (texts, n) => {
      const share = corpusDistinctN(texts, n)

      expect(corpusDistinctN(texts.toReversed(), n)).toBe(share)
      if (share !== null) expect(share > 0 && share <= 1).toBe(true)
    }))
  })

  it('names what is wrong', () => {
    expect(() => distinctN('a', 0)).toThrow('n: expected an integer from 1 to 100, got 0')
    expect(() => measureRepetition('a', 1.5)).toThrow('n: expected an integer')
    expect(() => corpusDistinctN([], 1)).toThrow('texts: expected at least 1 item')
    expect(() => corpusDistinctN(['a', {} as string], 1)).toThrow('texts[1]: expected a string, got object')
    expect(() => distinctN(null as unknown as string, 1)).toThrow('text: expected a string, got null')
    expect(() => measureLength(1 as unknown as string)).toThrow('text: expected a string, got number')
  })
})
