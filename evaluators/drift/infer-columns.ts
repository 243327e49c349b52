import { EvaluatorError, requireList } from '../errors.js'
import { isMissing, isVector } from './cells.js'
import type { ColumnKind, Table } from './drift-result.js'

/** Up to as many different values a column counts as categories. */
export const CATEGORIES_UP_TO = 20

/** Share of a text column's values with a space in them from which on it is prose rather than labels. */
const PROSE_FROM = 0.5

/**
 * The kind of a column by its values: vectors are embeddings; numbers are numeric when they take more than 20 different
 * values and categorical otherwise; booleans are categorical; texts are text when they take more than 20 different
 * values and at least half of them contain white space, and categorical otherwise. O(n).
 *
 * @param argument what the caller calls the column, for the error
 * @param column its cells
 * @throws EvaluatorError EMPTY when every cell is missing, MALFORMED when cells are of different or unknown types
 */
export function inferKind (argument: string, column: ArrayLike<unknown>): ColumnKind {
  requireList(argument, column)
  const types = new Set<string>()
  const distinct = new Set<unknown>()
  let [present, prose] = [0, 0]
  for (let i = 0; i < column.length; i++) {
    const cell = column[i]
    if (isMissing(cell)) continue
    present++
    types.add(isVector(cell) ? 'vector' : typeof cell === 'bigint' ? 'number' : typeof cell)
    if (distinct.size <= CATEGORIES_UP_TO) distinct.add(typeof cell === 'bigint' ? Number(cell) : cell)
    if (typeof cell === 'string' && /\s/u.test(cell.trim())) prose++
  }
  if (present === 0) throw new EvaluatorError('EMPTY', argument, 'expected at least one value that is not missing')
  const isMany = distinct.size > CATEGORIES_UP_TO
  switch ([...types].sort().join()) {
    case 'vector': return 'embedding'
    case 'number': return isMany ? 'numeric' : 'categorical'
    case 'boolean': return 'categorical'
    case 'string': return isMany && prose >= PROSE_FROM * present ? 'text' : 'categorical'
    default: throw new EvaluatorError('MALFORMED', argument,
      `expected numbers, texts, booleans or vectors, got ${[...types].sort().join(' and ')}`)
  }
}

/**
 * The kind of every column of a table ({@link inferKind}), by name. O(cells).
 * @throws EvaluatorError EMPTY or MALFORMED, naming the column
 */
export function inferColumns (table: Table): Record<string, ColumnKind> {
  return Object.fromEntries(Object.entries(table).map(([name, column]) => [name, inferKind(name, column)]))
}
