import { EvaluatorError } from '../errors.js'

/**
 * Refuses a field that is not a finite number. Field by field and without a list of them: this runs for every arm of
 * every stratum of every metric. O(1). @throws EvaluatorError NOT_FINITE
 */
export function requireFiniteField (argument: string, field: string, value: number): void {
  if (Number.isFinite(value)) return
  throw new EvaluatorError('NOT_FINITE', `${argument} ${field}`, `expected a finite number, got ${String(value)}`)
}

/** Refuses a field that is not a whole number >= 0. O(1). @throws EvaluatorError MALFORMED */
export function requireWhole (argument: string, field: string, value: number): void {
  if (Number.isInteger(value) && value >= 0) return
  throw new EvaluatorError('MALFORMED', `${argument} ${field}`, `expected a whole number of at least 0, got ${value}`)
}
