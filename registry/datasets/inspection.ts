import type { DatasetDocument } from './document.js'
import type { ColumnKind, DatasetFormat, FieldRole } from './words.js'

export type DatasetFields = DatasetDocument['fields']

/** Bounds of what is read; more is refused. */
export interface DatasetLimits {
  readonly rowsMax: number
  readonly columnsMax: number
  /** Golden rows are few, and their ids are held in memory. */
  readonly goldenRowsMax: number
  /** Of a line, or of a document. */
  readonly lineBytesMax: number
}

/** Files whose rows are to be read, as they were copied. */
export interface DatasetSource {
  readonly directory: string
  /** Relative to the directory, in the order in which they are read. */
  readonly files: readonly string[]
  readonly format: DatasetFormat
  readonly header?: readonly string[]
  readonly limits: DatasetLimits
}

/** What reading all rows once tells. */
export interface DatasetInspection {
  readonly files: ReadonlyArray<{ readonly path: string, readonly rows: number }>
  readonly columns: ReadonlyArray<{ readonly name: string, readonly kind: ColumnKind, readonly missing: number }>
}

/** What is asked of every row. */
export interface RowRules {
  readonly fields: DatasetFields
  /** Fields that at least one row must have. */
  readonly present: readonly FieldRole[]
  /** Every row needs an input that is not empty and one of expected, label and reference, and an id only once. */
  readonly isGolden: boolean
}

/**
 * Reads rows; handed in by the composition, which knows the formats. Memory does not grow with the rows, but for the
 * ids of golden ones. Both throw naming the file, the row and the column that is wrong.
 */
export interface DatasetReader {
  readonly inspect: (source: DatasetSource) => Promise<DatasetInspection>
  readonly check: (source: DatasetSource, rules: RowRules) => Promise<void>
}
