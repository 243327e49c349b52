import { requireBetween } from '../errors.js'

/** Up to this many values the matrix is exact and cheap; above, the series of Pelz and Good errs by about 1e-7. */
const EXACT_UP_TO = 140

/** From n·d² on the two one-sided tails hardly overlap: their sum errs by exp(−6nd²) of itself, here 2e-8 and 2e-6. */
const TAILS_APART = { exact: 3, series: 2.2 } as const

/** Below n·d^1.5 the series converges too slowly and the matrix is small. */
const MATRIX_BELOW = 1.4

/**
 * Upper tail of Kolmogorov's limit distribution, Q(t) = 2 Σ_{k>=1} (−1)^(k−1) exp(−2k²t²), from 1 at t <= 0 down to 0;
 * for small t by the equivalent theta series 1 − √(2π)/t Σ exp(−(2k−1)²π²/(8t²)). Relative error about 1e-15.
 * Kolmogorov (1933), Giorn. Ist. Ital. Attuari 4. O(1).
 *
 * @param t √n times the largest distance, no unit
 */
export function kolmogorovUpper (t: number): number {
  if (!(t > 0.04)) return 1
  if (t < 1) {
    let sum = 0
    for (let k = 1; k <= 9; k += 2) sum += Math.exp(-(k * k) * Math.PI ** 2 / (8 * t * t))
    return 1 - Math.sqrt(2 * Math.PI) / t * sum
  }
  let sum = 0
  for (let k = 6; k >= 1; k--) sum += (k % 2 === 1 ? 2 : -2) * Math.exp(-2 * k * k * t * t)
  return sum
}

/**
 * P(D_n >= d) of the one-sample two-sided Kolmogorov–Smirnov statistic of n values. Far tail: twice the one-sided tail
 * of Birnbaum, Tingey (1951), Ann. Math. Statist. 22, which is exact from d = 0.5 on. Otherwise, to 140 values, the
 * matrix of Durbin as in Marsaglia, Tsang, Wang (2003), J. Stat. Softw. 8(18); beyond, the series of Pelz, Good (1976),
 * J. R. Stat. Soc. B 38; divided as in Simard, L'Ecuyer (2011), J. Stat. Softw. 39(11). Relative error below 2e-8 to
 * 140 values, below 1e-5 beyond. O((nd)³ log n) with the matrix, O(n) in the tail, else O(1).
 *
 * @param d largest distance of the empirical distribution from the true one, 0..1
 * @param n number of values, a whole number >= 1
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function kolmogorovUpperExact (d: number, n: number): number {
  requireBetween('d', d, 0, 1)
  requireBetween('n', n, 1, Number.MAX_SAFE_INTEGER)
  if (d * n <= 0.5) return 1
  if (d >= 1) return 0
  const tailsApart = n <= EXACT_UP_TO ? TAILS_APART.exact : TAILS_APART.series
  if (d >= 0.5 || n * d * d >= tailsApart) return Math.min(1, 2 * oneSidedUpper(d, n))
  const isExact = n <= EXACT_UP_TO || n * d ** 1.5 <= MATRIX_BELOW
  const lower = isExact ? durbinLower(d, n) : pelzGoodLower(d, n)
  return Math.min(1, Math.max(0, 1 - lower))
}

/** P(D⁺ >= d) = d Σ_j C(n,j) (d + j/n)^(j−1) (1 − d − j/n)^(n−j); ln C(n,j) is summed up, for its ratios are exact. */
function oneSidedUpper (d: number, n: number): number {
  let logChoose = 0
  let sum = Math.exp(n * Math.log1p(-d)) / d
  const last = Math.floor(n * (1 - d))
  for (let j = 1; j <= last; j++) {
    logChoose += Math.log((n - j + 1) / j)
    const rest = 1 - d - j / n
    if (rest <= 0) break
    sum += Math.exp(logChoose + (j - 1) * Math.log(d + j / n) + (n - j) * Math.log(rest))
  }
  return Math.min(1, d * sum)
}

/** P(D_n < d) as n!/nⁿ times the middle entry of the n-th power of a (2k−1)² matrix, k = ⌊nd⌋ + 1. */
function durbinLower (d: number, n: number): number {
  const k = Math.floor(n * d) + 1
  const size = 2 * k - 1
  const { matrix, exponent } = power(durbinMatrix(size, k - n * d), size, n)
  let value = matrix[(k - 1) * size + k - 1]!
  let scale = exponent
  for (let i = 1; i <= n; i++) {
    value *= i / n
    if (value < 1e-140) {
      value *= 1e140
      scale -= 140
    }
  }
  return value * 10 ** scale
}

function durbinMatrix (size: number, h: number): Float64Array {
  const matrix = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) matrix[i * size + j] = i - j + 1 < 0 ? 0 : 1
  }
  for (let i = 0; i < size; i++) {
    matrix[i * size] = matrix[i * size]! - h ** (i + 1)
    matrix[(size - 1) * size + i] = matrix[(size - 1) * size + i]! - h ** (size - i)
  }
  const corner = (size - 1) * size
  matrix[corner] = matrix[corner]! + (2 * h - 1 > 0 ? (2 * h - 1) ** size : 0)
  for (let i = 0; i < size; i++) {
    let factorial = 1
    for (let lag = 1; lag <= i + 1; lag++) {
      factorial *= lag
      const at = i * size + i + 1 - lag
      if (i + 1 - lag < size) matrix[at] = matrix[at]! / factorial
    }
  }
  return matrix
}

interface Scaled { readonly matrix: Float64Array, readonly exponent: number }

/** The n-th power by repeated squaring, kept in range by powers of 10. */
function power (matrix: Float64Array, size: number, n: number): Scaled {
  let result: Scaled | null = null
  let base: Scaled = { matrix, exponent: 0 }
  for (let rest = n; ; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result === null ? base : product(result, base, size)
    if (rest <= 1) return result!
    base = product(base, base, size)
  }
}

function product (a: Scaled, b: Scaled, size: number): Scaled {
  const matrix = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let l = 0; l < size; l++) {
      const factor = a.matrix[i * size + l]!
      if (factor === 0) continue
      for (let j = 0; j < size; j++) matrix[i * size + j] = matrix[i * size + j]! + factor * b.matrix[l * size + j]!
    }
  }
  const exponent = a.exponent + b.exponent
  if (matrix[(size >> 1) * size + (size >> 1)]! < 1e140) return { matrix, exponent }
  for (let i = 0; i < matrix.length; i++) matrix[i] = matrix[i]! * 1e-140
  return { matrix, exponent: exponent + 140 }
}

/** P(D_n <= d) to the term in n^(−3/2), with z = √n·d. */
function pelzGoodLower (d: number, n: number): number {
  const z = Math.sqrt(n) * d
  if (z < 0.04) return 0
  const [z2, z4, z6, z8] = [z ** 2, z ** 4, z ** 6, z ** 8]
  const terms = [0, 0, 0, 0]
  for (let k = 0; k <= 20; k++) {
    const a = Math.PI ** 2 * (k + 0.5) ** 2
    const b = Math.PI ** 2 * k ** 2
    const half = 2 * Math.exp(-a / (2 * z2))
    const whole = 2 * Math.exp(-b / (2 * z2))
    terms[0]! += half
    terms[1]! += half * (a - z2)
    terms[2]! += half * (6 * z6 + 2 * z4 + a * (2 * z4 - 5 * z2) + a * a * (1 - 2 * z2)) - whole * 2 * z4 * b
    terms[3]! += half * (a ** 3 * (5 - 30 * z2) + a * a * (-60 * z2 + 212 * z4) + a * (135 * z4 - 96 * z6) -
      30 * z6 - 90 * z8) + whole * 30 * z4 * (3 * b * z2 - b * b)
  }
  const root = Math.sqrt(Math.PI / 2)
  return root * (terms[0]! / z + terms[1]! / (6 * z4 * Math.sqrt(n)) + terms[2]! / (72 * z ** 7 * n) +
    terms[3]! / (6480 * z ** 10 * n ** 1.5))
}
