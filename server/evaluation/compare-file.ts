import { seededRandom } from '../../evaluators/statistics/random.js'
import { GatewayError } from '../errors.js'
import { comparePairs, type CompareOptions, type PairedComparison, type ScorePairs } from './compare-pairs.js'
import { badRow, numberOf, parseField, textOf, textsOf, type Field } from './fields.js'
import { FloatColumn } from './float-column.js'
import { checkMetrics } from './metric-catalogue.js'
import { runMetrics, type MetricRunRequest } from './metric-run.js'
import { agree, summarise, type Agreement, type Compared, type Overall } from './compare-summary.js'
import { scoreTable, type RowScores } from './score-table.js'
import { isMain } from './scorer.js'
import type { Row } from './row.js'
import type { Table } from './table.js'

export interface CompareRequest extends MetricRunRequest {
  readonly a: string
  readonly b: string
  readonly reference: string
  /** By metric, or one for all; null asks no such question. */
  readonly margin: number | Readonly<Record<string, number>> | null
  readonly alpha: number
  readonly plannedRows: number
  readonly resamples: number
  readonly seed: number
  /** Fields with numbers that people gave to the texts of A and of B. */
  readonly against?: readonly [string, string]
  readonly againstRange?: readonly [number, number]
}

/** The comparison by one metric; `unused` rows have no score on one side or both. */
export interface MetricComparison extends PairedComparison { readonly metric: string, readonly unused: number }

/** What `gauntlet compare` says of a file. */
export interface CompareReport {
  readonly file: string
  readonly rows: number
  readonly a: string
  readonly b: string
  readonly alpha: number
  readonly plannedRows: number
  readonly resamples: number
  readonly seed: number
  readonly metrics: readonly MetricComparison[]
  /** The comparison by people's numbers, and how the metrics stand to it. */
  readonly against: { readonly comparison: MetricComparison, readonly agreement: readonly Agreement[] } | null
  readonly overall: Overall
}

type RowComparison = MetricComparison & Compared
/** Scores of A and B by one metric, row by row, NaN where there is none. */
interface Aligned extends ScorePairs { readonly name: string }
interface People { readonly read: (table: Table, row: Row) => void, readonly aligned: () => Aligned }

/**
 * Compares the texts of two fields, row by row, by metrics and by people's numbers.
 * @throws GatewayError for a request or a row that cannot be used
 */
export async function compareFile (request: CompareRequest): Promise<CompareReport> {
  const { path, a, b, limit = null, signal, alpha, plannedRows, resamples, seed } = request
  checkMargins(request)
  const [reference, fieldA, fieldB] = [parseField(request.reference), parseField(a), parseField(b)]
  const needsReference = checkMetrics(request.metrics).reference
  return await runMetrics(request, reference, async ({ table, scorers, onShare }) => {
    const people = peopleOf(request)
    const pairsOf = (row: Row): { references: readonly string[], candidate: string }[] => {
      people?.read(table, row)
      const references = needsReference ? textsOf(table, row, reference) : []
      return [fieldA, fieldB].map((field) => ({ references, candidate: textOf(table, row, field) }))
    }
    const sides = await scoreTable(table, pairsOf, [scorers(), scorers()], { limit, onShare, signal })
    const [scoresA, scoresB] = sides as [RowScores, RowScores]
    const metrics = alignedScores(scoresA, scoresB).map((scores) => compareAligned(scores, request))
    const judged = people === null ? null : compareAligned(people.aligned(), request)
    const against = judged === null
      ? null
      : { comparison: withoutDifferences(judged), agreement: metrics.flatMap((metric) => agree(metric, judged) ?? []) }
    return {
      file: path,
      rows: scoresA.numbers.length,
      a,
      b,
      alpha,
      plannedRows,
      resamples,
      seed,
      metrics: metrics.map(withoutDifferences),
      against,
      overall: summarise(metrics)
    }
  })
}

function withoutDifferences ({ differences: _, ...comparison }: RowComparison): MetricComparison {
  return comparison
}

function checkMargins ({ margin, metrics, against }: CompareRequest): void {
  if (margin === null || typeof margin === 'number') return
  const known = against === undefined ? metrics : [...metrics, nameOf(against)]
  for (const name of Object.keys(margin)) {
    if (known.includes(name)) continue
    throw new GatewayError('BAD_REQUEST', `--margin: "${name}" is not compared, expected some of ${known.join(', ')}`)
  }
}

const nameOf = ([a, b]: readonly [string, string]): string => `${a} vs ${b}`

/** Collects people's numbers while the rows stream by. */
function peopleOf ({ against, againstRange }: CompareRequest): People | null {
  if (against === undefined) return null
  const [fieldA, fieldB] = [parseField(against[0]), parseField(against[1])]
  const [a, b] = [new FloatColumn(), new FloatColumn()]
  const numberIn = (table: Table, row: Row, field: Field): number | null => {
    const value = numberOf(table, row, field)
    const [min, max] = againstRange ?? [-Infinity, Infinity]
    if (value === null || (value >= min && value <= max)) return value
    throw badRow(table, row, `field "${field.name}" is ${value}, outside --against-range`)
  }
  return {
    read (table, row) {
      a.push(numberIn(table, row, fieldA))
      b.push(numberIn(table, row, fieldB))
    },
    aligned: () => ({ name: nameOf(against), a: a.values(), b: b.values(), better: 'higher', range: againstRange ?? null })
  }
}

function alignedScores (a: RowScores, b: RowScores): Aligned[] {
  return a.figures.flatMap((figure, i) => {
    const { metric: name, better, range } = figure
    return isMain(figure) ? [{ name, a: a.columns[i]!.values(), b: b.columns[i]!.values(), better, range }] : []
  })
}

function compareAligned (scores: Aligned, request: CompareRequest): RowComparison {
  const { name, a, b, better, range } = scores
  const isUsed = (_: number, i: number): boolean => !Number.isNaN(a[i]! + b[i]!)
  const pairs = { a: a.filter(isUsed), b: b.filter(isUsed), better, range }
  if (pairs.a.length === 0) throw new GatewayError('BAD_REQUEST', `${request.path}: no row has ${name} on both sides`)
  const { alpha, plannedRows, resamples, seed, margin } = request
  const options: CompareOptions = {
    alpha,
    plannedRows,
    resamples,
    random: seededRandom(seed),
    margin: margin === null || typeof margin === 'number' ? margin : margin[name] ?? null
  }
  const differences = b.map((value, i) => value - a[i]!)
  return { metric: name, ...comparePairs(pairs, options), unused: a.length - pairs.a.length, differences }
}
