import { EvaluatorError, requireFinite, requireSameLength } from '../errors.js'

/**
 * Jensen–Shannon distance of two discrete distributions: the square root of the mean Kullback–Leibler divergence from
 * their midpoint. A metric; 0 when equal, and when disjoint 1 (base 2) or √ln 2 (base e). Endres, Schindelin (2003),
 * IEEE Trans. Inf. Theory 49. O(categories).
 *
 * @param p weights >= 0 with a positive sum, counts or probabilities: they are normalised first
 * @param q weights of the same categories
 * @param base of the logarithm
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE or LENGTH_MISMATCH
 */
export function jensenShannonDistance (p: ArrayLike<number>, q: ArrayLike<number>, base: 2 | 'e' = 2): number {
  let sum = 0
  forEachPair(p, q, (a, b) => {
    const middle = (a + b) / 2
    if (a > 0) sum += a * Math.log(a / middle)
    if (b > 0) sum += b * Math.log(b / middle)
  })
  const divergence = Math.max(0, sum / 2)
  return base === 2 ? Math.min(1, Math.sqrt(divergence / Math.LN2)) : Math.sqrt(divergence)
}

/**
 * Kullback–Leibler divergence Σ p·ln(p/q) in nats, from 0 on; 0·ln 0 = 0; Infinity when a category that p has is
 * missing in q. Not symmetric. Kullback, Leibler (1951), Ann. Math. Statist. 22. O(categories).
 *
 * @param p weights >= 0 with a positive sum, normalised first
 * @param q weights of the same categories
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE or LENGTH_MISMATCH
 */
export function kullbackLeibler (p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0
  forEachPair(p, q, (a, b) => {
    if (a > 0) sum += b === 0 ? Infinity : a * (Math.log(a) - Math.log(b))
  })
  return Math.max(0, sum)
}

/**
 * Hellinger distance √(½ Σ (√p − √q)²) = √(1 − Σ √(pq)): a metric from 0 (equal) to 1 (disjoint). Hellinger (1909).
 * O(categories).
 *
 * @param p weights >= 0 with a positive sum, normalised first
 * @param q weights of the same categories
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE or LENGTH_MISMATCH
 */
export function hellingerDistance (p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0
  forEachPair(p, q, (a, b) => { sum += (Math.sqrt(a) - Math.sqrt(b)) ** 2 })
  return Math.min(1, Math.sqrt(sum / 2))
}

/**
 * Total variation distance ½ Σ |p − q|: the greatest difference in the probability of any event, 0..1. O(categories).
 *
 * @param p weights >= 0 with a positive sum, normalised first
 * @param q weights of the same categories
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE or LENGTH_MISMATCH
 */
export function totalVariation (p: ArrayLike<number>, q: ArrayLike<number>): number {
  let sum = 0
  forEachPair(p, q, (a, b) => { sum += Math.abs(a - b) })
  return Math.min(1, sum / 2)
}

/**
 * L-infinity distance max |p − q|: the greatest difference in the probability of one category, 0..1. O(categories).
 *
 * @param p weights >= 0 with a positive sum, normalised first
 * @param q weights of the same categories
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE or LENGTH_MISMATCH
 */
export function greatestDifference (p: ArrayLike<number>, q: ArrayLike<number>): number {
  let greatest = 0
  forEachPair(p, q, (a, b) => { greatest = Math.max(greatest, Math.abs(a - b)) })
  return greatest
}

function forEachPair (p: ArrayLike<number>, q: ArrayLike<number>, visit: (a: number, b: number) => void): void {
  const [divideP, divideQ] = [normaliser('p', p), normaliser('q', q)]
  requireSameLength(['p', p], ['q', q])
  for (let i = 0; i < p.length; i++) visit(divideP(p[i]!), divideQ(q[i]!))
}

/** Divides by the sum; weights are first divided by the greatest, so that huge ones do not overflow. */
function normaliser (argument: string, weights: ArrayLike<number>): (weight: number) => number {
  requireFinite(argument, weights)
  let greatest = 0
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]!
    if (weight < 0) {
      throw new EvaluatorError('OUT_OF_RANGE', `${argument}[${i}]`, `expected a weight of at least 0, got ${weight}`)
    }
    greatest = Math.max(greatest, weight)
  }
  if (greatest === 0) throw new EvaluatorError('OUT_OF_RANGE', argument, 'expected at least one weight above 0, got none')
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += weights[i]! / greatest
  return (weight) => weight / greatest / sum
}
