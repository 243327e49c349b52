import { GatewayError } from '../errors.js'
import type { Row } from './row.js'
import { placeOf, type Table } from './table.js'

/** Where in a row a value stands. */
export interface Field {
  readonly name: string
  /** The value, or undefined when the row has none there. */
  readonly read: (fields: Readonly<Record<string, unknown>>) => unknown
}

/**
 * A field by its name, by a dotted path (`outputs.small`) or by a JSON pointer (`/outputs/small`, RFC 6901). A column
 * whose whole name is `text` comes before a path.
 * @throws GatewayError BAD_REQUEST when it is empty
 */
export function parseField (text: string): Field {
  if (text === '') throw new GatewayError('BAD_REQUEST', 'a field needs a name')
  const steps = text.startsWith('/')
    ? text.slice(1).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    : text.split('.')
  return {
    name: text,
    read: (fields) => Object.hasOwn(fields, text) ? fields[text] : steps.reduce<unknown>(stepInto, fields)
  }
}

function stepInto (value: unknown, step: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    ? (value as Record<string, unknown>)[step]
    : undefined
}

/** A row that cannot be used, with its place. */
export function badRow (table: Table, row: Row, message: string, cause?: unknown): GatewayError {
  return new GatewayError('BAD_REQUEST', `${placeOf(table, row)}: ${message}`, { cause })
}

/** The text of a field. @throws GatewayError BAD_REQUEST when it is missing or no string */
export function textOf (table: Table, row: Row, field: Field): string {
  const value = field.read(row.fields)
  if (typeof value === 'string') return value
  throw unexpected(table, row, field, 'a string', value)
}

/** The texts of a field that is a string or a list of strings. @throws GatewayError BAD_REQUEST as above */
export function textsOf (table: Table, row: Row, field: Field): string[] {
  const value = field.read(row.fields)
  if (typeof value === 'string') return [value]
  if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')) return value
  throw unexpected(table, row, field, 'a string or a list of strings', value)
}

/**
 * The number of a field; also one written as text, and 1 or 0 for true or false. Null when the row has none: when the
 * field is missing, null or empty.
 * @throws GatewayError BAD_REQUEST when it is no finite number
 */
export function numberOf (table: Table, row: Row, field: Field): number | null {
  const value = field.read(row.fields)
  if (value === undefined || value === null || value === '') return null
  if (typeof value === 'boolean') return value ? 1 : 0
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(number)) return number
  throw unexpected(table, row, field, 'a number or null', value)
}

function unexpected (table: Table, row: Row, { name }: Field, expected: string, value: unknown): GatewayError {
  if (value === undefined) return badRow(table, row, `field "${name}" is missing`)
  const got = value === null ? 'null' : Array.isArray(value) ? 'another list' : `a ${typeof value}`
  return badRow(table, row, `field "${name}": expected ${expected}, got ${got}`)
}
