import { readFile } from 'node:fs/promises'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { RegistryError } from '../errors.js'
import type { Inferred } from '../inspection.js'
import { quote } from '../names.js'
import type { Registry } from '../registry.js'
import type { Serving } from '../serving.js'
import type { DraftLayer } from '../serving/drafts.js'
import { POOLINGS, TASKS } from '../serving/words.js'
import { formatTable } from '../table.js'

const FILE_BYTES_MAX = 16 * 1024 ** 2
const SHOWN_MAX = 72

/** What the options of `addServingOptions` give. */
export interface ServingFlags {
  readonly serving?: string
  readonly task?: Serving['task']
  readonly labels?: string
  readonly pooling?: typeof POOLINGS[number]
  readonly normalize?: boolean
  readonly maxTokens?: number
  readonly maxBatch?: number
  readonly maxDelayMs?: number
  readonly metric?: Readonly<Record<string, number>>
  readonly parent?: string
  readonly stateSchema?: string
  readonly acceptsState?: readonly string[]
}

/** What a serving.json says. Flags win over --serving, that over the folder's own file, that over the model. */
export function addServingOptions (command: Command): Command {
  return command
    .option('--serving <file>', 'a serving.json, whole or in part, that wins over the one in the folder')
    .addOption(new Option('--task <task>', 'what the model does, when it cannot be told from its files').choices(TASKS))
    .option('--labels <labels>', 'names of the classes: a,b,c or @FILE with one per line or a JSON list')
    .addOption(new Option('--pooling <pooling>', 'how vectors of tokens become one per text').choices(POOLINGS))
    .option('--normalize', 'scale vectors to length 1')
    .option('--no-normalize', 'leave vectors as long as they are')
    .option('--max-tokens <count>', 'cut longer texts to so many tokens', number)
    .option('--max-batch <rows>', 'most rows that are run together', number)
    .option('--max-delay-ms <ms>', 'how long a request may wait for others', number)
    .option('--metric <name=value>', 'a figure of the training run; may be repeated', metric)
    .option('--parent <version>', 'what the version was made from: sha256:… or a version of this registry')
    .option('--state-schema <name>', 'form of the state that sessions on this version hold')
    .option('--accepts-state <names>', 'forms of state, a,b,c, with which sessions may come to it', commaList)
}

/** What flags and --serving state, what wins first. @throws RegistryError SERVING_INVALID, SOURCE_NOT_FOUND */
export async function draftsOf (flags: ServingFlags, registry: Registry): Promise<DraftLayer[]> {
  const { pooling, normalize, maxTokens, maxBatch, maxDelayMs, metric: metrics, stateSchema, acceptsState } = flags
  const layers: DraftLayer[] = []
  const add = (flag: string, draft: DraftLayer['draft'], isGiven: boolean): void => {
    if (isGiven) layers.push({ from: flag, draft })
  }
  if (flags.labels !== undefined) add('--labels', { labels: await labelsOf(flags.labels) }, true)
  add('--pooling', { pooling } as DraftLayer['draft'], pooling !== undefined)
  add(normalize === true ? '--normalize' : '--no-normalize', { normalize } as DraftLayer['draft'], normalize !== undefined)
  add('--max-tokens', { maxTokens } as DraftLayer['draft'], maxTokens !== undefined)
  add('--max-batch', { batching: { maxBatch } } as DraftLayer['draft'], maxBatch !== undefined)
  add('--max-delay-ms', { batching: { maxDelayMs } } as DraftLayer['draft'], maxDelayMs !== undefined)
  add('--metric', { metrics } as DraftLayer['draft'], metrics !== undefined)
  if (flags.parent !== undefined) add('--parent', { lineage: { parent: parentOf(flags.parent, registry) } }, true)
  add('--state-schema', { stateSchema } as DraftLayer['draft'], stateSchema !== undefined)
  add('--accepts-state', { acceptsState } as DraftLayer['draft'], acceptsState !== undefined)
  const { parseServingDraft } = await import('../serving.js')
  for (const { draft } of layers) parseServingDraft(JSON.stringify(draft))
  if (flags.serving !== undefined) {
    layers.push({ from: '--serving', draft: parseServingDraft(await readText(flags.serving)) })
  }
  return layers
}

/** FIELD, VALUE and FROM as a table. */
export function describeInferred (inferred: readonly Inferred[]): string {
  return formatTable([['FIELD', 'VALUE', 'FROM'], ...inferred.map(({ field, value, from }) => [field, valueText(value), from])])
}

/** The text of a file that a user names. @throws RegistryError SOURCE_NOT_FOUND, SOURCE_INVALID */
export async function readText (path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    const code = error.code === 'ENOENT' ? 'SOURCE_NOT_FOUND' : 'SOURCE_INVALID'
    throw new RegistryError(code, `cannot read ${quote(path)}: ${error.message}`, { cause: error })
  })
  if (bytes.length <= FILE_BYTES_MAX) return bytes.toString('utf8')
  throw new RegistryError('SOURCE_INVALID', `${quote(path)} is larger than ${FILE_BYTES_MAX} bytes`)
}

function valueText (value: unknown): string {
  if (typeof value === 'string') return value
  const isSpecs = Array.isArray(value) && value.some((each) => typeof each === 'object' && each !== null && 'shape' in each)
  const text = isSpecs
    ? (value as Serving['inputs']).map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join()}]`).join(', ')
    : Array.isArray(value) ? value.join(', ') : JSON.stringify(value)
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 1)}…` : text
}

async function labelsOf (text: string): Promise<string[]> {
  if (!text.startsWith('@')) return text.split(',').map((label) => label.trim())
  const content = await readText(text.slice(1))
  if (!content.trimStart().startsWith('[')) return content.split(/\r?\n/).filter((line) => line !== '')
  try {
    return JSON.parse(content) as string[] // what is in it is checked with the rest
  } catch (error) {
    throw new RegistryError('SERVING_INVALID', `--labels ${text} is not JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** A digest stays as it is; of a version of this registry the digest is kept, which never comes to mean another one. */
function parentOf (reference: string, registry: Registry): string {
  if (/^sha256:[0-9a-f]{64}$/.test(reference)) return reference
  const { name, version } = registry.resolve(reference)
  return registry.show(name, version).digest
}

function number (text: string): number {
  if (/^\d{1,9}(\.\d{1,9})?$/.test(text)) return Number(text)
  throw new InvalidArgumentError('expected a number')
}

function commaList (text: string): string[] {
  return text.split(',').map((part) => part.trim())
}

function metric (text: string, before: Readonly<Record<string, number>> = {}): Record<string, number> {
  const at = text.lastIndexOf('=')
  const value = text.slice(at + 1).trim()
  if (at <= 0 || value === '' || !Number.isFinite(Number(value))) throw new InvalidArgumentError('expected name=value, the value a number')
  return { ...before, [text.slice(0, at)]: Number(value) }
}
