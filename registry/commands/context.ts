import { InvalidArgumentError, type Command } from 'commander'
import type { DatasetReader } from '../datasets/inspection.js'
import type { Inspect } from '../inspection.js'
import type { InspectRemote } from '../remote/prepare.js'
import type { Catalogue } from '../catalogue.js'
import type { Registry } from '../registry.js'
import type { ParseRequest, Prove, RunModel } from '../running.js'
import type { ReadBaseline } from '../serving/baseline-request.js'

/** What the composition lends to the commands. */
export interface RegistryCommandsContext {
  readonly open: () => Promise<Registry>
  readonly inspect: Inspect
  /** Asks servers of these origins, beside those that the environment allows. */
  readonly inspectRemote: (origins: readonly string[]) => InspectRemote
  readonly datasetReader: DatasetReader
  readonly readBaseline: ReadBaseline
  readonly prove: Prove
  readonly runModel: RunModel
  readonly parseRequest: ParseRequest
  readonly actor: () => string
  readonly print: (json: unknown, text: () => string) => void
  readonly warn: (line: string) => void
  /** Aborts when the user asks for an end. */
  readonly signal?: AbortSignal
}

/** Opens the registry for one piece of work and closes it, whatever happens. */
export async function withRegistry (
  open: () => Promise<Registry>, work: (registry: Registry) => Promise<void> | void
): Promise<void> {
  const registry = await open()
  try {
    await work(registry)
  } finally {
    registry.close()
  }
}

/**
 * Reads what is listed, at once. A database that another release wrote is brought up to date by being opened first;
 * null when there is none.
 */
export async function withCatalogue<Result> (
  dataDir: string, open: () => Promise<Registry>, work: (catalogue: Catalogue | null) => Result
): Promise<Result> {
  const { Catalogue } = await import('../catalogue.js')
  let catalogue = Catalogue.open(dataDir)
  if (catalogue === null) {
    await withRegistry(open, () => {})
    catalogue = Catalogue.open(dataDir)
  }
  try {
    return work(catalogue)
  } finally {
    catalogue?.close()
  }
}

/** The data directory that the program was told, for what must look at it before it is healed by being opened. */
export function dataDirOf (command: Command): string {
  return command.optsWithGlobals<{ dataDir: string }>().dataDir
}

/** A duration like `90s`, `30m`, `24h` or `7d` in milliseconds; `0` for none. @throws InvalidArgumentError */
export function parseDuration (text: string): number {
  if (text === '0') return 0
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return Number(count) * ({ s: 1, m: 60, h: 3600, d: 86_400 }[unit] ?? NaN) * 1000
  throw new InvalidArgumentError('expected a duration like 90s, 30m, 24h or 7d, or 0')
}

/** Whole seconds since 1970. @throws InvalidArgumentError */
export function parseSeconds (text: string): number {
  if (/^\d{1,11}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('expected whole seconds since 1970')
}
