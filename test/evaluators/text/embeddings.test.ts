import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cosineSimilarities, cosineSimilarity, measureCoherence } from '../../../evaluators/text/embeddings.js'

const component = fc.oneof(fc.double({ min: -3, max: 3, noNaN: true }), fc.constantFrom(0, 1e300, -1e300, 1e-300, 5e-324, 1.7e308))
const pair = fc.integer({ min: 1, max: 6 }).chain((width) => {
  const vector = fc.array(component, { minLength: width, maxLength: width })
  return fc.tuple(vector, vector)
})

describe('cosineSimilarity', () => {
  it('is the cosine of the angle, whatever the lengths', () => {
    expect(cosineSimilarity([3, 0], [5, 5])).toBeCloseTo(Math.SQRT1_2, 15)
    expect(cosineSimilarity(Float32Array.of(1, 2), [-2, -4])).toBeCloseTo(-1, 15)
    expect(cosineSimilarity([1, 0], [0, 7])).toBe(0)
    expect(cosineSimilarity([1e-320, 0], [1e308, 1e308])).toBeCloseTo(Math.SQRT1_2, 9)
  })

  it('is not defined for a vector without direction', () => {
    expect(cosineSimilarity([0, 0], [1, 2])).toBeNull()
  })

  it('is symmetric, within [-1, 1], 1 for a vector with itself, and never NaN', () => {
    fc.assert(fc.property(pair, ([a, b]) => {
      const similarity = cosineSimilarity(a, b)

      expect(cosineSimilarity(b, a)).toBe(similarity)
      if (similarity !== null) expect(Math.abs(similarity)).toBeLessThanOrEqual(1)
      else expect([a, b].some((vector) => vector.every((value) => value === 0))).toBe(true)
      if (a.some((value) => value !== 0)) expect(cosineSimilarity(a, a)).toBeCloseTo(1, 12)
    }))
  })

  it.each<[string, () => unknown, string, string]>([
    ['empty vectors', () => cosineSimilarity([], []), 'EMPTY', 'a: expected at least 1 item, got 0'],
    ['vectors of different length', () => cosineSimilarity([1], [1, 2]), 'LENGTH_MISMATCH', 'b: expected 1 items as in a, got 2'],
    ['NaN', () => cosineSimilarity([1, 2], [1, NaN]), 'NOT_FINITE', 'b[1]: expected a finite number, got NaN'],
    ['lists of different length', () => cosineSimilarities([[1]], []), 'LENGTH_MISMATCH', 'b: expected 1 items as in a, got 0'],
    ['a vector longer than its partner', () => cosineSimilarities([[1], [1, 2]], [[1], [1]]), 'LENGTH_MISMATCH', 'b[1]: expected 2 items as in a[1], got 1'],
    ['an embedding without numbers', () => measureCoherence([[1], []]), 'EMPTY', 'embeddings[1]: expected at least 1 item, got 0'],
    ['embeddings of different length', () => measureCoherence([[1], [1, 2]]), 'LENGTH_MISMATCH', 'embeddings[1]: expected 1 items as in embeddings[0], got 2'],
    ['an infinite embedding', () => measureCoherence([[1, 0], [0, Infinity]]), 'NOT_FINITE', 'embeddings[1][1]: expected a finite number, got Infinity']
  ])('and its kin refuse %s', (_, act, code, message) => {
    expect(act).toThrow(expect.objectContaining({ name: 'EvaluatorError', code, message }))
  })
})

describe('cosineSimilarities', () => {
  it('compares the vectors at the same places', () => {
    expect(cosineSimilarities([[1, 0], [0, 0], [2, 0]], [[2, 0], [1, 1], [0, 1]])).toEqual([1, null, 0])
    expect(cosineSimilarities([], [])).toEqual([])
  })
})

describe('measureCoherence', () => {
  it('compares each sentence with the next and names the worst break', () => {
    const { mean, min, similarities } = measureCoherence([[1, 0], [2, 0], [0, 1], [1, 0]])

    expect(similarities).toEqual([1, 0, 0])
    expect(mean).toBeCloseTo(1 / 3, 15)
    expect(min).toEqual({ similarity: 0, position: 1 })
  })

  it.each([[[]], [[[1, 2]]]])('is not defined for fewer than two sentences: %j', (embeddings) => {
    expect(measureCoherence(embeddings)).toEqual({ mean: null, min: null, similarities: [] })
  })

  it('leaves out a sentence without direction', () => {
    expect(measureCoherence([[1, 0], [0, 0], [1, 0], [1, 0]])).toEqual({ mean: 1, min: { similarity: 1, position: 2 }, similarities: [null, null, 1] })
    expect(measureCoherence([[0], [1]])).toEqual({ mean: null, min: null, similarities: [null] })
  })

  it('reads backwards as well as forwards', () => {
    fc.assert(fc.property(fc.array(fc.array(component, { minLength: 3, maxLength: 3 }), { maxLength: 8 }), (embeddings) => {
      const [forwards, backwards] = [measureCoherence(embeddings), measureCoherence([...embeddings].reverse())]

      expect(backwards.similarities).toEqual([...forwards.similarities].reverse())
      expect(backwards.min?.similarity).toBe(forwards.min?.similarity)
      if (forwards.mean !== null) expect(backwards.mean).toBeCloseTo(forwards.mean, 12)
      if (forwards.min !== null) expect(forwards.min.similarity).toBeLessThanOrEqual(forwards.mean! + 1e-12)
    }))
  })
})
