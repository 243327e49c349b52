import { EvaluatorError, requireCount, requireFinite } from '../errors.js'

/** Vectors of one length: one embedding a row. */
export type Vectors = readonly ArrayLike<number>[]

/**
 * Component-wise mean of vectors, in their unit. O(vectors × dimensions).
 *
 * @throws EvaluatorError EMPTY, NOT_FINITE or LENGTH_MISMATCH
 */
export function centroid (vectors: Vectors): Float64Array {
  const dimension = requireVectors('vectors', vectors)
  const mean = new Float64Array(dimension)
  for (const vector of vectors) {
    for (let i = 0; i < dimension; i++) mean[i]! += vector[i]! / vectors.length
  }
  return mean
}

/**
 * Euclidean distance of the centroids of two sets of vectors, in their unit, from 0 on. O(vectors × dimensions).
 *
 * @param x vectors, at least one
 * @param y vectors of the same length
 * @throws EvaluatorError EMPTY, NOT_FINITE or LENGTH_MISMATCH
 */
export function centroidDistance (x: Vectors, y: Vectors): number {
  const [a, b] = centroids(x, y)
  return norm(a.map((value, i) => value - b[i]!))
}

/**
 * Cosine distance 1 − cos of the centroids of two sets of vectors: 0 (same direction) to 2 (opposite).
 * O(vectors × dimensions).
 *
 * @param x vectors, at least one
 * @param y vectors of the same length
 * @returns null when a centroid is the zero vector, which has no direction
 * @throws EvaluatorError EMPTY, NOT_FINITE or LENGTH_MISMATCH
 */
export function centroidCosineDistance (x: Vectors, y: Vectors): number | null {
  const [a, b] = centroids(x, y)
  const [normA, normB] = [norm(a), norm(b)]
  if (normA === 0 || normB === 0) return null
  let cosine = 0
  for (let i = 0; i < a.length; i++) cosine += (a[i]! / normA) * (b[i]! / normB)
  return Math.min(2, Math.max(0, 1 - cosine))
}

/**
 * Refuses vectors that are empty, of different length or not finite; gives their length. O(vectors × dimensions).
 * @throws EvaluatorError EMPTY, NOT_FINITE or LENGTH_MISMATCH
 */
export function requireVectors (
  argument: string, vectors: Vectors, dimension?: number, countMin = 1
): number {
  requireCount(argument, vectors, countMin)
  const expected = dimension ?? vectors[0]?.length ?? 0
  vectors.forEach((vector, i) => {
    requireFinite(`${argument}[${i}]`, vector)
    if (vector.length === expected) return
    throw new EvaluatorError('LENGTH_MISMATCH', `${argument}[${i}]`, `expected ${expected} numbers, got ${vector.length}`)
  })
  return expected
}

function centroids (x: Vectors, y: Vectors): readonly [Float64Array, Float64Array] {
  requireVectors('y', y, requireVectors('x', x))
  return [centroid(x), centroid(y)]
}

/** Euclidean length, by the greatest component first, so that squares neither overflow nor vanish. */
function norm (vector: Float64Array): number {
  const greatest = vector.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  if (greatest === 0) return 0
  return greatest * Math.sqrt(vector.reduce((sum, value) => sum + (value / greatest) ** 2, 0))
}
