import type { Format } from './formats.js'

/** One row; `number` counts lines of a text file (a record over several lines: its last) or rows of a Parquet file. */
export interface Row { readonly number: number, readonly fields: Readonly<Record<string, unknown>> }

export interface TableOptions {
  /** Instead of what the file's name says. */
  readonly format?: Format | undefined
  /** Column names of a CSV or TSV file whose first line is not its header. */
  readonly header?: readonly string[] | undefined
  readonly lineBytesMax: number
  readonly signal: AbortSignal
}

/** How a format is read; `onShare` is told which share of the file has been read, 0..1. */
export type ReadRows = (path: string, options: TableOptions, onShare: (share: number) => void) => AsyncIterable<Row>
