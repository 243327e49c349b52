import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classifyDomains } from '../../../evaluators/drift/domain-classifier.js'
import { hashNgrams } from '../../../evaluators/drift/hashed-ngrams.js'
import { buildVocabulary, describeText, outOfVocabularyRate, wordsOf } from '../../../evaluators/drift/text-descriptors.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

describe('text descriptors', () => {
  it('count characters, digits, punctuation, upper case and scripts', () => {
    expect(describeText('Ab 12, да')).toEqual({
      length: 9, digits: 2 / 9, punctuation: 1 / 9, upperCase: 1 / 9, scripts: { cyrillic: 0.5, latin: 0.5 }, script: 'cyrillic'
    })
    expect(describeText('你好 ok 世界').script).toBe('han')
    expect(describeText('ᚠᚢ a').script).toBe('other')
  })

  it('leave the shares of an empty text open, and take lone surrogates', () => {
    expect(describeText('')).toEqual({ length: 0, digits: null, punctuation: null, upperCase: null, scripts: {}, script: 'none' })
    expect(describeText('\ud800x')).toMatchObject({ length: 2, script: 'latin' })
  })

  it('stay within 0 and 1 for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }), (text) => {
      const { length, digits, punctuation, upperCase, scripts } = describeText(text)
      expect(length).toBe([...text].length)
      expect(digits! + punctuation! + upperCase!).toBeLessThanOrEqual(1)
      const shares = Object.values(scripts)
      if (shares.length > 0) expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 10)
    }))
  })

  it('find the words that a vocabulary lacks', () => {
    const vocabulary = buildVocabulary(['the cat', 'The dog', 'a cat'], 2)

    expect(wordsOf('Don\'t 3 STOP2 é')).toEqual(['don\'t', 'stop2', 'é'])
    expect(vocabulary).toEqual(['cat', 'the'])
    expect(outOfVocabularyRate('the cat the fish', new Set(vocabulary))).toBe(0.25)
    expect(outOfVocabularyRate('123 …', new Set(vocabulary))).toBeNull()
  })
})

describe('hashed n-grams', () => {
  const options = { unit: 'word', min: 1, max: 2, dimension: 1_024, unitsMax: 100 } as const

  it('are unit vectors with ascending places, whatever the text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('word' as const, 'character' as const), (text, unit) => {
      const { places, values } = hashNgrams(text, { ...options, unit })
      expect(Array.from(places)).toEqual(Array.from(places).toSorted((a, b) => a - b))
      if (values.length > 0) expect(values.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 10)
      expect(values.every((value) => value > 0)).toBe(true)
    }))
  })

  it('look at a bounded part of the text', () => {
    expect(hashNgrams('a b c d', { ...options, unitsMax: 2 })).toEqual(hashNgrams('a b', options))
  })

  it.each([[{ min: 0 }, 'min and max'], [{ min: 3 }, 'min and max'], [{ dimension: 1_000 }, 'dimension'], [{ unitsMax: 0 }, 'unitsMax']])('refuse %o', (part, argument) => {
    expect(() => hashNgrams('a', { ...options, ...part })).toThrow(argument)
  })
})

const texts = (n: number, seed: number, range: number): string[] => {
  const random = seededRandom(seed)
  return Array.from({ length: n }, () => Array.from({ length: 8 }, () => `w${String.fromCharCode(97 + random.below(range))}`).join(' '))
}

describe('domain classifier', () => {
  it('tells apart texts with other words, and says the same with the same seed', () => {
    const run = (): ReturnType<typeof classifyDomains> => classifyDomains(texts(150, 1, 10), texts(120, 2, 20), { random: seededRandom(1) })

    expect(run().auc).toBeGreaterThan(0.9)
    expect(run().lower).toBeGreaterThan(0.85)
    expect(run().p).toBeLessThan(1e-6)
    expect(run()).toEqual(run())
  })

  it('rarely claims a difference where there is none', () => {
    const ps = Array.from({ length: 40 }, (_, i) =>
      classifyDomains(texts(60, 2 * i + 1, 20), texts(60, 2 * i + 2, 20), { random: seededRandom(i) }).p)

    expect(ps.filter((p) => p <= 0.05).length).toBeLessThanOrEqual(8)
    expect(ps.filter((p) => p <= 0.001)).toEqual([])
  })

  it('cannot tell identical texts, and is bounded by its cap', () => {
    const { auc, n, p } = classifyDomains(new Array(50).fill('same'), new Array(70).fill('same'), { random: seededRandom(1), textsMax: 40 })

    expect(auc).toBe(0.5)
    expect(p).toBeGreaterThan(0.4)
    expect(n).toEqual({ reference: 40, current: 40 })
  })

  it('refuses fewer texts than folds, and options out of range', () => {
    const random = seededRandom(1)
    expect(() => classifyDomains(['a'], texts(9, 1, 3), { random })).toThrow('reference: expected at least 5')
    expect(() => classifyDomains(texts(9, 1, 3), ['a'], { random })).toThrow('current')
    expect(() => classifyDomains(texts(9, 1, 3), texts(9, 1, 3), { random, folds: 1 })).toThrow('folds')
    expect(() => classifyDomains(texts(9, 1, 3), texts(9, 1, 3), { random, epochs: 2.5 })).toThrow('epochs')
    expect(() => classifyDomains(texts(9, 1, 3), texts(9, 1, 3), { random, confidence: 1 })).toThrow('confidence')
  })
})
