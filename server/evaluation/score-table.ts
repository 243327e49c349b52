import { EvaluatorError } from '../../evaluators/errors.js'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { bootstrapMeans } from '../../evaluators/text/aggregate.js'
import { GatewayError } from '../errors.js'
import { FloatColumn } from './float-column.js'
import { figureName, type Figure, type Scorer, type TextPair } from './scorer.js'
import type { Row } from './row.js'
import { placeOf, type Table } from './table.js'

/** Pairs that are scored together: as many as an encoder is given at a time. */
const BATCH_ROWS = 256

export interface ScoreOptions {
  /** Only the first so many rows; null takes all. */
  readonly limit: number | null
  readonly onShare: (share: number) => void
  readonly signal: AbortSignal
}

/** Scores row by row, 8 bytes each. */
export interface RowScores {
  readonly figures: readonly Figure[]
  /** One per figure. */
  readonly columns: readonly FloatColumn[]
  /** Number of the row's line (of a Parquet file: of the row). */
  readonly numbers: FloatColumn
}

/**
 * Scores every row of a table by several sets of scorers, each of which is given another text of the row. Rows stream
 * through; only their scores are kept.
 * @throws GatewayError BAD_REQUEST for a row that cannot be scored, naming it, or when there is none
 */
export async function scoreTable (
  table: Table, pairsOf: (row: Row) => TextPair[], scorers: readonly (readonly Scorer[])[], options: ScoreOptions
): Promise<RowScores[]> {
  const { limit, onShare, signal } = options
  const scores = scorers.map(emptyScores)
  let batch: Row[] = []
  let rows = 0
  const flush = async (): Promise<void> => {
    const pairs = batch.map(pairsOf)
    for (const [i, { columns, numbers }] of scores.entries()) {
      let at = 0
      for (const scorer of scorers[i]!) {
        const scored = await scoreBatch(table, batch, scorer, pairs.map((texts) => texts[i]!))
        for (const values of scored) values.forEach((value, k) => { columns[at + k]!.push(value) })
        at += scorer.figures.length
      }
      for (const { number } of batch) numbers.push(number)
    }
    batch = []
    signal.throwIfAborted()
  }
  for await (const row of table.rows(onShare)) {
    if (rows === limit) break
    rows++
    batch.push(row)
    if (batch.length === BATCH_ROWS) await flush()
  }
  await flush()
  if (rows === 0) throw new GatewayError('BAD_REQUEST', `${table.path}: has no rows`)
  return scores
}

function emptyScores (scorers: readonly Scorer[]): RowScores {
  const figures = scorers.flatMap((scorer) => scorer.figures)
  return { figures, columns: figures.map(() => new FloatColumn()), numbers: new FloatColumn() }
}

/** Says of which rows an evaluator complains; it knows only its own arguments. */
async function scoreBatch (
  table: Table, batch: readonly Row[], scorer: Scorer, pairs: readonly TextPair[]
): Promise<(number | null)[][]> {
  if (pairs.length === 0) return []
  try {
    return await scorer.score(pairs)
  } catch (error) {
    if (!(error instanceof EvaluatorError)) throw error
    const [first, last] = [batch[0]!, batch.at(-1)!]
    const place = first === last ? placeOf(table, first) : `${placeOf(table, first)} to ${last.number}`
    throw new GatewayError('BAD_REQUEST', `${place}: ${error.message}`, { cause: error })
  }
}

export interface AggregateOptions { readonly seed: number, readonly resamples: number, readonly confidence: number }

/** A figure over all rows, in its own unit. All but the counts are null when no row has it. */
export interface Aggregate {
  readonly name: string
  /** Rows that have it, and rows for which it is not defined. */
  readonly n: number
  readonly undefined: number
  readonly mean: number | null
  /** Percentile bootstrap interval of the mean, and the median of the resampled means. */
  readonly lower: number | null
  readonly median: number | null
  readonly upper: number | null
}

/**
 * Means with bootstrap intervals. Figures that every row has are resampled together, the others each on the rows that
 * have it; every figure comes out the same whatever others are asked for. O(resamples · rows · figures).
 */
export function aggregate ({ figures, columns }: RowScores, options: AggregateOptions): Aggregate[] {
  const defined = columns.map((column) => column.defined())
  const isWhole = (i: number): boolean => defined[i]!.length === columns[i]!.length
  const whole = Object.fromEntries(figures.flatMap((figure, i) =>
    isWhole(i) ? [[figureName(figure), defined[i]!]] : []))
  const together = Object.keys(whole).length === 0 ? {} : resample(whole, options)
  return figures.map((figure, i) => {
    const name = figureName(figure)
    const values = defined[i]!
    const counts = { name, n: values.length, undefined: columns[i]!.length - values.length }
    if (values.length === 0) return { ...counts, mean: null, lower: null, median: null, upper: null }
    const { mean, low, mid, high } = together[name] ?? resample({ [name]: values }, options)[name]!
    return { ...counts, mean, lower: low, median: mid, upper: high }
  })
}

type Resampled = ReturnType<typeof bootstrapMeans<string>>

function resample (
  columns: Readonly<Record<string, Float64Array>>, { seed, resamples, confidence }: AggregateOptions
): Resampled {
  return bootstrapMeans(columns, { random: seededRandom(seed), resamples }, confidence)
}

/** One row as JSON: `{ "line": 3, "rouge1": { "precision": …, … }, "length": 12 }`. */
export function rowAsJson (
  { figures, columns, numbers }: RowScores, unit: string, row: number
): Record<string, unknown> {
  const json: Record<string, unknown> = { [unit]: numbers.at(row) }
  figures.forEach(({ metric, part }, i) => {
    const value = columns[i]!.at(row)
    if (part === null) json[metric] = value
    else json[metric] = { ...json[metric] as object, [part]: value }
  })
  return json
}
