import { EvaluatorError, requireBetween } from '../errors.js'
import { ascendingCopy } from './ascending.js'
import { kolmogorovUpper, kolmogorovUpperExact } from './kolmogorov-distribution.js'

/** Up to this product of the sample sizes the paths are counted. */
const EXACT_UP_TO = 10_000

/** Most cells of the table of paths: about a second. */
const PATHS_MAX = 100_000_000

/** Largest distance of two empirical distribution functions (0..1) and the probability (0..1) of one as large. */
export interface KolmogorovSmirnov {
  readonly statistic: number
  readonly p: number
  readonly method: 'exact' | 'stephens'
}

/**
 * Two-sided two-sample Kolmogorov–Smirnov test: D = max |F_x − F_y| over the pooled values, with right-continuous
 * distribution functions, so that ties are taken together. p is counted over all paths when n·m <= 10,000
 * ({@link kolmogorovSmirnovExactP}) and is the approximation of Stephens above. Under ties both are conservative.
 * Smirnov (1939). O(n log n + m log m).
 *
 * @param x first sample, finite numbers of any unit, n >= 1
 * @param y second sample, same unit, m >= 1
 * @throws EvaluatorError EMPTY or NOT_FINITE
 */
export function kolmogorovSmirnov (x: ArrayLike<number>, y: ArrayLike<number>): KolmogorovSmirnov {
  return kolmogorovSmirnovAscending(ascendingCopy('x', x), ascendingCopy('y', y))
}

/** {@link kolmogorovSmirnov} of samples that are known to be finite, ascending and not empty. O(n + m). */
export function kolmogorovSmirnovAscending (x: Float64Array, y: Float64Array): KolmogorovSmirnov {
  const [n, m] = [x.length, y.length]
  const largest = largestDistance(x, y)
  const statistic = largest / (n * m)
  if (n * m <= EXACT_UP_TO) return { statistic, p: touchingProbability(largest, n, m), method: 'exact' }
  return { statistic, p: kolmogorovSmirnovStephensP(statistic, n, m), method: 'stephens' }
}

/**
 * {@link kolmogorovSmirnovAscending} where of the first sample only evenly spaced quantiles are known. p is that of as
 * many values as there were, but of at most a quarter of the square of the number of quantiles: beyond that they tell
 * less than chance would. O(quantiles + m).
 *
 * @param quantiles ascending, at least one
 * @param count how many values they stand for, whole, >= 1
 */
export function kolmogorovSmirnovOfQuantiles (
  quantiles: Float64Array, count: number, y: Float64Array
): KolmogorovSmirnov {
  const [n, m] = [quantiles.length, y.length]
  const statistic = largestDistance(quantiles, y) / (n * m)
  const known = Math.max(1, Math.min(count, Math.floor(n * n / 4)))
  return { statistic, p: kolmogorovSmirnovStephensP(statistic, known, m), method: 'stephens' }
}

/** n·m·D of ascending samples: the distance after every different value, ties of both samples taken together. */
function largestDistance (x: Float64Array, y: Float64Array): number {
  const [n, m] = [x.length, y.length]
  let [i, j, largest] = [0, 0, 0]
  while (i < n && j < m) {
    const a = x[i]!
    const b = y[j]!
    if (a <= b) do i++; while (i < n && x[i] === a)
    if (b <= a) do j++; while (j < m && y[j] === b)
    const distance = Math.abs(i * m - j * n)
    if (distance > largest) largest = distance
  }
  return largest
}

/**
 * P(D >= d) when both samples come from one continuous distribution: the share of the C(n+m, n) orders of the pooled
 * values that reach the distance, counted cell by cell as the probability of a random path (Hodges 1958, Ark. Mat. 3).
 * Every term is positive, hence small p keep their digits and nothing overflows. O(nm) time, O(m) memory.
 *
 * @param statistic D, 0..1; it is rounded to the nearest distance that these sizes can have
 * @param n size of one sample, whole, >= 1
 * @param m size of the other
 * @throws EvaluatorError OUT_OF_RANGE, also when n·m exceeds 10⁸
 */
export function kolmogorovSmirnovExactP (statistic: number, n: number, m: number): number {
  requireSizes(statistic, n, m)
  requireBetween('n·m', n * m, 1, PATHS_MAX)
  return touchingProbability(Math.round(statistic * n * m), n, m)
}

/**
 * Approximate P(D >= d): Q((√e + 0.12 + 0.11/√e)·D) with e = nm/(n+m) and Kolmogorov's limit Q. Stephens (1970), J. R.
 * Stat. Soc. B 32. Good from about four values on each side. O(1).
 *
 * @param statistic D, 0..1
 * @param n size of one sample, whole, >= 1
 * @param m size of the other
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function kolmogorovSmirnovStephensP (statistic: number, n: number, m: number): number {
  requireSizes(statistic, n, m)
  const root = Math.sqrt(n * m / (n + m))
  return kolmogorovUpper((root + 0.12 + 0.11 / root) * statistic)
}

/**
 * Limit of P(D >= d) for large samples, Q(√(nm/(n+m))·D), without a correction for their size: too large for small
 * ones. O(1).
 *
 * @param statistic D, 0..1
 * @param n size of one sample, whole, >= 1
 * @param m size of the other
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function kolmogorovSmirnovLimitP (statistic: number, n: number, m: number): number {
  requireSizes(statistic, n, m)
  return kolmogorovUpper(Math.sqrt(n * m / (n + m)) * statistic)
}

/**
 * Approximate P(D >= d): the exact one-sample distribution at nm/(n+m) values, rounded to the nearest whole number
 * (halves to even). SciPy's asymptotic method. Cost of {@link kolmogorovUpperExact}.
 *
 * @param statistic D, 0..1
 * @param n size of one sample, whole, >= 1
 * @param m size of the other
 * @returns null when nm/(n+m) rounds to 0 (one value on each side)
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function kolmogorovSmirnovRoundedP (statistic: number, n: number, m: number): number | null {
  requireSizes(statistic, n, m)
  const effective = n * m / (n + m)
  const below = Math.floor(effective)
  const isUp = effective - below > 0.5 || (effective - below === 0.5 && below % 2 === 1)
  const rounded = isUp ? below + 1 : below
  return rounded === 0 ? null : kolmogorovUpperExact(statistic, rounded)
}

/**
 * Probability that a random path from (0,0) to (n,m) reaches a cell with |i·m − j·n| >= `distance`: at (i,j) the next
 * value is one of x with probability (n−i)/(n−i+m−j).
 */
function touchingProbability (distance: number, n: number, m: number): number {
  if (distance <= 0) return 1
  const inside = new Float64Array(m + 1)
  let touched = 0
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= m; j++) {
      let mass = i === 0 && j === 0 ? 1 : 0
      if (i > 0) mass += inside[j]! * (n - i + 1) / (n - i + 1 + m - j)
      if (j > 0) mass += inside[j - 1]! * (m - j + 1) / (n - i + m - j + 1)
      const isOutside = Math.abs(i * m - j * n) >= distance
      if (isOutside) touched += mass
      inside[j] = isOutside ? 0 : mass
    }
  }
  return Math.min(1, touched)
}

function requireSizes (statistic: number, n: number, m: number): void {
  requireBetween('statistic', statistic, 0, 1)
  for (const [name, size] of [['n', n], ['m', m]] as const) {
    if (Number.isSafeInteger(size) && size >= 1) continue
    throw new EvaluatorError('OUT_OF_RANGE', name, `expected a whole number of at least 1, got ${size}`)
  }
}
