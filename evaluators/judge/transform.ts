import { EvaluatorError, requireBetween, requireFlag, requireList } from '../errors.js'
import { centre, percentileOfOrdered } from './describe.js'
import { ascending, requireMeasurable } from './rank-shift.js'

/** A fence this many spreads away stands where no value is. */
const FACTOR_MAX = 1e100

/** Values beyond either fence are outliers; on a fence they are not. The values' unit. */
export interface Fences { readonly low: number, readonly high: number }

export interface FenceOptions {
  /** How many interquartile ranges a fence stands outside its quartile; > 0, at most 1e100. */
  readonly factor: number
  /** Whether a fence may not stand inside the 1st (99th) percentile; as the judge does it. */
  readonly reducesSensitivity: boolean
}

/**
 * Fences by the interquartile range: Q1 − factor·(Q3 − Q1) and Q3 + factor·(Q3 − Q1), quartiles by definition 7; with
 * reduced sensitivity moved out to the 1st and 99th percentile where these lie farther. Tukey (1977), Exploratory Data
 * Analysis. Among mostly equal values the fences collapse, so that rare events count as outliers. O(n log n).
 *
 * @throws EvaluatorError EMPTY, NOT_FINITE, OUT_OF_RANGE (also a factor that is not above 0)
 */
export function quartileFences (values: ArrayLike<number>, { factor, reducesSensitivity }: FenceOptions): Fences {
  requireFactor('factor', factor)
  requireFlag('reducesSensitivity', reducesSensitivity)
  const ordered = ascending('values', values)
  const [lower, upper] = [percentileOfOrdered(ordered, 25), percentileOfOrdered(ordered, 75)]
  const reach = factor * (upper - lower)
  const [low, high] = [lower - reach, upper + reach]
  if (!reducesSensitivity) return { low, high }
  return { low: Math.min(percentileOfOrdered(ordered, 1), low), high: Math.max(percentileOfOrdered(ordered, 99), high) }
}

/**
 * Which values lie beyond their {@link quartileFences}; an empty list for no values. O(n log n).
 *
 * @throws EvaluatorError NOT_FINITE, OUT_OF_RANGE (also a factor that is not above 0)
 */
export function detectOutliersByQuartiles (values: ArrayLike<number>, options: FenceOptions): boolean[] {
  requireFactor('factor', options.factor)
  requireList('values', values)
  if (values.length === 0) return []
  const { low, high } = quartileFences(values, options)
  return Array.from(values, (value) => value < low || value > high)
}

/**
 * Which values lie more than `k` population standard deviations from their mean; an empty list for no values. O(n).
 *
 * @throws EvaluatorError NOT_FINITE, OUT_OF_RANGE (also a k that is not above 0)
 */
export function detectOutliersBySigma (values: ArrayLike<number>, k: number): boolean[] {
  requireFactor('k', k)
  requireMeasurable('values', values, 0)
  const { mean, sumSquares } = centre(values)
  const reach = k * Math.sqrt(sumSquares / values.length)
  return Array.from(values, (value) => Math.abs(value - mean) > reach)
}

/**
 * The values that are not flagged, in their order. O(n).
 * @throws EvaluatorError LENGTH_MISMATCH unless there is one flag per value, OUT_OF_RANGE for what is neither a finite
 * number nor NaN
 */
export function removeOutliers (values: ArrayLike<number>, flags: readonly boolean[]): number[] {
  requireSteps(values)
  requireList('flags', flags)
  flags.forEach((flag, i) => requireFlag(`flags[${i}]`, flag))
  if (flags.length !== values.length) {
    throw new EvaluatorError('LENGTH_MISMATCH', 'flags', `expected ${values.length} items as in values, got ${flags.length}`)
  }
  return Array.from(values).filter((_, i) => !flags[i])
}

/**
 * The values that are numbers, in their order: a step without data (NaN) is dropped. O(n).
 * @throws EvaluatorError OUT_OF_RANGE for what is neither a finite number nor NaN
 */
export function removeNaN (values: ArrayLike<number>): number[] {
  requireSteps(values)
  return Array.from(values).filter((value) => !Number.isNaN(value))
}

/**
 * The values with `replacement` where a step has no data (NaN). O(n).
 * @throws EvaluatorError OUT_OF_RANGE when the replacement, or a value other than NaN, is not a finite number
 */
export function replaceNaN (values: ArrayLike<number>, replacement: number): number[] {
  requireBetween('replacement', replacement, -Number.MAX_VALUE, Number.MAX_VALUE)
  requireSteps(values)
  return Array.from(values, (value) => Number.isNaN(value) ? replacement : value)
}

function requireFactor (argument: string, factor: number): void {
  requireBetween(argument, factor, Number.MIN_VALUE, FACTOR_MAX)
}

/** Refuses what is not a list of numbers and steps without data (NaN). */
function requireSteps (values: ArrayLike<number>): void {
  requireList('values', values)
  for (let i = 0; i < values.length; i++) {
    if (!Number.isNaN(values[i])) requireBetween(`values[${i}]`, values[i]!, -Number.MAX_VALUE, Number.MAX_VALUE)
  }
}
