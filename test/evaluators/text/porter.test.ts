import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stemPorter } from '../../../evaluators/text/porter.js'

describe('Porter stemmer', () => {
  it.each([
    ['caresses', 'caress'], ['ponies', 'poni'], ['cats', 'cat'], ['agreed', 'agre'], ['plastered', 'plaster'],
    ['motoring', 'motor'], ['conflated', 'conflat'], ['troubled', 'troubl'], ['sized', 'size'], ['hopping', 'hop'],
    ['falling', 'fall'], ['filing', 'file'], ['relational', 'relat'], ['conditional', 'condit'], ['digitizer', 'digit'],
    ['triplicate', 'triplic'], ['formative', 'form'], ['electricity', 'electr'], ['hopefulness', 'hope'],
    ['revival', 'reviv'], ['adjustable', 'adjust'], ['replacement', 'replac'], ['adoption', 'adopt'],
    ['probate', 'probat'], ['rate', 'rate'], ['controll', 'control'], ['roll', 'roll']
  ])('follows the examples of the paper: %s becomes %s', (word, stem) => {
    expect(stemPorter(word)).toBe(stem)
  })

  it.each([
    ['skies', 'sky'], ['dying', 'die'], ['innings', 'inning'], ['news', 'news'], ['succeed', 'succeed'],
    ['dies', 'die'], ['flies', 'fli'], ['died', 'die'], ['spied', 'spi'], ['enjoy', 'enjoy'], ['happy', 'happi'],
    ['by', 'by'], ['fully', 'fulli'], ['joyfully', 'joy'], ['geology', 'geolog'], ['rationally', 'ration'], ['as', 'as'], ['owed', 'owe']
  ])('departs from it as NLTK does: %s becomes %s', (word, stem) => {
    expect(stemPorter(word)).toBe(stem)
  })

  it('lower-cases, and takes letters beyond a to z as consonants', () => {
    expect(stemPorter('Running')).toBe('run')
    expect(stemPorter('été')).toBe('été')
    expect(stemPorter('')).toBe('')
  })

  it('takes a word of 20,000 letters, of y alone too', () => {
    expect(stemPorter('y'.repeat(20_000))).toHaveLength(20_000)
    expect(stemPorter(`${'ba'.repeat(10_000)}ing`)).toHaveLength(20_000)
  })

  it('never makes a word longer, and changes only its end', () => {
    fc.assert(fc.property(fc.stringMatching(/^[a-z0-9]{1,12}(ing|ed|ies|ational|fulness|ly|ee)?$/), (word) => {
      const stem = stemPorter(word)
      const shared = [...stem].findIndex((letter, i) => letter !== word[i])

      expect(stem.length).toBeLessThanOrEqual(word.length)
      expect(shared === -1 ? 0 : stem.length - shared).toBeLessThanOrEqual(2)
    }))
  })

  it('refuses what is not a string', () => {
    expect(() => stemPorter(null as unknown as string)).toThrow('word: expected a string, got null')
  })
})
