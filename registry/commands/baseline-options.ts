import { InvalidArgumentError, type Command } from 'commander'
import type { ReadBaseline } from '../serving/baseline-request.js'
import type { DraftLayer } from '../serving/drafts.js'
import type { GeneratedFile } from '../staging.js'

/** Where rows of the training data are kept in a version, when they were asked for. */
const ROWS_FILE = 'baseline/rows.jsonl'
const ROWS_MAX = 100_000

/** What the options of `addBaselineOptions` give. */
export interface BaselineFlags {
  readonly baseline?: string
  readonly baselineColumns?: string[]
  readonly baselineRows?: number
  readonly header?: string[]
}

/** What a drift baseline is made of. */
export function addBaselineOptions (command: Command): Command {
  return command
    .option('--baseline <data>', 'training data, a file or dataset:NAME; a sketch of it is kept, by which drift is told')
    .option('--baseline-columns <names>', 'only these columns, a,b,c', columnNames)
    .option('--baseline-rows <count>', `also keep so many of its rows, drawn at random, as ${ROWS_FILE}`, rowCount)
}

/** The drift baseline as part of serving.json and as files, and what was left out of it. */
export async function baselineOf (
  { baseline: path, baselineColumns, baselineRows: rowsKept = 0, header }: BaselineFlags,
  { read, dataDir, isQuiet }: { readonly read: ReadBaseline, readonly dataDir: string, readonly isQuiet: boolean }
): Promise<{ drafts: DraftLayer[], files: GeneratedFile[], notes: readonly string[] }> {
  if (path === undefined) return { drafts: [], files: [], notes: [] }
  const { BASELINE_BYTES_MAX } = await import('../serving/provenance.js')
  const bytesMax = BASELINE_BYTES_MAX
  const { baseline, rows, notes } = await read({
    path, columns: baselineColumns ?? null, header: header ?? null, rows: rowsKept, bytesMax, dataDir, isQuiet
  })
  return {
    drafts: [{ from: '--baseline', draft: { baseline } }],
    files: rows === null ? [] : [{ path: ROWS_FILE, bytes: rows }],
    notes
  }
}

/** Refuses options that would mean nothing. */
export function refuseBareBaseline (command: Command, flags: BaselineFlags & { readonly kind?: string }): void {
  const { baseline, baselineColumns, baselineRows, kind } = flags
  if (baseline === undefined && (baselineColumns !== undefined || baselineRows !== undefined)) {
    command.error('error: --baseline-columns and --baseline-rows need --baseline')
  }
  if (baseline !== undefined && kind === 'dataset') command.error('error: --baseline is for models, not for datasets')
}

function columnNames (text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.every((part) => part !== '')) return parts
  throw new InvalidArgumentError('expected names with commas between them')
}

function rowCount (text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text) && Number(text) <= ROWS_MAX) return Number(text)
  throw new InvalidArgumentError(`expected a whole number from 1 to ${ROWS_MAX}`)
}
