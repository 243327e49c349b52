import { EvaluatorError } from '../errors.js'

/**
 * Refuses a number that is not strictly between two others, or not a number at all. O(1).
 * @throws EvaluatorError OUT_OF_RANGE, naming `argument`
 */
export function requireInside (argument: string, value: number, low: number, high: number): void {
  if (typeof value === 'number' && value > low && value < high) return
  throw new EvaluatorError('OUT_OF_RANGE', argument, `${argument} must lie between ${low} and ${high}, got ${String(value)}`)
}
