import { EvaluatorError, requireCount } from '../errors.js'
import { sortAscending } from '../statistics/radix-sort.js'
import { ascendingCopy } from './ascending.js'

/** Significance levels of the critical values, and the coefficients b0 + b1/√m + b2/m of Scholz and Stephens. */
const LEVELS = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001] as const
const CONSTANT = [0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085] as const
const BY_ROOT = [-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615] as const
const BY_SAMPLE = [-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154] as const

/** k-sample Anderson–Darling test. */
export interface AndersonDarling {
  /** (A² − (k − 1))/σ; null when all values are equal, for then nothing can be told. */
  readonly statistic: number | null
  /** Critical values of the statistic at the levels 0.25, 0.1, 0.05, 0.025, 0.01, 0.005 and 0.001. */
  readonly criticalValues: readonly number[]
  /** Approximate p, never below 0.001 nor above 0.25, between which the critical values lie; null as the statistic. */
  readonly pCapped: number | null
}

/**
 * Anderson–Darling test that k samples come from one distribution, midrank version, standardised. The p is read off a
 * quadratic of ln(level) fitted to the critical values and capped to their range. Scholz, Stephens (1987), J. Am. Stat.
 * Assoc. 82:918-924, equations 6, 7 and table 2. O(N log N + kN).
 *
 * @param samples at least two, each of at least one finite number, of one unit; at least four values together
 * @throws EvaluatorError EMPTY or NOT_FINITE
 */
export function andersonDarling (samples: readonly ArrayLike<number>[]): AndersonDarling {
  requireCount('samples', samples, 2)
  const ascending = samples.map((sample, i) => ascendingCopy(`samples[${i}]`, sample))
  const sizes = ascending.map(({ length }) => length)
  const total = sizes.reduce((sum, n) => sum + n, 0)
  if (total < 4) throw new EvaluatorError('EMPTY', 'samples', `expected at least 4 values together, got ${total}`)
  const degrees = samples.length - 1
  const criticalValues = CONSTANT.map((b, i) => b + BY_ROOT[i]! / Math.sqrt(degrees) + BY_SAMPLE[i]! / degrees)
  const pooled = pool(ascending, total)
  if (pooled[0] === pooled[total - 1]) return { statistic: null, criticalValues, pCapped: null }
  const statistic = (squares(ascending, pooled) - degrees) / Math.sqrt(variance(sizes, total))
  return { statistic, criticalValues, pCapped: cappedP(statistic, criticalValues) }
}

function pool (samples: readonly Float64Array[], total: number): Float64Array {
  const pooled = new Float64Array(total)
  let filled = 0
  for (const sample of samples) {
    pooled.set(sample, filled)
    filled += sample.length
  }
  return sortAscending(pooled)
}

/** A²akN: over the distinct pooled values, with half of the ties at a value counted as below it. */
function squares (samples: readonly Float64Array[], pooled: Float64Array): number {
  const total = pooled.length
  const reached = samples.map(() => 0)
  let sum = 0
  for (let start = 0, end = 0; start < total; start = end) {
    const value = pooled[start]!
    while (end < total && pooled[end] === value) end++
    const ties = end - start
    const below = start + ties / 2
    const weight = ties / (below * (total - below) - total * ties / 4)
    samples.forEach((sample, i) => {
      const before = reached[i]!
      let after = before
      while (after < sample.length && sample[after] === value) after++
      reached[i] = after
      sum += weight * (total * (before + after) / 2 - sample.length * below) ** 2 / sample.length
    })
  }
  return sum * (total - 1) / (total * total)
}

/** Variance of A²kN under the hypothesis, equation 4. */
function variance (sizes: readonly number[], n: number): number {
  const k = sizes.length
  const inverse = sizes.reduce((sum, size) => sum + 1 / size, 0)
  let harmonic = 0
  for (let i = 1; i < n; i++) harmonic += 1 / i
  let [g, partial] = [0, 0]
  for (let i = 1; i <= n - 2; i++) {
    partial += 1 / i
    g += (harmonic - partial) / (n - i)
  }
  const a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * inverse
  const b = (2 * g - 4) * k * k + 8 * harmonic * k + (2 * g - 14 * harmonic - 4) * inverse - 8 * harmonic + 4 * g - 6
  const c = (6 * harmonic + 2 * g - 2) * k * k + (4 * harmonic - 4 * g + 6) * k + (2 * harmonic - 6) * inverse +
    4 * harmonic
  const d = (2 * harmonic + 6) * k * k - 4 * harmonic * k
  return (a * n ** 3 + b * n * n + c * n + d) / ((n - 1) * (n - 2) * (n - 3))
}

function cappedP (statistic: number, criticalValues: readonly number[]): number {
  if (statistic < criticalValues[0]!) return LEVELS[0]
  if (statistic > criticalValues[criticalValues.length - 1]!) return LEVELS[LEVELS.length - 1]!
  const p = Math.exp(quadraticFit(criticalValues, LEVELS.map(Math.log), statistic))
  return Math.min(LEVELS[0], Math.max(LEVELS[LEVELS.length - 1]!, p))
}

/** Value at `at` of the least-squares parabola through the points, by polynomials orthogonal on them. */
function quadraticFit (x: readonly number[], y: readonly number[], at: number): number {
  const n = x.length
  const dot = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  const mean = x.reduce((sum, value) => sum + value, 0) / n
  const linear = x.map((value) => value - mean)
  const linearNorm = dot(linear, linear)
  const cubes = linear.reduce((sum, value) => sum + value ** 3, 0)
  const bend = (u: number): number => u * u - linearNorm / n - cubes / linearNorm * u
  const quadratic = linear.map(bend)
  return y.reduce((sum, value) => sum + value, 0) / n + dot(y, linear) / linearNorm * (at - mean) +
    dot(y, quadratic) / dot(quadratic, quadratic) * bend(at - mean)
}
