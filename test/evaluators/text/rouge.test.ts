import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lcsLength, markLcs } from '../../../evaluators/text/lcs.js'
import { rouge, ROUGE_TYPES, type RougeType, scoreRouge } from '../../../evaluators/text/rouge.js'
import { tokenizeRouge } from '../../../evaluators/text/tokenizer.js'
import { EvaluatorError } from '../../../evaluators/errors.js'

const words = fc.array(fc.constantFrom('cat', 'sat', 'mat', 'on', 'the', '\n', 'é'), { maxLength: 40 }).map((list) => list.join(' '))
const sequence = fc.array(fc.nat({ max: 5 }), { maxLength: 150 }).map((list) => Int32Array.from(list))

/** The table of lengths by definition, and the walk back through it. */
function lcsByTable (first: Int32Array, second: Int32Array): { length: number, marks: number[] } {
  const table = [new Int32Array(second.length + 1)]
  for (let i = 1; i <= first.length; i++) {
    table.push(new Int32Array(second.length + 1))
    for (let j = 1; j <= second.length; j++) {
      table[i]![j] = first[i - 1] === second[j - 1] ? table[i - 1]![j - 1]! + 1 : Math.max(table[i - 1]![j]!, table[i]![j - 1]!)
    }
  }
  const marks = new Array<number>(first.length).fill(0)
  let [i, j] = [first.length, second.length]
  while (i > 0 && j > 0) {
    if (first[i - 1] === second[j - 1]) [marks[i - 1], i, j] = [1, i - 1, j - 1]
    else if (table[i]![j - 1]! > table[i - 1]![j]!) j--
    else i--
  }
  return { length: table[first.length]![second.length]!, marks }
}

describe('ROUGE', () => {
  it('counts shared words and pairs of words', () => {
    const scores = rouge('the cat sat on the mat', 'the the the cat', { types: ['rouge1', 'rouge2', 'rouge3'] })

    expect(scores.rouge1).toEqual({ precision: 3 / 4, recall: 3 / 6, f1: 0.6 })
    expect(scores.rouge2).toEqual({ precision: 1 / 3, recall: 1 / 5, f1: 0.25 })
    expect(scores.rouge3).toEqual({ precision: 0, recall: 0, f1: 0 })
  })

  it('takes the longest common subsequence over line breaks', () => {
    const { rougeL } = rouge('a b c d', 'a x\nc y d', { types: ['rougeL'] })

    expect(rougeL).toEqual({ precision: 3 / 5, recall: 3 / 4, f1: expect.closeTo(2 / 3, 12) as number })
  })

  it('joins, for rougeLsum, the subsequences that each reference line has with the candidate lines', () => {
    // Lin (2004), section 3.2: w1 w2 w3 w4 w5 against "w1 w2 w6 w7 w8" and "w1 w3 w8 w9 w5": union w1 w2 w3 w5, recall 4/5.
    const { rougeLsum } = rouge('w1 w2 w3 w4 w5', 'w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5', { types: ['rougeLsum'] })

    expect(rougeLsum.recall).toBe(4 / 5)
    expect(rougeLsum.precision).toBe(4 / 10)
  })

  it('picks by default rouge1, rouge2 and rougeL without stemming', () => {
    expect(Object.keys(rouge('running', 'runs'))).toEqual(['rouge1', 'rouge2', 'rougeL'])
    expect(rouge('running', 'runs').rouge1.f1).toBe(0)
    expect(rouge('running', 'runs', { stem: true }).rouge1.f1).toBe(1)
  })

  it('gives 0 where a side has no n-gram, even for equal texts', () => {
    for (const [reference, candidate] of [['', ''], ['中文', '中文'], ['word', ''], ['', 'word']] as const) {
      for (const score of Object.values(rouge(reference, candidate, { types: ROUGE_TYPES }))) {
        expect(score).toEqual({ precision: 0, recall: 0, f1: 0 })
      }
    }
    expect(rouge('word', 'word', { types: ['rouge2'] }).rouge2.f1).toBe(0)
  })

  it('takes for each type the whole triple of the reference with the highest F1, the first of equal ones', () => {
    const references = ['a b', 'c d e f g h', 'x y a b']
    const scores = rouge(references, 'a b c d e f', { types: ['rouge1', 'rouge2'] })

    expect(scores.rouge1).toEqual(rouge(references[1]!, 'a b c d e f', { types: ['rouge1'] }).rouge1)
    expect(rouge(['a x', 'x b'], 'a b', { types: ['rouge1'] }).rouge1).toEqual({ precision: 0.5, recall: 0.5, f1: 0.5 })
    expect(rouge(['a x y z', 'a'], 'a', { types: ['rouge1'] }).rouge1.f1).toBe(1)
  })

  it('lies between 0 and 1, F1 between precision and recall, and swaps them with the texts', () => {
    fc.assert(fc.property(words, words, fc.boolean(), (a, b, stem) => {
      const forth = rouge(a, b, { types: ROUGE_TYPES, stem })
      const back = rouge(b, a, { types: ROUGE_TYPES, stem })
      for (const type of ROUGE_TYPES) {
        const { precision, recall, f1 } = forth[type]
        expect(Math.min(precision, recall)).toBeLessThanOrEqual(f1 + 1e-12)
        expect(f1).toBeLessThanOrEqual(Math.max(precision, recall) + 1e-12)
        expect(Math.min(precision, recall)).toBeGreaterThanOrEqual(0)
        expect(Math.max(precision, recall)).toBeLessThanOrEqual(1)
        if (type !== 'rougeLsum') expect(back[type]).toEqual({ precision: recall, recall: precision, f1 })
      }
    }))
  })

  it('is 1 for equal texts with enough tokens, and falls in hits as n grows', () => {
    fc.assert(fc.property(words, words, (a, b) => {
      const tokens = tokenizeRouge(a).tokens.length
      const equal = rouge(a, a, { types: ROUGE_TYPES })
      const { rouge1, rougeL } = rouge(a, b, { types: ROUGE_TYPES })

      ROUGE_TYPES.forEach((type, i) => { if (tokens >= (i < 9 ? i + 1 : 1)) expect(equal[type].f1).toBe(1) })
      expect(rougeL.recall).toBeLessThanOrEqual(rouge1.recall)
    }))
  })

  it('never falls for more references', () => {
    fc.assert(fc.property(words, words, words, (a, b, candidate) => {
      const one = rouge(a, candidate).rouge2.f1

      expect(rouge([a, b], candidate).rouge2.f1).toBeGreaterThanOrEqual(one)
    }))
  })

  it('scores texts that were tokenized once as it scores texts', () => {
    const [reference, candidate] = ['the cats were running', 'a cat ran, the cats run']
    const once = scoreRouge([tokenizeRouge(reference, true)], tokenizeRouge(candidate, true), ROUGE_TYPES)

    expect(once).toEqual(rouge(reference, candidate, { types: ROUGE_TYPES, stem: true }))
  })

  it('takes texts of 20,000 tokens', () => {
    const text = (step: number): string => Array.from({ length: 20_000 }, (_, i) => `w${(i * step) % 997}`).join(' ')
    const scores = rouge(text(1), text(7), { types: ['rouge1', 'rouge9', 'rougeL', 'rougeLsum'] })

    expect(scores.rouge1.f1).toBeGreaterThan(0.99)
    expect(scores.rougeLsum.recall).toBeCloseTo(scores.rougeL.recall, 12)
  })

  it('refuses unknown types, no type, no reference, and what is not text', () => {
    expect(() => rouge('a', 'a', { types: ['rouge10' as RougeType] })).toThrow('types[0]: expected one of rouge1, rouge2')
    expect(() => rouge('a', 'a', { types: [] })).toThrow('types: expected at least 1 item')
    expect(() => rouge([], 'a')).toThrow('references: expected at least 1 item')
    expect(() => rouge(['a', null as unknown as string], 'a')).toThrow('references[1]: expected a string, got null')
    expect(() => rouge('a', 5 as unknown as string)).toThrow('candidate: expected a string, got number')
    expect(() => rouge({} as string, 'a')).toThrow(EvaluatorError)
  })

  it('refuses to compare stems with words', () => {
    expect(() => scoreRouge([tokenizeRouge('a', true)], tokenizeRouge('a'), ['rouge1'])).toThrow('references[0]: expected stems exactly where')
  })
})

describe('longest common subsequence', () => {
  it('has the length and the places of the walk back through the table', () => {
    fc.assert(fc.property(sequence, sequence, (first, second) => {
      const expected = lcsByTable(first, second)
      const marks = new Uint8Array(first.length)
      markLcs(first, second, 6, marks)

      expect(lcsLength(first, second, 6)).toBe(expected.length)
      expect([...marks]).toEqual(expected.marks)
    }), { numRuns: 300 })
  })

  it('keeps marks that were there', () => {
    const marks = Uint8Array.of(0, 1, 0)
    markLcs(Int32Array.of(0, 1, 2), Int32Array.of(2), 3, marks)

    expect([...marks]).toEqual([0, 1, 1])
  })
})
