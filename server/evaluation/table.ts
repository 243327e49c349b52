import { stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { GatewayError } from '../errors.js'
import type { Format } from './formats.js'
import { readDelimited } from './read-delimited.js'
import { readJsonLines } from './read-json-lines.js'
import { unreadable } from './read-lines.js'
import { readParquet } from './read-parquet.js'
import type { ReadRows, Row, TableOptions } from './row.js'

/** A file of rows that can be read again and again, one row at a time. */
export interface Table {
  readonly path: string
  readonly unit: 'line' | 'row'
  rows (onShare?: (share: number) => void): AsyncIterable<Row>
}

const EXTENSIONS: Readonly<Record<string, Format>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.tab': 'tsv',
  '.parquet': 'parquet',
  '.pq': 'parquet'
}

const READERS: Readonly<Record<Format, ReadRows>> = {
  jsonl: readJsonLines, csv: readDelimited(','), tsv: readDelimited('\t'), parquet: readParquet
}

/**
 * A table on disk; nothing is read yet but whether it is there.
 * @throws GatewayError NOT_FOUND without such a file, BAD_REQUEST when it cannot be told what it is
 */
export async function openTable (path: string, options: TableOptions): Promise<Table> {
  const format = options.format ?? EXTENSIONS[extname(path).toLowerCase()]
  if (format === undefined) {
    throw new GatewayError('BAD_REQUEST',
      `${path}: expected a name that ends in .jsonl, .csv, .tsv or .parquet, or --format`)
  }
  if (options.header !== undefined && format !== 'csv' && format !== 'tsv') {
    throw new GatewayError('BAD_REQUEST', `${path}: --header is for CSV and TSV files, this one is ${format}`)
  }
  const found = await stat(path).catch((error: unknown) => { throw unreadable(path, error) })
  if (found.isDirectory()) throw new GatewayError('BAD_REQUEST', `${path}: is a folder, expected a file`)
  return {
    path,
    unit: format === 'parquet' ? 'row' : 'line',
    rows: (onShare = () => {}) => READERS[format](path, options, onShare)
  }
}

/** Where a row stands, for messages. */
export function placeOf ({ path, unit }: Table, { number }: Row): string {
  return `${path}, ${unit} ${number}`
}
