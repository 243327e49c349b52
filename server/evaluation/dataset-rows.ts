import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatasetFormat } from '../../registry/datasets/words.js'
import { GatewayError } from '../errors.js'
import { unreadable } from './read-lines.js'
import type { Row } from './row.js'
import { openTable, type Table } from './table.js'

export interface DatasetFiles {
  readonly directory: string
  /** Relative to the directory. */
  readonly files: readonly string[]
  readonly format: DatasetFormat
  readonly header?: readonly string[]
  /** Of a line, or of a document. */
  readonly lineBytesMax: number
  readonly signal: AbortSignal
}

/** The files of a dataset as tables, called by their paths within it; a document is a table of one row. */
export async function openDatasetFiles (source: DatasetFiles): Promise<Table[]> {
  const { directory, files, format, header, lineBytesMax, signal } = source
  return await Promise.all(files.map(async (file) => {
    const path = join(directory, file)
    if (format === 'text') return documentTable(path, file, lineBytesMax)
    const table = await openTable(path, { format, header, lineBytesMax, signal })
    return { ...table, path: file, rows: (onShare?: (share: number) => void) => relabelled(table, directory, onShare) }
  }))
}

/** Messages name the file within the dataset: where the copy that is read lies is of no use to anybody. */
async function * relabelled (
  table: Table, directory: string, onShare: ((share: number) => void) | undefined
): AsyncGenerator<Row> {
  try {
    yield * table.rows(onShare)
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    throw new GatewayError(error.code, error.message.replace(`${directory}/`, ''), { cause: error })
  }
}

/** One document: its path and its whole text. */
function documentTable (location: string, path: string, bytesMax: number): Table {
  return {
    path,
    unit: 'row',
    rows: async function * (onShare = () => {}) {
      yield { number: 1, fields: { path, text: await readDocument(location, path, bytesMax) } }
      onShare(1)
    }
  }
}

async function readDocument (location: string, path: string, bytesMax: number): Promise<string> {
  const file = await open(location).catch((error: unknown) => { throw unreadable(path, error) })
  try {
    const { size } = await file.stat()
    if (size > bytesMax) throw new GatewayError('BAD_REQUEST', `${path}: is longer than ${bytesMax} bytes`)
    return new TextDecoder('utf-8', { fatal: true }).decode(await file.readFile())
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new GatewayError('BAD_REQUEST', `${path}: is not valid UTF-8`, { cause: error })
  } finally {
    await file.close()
  }
}

/**
 * Several files as one table, read one after the other. Rows of more than one file are counted on, so that a number
 * still names one row.
 */
export function joinTables (label: string, tables: readonly Table[]): Table {
  const [first] = tables
  if (tables.length === 1 && first !== undefined) return { ...first, path: `${label}/${first.path}` }
  return {
    path: label,
    unit: 'row',
    rows: async function * (onShare = () => {}) {
      let number = 0
      for (const [index, table] of tables.entries()) {
        for await (const row of table.rows((share) => onShare((index + share) / tables.length))) {
          yield { number: ++number, fields: row.fields }
        }
      }
    }
  }
}
