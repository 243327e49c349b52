import { requireFinite, requireSameLength } from '../errors.js'
import { spreadOf, type Spread } from '../statistics/descriptive.js'
import { countConfusion, type Label } from './confusion.js'
import { classificationScores } from './scores.js'
import { regressionScores } from './regression.js'

/** How far two models give the same labels. */
export interface LabelAgreement {
  readonly n: number
  /** Share of equal labels, 0..1. */
  readonly share: number
  /** Its standard error √(share(1 − share)/n); null at 0 and 1. */
  readonly se: number | null
  /** Cohen's kappa, −1..1, agreement beyond chance; null when both models give one label throughout. */
  readonly kappa: number | null
}

/** How far two models give the same numbers. */
export interface NumericAgreement {
  readonly n: number
  /** Mean |b − a|, in the unit of the values. */
  readonly meanAbsoluteDifference: number
  /** Mean of b − a, in the unit of the values. */
  readonly meanDifference: number
  /** Linear correlation, −1..1; null when either model's numbers are constant. */
  readonly pearson: number | null
  /** Correlation of the ranks (mean ranks for ties), −1..1; null as `pearson`. */
  readonly spearman: number | null
  /** Lin's concordance: correlation lowered by any shift or stretch, −1..1; null when both give one same number. */
  readonly concordance: number | null
}

/**
 * Agreement of the labels two models gave to the same inputs, symmetric in the models. O(n + labels log labels).
 *
 * @param a, b equally many labels, at least one, all numbers or all strings
 * @throws EvaluatorError as `countConfusion`
 */
export function labelAgreement (a: ArrayLike<Label>, b: ArrayLike<Label>): LabelAgreement {
  const { n, accuracy, kappa, se } = classificationScores(countConfusion(a, b, { truth: 'a', predicted: 'b' }))
  return { n, share: accuracy, se: se.accuracy, kappa }
}

/**
 * Agreement of the numbers two models gave to the same inputs; all but the mean difference are symmetric in the models.
 * Spearman (1904), Am. J. Psychol. 15:72-101; concordance with moments of divisor n: Lin (1989), Biometrics 45:255-268.
 * O(n log n).
 *
 * @param a, b equally many finite numbers, at least one, in one unit
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH, NOT_FINITE with the place; OUT_OF_RANGE when values lie further apart
 *   than a double can hold
 */
export function numericAgreement (a: ArrayLike<number>, b: ArrayLike<number>): NumericAgreement {
  requireFinite('a', a)
  requireFinite('b', b)
  requireSameLength(['a', a], ['b', b])
  const [spreadA, spreadB] = [spreadOf('a', a), spreadOf('b', b)]
  const { n, meanAbsoluteError, bias } = regressionScores(a, b)
  const pearson = correlation(a, b, spreadA, spreadB)
  return {
    n,
    meanAbsoluteDifference: meanAbsoluteError,
    meanDifference: bias,
    pearson,
    spearman: pearson === null ? null : rankCorrelation(a, b),
    concordance: concordance(spreadA, spreadB, bias, pearson ?? 0)
  }
}

function correlation (a: ArrayLike<number>, b: ArrayLike<number>, spreadA: Spread, spreadB: Spread): number | null {
  const [sdA, sdB] = [spreadA.standardDeviation ?? 0, spreadB.standardDeviation ?? 0]
  if (sdA === 0 || sdB === 0) return null
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - spreadA.mean) / sdA * ((b[i]! - spreadB.mean) / sdB)
  return Math.min(1, Math.max(-1, sum / (a.length - 1)))
}

function rankCorrelation (a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  const [ranksA, ranksB] = [midranks(a), midranks(b)]
  return correlation(ranksA, ranksB, spreadOf('ranks', ranksA), spreadOf('ranks', ranksB))
}

/** 2 s_ab / (s_a² + s_b² + shift²), all lengths taken in units of the greatest so that no square overflows. */
function concordance (a: Spread, b: Spread, shift: number, pearson: number): number | null {
  const toPopulation = Math.sqrt((a.n - 1) / a.n)
  const [sdA, sdB] = [(a.standardDeviation ?? 0) * toPopulation, (b.standardDeviation ?? 0) * toPopulation]
  const unit = Math.max(sdA, sdB, Math.abs(shift))
  if (unit === 0) return null
  const [x, y, d] = [sdA / unit, sdB / unit, shift / unit]
  return 2 * pearson * x * y / (x * x + y * y + d * d)
}

/** Ranks from 1, equal values sharing the mean of theirs: places in the sorted copy are found by bisection. */
function midranks (values: ArrayLike<number>): Float64Array {
  const sorted = Float64Array.from(values).sort()
  const rankAt = new Float64Array(sorted.length)
  for (let start = 0, end = 0; start < sorted.length; start = end) {
    while (end < sorted.length && sorted[end] === sorted[start]) end++
    rankAt[start] = (start + 1 + end) / 2
  }
  const ranks = new Float64Array(sorted.length)
  for (let i = 0; i < ranks.length; i++) ranks[i] = rankAt[firstPlace(sorted, values[i]!)]!
  return ranks
}

function firstPlace (sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
