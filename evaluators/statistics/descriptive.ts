import { mean, quantile as quantileType7, sampleStandardDeviation } from 'simple-statistics'
import { EvaluatorError, requireBetween, requireFinite } from '../errors.js'
import { sortAscending } from './radix-sort.js'

const TOO_FAR_APART = 'expected values that lie less than 1e308 apart'

/** Size, mean and spread of a sample, in its unit; `standardDeviation` (divisor n − 1) is null for one value. */
export interface Spread {
  readonly n: number
  readonly mean: number
  readonly standardDeviation: number | null
}

/** A sample in numbers, all in the unit of its values. */
export interface SampleDescription extends Spread {
  readonly min: number
  readonly quartile1: number
  readonly median: number
  readonly quartile3: number
  readonly max: number
}

/**
 * Mean and standard deviation of the distances from the first value, scaled by a power of two to at most 1, so that a
 * large offset, huge or tiny values cost no digits, and equal values have a standard deviation of exactly 0. O(n).
 *
 * @param argument what the caller calls the list
 * @param values at least one finite number
 * @throws EvaluatorError EMPTY or NOT_FINITE with the place; OUT_OF_RANGE when the values lie further apart than a
 *   double can hold
 */
export function spreadOf (argument: string, values: ArrayLike<number>): Spread {
  requireFinite(argument, values)
  const first = values[0]!
  const distances = new Float64Array(values.length)
  let greatest = 0
  for (let i = 0; i < values.length; i++) {
    distances[i] = values[i]! - first
    greatest = Math.max(greatest, Math.abs(distances[i]!))
  }
  const unit = greatest === 0 ? 1 : 2 ** Math.floor(Math.log2(greatest))
  for (let i = 0; i < distances.length; i++) distances[i]! /= unit
  const spread = {
    n: values.length,
    mean: first + mean(asList(distances)) * unit,
    standardDeviation: values.length === 1 ? null : sampleStandardDeviation(asList(distances)) * unit
  }
  if (Number.isFinite(spread.mean + (spread.standardDeviation ?? 0))) return spread
  throw new EvaluatorError('OUT_OF_RANGE', argument, TOO_FAR_APART)
}

/**
 * The p-quantile with linear interpolation between order statistics (type 7 of Hyndman, Fan (1996), Am. Stat.
 * 50:361-365; the default of NumPy and R). Never decreasing in p; the least value at 0, the greatest at 1. O(n) on
 * average.
 *
 * @param values at least one finite number
 * @param p 0..1
 * @throws EvaluatorError EMPTY, NOT_FINITE with the place; OUT_OF_RANGE for p, or values too far apart to interpolate
 */
export function quantile (values: ArrayLike<number>, p: number): number {
  requireFinite('values', values)
  requireBetween('p', p, 0, 1)
  const value = quantileType7(asList(Float64Array.from(values)), p)
  if (Number.isFinite(value)) return value
  throw new EvaluatorError('OUT_OF_RANGE', 'values', TOO_FAR_APART)
}

/**
 * Size, mean, standard deviation, least and greatest value, median and quartiles ({@link quantile}). O(n) on average.
 *
 * @param values at least one finite number
 * @throws EvaluatorError EMPTY, NOT_FINITE with the place, or OUT_OF_RANGE as {@link spreadOf}
 */
export function describeSample (values: ArrayLike<number>): SampleDescription {
  const spread = spreadOf('values', values)
  const sorted = asList(sortAscending(Float64Array.from(values)))
  const [quartile1, median, quartile3] = quantileType7(sorted, [0.25, 0.5, 0.75]) as [number, number, number]
  return { ...spread, min: sorted[0]!, quartile1, median, quartile3, max: sorted[sorted.length - 1]! }
}

/** The library reads lengths and indices alone, and copies with `slice`: a typed array serves as well as a list. */
function asList (values: Float64Array): number[] {
  return values as unknown as number[]
}
