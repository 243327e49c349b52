import type { ColumnKind, Columns, Table } from '../../evaluators/drift/drift-result.js'
import { GatewayError } from '../errors.js'
import { isNumeric, toNumbers, type ColumnValues } from './read-columns.js'

/** Columns of a reference, as they are compared. */
export interface TypedColumns {
  readonly rows: number
  readonly data: Table
  readonly kinds: Columns
  /** Columns whose values in the current file are to be read as numbers. */
  readonly numeric: ReadonlySet<string>
  /** What was left out and why. */
  readonly left: readonly string[]
}

/** How columns are to be understood. */
export interface ColumnTyping {
  /** Whether the columns were named; otherwise those that hold objects are left out. */
  readonly isChosen: boolean
  readonly types: Readonly<Record<string, ColumnKind>>
}

/**
 * Decides which columns hold numbers, and reads those as such.
 * @throws GatewayError BAD_REQUEST for a kind of a column that is not there, or a cell that is no number
 */
export function typeColumns (
  path: string, { rows, columns }: ColumnValues, { isChosen, types }: ColumnTyping
): TypedColumns {
  const left: string[] = []
  const data = new Map<string, readonly unknown[]>()
  const numeric = new Set<string>()
  for (const [name, column] of columns) {
    if (!isChosen && column.some(isObject)) {
      left.push(`${name} holds objects and was left out: --columns ${name}.FIELD compares a field of them`)
      continue
    }
    const kind = types[name] ?? 'auto'
    if (kind === 'numeric' || (kind === 'auto' && isNumeric(column))) numeric.add(name)
    data.set(name, numeric.has(name) ? toNumbers(path, name, column) : column)
  }
  return { rows, data: Object.fromEntries(data), kinds: kindsOf([...data.keys()], types), numeric, left }
}

/** Whether a cell holds fields of its own. */
export function isObject (value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * The kind of each column, `auto` where none was stated.
 * @throws GatewayError BAD_REQUEST for a kind of a column that is not compared
 */
export function kindsOf (names: readonly string[], types: ColumnTyping['types']): Columns {
  for (const name of Object.keys(types)) {
    if (names.includes(name)) continue
    throw new GatewayError('BAD_REQUEST', `--types: there is no column "${name}", expected some of ${names.join(', ')}`)
  }
  return Object.fromEntries(names.map((name) => [name, types[name] ?? 'auto']))
}
