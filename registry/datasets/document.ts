import { Type, type Static } from 'typebox'
import { parseJson, refuseFaults, schemaFaults } from '../serving/faults.js'
import { COLUMN_KINDS, DATASET_FILE, DATASET_FORMATS, DATASET_ROLES, FIELD_ROLES, type FieldRole } from './words.js'

export const ROWS_MAX = 10_000_000
export const COLUMNS_MAX = 4_096
const FILES_MAX = 10_000

const CLOSED = { additionalProperties: false } as const
const Path = Type.String({ minLength: 1, maxLength: 1_024 })
const ColumnName = Type.String({ minLength: 1, maxLength: 1_024 })
const Count = Type.Integer({ minimum: 0, maximum: ROWS_MAX })

const FieldsSchema = Type.Partial(Type.Object(
  Object.fromEntries(FIELD_ROLES.map((role) => [role, ColumnName])) as Record<FieldRole, typeof ColumnName>, CLOSED
), CLOSED)

/** The `dataset.json` layer: what the files hold and how they are read. The type is derived from it. */
export const DatasetSchema = Type.Object({
  schemaVersion: Type.Literal(1),
  role: Type.Enum([...DATASET_ROLES]),
  format: Type.Enum([...DATASET_FORMATS]),
  /** Column names of CSV and TSV files whose first line is data already. */
  header: Type.Optional(Type.Array(ColumnName, { minItems: 1, maxItems: COLUMNS_MAX })),
  /** Rows of all files together; a document counts as one. */
  rows: Count,
  /** Sorted by path, which is the order in which they are read. */
  files: Type.Array(Type.Object({ path: Path, rows: Count }, CLOSED), { minItems: 1, maxItems: FILES_MAX }),
  /** In the order in which they first appear. `missing` counts rows without a value: absent, null or empty text. */
  columns: Type.Array(Type.Object({
    name: Type.String({ maxLength: 1_024 }), kind: Type.Enum([...COLUMN_KINDS]), missing: Count
  }, CLOSED), { maxItems: COLUMNS_MAX }),
  /** Which column, dotted path or JSON pointer means what. */
  fields: FieldsSchema
}, CLOSED)

/** What a user may state; the rest is read from the files. */
const DraftSchema = Type.Partial(Type.Object({
  schemaVersion: DatasetSchema.properties.schemaVersion,
  role: DatasetSchema.properties.role,
  format: DatasetSchema.properties.format,
  header: Type.Array(ColumnName, { minItems: 1, maxItems: COLUMNS_MAX }),
  rows: DatasetSchema.properties.rows,
  files: DatasetSchema.properties.files,
  columns: DatasetSchema.properties.columns,
  fields: FieldsSchema
}, CLOSED), CLOSED)

export type DatasetDocument = Static<typeof DatasetSchema>
export type DatasetDraft = Static<typeof DraftSchema>

/** Parses the user's own, possibly partial, dataset.json. @throws RegistryError DATASET_INVALID naming each path */
export function parseDatasetDraft (text: string): DatasetDraft {
  const value = parseJson(text, DATASET_FILE)
  refuseFaults(schemaFaults(DraftSchema, value), DATASET_FILE)
  return value as DatasetDraft
}

/** Parses the dataset.json of a published version. @throws RegistryError DATASET_INVALID naming each wrong path */
export function parseDataset (text: string): DatasetDocument {
  const value = parseJson(text, DATASET_FILE)
  checkDataset(value)
  return value
}

/** Checks shape and inner consistency. @throws RegistryError DATASET_INVALID naming each wrong path */
export function checkDataset (value: unknown): asserts value is DatasetDocument {
  refuseFaults(schemaFaults(DatasetSchema, value), DATASET_FILE)
  const { rows, files, columns } = value as DatasetDocument
  const total = files.reduce((sum, file) => sum + file.rows, 0)
  refuseFaults([
    ...total === rows ? [] : [`/rows must be ${total}, the rows of all files together`],
    ...columns.flatMap(({ missing }, index) => missing <= rows ? [] : [`/columns/${index}/missing must be at most ${rows}`])
  ], DATASET_FILE)
}
