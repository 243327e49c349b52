import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, inTransaction } from '../database.js'
import { RegistryError } from '../errors.js'
import { checkAlias, checkName, checkVersion, quote } from '../names.js'
import type { Provenance } from '../provenance.js'
import type { PublishContext, PublishStep } from '../publish.js'
import { admit, recordDataset, type RecordedDataset, type RecordRequest } from '../record.js'
import { partSignature, readSourceSignature } from '../signing/source.js'
import { scanFiles, type SourceFile, type SourceSelection } from '../source.js'
import { copyFiles, planManifest, storeBlobs } from '../staging.js'
import type { Hold } from '../storage-lock.js'
import { refuseRemoved } from '../tombstones.js'
import { findVersion, refuseOtherKind } from '../versions.js'
import { COLUMNS_MAX, parseDatasetDraft, ROWS_MAX, type DatasetDocument } from './document.js'
import {
  chooseFields, chooseRole, completeDataset, rowFiles, rulesOf, type DatasetStatement, type Origin
} from './infer.js'
import type { DatasetLimits, DatasetReader } from './inspection.js'
import { DATASET_FILE } from './words.js'

export const DATASET_LIMITS: DatasetLimits = {
  rowsMax: ROWS_MAX, columnsMax: COLUMNS_MAX, goldenRowsMax: 1_000_000, lineBytesMax: 16 * 1024 ** 2
}

export interface DatasetRequest extends RecordRequest, Pick<SourceSelection, 'exclude'> {
  readonly path: string
  /** What the source is called in messages; its path unless told. */
  readonly label?: string
  readonly provenance?: Provenance
  /** What is stated beside the folder's own dataset.json, the strongest first. */
  readonly statements?: readonly DatasetStatement[]
  /** Seconds; the creation time written into the artifact. Without it the artifact carries none. */
  readonly sourceDateEpoch?: number
  readonly limits?: Partial<DatasetLimits>
  /** Reads and refuses as a publish would, and stores nothing. */
  readonly isDryRun?: boolean
  readonly onStep?: (step: PublishStep) => void
}

/** What is known of a dataset before it is a version. */
interface DatasetPlan {
  readonly dataset: DatasetDocument
  readonly origins: readonly Origin[]
  readonly omitted: readonly string[]
}

/** After a dry run, what would have become of it. */
export interface DatasetResult extends RecordedDataset, Pick<DatasetPlan, 'origins' | 'omitted'> {
  readonly signature?: Awaited<ReturnType<typeof admit>>
}

/**
 * Publishes files of rows, or documents, as an immutable version of a dataset: read whole as they were copied, stored
 * and recorded as a model is.
 * @throws RegistryError INVALID_*, SOURCE_*, DATASET_INVALID, KIND_MISMATCH, VERSION_CONFLICT, VERSION_REMOVED,
 * SIGNATURE_REQUIRED, SIGNATURE_INVALID and those of setting an alias
 */
export async function publishDataset (
  context: PublishContext, request: DatasetRequest, reader: DatasetReader
): Promise<DatasetResult> {
  const hold = context.storage.hold()
  try {
    return await publishHolding(context, request, reader, hold)
  } finally {
    hold.release()
  }
}

/** As with models, nobody may collect blobs from the first one until a row names them. */
async function publishHolding (
  context: PublishContext, request: DatasetRequest, reader: DatasetReader, hold: Hold
): Promise<DatasetResult> {
  const { database, signing, layout } = context
  const { path, label = path, name, version, sourceDateEpoch, provenance } = request
  refuseRequest(context, request)
  const step = request.onStep ?? (() => {})
  const { files, omitted } = await scanFiles(path, context.limits, request, label)
  const { files: kept, signature: source } = partSignature(files)
  if (source === null && request.isDryRun !== true) refuseBare(context, request)
  step('scanned')
  const { plan, stored, rehearsed } = await context.temporary.use(async (stage) => {
    const folder = join(stage, 'files')
    const layers = await copyFiles(kept, folder, label)
    step('copied')
    const plan = { ...await planDataset({ folder, files: kept }, request, reader), omitted }
    step('inspected')
    const named = {
      name,
      version,
      dataset: plan.dataset,
      ...sourceDateEpoch === undefined ? {} : { sourceDateEpoch },
      ...provenance === undefined ? {} : { provenance }
    }
    if (request.isDryRun === true) {
      const { digest, manifestBytes, sizeBytes } = planManifest(layers, named)
      const built = { digest, manifestBytes, sizeBytes, dataset: plan.dataset }
      return { plan, rehearsed: attempt(database, (connection) => recordDataset(connection, context, request, built)) }
    }
    await hold.take()
    const bundles = source === null ? [] : [await readSourceSignature(source, layers)]
    const { layers: all, ...blobs } = await storeBlobs(layout, { stage, folder, layers, named })
    const built = { ...blobs, dataset: plan.dataset }
    const signature = await admit(database, signing, request, { built, layers: all, bundles })
    return { plan, stored: { built, signature } }
  })
  const { origins } = plan
  if (rehearsed !== undefined) return { ...rehearsed, origins, omitted }
  step('stored')
  const { built, signature } = stored
  const recorded = inTransaction(database, (connection) => recordDataset(connection, context, request, built))
  step('committed')
  context.refreshIndex()
  step('indexed')
  return { ...recorded, origins, omitted, ...signature.state === 'unsigned' ? {} : { signature } }
}

function refuseRequest ({ database }: PublishContext, { name, version, alias }: DatasetRequest): void {
  checkName(name)
  checkVersion(version)
  if (alias !== undefined) checkAlias(alias)
  refuseOtherKind(database, name, 'dataset')
  refuseRemoved(database, name, version)
}

function refuseBare ({ database, signing }: PublishContext, request: DatasetRequest): void {
  const { name, version, signWith, signaturePolicy = 'off' } = request
  if (signWith !== undefined || findVersion(database, name, version) !== null) return
  signing.refuseBare(`${name}:${version}`, signaturePolicy)
}

/** Reads every row once, and once more where something is asked of rows. */
async function planDataset (
  { folder, files }: { folder: string, files: readonly SourceFile[] }, request: DatasetRequest, reader: DatasetReader
): Promise<Omit<DatasetPlan, 'omitted'>> {
  const { label = request.path } = request
  const own = files.some(({ path }) => path === DATASET_FILE)
    ? [{ origin: DATASET_FILE, choice: parseDatasetDraft(await readFile(join(folder, DATASET_FILE), 'utf8')) }]
    : []
  const statements = [...request.statements ?? [], ...own]
  const statedFormat = statements.find(({ choice }) => choice.format !== undefined)
  const rows = rowFiles(files.map(({ path }) => path), statedFormat?.choice.format, label)
  const header = statements.find(({ choice }) => choice.header !== undefined)?.choice.header
  const limits = { ...DATASET_LIMITS, ...request.limits }
  const source = { directory: folder, ...rows, limits, ...header === undefined ? {} : { header } }
  const inspection = await read(label, async () => await reader.inspect(source))
  const role = chooseRole(statements, rows.format)
  const chosen = chooseFields(statements, inspection.columns, rows.format)
  const rules = rulesOf(role.value, chosen, inspection.columns)
  if (rules !== null) await read(label, async () => await reader.check(source, rules))
  const { format } = rows
  const document = { role: role.value, format, fields: chosen.fields, ...header === undefined ? {} : { header } }
  const dataset = completeDataset(document, inspection)
  const formatOrigin = { field: 'format', value: format, origin: statedFormat?.origin ?? 'the names of the files' }
  return { dataset, origins: [role, formatOrigin, ...chosen.origins] }
}

async function read<Result> (path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RegistryError || (error as Error).name === 'AbortError') throw error
    throw new RegistryError('DATASET_INVALID',
      `${quote(path)} cannot be a dataset: ${(error as Error).message}`, { cause: error })
  }
}
