import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  bertScore as scoreTokens, isEmptyText, type BertScore, type BertScoreOptions
} from '../../evaluators/text/bertscore.js'
import {
  countDocumentFrequencies, idfWeights, type DocumentFrequencies
} from '../../evaluators/text/inverse-document-frequency.js'
import { packRows, type TokenEmbeddings } from '../../evaluators/text/token-embeddings.js'
import { createEncoder, type EncodedText } from '../../models/encoder.js'
import type { Format, FormatOptions, Parsed } from './format.js'
import { UNSTATED, type Report, type Tolerance } from './report.js'

type Fields = Readonly<Record<string, unknown>>

/** The first line of a file of figures with an encoder. */
interface Meta extends Fields {
  readonly model: string
  readonly model_sha256?: string
  readonly output?: string
  readonly truncate?: number
  readonly num_references_for_idf?: number
  readonly special_ids?: Readonly<Record<string, number>>
  readonly idf_document_frequency?: Readonly<Record<string, number>>
  readonly tolerance_suggestion?: number
}

/** A line whose texts are encoded. */
interface Pair {
  readonly fields: Fields
  readonly place: string
  readonly candidate: EncodedText
  readonly reference: EncodedText
}

const MODEL_FILE = 'onnx/model.onnx'
const INPUTS: ReadonlySet<string> = new Set(['id', 'reference', 'candidate'])
const META_INPUTS: ReadonlySet<string> = new Set([
  'model', 'model_sha256', 'output', 'truncate', 'num_references_for_idf', 'special_ids', 'idf', 'tolerance_suggestion'
])
const FREQUENCIES = 'idf_document_frequency'
/** `idf_specials_not_matchable`, `no_idf_rescaled_baseline_0.55_0.55_0.56`: how the score was computed. */
const SCORE = /^(no_idf|idf)(_specials_not_matchable)?(?:_rescaled_baseline_([^_]+)_([^_]+)_([^_]+))?$/

/** Figures of BERTScore with an encoder: a line about the encoder, then a line per pair. */
export const bertScore: Format = {
  name: 'bertscore',
  recognises: (parsed) => isMeta(linesOf(parsed)[0]?.['meta']),
  async check (parsed, report, options) {
    const [first, ...lines] = linesOf(parsed)
    const meta = first?.['meta'] as Meta
    for (const [field, value] of Object.entries(meta)) {
      const isKnown = META_INPUTS.has(field) || field === FREQUENCIES || typeof value === 'string'
      if (!isKnown) report.section(`meta.${field}`).fail(`meta.${field}`, value, 'an unknown field')
    }
    try {
      checkPairs(meta, await encodePairs(meta, lines, options), report)
    } catch (error) {
      failAll(meta, lines, report, error instanceof Error ? error.message : String(error))
    }
  }
}

/** Figures of the matching alone: vectors and weights, and the scores they give. */
export const bertScoreSynthetic: Format = {
  name: 'bertscore-synthetic',
  recognises: (parsed) => {
    const first = linesOf(parsed)[0]
    return first !== undefined && Array.isArray(first['ref']) && Array.isArray(first['cand'])
  },
  check (parsed, report) {
    linesOf(parsed).forEach((line, index) => {
      const { id, ref, cand, ref_weights: refWeights, cand_weights: candWeights, ...expected } = line
      const got = attempt(() => shortNames(scoreTokens(side(cand, candWeights), side(ref, refWeights))))
      for (const [field, value] of Object.entries(expected)) {
        const place = `${placeOf(id, index + 1)}.${field}`
        const section = report.section(`synthetic.${field}`)
        if (typeof got === 'string') section.fail(place, value, got)
        else if (!(field in got)) section.fail(place, value, 'an unknown field')
        else section.compare(place, got[field as keyof typeof got], undefinedAsNull(value), UNSTATED.unit)
      }
    })
  }
}

function side (rows: unknown, weights: unknown): TokenEmbeddings {
  const packed = packRows(rows as number[][])
  return weights === undefined || weights === null ? packed : { ...packed, weights: weights as number[] }
}

/** @throws Error when the encoder is not there, is another one, or fails */
async function encodePairs (meta: Meta, lines: readonly Fields[], { models }: FormatOptions): Promise<Pair[]> {
  if (models === null) throw new Error(`the encoder ${meta.model} was not found: no folder of models was given`)
  const directory = join(models, meta.model)
  const file = join(directory, MODEL_FILE)
  const bytes = await readFile(file).catch(() => { throw new Error(`the encoder ${meta.model} was not found at ${file}`) })
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  if (meta.model_sha256 !== undefined && meta.model_sha256 !== sha256) {
    throw new Error(`the encoder at ${file} has sha256 ${sha256}, expected ${meta.model_sha256}`)
  }
  const tokens = {
    ...meta.output === undefined ? {} : { output: meta.output },
    ...meta.truncate === undefined ? {} : { countMax: meta.truncate }
  }
  const encoder = await createEncoder({ name: meta.model, version: 'reference', directory, modelFile: MODEL_FILE, tokens })
  try {
    const texts = lines.flatMap(({ candidate, reference }) => [textOf(candidate), textOf(reference)])
    const encoded = (await encoder.encode(texts)).map((text) => withSpecials(text, meta.special_ids))
    return lines.map((fields, index) => ({
      fields,
      place: placeOf(fields['id'], index + 2),
      candidate: encoded[2 * index]!,
      reference: encoded[2 * index + 1]!
    }))
  } finally {
    await encoder.close()
  }
}

/** The special tokens are those that the file names. */
function withSpecials (text: EncodedText, specialIds: Meta['special_ids']): EncodedText {
  if (specialIds === undefined) return text
  const ids = new Set(Object.values(specialIds))
  return { ...text, isSpecial: Uint8Array.from(text.ids, (id) => ids.has(id) ? 1 : 0) }
}

function checkPairs (meta: Meta, pairs: readonly Pair[], report: Report): void {
  const suggested = meta.tolerance_suggestion
  const tolerance = suggested === undefined ? UNSTATED.encoder : { abs: suggested, rel: 0 }
  const frequencies = documentFrequencies(meta, pairs, report)
  for (const pair of pairs) {
    for (const [field, expected] of Object.entries(pair.fields)) {
      if (!INPUTS.has(field)) checkField(pair, field, expected, { frequencies, tolerance }, report)
    }
  }
}

/** Counted over the references where the file has all of them, and compared with its table; else that table. */
function documentFrequencies (meta: Meta, pairs: readonly Pair[], report: Report): DocumentFrequencies {
  const stated = meta.idf_document_frequency
  const documents = meta.num_references_for_idf ?? pairs.length
  if (documents !== pairs.length && stated !== undefined) {
    return { documents, frequencies: new Map(Object.entries(stated).map(([id, count]) => [Number(id), count])) }
  }
  const counted = countDocumentFrequencies(pairs.map(({ reference }) => reference.ids))
  if (stated !== undefined) {
    const section = report.section(FREQUENCIES)
    section.compare(FREQUENCIES, Object.fromEntries(counted.frequencies), stated, UNSTATED.exact)
    for (const [id, count] of counted.frequencies) {
      if (!(String(id) in stated)) section.fail(`${FREQUENCIES}.${id}`, 'no such id', count)
    }
  }
  return counted
}

interface Settings { readonly frequencies: DocumentFrequencies, readonly tolerance: Tolerance }

function checkField (pair: Pair, field: string, expected: unknown, settings: Settings, report: Report): void {
  const section = report.section(field)
  const place = `${pair.place}.${field}`
  const plain: Record<string, () => unknown> = {
    cand_ids: () => pair.candidate.ids,
    ref_ids: () => pair.reference.ids,
    empty_cand: () => isEmptyText(pair.candidate),
    empty_ref: () => isEmptyText(pair.reference)
  }
  if (field in plain) return section.compare(place, plain[field]!(), expected, UNSTATED.exact)
  const got = attempt(() => score(pair, field, settings.frequencies))
  if (typeof got === 'string') section.fail(place, expected, got)
  else section.compare(place, got, undefinedAsNull(expected), settings.tolerance)
}

/** The scores that a field's name asks for. @throws Error when it asks for something unknown */
function score (pair: Pair, field: string, frequencies: DocumentFrequencies): object {
  const [, weighting, specials, ...numbers] = SCORE.exec(field) ?? []
  const [precision, recall, f1] = numbers.map(Number)
  if (weighting === undefined) throw new Error('an unknown field')
  const weigh = (text: EncodedText): TokenEmbeddings =>
    weighting === 'idf' ? { ...text, weights: idfWeights(text.ids, frequencies) } : text
  const options: BertScoreOptions = {
    areSpecialsMatchable: specials === undefined,
    ...numbers[0] === undefined ? {} : { baseline: { precision: precision!, recall: recall!, f1: f1! } }
  }
  return shortNames(scoreTokens(weigh(pair.candidate), weigh(pair.reference), options))
}

function failAll (meta: Meta, lines: readonly Fields[], report: Report, reason: string): void {
  if (meta[FREQUENCIES] !== undefined) report.section(FREQUENCIES).fail(FREQUENCIES, meta[FREQUENCIES], reason)
  lines.forEach((line, index) => {
    for (const [field, expected] of Object.entries(line)) {
      if (!INPUTS.has(field)) report.section(field).fail(`${placeOf(line['id'], index + 2)}.${field}`, expected, reason)
    }
  })
}

function linesOf (parsed: Parsed): readonly Fields[] {
  const lines = 'lines' in parsed ? parsed.lines : Array.isArray(parsed.document) ? parsed.document : [parsed.document]
  return lines.map((line) => typeof line === 'object' && line !== null ? line as Fields : {})
}

function isMeta (meta: unknown): meta is Meta {
  return typeof meta === 'object' && meta !== null && typeof (meta as Fields)['model'] === 'string'
}

/** The original strips a text before it encodes it. @throws Error when it is not a text */
function textOf (text: unknown): string {
  if (typeof text !== 'string') throw new Error('a line without the texts "candidate" and "reference"')
  return text.trim()
}

function placeOf (id: unknown, line: number): string {
  return typeof id === 'string' ? `line ${line} (${id})` : `line ${line}`
}

/** What a computation gives, or why it gives nothing. */
function attempt<Result extends object> (compute: () => Result): Result | string {
  try {
    return compute()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function shortNames ({ precision, recall, f1 }: BertScore): { p: number | null, r: number | null, f: number | null } {
  return { p: precision, r: recall, f: f1 }
}

/** Where the original has NaN we have null, however the file writes it. */
function undefinedAsNull (expected: unknown): unknown {
  if (expected === 'NaN') return null
  if (typeof expected !== 'object' || expected === null || Array.isArray(expected)) return expected
  return Object.fromEntries(Object.entries(expected).map(([field, value]) => [field, undefinedAsNull(value)]))
}
