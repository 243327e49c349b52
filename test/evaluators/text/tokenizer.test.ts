import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitWhitespace } from '../../../evaluators/text/texts.js'
import { tokenizeRouge } from '../../../evaluators/text/tokenizer.js'
import { tokenize13a } from '../../../evaluators/text/tokenizer-13a.js'

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('a', 'Z', '9', ' ', '\n', 'é', '\u212a', '\u0130', '\ud800') }))

describe('ROUGE tokenizer', () => {
  it.each([
    ['The Cat', ['the', 'cat']], ['café niño', ['caf', 'ni', 'o']], ['3.5', ['3', '5']], ["don't", ['don', 't']],
    ['snake_case', ['snake', 'case']], ['中文 кот', []], ['\u212aelvin', ['kelvin']], ['\u0130stanbul', ['i', 'stanbul']],
    ['A\u0130', ['ai']], ['\u017fong', ['ong']], ['', []], ['\ud83d a \udc00b', ['a', 'b']]
  ])('splits %j as rouge_score does', (text, tokens) => {
    expect(tokenizeRouge(text).tokens).toEqual(tokens)
  })

  it('stems only tokens of more than three letters', () => {
    expect(tokenizeRouge('Has running bus tied', true).tokens).toEqual(['has', 'run', 'bus', 'tie'])
  })

  it('tells where each line with tokens ends, at line feeds alone', () => {
    expect(tokenizeRouge('a b\r\n \n\nc\rd\n...\ne').lineEnds).toEqual([2, 4, 5])
    expect(tokenizeRouge('\n \n').lineEnds).toEqual([])
  })

  it('gives lower-case letters and digits only, the same as lower-casing first', () => {
    fc.assert(fc.property(anyText, (text) => {
      const { tokens, lineEnds } = tokenizeRouge(text)

      expect(tokens).toEqual(text.toLowerCase().split(/[^a-z0-9]+/).filter((token) => token !== ''))
      expect(lineEnds.at(-1) ?? 0).toBe(tokens.length)
    }))
  })

  it('gives the same stems when its memory of them was emptied', () => {
    const words = (start: number): string => Array.from({ length: 35_000 }, (_, i) => `w${(start + i).toString(36)}ing`).join(' ')
    const first = tokenizeRouge('national running conditions', true).tokens
    tokenizeRouge(words(0), true)

    expect(tokenizeRouge('national running conditions', true).tokens).toEqual(first)
    expect(first).toEqual(['nation', 'run', 'condit'])
  })

  it('refuses what is not a string', () => {
    expect(() => tokenizeRouge(7 as unknown as string)).toThrow('text: expected a string, got number')
  })
})

describe('13a tokenizer', () => {
  it.each([
    ['Hello, world!', ['Hello', ',', 'world', '!']], ['3.5 and 1,000', ['3.5', 'and', '1,000']],
    ['U.S. 10-20', ['U', '.', 'S', '.', '10', '-', '20']], ["don't well-known", ["don't", 'well-known']],
    ['&quot;a&amp;lt;b', ['"', 'a', '<', 'b']], ['co-\noperate\nnow', ['cooperate', 'now']], ['a-\n', ['a-']],
    ['a <skipped> b', ['a', 'b']], ['😀.x', ['😀', '.', 'x']], ['', []]
  ])('splits %j as sacrebleu does', (text, tokens) => {
    expect(tokenize13a(text)).toEqual(tokens)
  })

  it('loses no character but white space where nothing is decoded', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '1', '.', ',', '-', '$', ' ', 'é', '\ud83d') }), (text) => {
      expect(tokenize13a(text).join('')).toBe(text.replaceAll(' ', ''))
    }))
  })

  it('refuses what is not a string', () => {
    expect(() => tokenize13a(undefined as unknown as string)).toThrow('text: expected a string, got undefined')
  })
})

describe('white space', () => {
  it('is that of Python: separators and next line split, zero-width characters do not', () => {
    expect(splitWhitespace('a\u001cb\u0085c\u00a0d\u3000e\u200bf\ufeffg\u2028h ')).toEqual(['a', 'b', 'c', 'd', 'e\u200bf\ufeffg', 'h'])
    expect(splitWhitespace(' \t')).toEqual([])
  })
})
