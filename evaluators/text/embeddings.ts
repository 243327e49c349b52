import { requireCount, requireList, requireSameLength } from '../errors.js'
import { requireNumbers, writeUnitVector } from './token-embeddings.js'

/**
 * Cosine of the angle between two vectors, in [-1, 1]; null when one of them is all zeros and has no direction. Numbers
 * of any size keep their digits. O(width).
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH or NOT_FINITE
 */
export function cosineSimilarity (a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  requireCount('a', a)
  requireSameLength(['a', a], ['b', b])
  return dot(unitVector('a', a), unitVector('b', b))
}

/**
 * Cosine similarity of each vector of `a` with the vector at the same place in `b`, such as the embeddings of
 * candidates and of their references. O(rows · width).
 * @throws EvaluatorError LENGTH_MISMATCH when the lists or two vectors differ in length, EMPTY, NOT_FINITE
 */
export function cosineSimilarities (
  a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]
): (number | null)[] {
  requireSameLength(['a', a], ['b', b])
  return a.map((vector, i) => {
    requireCount(`a[${i}]`, vector)
    requireSameLength([`a[${i}]`, vector], [`b[${i}]`, b[i]!])
    return dot(unitVector(`a[${i}]`, vector), unitVector(`b[${i}]`, b[i]!))
  })
}

/** How well each sentence of a text goes with the one before it. */
export interface Coherence {
  /** Mean of the similarities that are defined, in [-1, 1]; null when there is none, as with one sentence. */
  readonly mean: number | null
  /** The worst break, between the sentences at `position` and `position` + 1; the first of equals. */
  readonly min: { readonly similarity: number, readonly position: number } | null
  /** Of the sentences at i and i + 1; null where an embedding is all zeros. One item fewer than sentences. */
  readonly similarities: readonly (number | null)[]
}

/**
 * Coherence of a text as the cosine similarity of the embeddings of adjacent sentences: Foltz, Kintsch and Landauer
 * (1998), "The measurement of textual coherence with latent semantic analysis", Discourse Processes 25:285-307. What
 * counts as coherent depends on the encoder. O(sentences · width).
 *
 * @param embeddings one vector per sentence, in the order of the text (see `splitSentences`); all of one length
 * @throws EvaluatorError EMPTY for a vector without numbers, LENGTH_MISMATCH, NOT_FINITE
 */
export function measureCoherence (embeddings: readonly ArrayLike<number>[]): Coherence {
  requireList('embeddings', embeddings)
  const units = embeddings.map((vector, i) => {
    requireCount(`embeddings[${i}]`, vector)
    requireSameLength(['embeddings[0]', embeddings[0]!], [`embeddings[${i}]`, vector])
    return unitVector(`embeddings[${i}]`, vector)
  })
  const similarities = units.slice(1).map((unit, i) => dot(units[i]!, unit))
  let min: Coherence['min'] = null
  let [sum, count] = [0, 0]
  for (const [position, similarity] of similarities.entries()) {
    if (similarity === null) continue
    sum += similarity
    count++
    if (min === null || similarity < min.similarity) min = { similarity, position }
  }
  return { mean: count === 0 ? null : sum / count, min, similarities }
}

/** The vector divided by its length; null when it is all zeros. */
function unitVector (argument: string, vector: ArrayLike<number>): Float64Array | null {
  requireNumbers(argument, vector)
  const unit = new Float64Array(vector.length)
  return writeUnitVector(argument, vector, 0, vector.length, { values: unit, from: 0, step: 1 }) ? unit : null
}

/** Clipped to [-1, 1], which rounding can leave. */
function dot (a: Float64Array | null, b: Float64Array | null): number | null {
  if (a === null || b === null) return null
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
  return Math.min(1, Math.max(-1, sum))
}
