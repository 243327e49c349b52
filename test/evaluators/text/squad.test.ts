import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalizeAnswer, scoreSquad } from '../../../evaluators/text/squad.js'

const answer = fc.string({ unit: fc.constantFrom('the ', 'cat ', 'a', ' ', '.', 'É', '\ud800'), maxLength: 20 })

describe('SQuAD answer normalisation', () => {
  it.each([
    ['The  Eiffel-Tower!', 'eiffeltower'], ['a an the', ''], ['theatre of the absurd', 'theatre of absurd'],
    ['U.S.A. and A', 'usa and'], ['éa a', 'éa'], ['a\u00a0b', 'b'], ['“quoted”', '“quoted”'], ['', '']
  ])('makes of %j %j', (text, normalized) => {
    expect(normalizeAnswer(text)).toBe(normalized)
  })
})

describe('SQuAD score', () => {
  it('counts shared words as a multiset', () => {
    expect(scoreSquad('the cat sat cat', 'cat cat cat')).toEqual({ exactMatch: 0, precision: 2 / 3, recall: 2 / 3, f1: 2 / 3 })
    expect(scoreSquad('The cat.', 'cat')).toEqual({ exactMatch: 1, precision: 1, recall: 1, f1: 1 })
  })

  it('is 1 where both sides are empty once normalised, and 0 where one is', () => {
    expect(scoreSquad('the', '...')).toEqual({ exactMatch: 1, precision: 1, recall: 1, f1: 1 })
    expect(scoreSquad('cat', 'the')).toEqual({ exactMatch: 0, precision: 0, recall: 0, f1: 0 })
    expect(scoreSquad('', 'cat').f1).toBe(0)
  })

  it('takes the best of several references', () => {
    expect(scoreSquad(['dog', 'a black cat', 'cat'], 'black cat')).toEqual({ exactMatch: 1, precision: 1, recall: 1, f1: 1 })
    expect(scoreSquad(['cat x', 'cat y'], 'cat z').f1).toBe(0.5)
  })

  it('is symmetric, within 0..1, and 1 exactly for the same words', () => {
    fc.assert(fc.property(answer, answer, (a, b) => {
      const [forth, back] = [scoreSquad(a, b), scoreSquad(b, a)]

      expect(back).toEqual({ ...forth, precision: forth.recall, recall: forth.precision })
      expect(forth.f1).toBeLessThanOrEqual(1)
      if (forth.exactMatch === 1) expect(forth.f1).toBe(1)
    }))
  })

  it('refuses what is not text', () => {
    expect(() => scoreSquad([], 'a')).toThrow('references: expected at least 1 item')
    expect(() => scoreSquad('a', [] as unknown as string)).toThrow('candidate: expected a string, got object')
    expect(() => normalizeAnswer(3 as unknown as string)).toThrow('text: expected a string')
  })
})
