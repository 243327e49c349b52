import { InvalidArgumentError, Option, type Command } from 'commander'
import type { ColumnKind, DriftRow, DriftStatus } from '../../evaluators/drift/drift-result.js'
import { formatTable } from '../../registry/table.js'
import type { DriftReport } from '../evaluation/drift-files.js'
import { GatewayError } from '../errors.js'
import { addTableOptions, names, seedOption, whole, type TableFlags } from './arguments.js'
import type { EvaluationContext } from './evaluation-context.js'
import { figure } from './figures-text.js'
import { GateRefused } from './gate-refused.js'

interface DriftFlags extends TableFlags {
  readonly columns?: [string, string][]
  readonly types?: Record<string, ColumnKind>
  readonly referenceHeader?: string[]
  readonly currentHeader?: string[]
  readonly windowMin: number
  readonly sketch?: string
  readonly keepTexts?: true
  readonly failOn: 'warning' | 'severe' | 'never'
  readonly seed: number
}

const KINDS: readonly string[] = ['numeric', 'categorical', 'text', 'embedding'] satisfies ColumnKind[]

/** Statuses at which the command refuses; too little to tell is no pass. */
const REFUSED: Readonly<Record<DriftFlags['failOn'], readonly DriftStatus[]>> = {
  warning: ['warning', 'severe', 'insufficient'], severe: ['severe', 'insufficient'], never: []
}

const HELP = `
A column drifts when the distance reaches its threshold AND the test's p, adjusted for all rows of the table, is at
most 0.01. Fewer than --window-min values on a side are "insufficient", never stable.
Exit code 6 when the status is severe or insufficient; --fail-on changes that.

Examples:
  gauntlet drift training.parquet today.parquet
  gauntlet drift training.csv today.csv --columns age,text=message --sketch training-sketch.json
  gauntlet drift training-sketch.json tomorrow.csv --fail-on warning --json
  gauntlet drift fraud@champion today.csv`

/** `gauntlet drift`: whether current data differ from a reference. */
export function addDriftCommand (program: Command, { options, signal, print }: EvaluationContext): void {
  const command = program.command('drift')
    .description('compare current data with a reference, column by column')
    .argument('<reference>', 'a file: JSONL, CSV, TSV, Parquet, or a sketch (.json) that --sketch wrote; dataset:NAME[:VERSION|@ALIAS]; or NAME:VERSION, NAME@ALIAS: the baseline that a model was published with')
    .argument('<current>', 'JSONL, CSV, TSV or Parquet, or dataset:NAME[:VERSION|@ALIAS]')
    .option('--columns <names>', 'only these; reference=current where a column is called differently', pairs)
    .option('--types <kinds>', 'name=numeric|categorical|text|embedding,… instead of what the values look like', kinds)
    .option('--reference-header <names>', 'as --header, for the reference alone', names)
    .option('--current-header <names>', 'as --header, for the current file alone', names)
    .option('--window-min <n>', 'fewest values on each side', whole(2, 1_000_000), 200)
    .option('--sketch <file>', 'write a sketch of the reference, to compare with instead of the file')
    .option('--keep-texts', 'the sketch keeps up to 1,000 texts of each text column, for the domain classifier')
    .addOption(new Option('--fail-on <status>', 'exit with 6 from this status on').choices(['warning', 'severe', 'never']).default('severe'))
    .addOption(seedOption())
  addTableOptions(command)
    .addHelpText('after', HELP)
    .action(async (reference: string, current: string, flags: DriftFlags) => {
      if (flags.sketch !== undefined && reference.endsWith('.json')) {
        throw new GatewayError('BAD_REQUEST', '--sketch: the reference is a sketch already')
      }
      const { driftFiles } = await import('../evaluation/drift-files.js')
      const report = await driftFiles({
        ...flags,
        reference,
        current,
        ...headers(flags),
        columns: flags.columns === undefined ? null : new Map(flags.columns),
        types: flags.types ?? {},
        keepTexts: flags.keepTexts === true,
        dataDir: options().dataDir,
        isJson: options().json === true,
        signal
      })
      print(report, () => driftText(report))
      if (REFUSED[flags.failOn].includes(report.status)) throw new GateRefused(`drift: ${report.status}: ${report.reason}`)
    })
}

function headers ({ header, referenceHeader = header, currentHeader = header }: DriftFlags): Pick<DriftFlags, 'referenceHeader' | 'currentHeader'> {
  return { ...referenceHeader && { referenceHeader }, ...currentHeader && { currentHeader } }
}

function pairs (text: string): [string, string][] {
  return names(text).map((name) => {
    const at = name.indexOf('=')
    if (at === 0 || at === name.length - 1) throw new InvalidArgumentError('expected a name on both sides of =')
    return at === -1 ? [name, name] : [name.slice(0, at), name.slice(at + 1)]
  })
}

function kinds (text: string): Record<string, ColumnKind> {
  return Object.fromEntries(names(text).map((part) => {
    const at = part.lastIndexOf('=')
    const kind = part.slice(at + 1)
    if (at <= 0 || !KINDS.includes(kind)) throw new InvalidArgumentError(`expected name=kind, kind being ${KINDS.join(', ')}`)
    return [part.slice(0, at), kind as ColumnKind]
  }))
}

function driftText ({ reference, current, rows, status, reason, notes }: DriftReport): string {
  const head = ['column', 'measure', 'kind', 'n', 'distance', 'value', 'warn / severe', 'p', 'adjusted', 'PSI', 'status']
  return [
    `reference  ${reference.file}, ${reference.rows} rows`,
    `current    ${current.file}, ${current.rows} rows`,
    '',
    formatTable([head, ...rows.map(line)]),
    '',
    ...notes.map((note) => `note       ${note}`),
    `status     ${status}: ${reason}`
  ].join('\n')
}

function line ({ column, measure, kind, n, effect, p, psi, status }: DriftRow): string[] {
  return [
    column, measure, kind, `${n.reference} / ${n.current}`, effect?.name ?? '-', effect === null ? '-' : figure(effect.value),
    effect === null ? '-' : `${effect.threshold} / ${effect.severeThreshold}`, p === null ? '-' : figure(p.value),
    p === null ? '-' : figure(p.adjusted), psi === null ? '-' : figure(psi), status
  ]
}
