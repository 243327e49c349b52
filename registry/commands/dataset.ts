import { readFile } from 'node:fs/promises'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { DatasetResult } from '../datasets/publish.js'
import type { DatasetStatement } from '../datasets/infer.js'
import { DATASET_FORMATS, DATASET_ROLES, FIELD_ROLES, KINDS, type FieldRole, type Kind } from '../datasets/words.js'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import type { RecordRequest } from '../record.js'
import { UNSIGNED } from '../signing/report.js'
import { formatTable } from '../table.js'
import { dataDirOf, withCatalogue, withRegistry, type RegistryCommandsContext } from './context.js'
import { describeDataset } from './describe-dataset.js'
import { describeCatalogue, describeVersions } from './models.js'
import { describeOmitted } from './source-options.js'
import { nameOf } from './words.js'

const NO_DATASETS = 'no datasets yet; publish one with --kind dataset'

/** What the options of `addDatasetOptions` give. */
export interface DatasetFlags {
  readonly kind?: Kind
  readonly role?: typeof DATASET_ROLES[number]
  readonly format?: typeof DATASET_FORMATS[number]
  readonly header?: string[]
  readonly columns?: Partial<Record<FieldRole, string>>
  readonly dataset?: string
}

interface Publishing extends DatasetFlags, Omit<RecordRequest, 'actor'> {
  readonly exclude?: readonly string[]
  readonly sourceDateEpoch?: number
  readonly dryRun?: boolean
  readonly quiet?: boolean
}

/** What makes `publish` publish rows or documents. Flags win over --dataset, that over the folder's own file. */
export function addDatasetOptions (command: Command): Command {
  return command
    .addOption(new Option('--kind <kind>', 'what is published').choices(KINDS).default('model'))
    .addOption(new Option('--role <role>', 'what a dataset is for').choices(DATASET_ROLES))
    .option('--columns <fields>', `what columns of a dataset mean: role=column,… of ${FIELD_ROLES.join(', ')}`, columns)
    .addOption(new Option('--format <format>', 'how a dataset is written, when its names do not tell').choices(DATASET_FORMATS))
    .option('--header <names>', 'column names of a CSV or TSV dataset, or baseline, whose first line is already data', header)
    .option('--dataset <file>', 'a dataset.json, whole or in part, that wins over the one in the folder')
}

/** The part of `gauntlet publish` that is about datasets. */
export async function publishRows (
  path: string, flags: Publishing, { open, datasetReader, actor, print, warn }: RegistryCommandsContext
): Promise<void> {
  await withRegistry(open, async (registry) => {
    const { dryRun = false, quiet = false } = flags
    const statements = await statementsOf(flags)
    const request = { ...flags, path, actor: actor(), statements, isDryRun: dryRun }
    const result = await registry.publishDataset(request, datasetReader)
    const leftOut = describeOmitted(result.omitted)
    if (leftOut !== null) warn(leftOut)
    if (!quiet) report(result, dryRun, print)
  })
}

function report (
  { status, detail, signature = UNSIGNED, origins, omitted }: DatasetResult, isDryRun: boolean,
  print: RegistryCommandsContext['print']
): void {
  const said = isDryRun ? status === 'published' ? 'would be published:' : 'is there already:' : status
  print({ status, dryRun: isDryRun, ...detail, signature, omitted, origins }, () => [
    `${said} ${nameOf(detail)}`,
    describeDataset(detail, signature),
    '',
    formatTable([['FIELD', 'VALUE', 'FROM'], ...origins.map(({ field, value, origin }) => [field, value, origin])])
  ].join('\n'))
}

/** `gauntlet datasets`. */
export function addDatasets (program: Command, { open, print }: RegistryCommandsContext): void {
  program.command('datasets')
    .description('list datasets: how many versions, aliases')
    .option('--versions', 'list every version')
    .option('--all', 'list every version, also removed ones')
    .action(async (flags: { versions?: true, all?: true }, command: Command) => {
      if (flags.versions !== true && flags.all !== true) {
        const datasets = await withCatalogue(dataDirOf(command), open, (catalogue) => catalogue?.models() ?? [])
          .then((all) => all.filter(({ kind }) => kind === 'dataset'))
        return print(datasets, () => datasets.length === 0 ? NO_DATASETS : describeCatalogue(datasets, 'DATASET'))
      }
      await withRegistry(open, (registry) => {
        const datasets = registry.datasets(flags.all === true)
        print(datasets, () => datasets.length === 0 ? NO_DATASETS : describeVersions(datasets, 'DATASET'))
      })
    })
}

async function statementsOf ({ role, format, header, columns, dataset }: DatasetFlags): Promise<DatasetStatement[]> {
  const { parseDatasetDraft } = await import('../datasets/document.js')
  const flags = { role, format, header, fields: columns }
  const given = Object.entries(flags).filter(([, value]) => value !== undefined)
  const statements: DatasetStatement[] = given.map(([field, value]) =>
    ({ origin: field === 'fields' ? '--columns' : `--${field}`, choice: { [field]: value } }))
  if (dataset === undefined) return statements
  const text = await readFile(dataset, 'utf8').catch((error: unknown) => {
    throw new RegistryError('SOURCE_NOT_FOUND', `cannot read ${quote(dataset)}: ${(error as Error).message}`, { cause: error })
  })
  return [...statements, { origin: '--dataset', choice: parseDatasetDraft(text) }]
}

function columns (text: string): Partial<Record<FieldRole, string>> {
  return Object.fromEntries(text.split(',').map((part) => {
    const at = part.indexOf('=')
    const role = part.slice(0, Math.max(0, at)).trim()
    const column = part.slice(at + 1).trim()
    if (!(FIELD_ROLES as readonly string[]).includes(role) || column === '') {
      throw new InvalidArgumentError(`expected role=column,… the role being one of ${FIELD_ROLES.join(', ')}`)
    }
    return [role, column]
  }))
}

function header (text: string): string[] {
  const names = text.split(',').map((name) => name.trim())
  if (names.every((name) => name !== '')) return names
  throw new InvalidArgumentError('expected names with commas between them')
}
