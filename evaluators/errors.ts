/**
 * What is wrong with an argument: too few items, a value that is not a finite number, a value outside its range, two
 * lists that should be equally long, or a document (configuration, stored state) of the wrong form.
 */
export type EvaluatorErrorCode = 'EMPTY' | 'NOT_FINITE' | 'OUT_OF_RANGE' | 'LENGTH_MISMATCH' | 'MALFORMED'

/** Every error the evaluators raise on purpose; `argument` names what the caller passed, with its place where known. */
export class EvaluatorError extends RangeError {
  override readonly name = 'EvaluatorError'

  constructor (readonly code: EvaluatorErrorCode, readonly argument: string, message: string) {
    super(`${argument}: ${message}`)
  }
}

/**
 * Refuses a list with fewer than `countMin` values or with one that is not a finite number. O(n).
 * @throws EvaluatorError EMPTY or NOT_FINITE, naming `argument` and the place
 */
export function requireFinite (argument: string, values: ArrayLike<number>, countMin = 1): void {
  requireCount(argument, values, countMin)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new EvaluatorError('NOT_FINITE', `${argument}[${i}]`, `expected a finite number, got ${String(value)}`)
    }
  }
}

/** Refuses a list with fewer than `countMin` items. @throws EvaluatorError EMPTY */
export function requireCount (argument: string, values: ArrayLike<unknown>, countMin = 1): void {
  if (values.length >= countMin) return
  throw new EvaluatorError('EMPTY', argument, `expected at least ${countMin} ${countMin === 1 ? 'item' : 'items'}, got ${values.length}`)
}

/** Refuses lists of different length. @throws EvaluatorError LENGTH_MISMATCH, naming the second */
export function requireSameLength (
  [nameA, a]: readonly [string, ArrayLike<unknown>], [nameB, b]: readonly [string, ArrayLike<unknown>]
): void {
  if (a.length === b.length) return
  throw new EvaluatorError('LENGTH_MISMATCH', nameB, `expected ${a.length} items as in ${nameA}, got ${b.length}`)
}

/**
 * Refuses a number outside [min, max], or not a number at all.
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function requireBetween (argument: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected a number from ${min} to ${max}, got ${value}`)
}
