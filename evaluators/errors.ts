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
 * Refuses what is not a list, a list with fewer than `countMin` values or with one that is not a finite number (null, a
 * flag or a text is none either). O(n).
 * @throws EvaluatorError MALFORMED, EMPTY or NOT_FINITE, naming `argument` and the place
 */
export function requireFinite (argument: string, values: ArrayLike<number>, countMin = 1): void {
  requireCount(argument, values, countMin)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      throw new EvaluatorError('NOT_FINITE', `${argument}[${i}]`, `expected a finite number, got ${say(value)}`)
    }
  }
}

/** Refuses what is not a list, or has fewer than `countMin` items. @throws EvaluatorError MALFORMED or EMPTY */
export function requireCount (argument: string, values: ArrayLike<unknown>, countMin = 1): void {
  requireList(argument, values)
  if (values.length >= countMin) return
  throw new EvaluatorError('EMPTY', argument, `expected at least ${countMin} ${countMin === 1 ? 'item' : 'items'}, got ${values.length}`)
}

/** Refuses what is neither an array nor a typed one. O(1). @throws EvaluatorError MALFORMED */
export function requireList (argument: string, values: unknown): asserts values is ArrayLike<unknown> {
  if (Array.isArray(values) || ArrayBuffer.isView(values)) return
  throw new EvaluatorError('MALFORMED', argument, `expected a list, got ${say(values)}`)
}

/** Refuses what is neither true nor false. O(1). @throws EvaluatorError MALFORMED */
export function requireFlag (argument: string, flag: unknown): asserts flag is boolean {
  if (typeof flag === 'boolean') return
  throw new EvaluatorError('MALFORMED', argument, `expected true or false, got ${say(flag)}`)
}

/** Refuses what is none of the words that have a meaning here. O(choices). @throws EvaluatorError MALFORMED */
export function requireChoice<Word extends string> (
  argument: string, word: unknown, choices: readonly Word[]
): asserts word is Word {
  if (choices.some((choice) => choice === word)) return
  throw new EvaluatorError('MALFORMED', argument, `expected one of ${choices.join(', ')}, got ${say(word)}`)
}

/**
 * Refuses lists of different length.
 * @throws EvaluatorError LENGTH_MISMATCH, naming the second; MALFORMED for no list
 */
export function requireSameLength (
  [nameA, a]: readonly [string, ArrayLike<unknown>], [nameB, b]: readonly [string, ArrayLike<unknown>]
): void {
  requireList(nameA, a)
  requireList(nameB, b)
  if (a.length === b.length) return
  throw new EvaluatorError('LENGTH_MISMATCH', nameB, `expected ${a.length} items as in ${nameA}, got ${b.length}`)
}

/**
 * Refuses a number outside [min, max], or not a number at all.
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function requireBetween (argument: string, value: number, min: number, max: number): void {
  if (typeof value === 'number' && value >= min && value <= max) return
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected a number from ${min} to ${max}, got ${say(value)}`)
}

/**
 * The figure that a calculation came to, unless it left the range of a number.
 * @throws EvaluatorError OUT_OF_RANGE, naming the argument that is too large or too small for it
 */
export function finiteOr (argument: string, figure: number): number {
  if (Number.isFinite(figure)) return figure
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected values whose result a number can hold, got ${say(figure)}`)
}

/** A value for a message: a text in quotes, an object by its kind. */
function say (value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 50))
  return typeof value === 'object' && value !== null ? (Array.isArray(value) ? 'a list' : 'an object') : String(value)
}
