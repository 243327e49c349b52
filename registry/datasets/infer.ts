import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { checkDataset, type DatasetDocument, type DatasetDraft } from './document.js'
import type { DatasetFields, DatasetInspection, RowRules } from './inspection.js'
import { DATASET_FILE, FIELD_ROLES, type DatasetFormat, type DatasetRole, type FieldRole } from './words.js'

/** What of a dataset.json can be chosen. */
export type DatasetChoice = Pick<DatasetDraft, 'role' | 'format' | 'header' | 'fields'>

/** A choice with where it comes from, from the strongest to the weakest. */
export interface DatasetStatement { readonly origin: string, readonly choice: DatasetChoice }

/** Where a value of dataset.json comes from, for people. */
export interface Origin { readonly field: string, readonly value: string, readonly origin: string }

const ENDINGS: Readonly<Record<string, DatasetFormat>> = {
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.tab': 'tsv',
  '.parquet': 'parquet',
  '.pq': 'parquet',
  '.txt': 'text',
  '.md': 'text'
}
/** What lies beside rows for people to read. */
const BESIDE = /^(readme|license|licence|notice|changelog)(\.[a-z]+)?$/i

/** Names by which columns are known, the best first. */
const COLUMN_NAMES: Readonly<Record<FieldRole, readonly string[]>> = {
  id: ['id', '_id', 'uuid', 'key'],
  input: ['input', 'question', 'prompt', 'query', 'text'],
  expected: ['expected', 'expected_output', 'answer', 'output', 'target', 'completion'],
  reference: ['reference', 'references', 'gold', 'summary'],
  label: ['label', 'class', 'category', 'intent'],
  segment: ['segment', 'slice', 'group'],
  weight: ['weight', 'sample_weight']
}

/**
 * Which files hold the rows, and how they are written. Files of text beside tables are kept and not read; without a
 * table every text is a document.
 * @throws RegistryError SOURCE_INVALID naming the file that fits nothing, or both formats where there are two
 */
export function rowFiles (
  paths: readonly string[], stated: DatasetFormat | undefined, label: string
): { format: DatasetFormat, files: string[] } {
  const found = paths.filter((path) => path !== DATASET_FILE).map((path) => ({ path, format: formatOf(path) }))
  const tables = found.filter(({ format }) => format !== undefined && format !== 'text')
  if (stated !== undefined) return ofFormat(found, stated, label)
  const unknown = found.find(({ path, format }) => format === undefined && !BESIDE.test(nameOf(path)))
  if (unknown !== undefined) {
    throw new RegistryError('SOURCE_INVALID',
      `${quote(unknown.path)} is not a file of rows or a document: expected a name that ends in ` +
      `${Object.keys(ENDINGS).join(', ')}, or --format; leave it out with --exclude`)
  }
  const [first, ...rest] = tables
  if (first === undefined) return ofFormat(found, 'text', label)
  const other = rest.find(({ format }) => format !== first.format)
  if (other !== undefined) {
    throw new RegistryError('SOURCE_INVALID',
      `${quote(label)} has rows in two formats, ${quote(first.path)} and ${quote(other.path)}: expected one; ` +
      'choose with --format, or leave some out with --exclude')
  }
  return ofFormat(found, first.format!, label)
}

function ofFormat (
  found: ReadonlyArray<{ path: string, format: DatasetFormat | undefined }>, format: DatasetFormat, label: string
): { format: DatasetFormat, files: string[] } {
  const fitting = found.filter((file) => file.format === format).map(({ path }) => path)
  const unnamed = found.filter((file) => file.format === undefined && !BESIDE.test(nameOf(file.path)))
    .map(({ path }) => path)
  const files = fitting.length > 0 ? fitting : unnamed
  if (files.length > 0) return { format, files }
  throw new RegistryError('SOURCE_INVALID', `${quote(label)} has no ${format === 'text' ? 'rows and no documents' : `${format} file`}`)
}

/** The first of the statements that says something, else what is inferred. */
export function chooseRole (
  statements: readonly DatasetStatement[], format: DatasetFormat
): Origin & { value: DatasetRole } {
  for (const { origin, choice } of statements) {
    if (choice.role !== undefined) return { field: 'role', value: choice.role, origin }
  }
  return format === 'text'
    ? { field: 'role', value: 'knowledge', origin: 'the files are documents' }
    : { field: 'role', value: 'other', origin: 'nothing says what the rows are for' }
}

/** Which column means what: as stated, else by the names that columns have. Pure. */
export function chooseFields (
  statements: readonly DatasetStatement[], columns: DatasetInspection['columns'], format: DatasetFormat
): { fields: DatasetFields, stated: FieldRole[], origins: Origin[] } {
  const fields: DatasetFields = {}
  const stated: FieldRole[] = []
  const origins: Origin[] = []
  for (const role of FIELD_ROLES) {
    const statement = statements.find(({ choice }) => choice.fields?.[role] !== undefined)
    const value = statement?.choice.fields?.[role] ?? (format === 'text' ? textField(role) : namedColumn(role, columns))
    if (value === undefined) continue
    fields[role] = value
    if (statement !== undefined) stated.push(role)
    origins.push({ field: role, value, origin: statement?.origin ?? (format === 'text' ? 'documents' : 'the name of the column') })
  }
  return { fields, stated, origins }
}

/** What the rows must fulfil. @throws RegistryError DATASET_INVALID when golden rows lack a column */
export function rulesOf (
  role: DatasetRole, { fields, stated }: { fields: DatasetFields, stated: FieldRole[] }, columns: DatasetInspection['columns']
): RowRules | null {
  const isGolden = role === 'golden'
  const has = columns.map(({ name }) => quote(name)).slice(0, 20).join(', ') || 'none'
  if (isGolden && fields.input === undefined) {
    throw new RegistryError('DATASET_INVALID', `golden rows need an input: name its column with --columns input=COLUMN; there are ${has}`)
  }
  if (isGolden && fields.expected === undefined && fields.label === undefined && fields.reference === undefined) {
    throw new RegistryError('DATASET_INVALID',
      `golden rows need what is right: name its column with --columns expected=COLUMN, label= or reference=; there are ${has}`)
  }
  return isGolden || stated.length > 0 ? { fields, present: stated, isGolden } : null
}

/** The full dataset.json. @throws RegistryError DATASET_INVALID */
export function completeDataset (
  chosen: Pick<DatasetDocument, 'role' | 'format' | 'fields'> & Pick<DatasetChoice, 'header'>, { files, columns }: DatasetInspection
): DatasetDocument {
  const { header, ...rest } = chosen
  const document = {
    schemaVersion: 1,
    ...rest,
    ...(header === undefined ? {} : { header }),
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    files,
    columns
  }
  checkDataset(document)
  return document
}

function namedColumn (role: FieldRole, columns: DatasetInspection['columns']): string | undefined {
  for (const known of COLUMN_NAMES[role]) {
    const column = columns.find(({ name }) => name.toLowerCase() === known)
    if (column !== undefined) return column.name
  }
  return undefined
}

function textField (role: FieldRole): string | undefined {
  return role === 'id' ? 'path' : role === 'input' ? 'text' : undefined
}

function formatOf (path: string): DatasetFormat | undefined {
  const name = nameOf(path)
  const dot = name.lastIndexOf('.')
  const ending = dot < 0 ? '' : name.slice(dot).toLowerCase()
  return Object.hasOwn(ENDINGS, ending) ? ENDINGS[ending] : undefined
}

function nameOf (path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
