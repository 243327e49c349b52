import { readFile, writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { detectDrift } from '../../evaluators/drift/detect.js'
import type { ColumnSketch } from '../../evaluators/drift/column-sketch.js'
import type { ColumnKind, DriftResult, Table as DriftTable } from '../../evaluators/drift/drift-result.js'
import { sketchTable, type TableSketch } from '../../evaluators/drift/sketch.js'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { GatewayError } from '../errors.js'
import { parseField, type Field } from './fields.js'
import type { Format } from './formats.js'
import { startProgress } from './progress.js'
import { isNumeric, readColumns, toNumbers, type ColumnValues } from './read-columns.js'
import { isObject, kindsOf, typeColumns, type TypedColumns } from './type-columns.js'
import { baselineOfVersion, isVersion } from './version-baseline.js'
import { unreadable } from './read-lines.js'
import { withRows } from './open-dataset.js'

export interface DriftRequest {
  readonly reference: string
  readonly current: string
  /** Columns of the reference with their fields in the current file; null takes all. */
  readonly columns: ReadonlyMap<string, string> | null
  readonly types: Readonly<Record<string, ColumnKind>>
  readonly format?: Format
  readonly referenceHeader?: readonly string[]
  readonly currentHeader?: readonly string[]
  readonly lineBytesMax: number
  readonly limit?: number
  readonly windowMin: number
  readonly seed: number
  /** Where to write the sketch of the reference. */
  readonly sketch?: string
  readonly keepTexts: boolean
  /** Of the registry, for datasets. */
  readonly dataDir: string
  readonly isJson: boolean
  readonly signal: AbortSignal
}

/** What `gauntlet drift` says: the result of the evaluator, what was compared, and what was left out. */
export interface DriftReport extends DriftResult {
  /** A file, or the version that a baseline belongs to. */
  readonly reference: { readonly file: string, readonly rows: number }
  readonly current: { readonly file: string, readonly rows: number }
  readonly seed: number
}

/** A reference that has been read: columns, or the sketch that was kept of them. */
type Reference = Omit<TypedColumns, 'data'> & {
  readonly data: DriftTable | TableSketch
  /** The version that the sketch belongs to. */
  readonly owner?: string
}

type OnShare = (share: number) => void

/**
 * Compares a file with a reference file or its sketch.
 * @throws GatewayError or EvaluatorError for a request or a file that cannot be used
 */
export async function driftFiles (request: DriftRequest): Promise<DriftReport> {
  const { reference: path, current: currentPath, seed, windowMin, isJson } = request
  const progress = startProgress('reading', { stream: process.stderr, isJson, environment: process.env })
  try {
    const reference = await openReference(request, (share) => { progress.update(share / 2) })
    const fields = new Map(Object.keys(reference.kinds).map((name) =>
      [name, parseField(request.columns?.get(name) ?? name)]))
    const current = await read(request, 'current', fields, (share) => { progress.update((1 + share) / 2) })
    progress.stop()
    const table = Object.fromEntries([...current.columns].map(([name, column]) =>
      [name, isReadAsNumbers(reference, name, column) ? toNumbers(currentPath, name, column) : column]))
    const options = { random: seededRandom(seed), windowMin }
    const result = detectDrift(reference.data, table, reference.kinds, options)
    await writeSketch(request, reference)
    return {
      ...result,
      notes: [...reference.left, ...result.notes],
      reference: { file: reference.owner ?? path, rows: reference.rows },
      current: { file: currentPath, rows: current.rows },
      seed
    }
  } finally {
    progress.stop()
  }
}

async function openReference (request: DriftRequest, onShare: OnShare): Promise<Reference> {
  const { reference: path, dataDir } = request
  if (extname(path) === '.json') return await readSketch(path, request)
  if (await isVersion(path)) {
    if (request.sketch !== undefined) throw new GatewayError('BAD_REQUEST', '--sketch: a baseline is a sketch already')
    const { owner, sketch } = await baselineOfVersion(path, dataDir)
    return { ...referenceOf(path, sketch, request), owner }
  }
  return await readReference(request, onShare)
}

async function read (
  request: DriftRequest, side: 'reference' | 'current', fields: ReadonlyMap<string, Field> | null, onShare: OnShare
): Promise<ColumnValues> {
  const { format, lineBytesMax, limit = null, signal } = request
  const header = side === 'reference' ? request.referenceHeader : request.currentHeader
  const options = { format, header, lineBytesMax, signal, dataDir: request.dataDir }
  return await withRows(request[side], options, async (table) => await readColumns(table, { fields, limit, onShare }))
}

async function readReference (request: DriftRequest, onShare: OnShare): Promise<Reference> {
  const { reference: path, columns, types } = request
  const fields = columns === null ? null : new Map([...columns.keys()].map((name) => [name, parseField(name)]))
  return typeColumns(path, await read(request, 'reference', fields, onShare), { isChosen: columns !== null, types })
}

async function readSketch (path: string, request: DriftRequest): Promise<Reference> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => { throw unreadable(path, error) })
  return referenceOf(path, parseSketch(path, text), request)
}

function referenceOf (path: string, sketch: TableSketch, { columns, types }: DriftRequest): Reference {
  const names = columns === null ? Object.keys(sketch.columns) : [...columns.keys()]
  const missing = names.find((name) => !Object.hasOwn(sketch.columns, name))
  if (missing !== undefined) throw new GatewayError('BAD_REQUEST', `${path}: the sketch has no column "${missing}"`)
  const numeric = new Set(names.filter((name) => holdsNumbers(sketch.columns[name]!)))
  return { rows: sketch.rows, data: sketch, kinds: kindsOf(names, types), numeric, left: [] }
}

const KINDS: ReadonlySet<unknown> = new Set(['numeric', 'categorical', 'text', 'embedding'])

function parseSketch (path: string, text: string): TableSketch {
  let sketch: Partial<TableSketch> | null = null
  try {
    sketch = JSON.parse(text) as Partial<TableSketch> | null
  } catch (error) {
    throw new GatewayError('BAD_REQUEST', `${path}: is not JSON: ${(error as Error).message}`, { cause: error })
  }
  const columns = sketch?.columns
  if (sketch?.version === 1 && Number.isInteger(sketch.rows) && isObject(columns) &&
    Object.values(columns!).every((column) => KINDS.has(column?.kind))) return sketch as TableSketch
  throw new GatewayError('BAD_REQUEST', `${path}: expected a sketch that gauntlet drift --sketch wrote`)
}

/** Few different numbers are kept as categories, written as JavaScript writes numbers. */
function holdsNumbers (column: ColumnSketch): boolean {
  return column.kind === 'numeric' ||
    (column.kind === 'categorical' && column.counts.every(([category]) => String(Number(category)) === category))
}

function isReadAsNumbers ({ data, numeric }: Reference, name: string, column: readonly unknown[]): boolean {
  if (!numeric.has(name)) return false
  const isSketched = data['version'] === 1
  return !isSketched || (data as TableSketch).columns[name]!.kind === 'numeric' || isNumeric(column)
}

async function writeSketch (
  { sketch: path, seed, keepTexts }: DriftRequest, { data, kinds }: Reference
): Promise<void> {
  if (path === undefined) return
  const sketch = sketchTable(data as DriftTable, kinds, { random: seededRandom(seed), keepTexts })
  await writeFile(path, `${JSON.stringify(sketch)}
`).catch((error: Error) => {
    throw new GatewayError('BAD_REQUEST', `--sketch ${path}: cannot be written: ${error.message}`, { cause: error })
  })
}
