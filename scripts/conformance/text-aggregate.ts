import { basename, dirname } from 'node:path'
import { bootstrapMeans } from '../../evaluators/text/aggregate.js'
import { corpusBleu, sentenceBleu } from '../../evaluators/text/bleu.js'
import { corpusChrf, sentenceChrf } from '../../evaluators/text/chrf.js'
import { rouge } from '../../evaluators/text/rouge.js'
import type { Format, FormatOptions, Parsed } from './format.js'
import { type Report, type Tolerance, UNSTATED } from './report.js'
import { bleuFigures, isRecord, isRougeType, pairsOf, STEMMERS, type TextPair, triple } from './text-metrics.js'

type Figures = Readonly<Record<string, unknown>>

/** What a file of aggregates speaks about: its own inputs and the pairs of texts that lie beside it. */
interface Context { readonly document: Figures, readonly pairs: readonly TextPair[], readonly report: Report }

type Check = (expected: unknown, context: Context) => void

/** Fields that only this format has. */
const MARKS = ['corpus_ids', 'corpus_bleu', 'corpus_bleu_detail', 'corpus_chrf', 'multi_reference']

const METHOD = 'numpy linear interpolation'

const CHECKS: Readonly<Record<string, Check>> = {
  n: (expected, { pairs, report }) => report.section('n').compare('n', pairs.length, expected, UNSTATED.exact),
  kinds: (expected, { pairs, report }) => {
    report.section('kinds').compare('kinds', countKinds(pairs), expected, UNSTATED.exact)
  },
  corpus_ids: () => {},
  corpus_bleu: (expected, context) => checkCorpus('corpus_bleu', expected, context, (texts) => bleuOf(texts).score),
  corpus_bleu_detail: (expected, context) => {
    for (const [field, each] of Object.entries(isRecord(expected) ? expected : { '': expected })) {
      const tolerance = field === 'bp' ? UNSTATED.unit : UNSTATED.percent
      checkCorpus('corpus_bleu_detail', { [field]: each }, context, (texts) => bleuFigures(bleuOf(texts)), tolerance)
    }
  },
  corpus_chrf: (expected, context) =>
    checkCorpus('corpus_chrf', expected, context, ({ references, candidates }) => corpusChrf(references, candidates)),
  mean: checkMeans,
  bootstrap: checkBootstrap,
  multi_reference: checkMultiReference
}

/**
 * Figures over many pairs: `n`, `kinds` and `mean` over all pairs of the text-metrics file beside this one, the corpus
 * scores over those with `corpus_ids`, a `bootstrap` and a list of `multi_reference` cases with inputs of their own.
 */
export const textAggregate: Format = {
  name: 'text-aggregate',
  recognises: (parsed) => MARKS.some((mark) => mark in documentOf(parsed)),
  check (parsed, report, options) {
    const document = documentOf(parsed)
    const pairs = pairsBeside(document, options)
    for (const [field, expected] of Object.entries(document)) {
      const check = Object.hasOwn(CHECKS, field) ? CHECKS[field] : undefined
      if (check === undefined) report.section(field).fail(field, expected, 'an unknown section')
      else check(expected, { document, pairs, report })
    }
  }
}

function documentOf (parsed: Parsed): Figures {
  const document = 'document' in parsed ? parsed.document : parsed.lines.length === 1 ? parsed.lines[0] : null
  return isRecord(document) ? document : {}
}

/**
 * The pairs of the text-metrics file that belongs to this one: that of the same name but for "metrics" instead of
 * "aggregate", then others of the same folder, then others of the run; first those which have all of its ids.
 */
function pairsBeside ({ corpus_ids: ids }: Figures, { path = '', companions = [] }: FormatOptions): readonly TextPair[] {
  const stemOf = (file: string): string => basename(file).replace(/\.[^.]*$/, '')
  const counterpart = stemOf(path).replace('aggregate', 'metrics')
  const rank = (other: string): number => dirname(other) !== dirname(path) ? 2 : stemOf(other) === counterpart ? 0 : 1
  const candidates = companions
    .map(({ path: other, parsed }) => ({ rank: rank(other), pairs: pairsOf(parsed) ?? [] }))
    .filter(({ pairs }) => pairs.length > 0)
    .sort((a, b) => a.rank - b.rank)
  const isComplete = candidates.find(({ pairs }) => {
    const known = new Set(pairs.map(({ id }) => id))
    return Array.isArray(ids) && ids.every((id) => known.has(id as string))
  })
  return (isComplete ?? candidates[0])?.pairs ?? []
}

function countKinds (pairs: readonly TextPair[]): Record<string, number> {
  const kinds: Record<string, number> = {}
  for (const { kind } of pairs) kinds[kind] = (kinds[kind] ?? 0) + 1
  return kinds
}

interface Texts { readonly references: string[], readonly candidates: string[] }

function bleuOf ({ references, candidates }: Texts): ReturnType<typeof corpusBleu> {
  return corpusBleu(references, candidates)
}

function checkCorpus (
  name: string, expected: unknown, { document, pairs, report }: Context, score: (texts: Texts) => unknown,
  tolerance: Tolerance = UNSTATED.percent
): void {
  const byId = new Map(pairs.map((pair) => [pair.id, pair]))
  const ids = Array.isArray(document['corpus_ids']) ? document['corpus_ids'] as string[] : []
  const known = ids.flatMap((id) => byId.get(id) ?? [])
  if (ids.length === 0 || known.length < ids.length) {
    report.section(name).fail(name, expected, `${ids.length - known.length} of ${ids.length} ids are in no text-metrics file`)
    return
  }
  const references = known.map(({ reference }) => reference)
  const candidates = known.map(({ candidate }) => candidate)
  report.section(name).compare(name, score({ references, candidates }), expected, tolerance)
}

function checkMeans (expected: unknown, { pairs, report }: Context): void {
  const section = report.section('mean')
  for (const [stemmer, byType] of Object.entries(isRecord(expected) ? expected : { '': expected })) {
    const stem = STEMMERS[stemmer]
    for (const [type, each] of Object.entries(isRecord(byType) ? byType : { '': byType })) {
      const place = `mean.${stemmer}.${type}`
      if (stem === undefined || !isRougeType(type)) section.fail(place, each, 'an unknown stemmer or ROUGE type')
      else if (pairs.length === 0) section.fail(place, each, 'no text-metrics file beside this one')
      else {
        const sum = pairs.reduce((total, { reference, candidate }) =>
          total + rouge(reference, candidate, { types: [type], stem })[type].f1, 0)
        section.compare(place, sum / pairs.length, each, UNSTATED.unit)
      }
    }
  }
}

function checkBootstrap (expected: unknown, { report }: Context): void {
  const section = report.section('bootstrap')
  const { scores_prf: rows, resample_indices: indices, low_mid_high_prf: figures, percentile_method: method, ...rest } =
    isRecord(expected) ? expected : {}
  for (const [field, each] of Object.entries(rest)) section.fail(`bootstrap.${field}`, each, 'an unknown field')
  if (!Array.isArray(rows) || !Array.isArray(indices) || (method ?? METHOD) !== METHOD) {
    section.fail('bootstrap', figures, 'no scores, no resample indices or an unknown method')
    return
  }
  const column = (i: number): number[] => (rows as number[][]).map((row) => row[i]!)
  const columns = { p: column(0), r: column(1), f: column(2) }
  const intervals = Object.values(bootstrapMeans(columns, { indices: indices as number[][] }))
  const got = (['low', 'mid', 'high'] as const).map((level) => intervals.map((interval) => interval[level]))
  section.compare('bootstrap.low_mid_high_prf', got, figures, UNSTATED.unit)
}

function checkMultiReference (expected: unknown, { report }: Context): void {
  if (!Array.isArray(expected)) report.section('multi_reference').fail('multi_reference', expected, 'not a list of cases')
  else expected.forEach((each, i) => checkCase(isRecord(each) ? each : {}, `multi_reference[${i}]`, report))
}

function checkCase (each: Figures, place: string, report: Report): void {
  const { refs, candidate, stem = false, scores, ...others } = each
  const section = report.section('multi_reference')
  if (!Array.isArray(refs) || typeof candidate !== 'string' || typeof stem !== 'boolean') {
    section.fail(place, each, 'expected refs, candidate and stem')
    return
  }
  for (const [type, triples] of Object.entries(isRecord(scores) ? scores : { '': scores })) {
    const where = `${place}.scores.${type}`
    if (!isRougeType(type)) section.fail(where, triples, 'an unknown ROUGE type')
    else {
      const score = rouge(refs as string[], candidate, { types: [type], stem })[type]
      section.compare(where, triple(score), triples, UNSTATED.unit)
    }
  }
  for (const [field, figure] of Object.entries(others)) {
    const where = `${place}.${field}`
    if (field === 'sentence_bleu_multi_ref') {
      report.section(field).compare(where, sentenceBleu(refs as string[], candidate).score, figure, UNSTATED.percent)
    } else if (field === 'chrf_multi_ref') {
      report.section(field).compare(where, sentenceChrf(refs as string[], candidate), figure, UNSTATED.percent)
    } else section.fail(where, figure, 'an unknown field')
  }
}
