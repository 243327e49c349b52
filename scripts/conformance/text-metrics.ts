import { sentenceBleu, type BleuScore } from '../../evaluators/text/bleu.js'
import { sentenceChrf } from '../../evaluators/text/chrf.js'
import type { PrecisionRecallF1 } from '../../evaluators/text/overlap.js'
import { rouge, ROUGE_TYPES, type RougeType } from '../../evaluators/text/rouge.js'
import { normalizeAnswer, scoreSquad } from '../../evaluators/text/squad.js'
import type { Format, Parsed } from './format.js'
import { type Report, UNSTATED } from './report.js'

/** A pair of texts with the figures expected of it. */
export interface TextPair {
  readonly id: string
  readonly kind: string
  readonly reference: string
  readonly candidate: string
}

const INPUTS: ReadonlySet<string> = new Set(['id', 'kind', 'reference', 'candidate'])

const METRICS = ['rouge', 'squad', 'sacrebleu']

/** Whether tokens are stemmed, as the files write it. */
export const STEMMERS: Readonly<Record<string, boolean>> = { stem: true, nostem: false }

/** Lines of `id, kind, reference, candidate` with `rouge`, `squad` and `sacrebleu` figures. */
export const textMetrics: Format = {
  name: 'text-metrics',
  recognises: (parsed) =>
    recordsOf(parsed).some((record) => isPair(record) && METRICS.some((field) => field in record)),
  check (parsed, report) {
    recordsOf(parsed).forEach((record, line) => {
      if (isPair(record)) checkPair(record, `line ${line + 1} (${record.id})`, report)
      else report.section('unknown').fail(`line ${line + 1}`, record, 'not a pair of texts')
    })
  }
}

/** The pairs of a text-metrics file, null for another file. */
export function pairsOf (parsed: Parsed): readonly TextPair[] | null {
  return textMetrics.recognises(parsed) ? recordsOf(parsed).filter(isPair) : null
}

function recordsOf (parsed: Parsed): readonly unknown[] {
  if ('lines' in parsed) return parsed.lines
  return Array.isArray(parsed.document) ? parsed.document : [parsed.document]
}

function isPair (record: unknown): record is TextPair & Record<string, unknown> {
  return typeof record === 'object' && record !== null && ['reference', 'candidate'].every((field) =>
    typeof (record as Record<string, unknown>)[field] === 'string')
}

function checkPair (pair: TextPair & Record<string, unknown>, place: string, report: Report): void {
  for (const [field, expected] of Object.entries(pair)) {
    if (INPUTS.has(field)) continue
    const figures = isRecord(expected) ? expected : null
    if (field === 'rouge' && figures !== null) checkRouge(pair, figures, place, report)
    else if (field === 'squad') {
      report.section('squad').compare(`${place}.squad`, squadFigures(pair), expected, UNSTATED.unit)
    } else if (field === 'sacrebleu' && figures !== null) checkSacrebleu(pair, figures, place, report)
    else report.section(field).fail(`${place}.${field}`, expected, 'an unknown metric')
  }
}

type Figures = Readonly<Record<string, unknown>>

function checkRouge ({ reference, candidate }: TextPair, byStemmer: Figures, place: string, report: Report): void {
  for (const [stemmer, byType] of Object.entries(byStemmer)) {
    const stem = STEMMERS[stemmer]
    if (!isRecord(byType)) report.section(`rouge.${stemmer}`).fail(`${place}.${stemmer}`, byType, 'no ROUGE types')
    else {
      for (const [type, expected] of Object.entries(byType)) {
        const section = report.section(`${type}.${stemmer}`)
        const where = `${place}.rouge.${stemmer}.${type}`
        if (stem === undefined || !isRougeType(type)) section.fail(where, expected, 'an unknown stemmer or ROUGE type')
        else {
          const score = rouge(reference, candidate, { types: [type], stem })[type]
          section.compare(where, triple(score), expected, UNSTATED.unit)
        }
      }
    }
  }
}

function checkSacrebleu ({ reference, candidate }: TextPair, figures: Figures, place: string, report: Report): void {
  for (const [metric, expected] of Object.entries(figures)) {
    const section = report.section(metric)
    const where = `${place}.sacrebleu.${metric}`
    if (metric === 'sentence_bleu' && isRecord(expected)) {
      const got = bleuFigures(sentenceBleu(reference, candidate))
      for (const [field, each] of Object.entries(expected)) {
        section.compare(where, got, { [field]: each }, field === 'bp' ? UNSTATED.unit : UNSTATED.percent)
      }
    } else if (metric === 'chrf' || metric === 'chrfpp') {
      const score = sentenceChrf(reference, candidate, { wordOrder: metric === 'chrf' ? 0 : 2 })
      section.compare(where, score, expected, UNSTATED.percent)
    } else section.fail(where, expected, 'an unknown metric')
  }
}

/** BLEU under the names that the files use. */
export function bleuFigures (bleu: BleuScore): Record<string, unknown> {
  return {
    score: bleu.score,
    precisions: bleu.precisions,
    bp: bleu.brevityPenalty,
    sys_len: bleu.candidateLength,
    ref_len: bleu.referenceLength,
    counts: bleu.matches,
    totals: bleu.totals
  }
}

/** Precision, recall and F1 under the names that the files use. */
export function triple ({ precision, recall, f1 }: PrecisionRecallF1): { p: number, r: number, f: number } {
  return { p: precision, r: recall, f: f1 }
}

export function isRougeType (type: string): type is RougeType {
  return (ROUGE_TYPES as readonly string[]).includes(type)
}

export function isRecord (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function squadFigures ({ reference, candidate }: TextPair): Record<string, unknown> {
  const { exactMatch, precision, recall, f1 } = scoreSquad(reference, candidate)
  return {
    em: exactMatch,
    precision,
    recall,
    f1,
    normalized_reference: normalizeAnswer(reference),
    normalized_candidate: normalizeAnswer(candidate)
  }
}
