import type { Command } from 'commander'
import { formatTable } from '../../registry/table.js'
import type { ScoreReport } from '../evaluation/score-file.js'
import { addTableOptions, between, names, seedOption, whole, type TableFlags } from './arguments.js'
import type { EvaluationContext } from './evaluation-context.js'
import { interval, score } from './figures-text.js'

interface ScoreFlags extends TableFlags {
  readonly metrics: string[]
  readonly reference: string
  readonly candidate: string
  readonly encoder?: string
  readonly stem: boolean
  readonly idf?: true
  readonly seed: number
  readonly resamples: number
  readonly confidence: number
  readonly rows?: true
  readonly out?: string
}

export const METRICS_HELP = `
Metrics:
  rouge1 … rouge9, rougeL, rougeLsum   overlap with the reference: precision, recall, F1 (0..1)
  bleu, chrf, chrfpp                   as sacrebleu computes them (0..100)
  exact_match, squad_f1                short answers, as SQuAD normalises them (0..1)
  bertscore, cosine                    likeness of embeddings; need --encoder
  length, repetition, distinct1 … 3    of the text alone: words, share of repeated word triples, share of different n-grams
  coherence                            of the text alone: likeness of neighbouring sentences; needs --encoder`

const EXAMPLES = `
Examples:
  gauntlet score answers.jsonl --metrics rouge1,rougeL,bleu
  gauntlet score answers.jsonl --candidate outputs.small --reference gold --out scores.jsonl
  gauntlet score answers.parquet --metrics bertscore --encoder minilm:1.0.0 --idf`

/** `gauntlet score`: how good texts are, row by row and together. */
export function addScoreCommand (program: Command, { options, signal, print, warn }: EvaluationContext): void {
  const command = program.command('score')
    .description('score texts against references: every row, and the mean with its bootstrap interval')
    .argument('<file>', 'JSONL, CSV, TSV or Parquet, one row per text, or dataset:NAME[:VERSION|@ALIAS]')
    .option('--metrics <names>', 'what to compute, with commas between', names, ['rouge1', 'rouge2', 'rougeL'])
    .option('--reference <field>', 'field with the reference text, or a list of them; a dotted path or JSON pointer leads into objects', 'reference')
    .option('--candidate <field>', 'field with the text to be scored', 'candidate')
    .option('--encoder <model>', 'published text model, name:version, for metrics on embeddings')
    .option('--no-stem', 'ROUGE compares words as they are, not their Porter stems')
    .option('--idf', 'BERTScore weighs tokens by how rare they are among the references')
    .option('--resamples <n>', 'bootstrap resamples', whole(1, 1_000_000), 1_000)
    .option('--confidence <level>', 'of the bootstrap intervals', between(0, 1), 0.95)
    .option('--rows', 'print the rows too: as JSON lines, the means going to stderr; with --json as "scores"')
    .option('--out <file>', 'write the rows to a file, as JSON lines')
    .addOption(seedOption())
  addTableOptions(command)
    .addHelpText('after', `${METRICS_HELP}\n${EXAMPLES}`)
    .action(async (path: string, flags: ScoreFlags) => {
      const { scoreFile } = await import('../evaluation/score-file.js')
      const { dataDir, json } = options()
      const isJson = json === true
      const wantsRows = flags.rows === true
      const report = await scoreFile({ ...flags, path, dataDir, isJson, signal, wantsRows })
      if (wantsRows && !isJson) warn(scoreText(report))
      print(report, () => report.scores?.map((row) => JSON.stringify(row)).join('\n') ?? scoreText(report))
    })
}

function scoreText ({ rows, seed, resamples, confidence, metrics, corpus }: ScoreReport): string {
  const head = ['metric', 'mean', `${100 * confidence} % interval`, 'rows']
  const body = metrics.map(({ name, n, mean, lower, upper, undefined: missing }) => [
    name, score(mean), interval(lower === null || upper === null ? null : { lower, upper }, score), `${n}${missing === 0 ? '' : `, undefined for ${missing}`}`
  ])
  const whole = Object.entries(corpus).map(([name, value]) => [`${name} of all`, score(value), '', String(rows)])
  return `${formatTable([head, ...body, ...whole])}\n${rows} rows, ${resamples} resamples, seed ${seed}`
}
