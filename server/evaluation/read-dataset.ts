import type { DatasetInspection, DatasetReader, DatasetSource, RowRules } from '../../registry/datasets/inspection.js'
import type { ColumnKind } from '../../registry/datasets/words.js'
import { GatewayError } from '../errors.js'
import { openDatasetFiles } from './dataset-rows.js'
import { badRow, numberOf, parseField, type Field } from './fields.js'
import type { Row } from './row.js'
import type { Table } from './table.js'

/** Reads the rows of datasets for the registry, which knows no formats. */
export function datasetReader (signal: AbortSignal): DatasetReader {
  return {
    inspect: async (source) => await inspectRows(source, signal),
    check: async (source, rules) => await checkRows(source, rules, signal)
  }
}

interface ColumnTally { present: number, readonly kinds: Set<ColumnKind> }

/** Counts rows and looks at every value of the first level. O(rows) time, O(columns) memory. */
async function inspectRows (source: DatasetSource, signal: AbortSignal): Promise<DatasetInspection> {
  const { limits, format } = source
  const columns = new Map<string, ColumnTally>()
  const files: Array<{ path: string, rows: number }> = []
  const isText = format === 'csv' || format === 'tsv'
  let total = 0
  for (const table of await openDatasetFiles({ ...source, lineBytesMax: limits.lineBytesMax, signal })) {
    let rows = 0
    for await (const row of table.rows()) {
      if (++total > limits.rowsMax) throw badRow(table, row, `the dataset has more than ${limits.rowsMax} rows`)
      rows++
      for (const [name, value] of Object.entries(row.fields)) {
        let tally = columns.get(name)
        if (tally === undefined) {
          if (columns.size === limits.columnsMax) throw badRow(table, row, `the dataset has more than ${limits.columnsMax} columns`)
          columns.set(name, tally = { present: 0, kinds: new Set() })
        }
        if (isMissing(value)) continue
        tally.present++
        tally.kinds.add(kindOf(value, isText))
      }
    }
    files.push({ path: table.path, rows })
  }
  if (total === 0) throw new GatewayError('BAD_REQUEST', 'there are no rows')
  return {
    files,
    columns: [...columns].map(([name, { present, kinds }]) => (
      { name, kind: agreed(kinds, isText), missing: total - present }
    ))
  }
}

function isMissing (value: unknown): boolean {
  return value === undefined || value === null || value === ''
}

/** What a value looks like; cells of CSV are all text, so what reads as a number counts as one there. */
function kindOf (value: unknown, isCell: boolean): ColumnKind {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'number') return 'number'
  if (typeof value === 'boolean') return 'boolean'
  if (typeof value !== 'string') return 'object'
  if (!isCell || value.trim() === '') return 'text'
  if (/^(true|false)$/i.test(value)) return 'boolean'
  return Number.isFinite(Number(value)) ? 'number' : 'text'
}

function agreed (kinds: ReadonlySet<ColumnKind>, isText: boolean): ColumnKind {
  const [only] = kinds
  if (only === undefined) return 'empty'
  if (kinds.size === 1) return only
  return isText ? 'text' : 'mixed'
}

/** @throws GatewayError BAD_REQUEST naming file, row and column */
async function checkRows (
  source: DatasetSource, { fields, present, isGolden }: RowRules, signal: AbortSignal
): Promise<void> {
  const { limits } = source
  const read = new Map(Object.entries(fields).map(([role, name]) => [role, parseField(name)]))
  const absent = new Set<string>(present)
  const golden = isGolden ? goldenCheck(read) : null
  let total = 0
  for (const table of await openDatasetFiles({ ...source, lineBytesMax: limits.lineBytesMax, signal })) {
    for await (const row of table.rows()) {
      if (isGolden && ++total > limits.goldenRowsMax) throw badRow(table, row, `there are more than ${limits.goldenRowsMax} golden rows`)
      for (const role of absent) if (read.get(role)!.read(row.fields) !== undefined) absent.delete(role)
      golden?.(table, row)
    }
    if (!isGolden && absent.size === 0) return
  }
  const [role] = absent
  if (role !== undefined) throw new GatewayError('BAD_REQUEST', `no row has the field "${read.get(role)!.name}", which was named as ${role}`)
}

const RIGHT = ['expected', 'label', 'reference']

/** What is asked of a golden row: an input, what is right, an id that is its own, a weight that can be one. */
function goldenCheck (fields: ReadonlyMap<string, Field>): (table: Table, row: Row) => void {
  const places = new Map<string, string>()
  const [input, id, weight] = [fields.get('input')!, fields.get('id'), fields.get('weight')]
  const right = RIGHT.flatMap((role) => fields.get(role) ?? [])
  return (table, row) => {
    if (isEmpty(input.read(row.fields))) throw badRow(table, row, `field "${input.name}": the input is empty`)
    if (right.every((field) => isMissing(field.read(row.fields)))) {
      throw badRow(table, row, `field ${right.map(({ name }) => `"${name}"`).join(' or ')}: what is right is missing`)
    }
    if (id !== undefined) refuseTwice(places, table, row, id)
    const value = weight === undefined ? null : numberOf(table, row, weight)
    if (value !== null && value < 0) throw badRow(table, row, `field "${weight!.name}": a weight cannot be ${value}`)
  }
}

function isEmpty (value: unknown): boolean {
  if (typeof value === 'string') return value.trim() === ''
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0
  return isMissing(value)
}

function refuseTwice (places: Map<string, string>, table: Table, row: Row, id: Field): void {
  const value = id.read(row.fields)
  if (typeof value !== 'string' && typeof value !== 'number') {
    throw badRow(table, row, `field "${id.name}": expected an id, a string or a number`)
  }
  const before = places.get(String(value))
  if (before !== undefined) {
    throw badRow(table, row, `field "${id.name}": the id ${JSON.stringify(String(value).slice(0, 80))} was there before, in ${before}`)
  }
  places.set(String(value), `${table.path}, ${table.unit} ${row.number}`)
}
