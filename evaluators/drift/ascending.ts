import { EvaluatorError, requireCount } from '../errors.js'
import { sortAscending } from '../statistics/radix-sort.js'

/**
 * The values in ascending order, as a new array; the argument stays as it is. O(n log n), O(n) when already ascending.
 *
 * @param argument what the caller calls the list, for the error
 * @param values any unit
 * @param countMin fewest values allowed
 * @throws EvaluatorError EMPTY or NOT_FINITE, naming `argument` and the place
 */
export function ascendingCopy (argument: string, values: ArrayLike<number>, countMin = 1): Float64Array {
  requireCount(argument, values, countMin)
  const copy = new Float64Array(values.length)
  let isAscending = true
  for (let i = 0; i < copy.length; i++) {
    const value = values[i]
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new EvaluatorError('NOT_FINITE', `${argument}[${i}]`, `expected a finite number, got ${String(value)}`)
    }
    copy[i] = value
    isAscending &&= i === 0 || copy[i - 1]! <= value
  }
  return isAscending ? copy : sortAscending(copy)
}

/**
 * Mean and standard deviation in the unit of the values, `m2` (sum of squared deviations, at most the greatest number).
 */
export interface Spread { readonly mean: number, readonly deviation: number, readonly m2: number }

/**
 * Arithmetic mean and population standard deviation (divisor n, ddof 0), in the unit of the values; two passes over
 * values scaled by a power of two near the greatest magnitude, so that neither tiny nor huge ones underflow or
 * overflow. O(n).
 *
 * @param values finite numbers, at least one
 */
export function meanAndDeviation (values: ArrayLike<number>): Spread {
  let greatest = 0
  for (let i = 0; i < values.length; i++) greatest = Math.max(greatest, Math.abs(values[i]!))
  if (greatest === 0) return { mean: 0, deviation: 0, m2: 0 }
  const scale = 2 ** Math.min(1023, Math.floor(Math.log2(greatest)))
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! / scale
  const mean = sum / values.length
  let squares = 0
  let residual = 0
  for (let i = 0; i < values.length; i++) {
    const difference = values[i]! / scale - mean
    squares += difference * difference
    residual += difference
  }
  const m2 = Math.max(0, squares - residual * residual / values.length)
  return {
    mean: mean * scale,
    deviation: Math.sqrt(m2 / values.length) * scale,
    m2: Math.min(Number.MAX_VALUE, m2 * scale * scale)
  }
}
