import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { measureGroundedness, type OutputSentence } from '../../../evaluators/text/groundedness.js'
import { splitSentences } from '../../../evaluators/text/sentences.js'
import { packRows, type TokenEmbeddings } from '../../../evaluators/text/token-embeddings.js'

const X = [1, 0, 0]
const Y = [0, 1, 0]
const Z = [0, 0, 1]
/** The vector of the tokens that frame a text. */
const FRAME = [1, 1, 1]

const framed = (...rows: number[][]): TokenEmbeddings =>
  ({ ...packRows([FRAME, ...rows, FRAME]), isSpecial: [1, ...rows.map(() => 0), 1] })
const sentence = (text: string, ...rows: number[][]): OutputSentence => ({ text, tokens: framed(...rows) })

describe('measureGroundedness', () => {
  it('scores each sentence by its best passage and names the sentences that none supports', () => {
    const sentences = [sentence('in the second', Y, Z), sentence('half of it', X, Z), sentence('in the first', X)]

    const result = measureGroundedness(sentences, [framed(X, X), framed(Z, Y)], { threshold: 0.6 })

    expect(result.sentences).toEqual([
      { text: 'in the second', index: 0, score: 1, passage: 1, isSupported: true },
      { text: 'half of it', index: 1, score: 0.5, passage: 0, isSupported: false },
      { text: 'in the first', index: 2, score: 1, passage: 0, isSupported: true }
    ])
    expect(result.unsupported).toEqual([result.sentences[1]])
    expect(result.score).toBeCloseTo(2.5 / 3, 15)
    expect(result.supportedShare).toBeCloseTo(2 / 3, 15)
  })

  it('counts a score that equals the threshold as support', () => {
    expect(measureGroundedness([sentence('half', X, Z)], [framed(X)], { threshold: 0.5 }).supportedShare).toBe(1)
  })

  it('weighs tokens', () => {
    const weighted = { text: 'the rare word is missing', tokens: { ...framed(X, Z), weights: [0, 1, 3, 0] } }

    expect(measureGroundedness([weighted], [framed(X)], { threshold: 0.5 }).score).toBe(0.25)
  })

  it('finds no support in the tokens that frame a passage', () => {
    const { score } = measureGroundedness([{ text: 'like the frame', tokens: packRows([FRAME]) }], [framed(X)], { threshold: 0.9 })

    expect(score).toBeCloseTo(1 / Math.sqrt(3), 12)
  })

  it('scores no sentence without tokens, and passes nothing for want of sentences', () => {
    expect(measureGroundedness([sentence('')], [framed(X)], { threshold: 0 })).toMatchObject({
      score: null, supportedShare: null, sentences: [{ score: null, passage: null, isSupported: null }], unsupported: []
    })
    expect(measureGroundedness([], [framed(X)], { threshold: 0 })).toEqual({ score: null, supportedShare: null, sentences: [], unsupported: [] })
  })

  it('passes over a passage without tokens', () => {
    expect(measureGroundedness([sentence('x', X)], [framed(), framed(X)], { threshold: 1 }).sentences[0]).toMatchObject({ score: 1, passage: 1 })
  })

  const vector = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 2, maxLength: 2 })
  const rows = fc.array(vector, { minLength: 1, maxLength: 6 })

  it('loses nothing by another passage, nor by more words in one', () => {
    fc.assert(fc.property(rows, fc.array(rows, { minLength: 2, maxLength: 4 }), (tokens, passages) => {
      const score = (given: number[][][]): number =>
        measureGroundedness([{ text: '', tokens: packRows(tokens) }], given.map(packRows), { threshold: 0 }).score!

      expect(score(passages)).toBeGreaterThanOrEqual(score(passages.slice(1)) - 1e-12)
      expect(score([passages.flat()])).toBeGreaterThanOrEqual(score(passages) - 1e-12)
      expect(score([...passages].reverse())).toBeCloseTo(score(passages), 12)
      expect(Math.abs(score(passages))).toBeLessThanOrEqual(1 + 1e-12)
    }))
  })

  it.each<[string, () => unknown, string, string]>([
    ['no passages', () => measureGroundedness([sentence('x', X)], [], { threshold: 0 }), 'EMPTY', 'passages: expected at least 1 item, got 0'],
    ['passages without tokens', () => measureGroundedness([sentence('x', X)], [framed()], { threshold: 0 }), 'EMPTY', 'passages: expected at least one passage with a token that is not special'],
    ['a threshold that is none', () => measureGroundedness([], [framed(X)], { threshold: NaN }), 'OUT_OF_RANGE', 'threshold: expected a number from -1 to 1, got NaN'],
    ['a sentence of another width', () => measureGroundedness([sentence('x', X), { text: 'y', tokens: packRows([[1]]) }], [framed(X)], { threshold: 0 }), 'LENGTH_MISMATCH', 'passages[0].width: expected 1 as in sentences[1].tokens, got 3'],
    ['a passage with NaN', () => measureGroundedness([], [framed(X), packRows([[1, NaN, 0]])], { threshold: 0 }), 'NOT_FINITE', 'passages[1].values[1]: expected a finite number, got NaN']
  ])('refuses %s', (_, act, code, message) => {
    expect(act).toThrow(expect.objectContaining({ name: 'EvaluatorError', code, message }))
  })
})

describe('splitSentences', () => {
  const split = (text: string): string[] => splitSentences(text).map((each) => each.text)

  it('splits after full stops, question and exclamation marks, with the quotes that follow', () => {
    expect(split('It rained. He asked "Why?" (Again!) No one knew.')).toEqual(['It rained.', 'He asked "Why?"', '(Again!)', 'No one knew.'])
    expect(split('今日は晴れ。明日は雨。')).toEqual(['今日は晴れ。', '明日は雨。'])
  })

  it('does not split inside numbers, before a small letter, or after titles and initials', () => {
    expect(split('It cost 3.5 million, e.g. in 2023. Dr. Smith and J. R. Tolkien left.')).toEqual(['It cost 3.5 million, e.g. in 2023.', 'Dr. Smith and J. R. Tolkien left.'])
    expect(split('So did I. They left.')).toEqual(['So did I.', 'They left.'])
  })

  it('splits at line breaks and leaves white space out', () => {
    expect(split('first line\n\n  second line \r\nthird')).toEqual(['first line', 'second line', 'third'])
    expect(split('by J.\nnext line')).toEqual(['by J.', 'next line'])
    expect(split(' \n\t ')).toEqual([])
    expect(split('')).toEqual([])
  })

  it('says where each sentence stands', () => {
    const text = '  One.  Two \ud800 three. '

    expect(splitSentences(text)).toEqual([{ text: 'One.', start: 2, end: 6 }, { text: 'Two \ud800 three.', start: 8, end: 20 }])
  })

  it('loses nothing but white space', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('A b.', ' ', 'Dr. ', 'J.', '\n', '。', '\ud800', 'x!', '"'), { maxLength: 20 }).map((parts) => parts.join('')), (text) => {
      const sentences = splitSentences(text)

      expect(sentences.map((each) => each.text).join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''))
      for (const { text: part, start, end } of sentences) expect(text.slice(start, end)).toBe(part)
    }))
  })

  it('splits a text of 20,000 words in one pass', () => {
    expect(splitSentences('Word after word. '.repeat(7_000))).toHaveLength(7_000)
  })

  it('refuses a locale that is none', () => {
    expect(() => splitSentences('x', 'no locale')).toThrow(RangeError)
  })
})
