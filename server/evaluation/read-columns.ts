import { GatewayError } from '../errors.js'
import type { Field } from './fields.js'
import type { Row } from './row.js'
import type { Table } from './table.js'

/** Columns of a table by the name they are compared under, each with one value per row; null is a missing value. */
export interface ColumnValues {
  readonly rows: number
  readonly columns: ReadonlyMap<string, readonly unknown[]>
}

export interface ColumnOptions {
  /** The columns wanted, by the name to give them; null takes every column of the first level. */
  readonly fields: ReadonlyMap<string, Field> | null
  /** Only the first so many rows; null takes all, up to {@link ROWS_MAX}. */
  readonly limit: number | null
  readonly onShare: (share: number) => void
}

/** Most rows that are held in memory at once. */
export const ROWS_MAX = 2_000_000

/**
 * Reads whole columns. A missing field and an empty cell or text are null.
 * @throws GatewayError BAD_REQUEST when there are no rows, too many, or a column that no row has
 */
export async function readColumns (table: Table, { fields, limit, onShare }: ColumnOptions): Promise<ColumnValues> {
  const columns = new Map<string, unknown[]>([...fields?.keys() ?? []].map((name) => [name, []]))
  let rows = 0
  for await (const row of table.rows(onShare)) {
    if (rows === limit) break
    if (rows === ROWS_MAX) {
      throw new GatewayError('BAD_REQUEST', `${table.path}: has more than ${ROWS_MAX} rows (--limit takes the first ones only)`)
    }
    if (fields === null) putAll(columns, row, rows)
    else for (const [name, field] of fields) put(columns, name, rows, field.read(row.fields))
    rows++
  }
  if (rows === 0) throw new GatewayError('BAD_REQUEST', `${table.path}: has no rows`)
  for (const [name, column] of columns) {
    if (column.length === 0) {
      throw new GatewayError('BAD_REQUEST', `${table.path}: no row has a field "${fields?.get(name)?.name ?? name}"`)
    }
    while (column.length < rows) column.push(null)
  }
  return { rows, columns }
}

function putAll (columns: Map<string, unknown[]>, { fields }: Row, index: number): void {
  for (const [name, value] of Object.entries(fields)) put(columns, name, index, value)
}

function put (columns: Map<string, unknown[]>, name: string, index: number, value: unknown): void {
  if (value === undefined) return
  let column = columns.get(name)
  if (column === undefined) columns.set(name, column = [])
  while (column.length < index) column.push(null)
  column.push(value === '' ? null : value)
}

/** Whether every value that is there is a number, or text that is one; false when none is there. */
export function isNumeric (column: readonly unknown[]): boolean {
  let isAny = false
  for (const value of column) {
    if (value === null) continue
    if (toNumber(value) === null) return false
    isAny = true
  }
  return isAny
}

/**
 * A column of numbers, null where a value is missing.
 * @throws GatewayError BAD_REQUEST naming the value that is no number
 */
export function toNumbers (path: string, name: string, column: readonly unknown[]): (number | null)[] {
  return column.map((value, i) => {
    const number = value === null ? null : toNumber(value)
    if (number !== null || value === null) return number
    throw new GatewayError('BAD_REQUEST',
      `${path}, value ${i + 1} of "${name}": expected a number, got ${JSON.stringify(value)} (--types ${name}=categorical compares it as text)`)
  })
}

function toNumber (value: unknown): number | null {
  if (typeof value === 'string' && value.trim() === '') return null
  const number = typeof value === 'string' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : null
}
