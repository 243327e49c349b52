import { requireFinite } from '../errors.js'
import { sortAscending } from './radix-sort.js'
import { normalUpper } from './special.js'

/** Greatest n·m for which {@link mannWhitneyExact} counts: (n·m)²/4 additions, at most about a second. */
const EXACT_PAIRS_MAX = 20_000

/** What the Mann-Whitney test says of two samples x and y. Every p is a probability, 0..1. */
export interface MannWhitney {
  /** Pairs with x > y, plus half of those with x = y: 0..n·m, in halves. */
  readonly u: number
  /** u / (n·m): the probability that a random x exceeds a random y, ties half. 0..1, ½ when neither is larger. */
  readonly auc: number
  readonly pTwoSided: number
  readonly pTwoSidedContinuity: number
  /** Evidence that x tends to be less than y. */
  readonly pLessContinuity: number
  /** Whether any value occurs twice in the pooled sample. */
  readonly hasTies: boolean
}

/**
 * Mann-Whitney U test (Wilcoxon rank sum) by the normal approximation with the variance corrected for ties:
 * n·m/12 · ((N+1) − Σ(t³−t)/(N(N−1))) over the tie groups t of the N = n + m pooled values; two-sided with and without
 * the continuity correction of ½, and one-sided. When all values are equal nothing can be told and each p is 1.
 * Mann, Whitney (1947), Ann. Math. Stat. 18:50-60. O((n + m) log(n + m)).
 *
 * @param x, y at least one finite number each, any unit
 * @throws EvaluatorError EMPTY or NOT_FINITE, naming the list and the place
 */
export function mannWhitney (x: ArrayLike<number>, y: ArrayLike<number>): MannWhitney {
  const { u, ties } = countPairs(x, y)
  const pairs = x.length * y.length
  const total = x.length + y.length
  const variance = pairs / 12 * (total + 1 - ties / (total * (total - 1)))
  const upper = (count: number, correction: number): number =>
    variance > 0 ? normalUpper((count - pairs / 2 - correction) / Math.sqrt(variance)) : 1
  const larger = Math.max(u, pairs - u)
  return {
    u,
    auc: u / pairs,
    pTwoSided: Math.min(1, 2 * upper(larger, 0)),
    pTwoSidedContinuity: Math.min(1, 2 * upper(larger, 0.5)),
    pLessContinuity: upper(pairs - u, 0.5),
    hasTies: ties > 0
  }
}

/**
 * Exact p-values of the Mann-Whitney U test under exchangeability, by the recurrence of Mann and Whitney (1947) for the
 * distribution of U, kept as probabilities so that nothing overflows: P(U = u | n, m) = n/(n+m) · P(U = u−m | n−1, m)
 * + m/(n+m) · P(U = u | n, m−1). Two-sided is twice the smaller tail, at most 1. O((n·m)²) additions.
 *
 * @param x, y at least one finite number each
 * @returns null when any two pooled values are equal (the distribution then is another one) or when n·m > 20,000 (the
 *   normal approximation then is good to three digits)
 * @throws EvaluatorError EMPTY or NOT_FINITE, naming the list and the place
 */
export function mannWhitneyExact (
  x: ArrayLike<number>, y: ArrayLike<number>
): { pTwoSided: number, pLess: number, pGreater: number } | null {
  const { u, ties } = countPairs(x, y)
  const pairs = x.length * y.length
  if (ties > 0 || pairs > EXACT_PAIRS_MAX) return null
  const smaller = Math.min(u, pairs - u)
  const masses = massesUpTo(smaller, Math.min(x.length, y.length), Math.max(x.length, y.length))
  const atMost = masses.reduce((sum, mass) => sum + mass, 0)
  const atLeast = 1 - atMost + masses[smaller]!
  return {
    pTwoSided: Math.min(1, 2 * atMost),
    pLess: Math.min(1, u === smaller ? atMost : atLeast),
    pGreater: Math.min(1, u === smaller ? atLeast : atMost)
  }
}

/** P(U = 0) … P(U = greatest) for samples of n <= m values without ties. */
function massesUpTo (greatest: number, n: number, m: number): Float64Array {
  let fewer = Array.from({ length: m + 1 }, () => Float64Array.of(1))
  for (let i = 1; i <= n; i++) {
    const row = [Float64Array.of(1)]
    for (let j = 1; j <= m; j++) {
      const masses = new Float64Array(Math.min(greatest, i * j) + 1)
      const [withX, withY] = [fewer[j]!, row[j - 1]!]
      for (let u = 0; u < withY.length; u++) masses[u] = withY[u]! * j / (i + j)
      for (let u = j; u < masses.length; u++) masses[u]! += withX[u - j]! * i / (i + j)
      row.push(masses)
    }
    fewer = row
  }
  return fewer[m]!
}

/** U of x, and Σ(t³ − t) over the groups of equal values of the pooled sample, by merging both in order. */
function countPairs (x: ArrayLike<number>, y: ArrayLike<number>): { u: number, ties: number } {
  requireFinite('x', x)
  requireFinite('y', y)
  const [a, b] = [sortAscending(Float64Array.from(x)), sortAscending(Float64Array.from(y))]
  let [u, ties, i, j] = [0, 0, 0, 0]
  while (i < a.length || j < b.length) {
    const value = j === b.length || (i < a.length && a[i]! < b[j]!) ? a[i]! : b[j]!
    const [startA, startB] = [i, j]
    while (i < a.length && a[i] === value) i++
    while (j < b.length && b[j] === value) j++
    const [inA, inB] = [i - startA, j - startB]
    u += inA * (startB + inB / 2)
    const size = inA + inB
    ties += size * (size * size - 1)
  }
  return { u, ties }
}
