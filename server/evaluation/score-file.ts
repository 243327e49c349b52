import { writeOutFile } from '../out-file.js'
import { parseField, textOf, textsOf } from './fields.js'
import { checkMetrics } from './metric-catalogue.js'
import { runMetrics, type MetricRunRequest } from './metric-run.js'
import { aggregate, rowAsJson, scoreTable, type Aggregate, type AggregateOptions, type RowScores } from './score-table.js'

export interface ScoreRequest extends MetricRunRequest, AggregateOptions {
  /** Names of the fields with the reference texts and the text to be scored. */
  readonly reference: string
  readonly candidate: string
  /** Whether the report has the rows too. */
  readonly wantsRows: boolean
  /** File that gets the rows, one JSON object per line. */
  readonly out?: string
}

/** What `gauntlet score` says of a file. */
export interface ScoreReport {
  readonly file: string
  readonly rows: number
  readonly seed: number
  readonly resamples: number
  readonly confidence: number
  readonly metrics: readonly Aggregate[]
  /** Scores of all rows together, for metrics where that is not their mean. */
  readonly corpus: Readonly<Record<string, number>>
  readonly scores?: readonly Record<string, unknown>[]
}

/**
 * Scores every row of a file, and all of them together.
 * @throws GatewayError for a request or a row that cannot be used: then nothing has been written
 */
export async function scoreFile (request: ScoreRequest): Promise<ScoreReport> {
  const [reference, candidate] = [parseField(request.reference), parseField(request.candidate)]
  const needsReference = checkMetrics(request.metrics).reference
  return await runMetrics(request, reference, async ({ table, scorers: build, onShare }) => {
    const scorers = build()
    const { seed, resamples, confidence, signal, limit = null } = request
    const [scores] = await scoreTable(table, (row) => [{
      references: needsReference ? textsOf(table, row, reference) : [],
      candidate: textOf(table, row, candidate)
    }], [scorers], { limit, onShare, signal }) as [RowScores]
    const report = {
      file: request.path,
      rows: scores.numbers.length,
      seed,
      resamples,
      confidence,
      metrics: aggregate(scores, request),
      corpus: Object.assign({}, ...scorers.map(({ corpus }) => corpus?.())) as Record<string, number>
    }
    if (request.out !== undefined) await writeOutFile(request.out, lines(scores, table.unit))
    if (!request.wantsRows) return report
    return { ...report, scores: Array.from({ length: report.rows }, (_, row) => rowAsJson(scores, table.unit, row)) }
  })
}

const LINES_AT_ONCE = 1_024

function * lines (scores: RowScores, unit: string): Generator<string> {
  for (let row = 0; row < scores.numbers.length; row += LINES_AT_ONCE) {
    const count = Math.min(LINES_AT_ONCE, scores.numbers.length - row)
    yield Array.from({ length: count }, (_, i) => `${JSON.stringify(rowAsJson(scores, unit, row + i))}\n`).join('')
  }
}
