import { InvalidArgumentError, type Command } from 'commander'
import { formatTable } from '../../registry/table.js'
import type { CompareReport, MetricComparison } from '../evaluation/compare-file.js'
import { addTableOptions, between, names, seedOption, twoNames, whole, type TableFlags } from './arguments.js'
import type { EvaluationContext } from './evaluation-context.js'
import { interval, score, signed } from './figures-text.js'
import { METRICS_HELP } from './score.js'

interface CompareFlags extends TableFlags {
  readonly a: string
  readonly b: string
  readonly reference: string
  readonly metrics: string[]
  readonly margin?: number | Record<string, number>
  readonly alpha: number
  readonly plannedRows: number
  readonly against?: [string, string]
  readonly againstRange?: [number, number]
  readonly encoder?: string
  readonly stem: boolean
  readonly idf?: true
  readonly resamples: number
  readonly seed: number
}

const EXAMPLES = `
Examples:
  gauntlet compare answers.jsonl --a outputs.champion --b outputs.challenger --margin 0.01
  gauntlet compare answers.jsonl --a small --b large --metrics rouge1,bleu --margin rouge1=0.01,bleu=0.5
  gauntlet compare answers.jsonl --a x --b y --against rating.x,rating.y --against-range 0,1

Differences are b - a. The interval may be looked at as often as rows are added; the paired t interval only once.
Conclusions: "b is better", "b is worse", "no worse than the margin", "undecided".`

/** `gauntlet compare`: which of two systems writes better, on the same rows. */
export function addCompareCommand (program: Command, { options, signal, print }: EvaluationContext): void {
  const command = program.command('compare')
    .description('compare two systems on the same rows: a paired verdict per metric, with intervals')
    .argument('<file>', 'JSONL, CSV, TSV or Parquet, one row per input, or dataset:NAME[:VERSION|@ALIAS]')
    .requiredOption('--a <field>', 'field with the text of system A, the one in use')
    .requiredOption('--b <field>', 'field with the text of system B, the one on trial')
    .option('--reference <field>', 'field with the reference text, or a list of them', 'reference')
    .option('--metrics <names>', 'what to compare by, with commas between', names, ['rouge1', 'rouge2', 'rougeL'])
    .option('--margin <number>', 'how much worse B may be, in the metric\'s own unit: one for all, or name=number,…', margins)
    .option('--alpha <level>', 'error level of every interval', between(0, 0.25), 0.05)
    .option('--planned-rows <n>', 'rows at which the asymptotic sequence is tightest; keep it when rows are added', whole(1, 1_000_000_000), 1_000)
    .option('--against <fields>', 'two fields with people\'s numbers for A and for B (higher is better), to compare with', twoNames)
    .option('--against-range <min,max>', 'least and greatest of those numbers', range)
    .option('--encoder <model>', 'published text model, name:version, for metrics on embeddings')
    .option('--no-stem', 'ROUGE compares words as they are, not their Porter stems')
    .option('--idf', 'BERTScore weighs tokens by how rare they are among the references')
    .option('--resamples <n>', 'bootstrap resamples', whole(1, 1_000_000), 1_000)
    .addOption(seedOption())
  addTableOptions(command)
    .addHelpText('after', `${METRICS_HELP}\n${EXAMPLES}`)
    .action(async (path: string, flags: CompareFlags) => {
      const { compareFile } = await import('../evaluation/compare-file.js')
      const { dataDir, json } = options()
      const margin = flags.margin ?? null
      const report = await compareFile({ ...flags, margin, path, dataDir, isJson: json === true, signal })
      print(report, () => compareText(report))
    })
}

function margins (text: string): number | Record<string, number> {
  const positive = between(0, Infinity)
  if (!text.includes('=')) return positive(text)
  return Object.fromEntries(names(text).map((part) => {
    const at = part.lastIndexOf('=')
    return [part.slice(0, at), positive(part.slice(at + 1))]
  }))
}

function range (text: string): [number, number] {
  const [min = NaN, max = NaN, ...more] = names(text).map(Number)
  if (min < max && Number.isFinite(max - min) && more.length === 0) return [min, max]
  throw new InvalidArgumentError('expected two numbers, the least and the greatest')
}

function compareText ({ file, rows, a, b, alpha, metrics, against, overall }: CompareReport): string {
  const level = `${100 * (1 - alpha)} %`
  const head = ['metric', 'mean A', 'mean B', 'b - a', `${level}, any look`, `${level}, paired t`, 'conclusion']
  const all = against === null ? metrics : [...metrics, against.comparison]
  const notes = all.map((each) => `${each.metric}: ${noteOf(each)}`)
  const agreement = (against?.agreement ?? []).map(({ metric, verdict, told, same }) =>
    `${metric} beside ${against!.comparison.metric}: ${verdict}; the same side in ${same} of the ${told} rows that both tell apart`)
  return [
    `${file}, ${rows} rows: A is ${a}, B is ${b}`, '', formatTable([head, ...all.map(line)]), '', ...notes, ...agreement,
    `overall ${overall.conclusion}: ${overall.reason}`
  ].join('\n')
}

function line ({ metric, meanA, meanB, difference, interval: bounds, fixed, conclusion }: MetricComparison): string[] {
  return [
    metric, score(meanA), score(meanB), signed(difference), interval(bounds, signed),
    interval(fixed?.pairedT ?? null, signed), conclusion
  ]
}

function noteOf ({ n, unused, interval: bounds, reason }: MetricComparison): string {
  const method = bounds === null ? '' : `, ${bounds.method}`
  return `${n} pairs${unused === 0 ? '' : `, ${unused} rows without a score`}${method}; ${reason}`
}
