import { RegistryError } from '../../registry/errors.js'
import type { MaterialisedDataset, Registry } from '../../registry/registry.js'
import { joinTables, openDatasetFiles } from './dataset-rows.js'
import type { TableOptions } from './row.js'
import { openTable, type Table } from './table.js'

const PREFIX = 'dataset:'

/** A published dataset and its rows. */
export interface OpenedDataset extends MaterialisedDataset {
  readonly name: string
  readonly version: string
  readonly table: Table
}

/** How a dataset is read. */
export type DatasetTableOptions = Pick<TableOptions, 'lineBytesMax' | 'signal'>

/**
 * A published dataset as one table, from files that were verified and stay where they are until `release`.
 * @param reference `name` (its newest version), `name:version` or `name@alias`
 * @throws RegistryError INVALID_*, *_NOT_FOUND, KIND_MISMATCH, DIGEST_MISMATCH, BLOB_MISSING, SIGNATURE_*
 */
export async function openDataset (
  registry: Registry, reference: string, { lineBytesMax, signal }: DatasetTableOptions
): Promise<OpenedDataset> {
  const { name, version } = registry.resolve(reference)
  const opened = await registry.materialiseDataset(name, version)
  const { directory, dataset: { format, header, files } } = opened
  const paths = files.filter(({ rows }) => rows > 0).map(({ path }) => path)
  const tables = await openDatasetFiles({
    directory, files: paths, format, lineBytesMax, signal, ...header === undefined ? {} : { header }
  })
  return { ...opened, name, version, table: joinTables(`${PREFIX}${name}:${version}`, tables) }
}

/**
 * Works on the rows of a file, or of `dataset:NAME[:VERSION|@ALIAS]` in the registry, whose files stay where they are
 * until `work` has ended. The format, and the header of CSV, of a dataset are what it says of itself. A file whose name
 * begins so is written `./dataset:…`.
 * @throws GatewayError as `openTable`, RegistryError as `openDataset`
 */
export async function withRows<Result> (
  path: string, options: TableOptions & { readonly dataDir: string }, work: (table: Table) => Promise<Result>
): Promise<Result> {
  if (!path.startsWith(PREFIX)) return await work(await openTable(path, options))
  for (const option of ['format', 'header'] as const) {
    if (options[option] === undefined) continue
    throw new RegistryError('DATASET_INVALID', `--${option} is for files; ${path} says itself how it is read`)
  }
  const { Registry } = await import('../../registry/registry.js')
  const registry = Registry.open({ dataDir: options.dataDir, now: Date.now })
  try {
    return await work((await openDataset(registry, path.slice(PREFIX.length), options)).table)
  } finally {
    registry.close()
  }
}
