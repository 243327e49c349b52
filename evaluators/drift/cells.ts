import { EvaluatorError, requireFinite } from '../errors.js'

/** What was read out of a column: the values that are present, and how many cells are not. */
export interface Cells<Values> { readonly values: Values, readonly missing: number }

/** Null, undefined and NaN are missing; everything else is a value (an empty text too). */
export function isMissing (cell: unknown): boolean {
  return cell === null || cell === undefined || Number.isNaN(cell)
}

/** Numbers (bigint too) of a numeric column. O(n). @throws EvaluatorError MALFORMED or NOT_FINITE, naming the cell */
export function readNumbers (argument: string, column: ArrayLike<unknown>): Cells<Float64Array> {
  const values = new Float64Array(column.length)
  let filled = 0
  for (let i = 0; i < column.length; i++) {
    const cell = column[i]
    if (isMissing(cell)) continue
    if (typeof cell !== 'number' && typeof cell !== 'bigint') throw malformed(argument, i, 'a number', cell)
    const value = Number(cell)
    if (!Number.isFinite(value)) {
      throw new EvaluatorError('NOT_FINITE', `${argument}[${i}]`, `expected a finite number, got ${String(cell)}`)
    }
    values[filled++] = value === 0 ? 0 : value
  }
  return { values: values.subarray(0, filled), missing: column.length - filled }
}

/** Counts by category of a column of texts, booleans or numbers. O(n). @throws EvaluatorError MALFORMED */
export function readCategories (argument: string, column: ArrayLike<unknown>): Cells<Map<string, number>> {
  const values = new Map<string, number>()
  let missing = 0
  for (let i = 0; i < column.length; i++) {
    const cell = column[i]
    if (isMissing(cell)) {
      missing++
      continue
    }
    if (typeof cell === 'object' || typeof cell === 'function' || typeof cell === 'symbol') {
      throw malformed(argument, i, 'a text, boolean or number', cell)
    }
    const category = String(cell)
    values.set(category, (values.get(category) ?? 0) + 1)
  }
  return { values, missing }
}

/** Texts of a text column. O(n). @throws EvaluatorError MALFORMED */
export function readTexts (argument: string, column: ArrayLike<unknown>): Cells<string[]> {
  const values: string[] = []
  for (let i = 0; i < column.length; i++) {
    const cell = column[i]
    if (isMissing(cell)) continue
    if (typeof cell !== 'string') throw malformed(argument, i, 'a text', cell)
    values.push(cell)
  }
  return { values, missing: column.length - values.length }
}

/** Vectors of an embedding column, all of one length. O(n × dimensions). @throws EvaluatorError */
export function readVectors (argument: string, column: ArrayLike<unknown>): Cells<ArrayLike<number>[]> {
  const values: ArrayLike<number>[] = []
  for (let i = 0; i < column.length; i++) {
    const cell = column[i]
    if (isMissing(cell)) continue
    if (!isVector(cell)) throw malformed(argument, i, 'a list of numbers', cell)
    requireFinite(`${argument}[${i}]`, cell)
    const dimension = values[0]?.length ?? cell.length
    if (cell.length !== dimension) {
      throw new EvaluatorError('LENGTH_MISMATCH', `${argument}[${i}]`, `expected ${dimension} numbers, got ${cell.length}`)
    }
    values.push(cell)
  }
  return { values, missing: column.length - values.length }
}

/** Whether a cell is a list that could be an embedding; its numbers are not looked at. */
export function isVector (cell: unknown): cell is ArrayLike<number> {
  return Array.isArray(cell) || (ArrayBuffer.isView(cell) && !(cell instanceof DataView))
}

function malformed (argument: string, place: number, expected: string, cell: unknown): EvaluatorError {
  const got = typeof cell === 'string' ? JSON.stringify(cell.slice(0, 40)) : typeof cell
  return new EvaluatorError('MALFORMED', `${argument}[${place}]`, `expected ${expected}, got ${got}`)
}
