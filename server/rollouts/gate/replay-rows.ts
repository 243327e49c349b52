import type { Encoder } from '../../../models/encoder.js'
import { badRow, type Field } from '../../evaluation/fields.js'
import { buildScorers } from '../../evaluation/metric-catalogue.js'
import type { Row } from '../../evaluation/row.js'
import { isMain, type Scorer } from '../../evaluation/scorer.js'
import { scoreTable, type RowScores } from '../../evaluation/score-table.js'
import type { Table } from '../../evaluation/table.js'
import { ANSWER_METRICS, betterOf, scoreAnswers, type AnswerMetric } from './answer-metrics.js'
import type { GateEvidence, GateValue } from './judge.js'
import { expectedOf } from './row-tensors.js'

/** What both versions say to one input; null where a version did not answer. */
export interface Answered {
  readonly champion: string | null
  readonly challenger: string | null
  /** What the challenger said instead of an answer. */
  readonly message: string | null
}

export interface ReplayRequest {
  readonly table: Table
  /** Where the input of a row is, what is right as a label, and as text. */
  readonly fields: { readonly input: Field, readonly label: Field, readonly reference: Field }
  readonly labels: readonly string[] | undefined
  readonly metrics: readonly string[]
  readonly limit: number
  /** Rows under way at once. */
  readonly concurrency: number
  readonly encoder: Encoder | null
  readonly ask: (input: unknown) => Promise<Answered>
  readonly signal: AbortSignal
}

type Replayed = Pick<GateEvidence['gate'], 'rows' | 'failures' | 'values'>

/** The fields of a row once it is answered. */
interface Answers { truth: string, references: string[], champion: string, challenger: string }

interface Heard {
  readonly truth: string[]
  readonly champion: string[]
  readonly challenger: string[]
  readonly failures: { champion: number, challenger: number, first: string | null }
}

/**
 * Lets both versions answer the rows of a table and scores the answers; one that is missing is scored as ''. Reads on
 * only as fast as answers come.
 * @throws GatewayError for a row without what it needs, naming it, or when there is none
 */
export async function replayRows (request: ReplayRequest): Promise<Replayed> {
  const { metrics, encoder, limit, signal } = request
  const ofText = metrics.filter((metric) => !isAnswerMetric(metric))
  const scorers = (): Scorer[] => buildScorers(ofText, { stem: true, encoder, frequencies: null })
  const both = [scorers(), scorers()] as const
  const failures = { champion: 0, challenger: 0, first: null }
  const heard: Heard = { truth: [], champion: [], challenger: [], failures }
  const scores = await scoreTable(answeredTable(request, heard), ({ fields }) => {
    const { references, champion, challenger } = fields as unknown as Answers
    return [{ references, candidate: champion }, { references, candidate: challenger }]
  }, both, { limit, onShare: () => {}, signal }) as [RowScores, RowScores]
  const values: Record<string, GateValue> = {}
  for (const metric of metrics) {
    values[metric] = isAnswerMetric(metric)
      ? {
          better: betterOf(metric),
          champion: scoreAnswers(metric, heard.truth, heard.champion),
          challenger: scoreAnswers(metric, heard.truth, heard.challenger)
        }
      : textValue(metric, both, scores)
  }
  return { rows: heard.truth.length, failures: heard.failures, values }
}

function isAnswerMetric (metric: string): metric is AnswerMetric {
  return (ANSWER_METRICS as readonly string[]).includes(metric)
}

/** The mean of the rows that have it, or the metric's own figure for all texts together. */
function textValue (metric: string, scorers: readonly (readonly Scorer[])[], scores: readonly RowScores[]): GateValue {
  const at = scores[0]!.figures.findIndex((figure) => figure.metric === metric && isMain(figure))
  const valueOf = (arm: number): number | null => {
    const whole = scorers[arm]!.map(({ corpus }) => corpus?.()[metric]).find((value) => value !== undefined)
    if (whole !== undefined) return whole
    const defined = scores[arm]!.columns[at]!.defined()
    return defined.length === 0 ? null : defined.reduce((sum, value) => sum + value, 0) / defined.length
  }
  return { better: scores[0]!.figures[at]!.better, champion: valueOf(0), challenger: valueOf(1) }
}

/** The rows with their answers, in order, a few of them under way at a time. */
function answeredTable (request: ReplayRequest, heard: Heard): Table {
  const { table, ask, concurrency, limit, signal } = request
  const answer = async (row: Row): Promise<Row> => {
    const { input, truth, references } = readRow(request, row)
    const { champion, challenger, message } = await ask(input)
    if (champion === null) heard.failures.champion++
    if (challenger === null) {
      heard.failures.challenger++
      heard.failures.first ??= `row ${row.number}: ${message}`
    }
    const answers: Answers = { truth, references, champion: champion ?? '', challenger: challenger ?? '' }
    return { number: row.number, fields: { ...answers } }
  }
  const hear = ({ fields }: Row): void => {
    const { truth, champion, challenger } = fields as unknown as Answers
    heard.truth.push(truth)
    heard.champion.push(champion)
    heard.challenger.push(challenger)
  }
  return {
    ...table,
    rows: async function * () {
      const pending: Promise<Row>[] = []
      let asked = 0
      for await (const row of table.rows()) {
        if (asked++ === limit) break
        signal.throwIfAborted()
        const answered = answer(row)
        // A row that cannot be used is told of when it is its turn.
        answered.catch(() => {})
        pending.push(answered)
        if (pending.length < concurrency) continue
        const first = await pending.shift()!
        hear(first)
        yield first
      }
      for (const answered of pending) {
        const row = await answered
        hear(row)
        yield row
      }
    }
  }
}

function readRow ({ table, fields, labels, metrics }: ReplayRequest, row: Row): {
  input: unknown, truth: string, references: string[]
} {
  const input = fields.input.read(row.fields)
  if (input === undefined || input === null) throw badRow(table, row, `field "${fields.input.name}" is missing`)
  const right = metrics.some(isAnswerMetric) ? expectedOf(fields.label.read(row.fields), labels) : ''
  if (right === null) throw badRow(table, row, `field "${fields.label.name}": expected a label or a number`)
  const texts = metrics.every(isAnswerMetric) ? [] : [fields.reference.read(row.fields) ?? []].flat()
  const references = texts.map((text) => expectedOf(text, undefined))
  const wrong = references.includes(null)
  if (wrong) throw badRow(table, row, `field "${fields.reference.name}": expected a text or a list of texts`)
  return { input, truth: right, references: references as string[] }
}
