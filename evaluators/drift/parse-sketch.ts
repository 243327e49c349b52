import { EvaluatorError } from '../errors.js'
import type { CategoricalSketch, ColumnSketch, EmbeddingSketch, NumericSketch, TextSketch } from './column-sketch.js'
import type { TableSketch } from './sketch.js'

type Fields = Readonly<Record<string, unknown>>

/**
 * The sketch that a JSON document holds; every field is checked, unknown ones are left out. O(size of the document).
 *
 * @param json what JSON.parse gave
 * @param argument what the caller calls the document, for the error
 * @throws EvaluatorError MALFORMED, naming the path of the first field that no sketch could have
 */
export function parseSketch (json: unknown, argument = 'sketch'): TableSketch {
  const fields = fieldsOf(argument, json)
  if (fields['version'] !== 1) refuse(`${argument}.version`, '1', fields['version'])
  const columns = Object.entries(fieldsOf(`${argument}.columns`, fields['columns']))
    .map(([name, column]): [string, ColumnSketch] => [name, parseColumn(`${argument}.columns.${name}`, column)])
  return { version: 1, rows: count(`${argument}.rows`, fields['rows']), columns: Object.fromEntries(columns) }
}

function parseColumn (path: string, json: unknown): ColumnSketch {
  const fields = fieldsOf(path, json)
  switch (fields['kind']) {
    case 'numeric': return parseNumeric(path, fields)
    case 'categorical': return parseCategorical(path, fields)
    case 'text': return parseTexts(path, fields)
    case 'embedding': return parseEmbedding(path, fields)
    default: return refuse(`${path}.kind`, 'numeric, categorical, text or embedding', fields['kind'])
  }
}

function parseNumeric (path: string, json: unknown): NumericSketch {
  const fields = fieldsOf(path, json)
  if (fields['kind'] !== 'numeric') refuse(`${path}.kind`, 'numeric', fields['kind'])
  const n = count(`${path}.n`, fields['n'])
  const figure = (name: string): number | null => n === 0 ? nothing(`${path}.${name}`, fields[name]) : finite(`${path}.${name}`, fields[name])
  const edges = list(`${path}.edges`, fields['edges'], finite)
  const counts = list(`${path}.counts`, fields['counts'], notNegative)
  const sample = list(`${path}.sample`, fields['sample'], finite)
  ascending(`${path}.edges`, edges)
  if (counts.length !== edges.length + 1) refuse(`${path}.counts`, `${edges.length + 1} counts`, counts)
  if (sample.length > n || (n > 0 && sample.length === 0)) refuse(`${path}.sample`, `1 to ${n} values`, sample)
  const values = fields['values'] === null ? null : list(`${path}.values`, fields['values'], entryOf(finite))
  if (values !== null) {
    ascending(`${path}.values`, values.map(([value]) => value))
    if (sum(values) !== n) refuse(`${path}.values`, `counts that add up to ${n}`, sum(values))
  }
  const isQuantiles = fields['isQuantiles'] === true
  if (isQuantiles && sample.some((value, i) => i > 0 && value < sample[i - 1]!)) {
    refuse(`${path}.sample`, 'quantiles that do not fall', sample)
  }
  return {
    kind: 'numeric',
    n,
    missing: count(`${path}.missing`, fields['missing']),
    mean: figure('mean'),
    m2: n === 0 ? nothing(`${path}.m2`, fields['m2']) : notNegative(`${path}.m2`, fields['m2']),
    min: figure('min'),
    max: figure('max'),
    edges,
    counts,
    values,
    sample,
    ...isQuantiles ? { isQuantiles } : {}
  }
}

function parseCategorical (path: string, json: unknown): CategoricalSketch {
  const fields = fieldsOf(path, json)
  if (fields['kind'] !== 'categorical') refuse(`${path}.kind`, 'categorical', fields['kind'])
  const n = count(`${path}.n`, fields['n'])
  const counts = list(`${path}.counts`, fields['counts'], entryOf(text))
  const other = count(`${path}.other`, fields['other'])
  if (new Set(counts.map(([category]) => category)).size < counts.length) {
    refuse(`${path}.counts`, 'each category once', 'one twice')
  }
  if (sum(counts) + other !== n) refuse(`${path}.counts`, `counts that add up to ${n} with other`, sum(counts) + other)
  return { kind: 'categorical', n, missing: count(`${path}.missing`, fields['missing']), counts, other }
}

function parseTexts (path: string, fields: Fields): TextSketch {
  return {
    kind: 'text',
    n: count(`${path}.n`, fields['n']),
    missing: count(`${path}.missing`, fields['missing']),
    length: parseNumeric(`${path}.length`, fields['length']),
    digits: parseNumeric(`${path}.digits`, fields['digits']),
    punctuation: parseNumeric(`${path}.punctuation`, fields['punctuation']),
    upperCase: parseNumeric(`${path}.upperCase`, fields['upperCase']),
    script: parseCategorical(`${path}.script`, fields['script']),
    vocabulary: list(`${path}.vocabulary`, fields['vocabulary'], text),
    outOfVocabulary: parseNumeric(`${path}.outOfVocabulary`, fields['outOfVocabulary']),
    texts: fields['texts'] === null ? null : list(`${path}.texts`, fields['texts'], text)
  }
}

function parseEmbedding (path: string, fields: Fields): EmbeddingSketch {
  const n = count(`${path}.n`, fields['n'])
  const missing = count(`${path}.missing`, fields['missing'])
  if (n === 0) {
    nothing(`${path}.dimension`, fields['dimension'])
    nothing(`${path}.centroid`, fields['centroid'])
    return { kind: 'embedding', n, missing, dimension: null, centroid: null, sample: [] }
  }
  const dimension = count(`${path}.dimension`, fields['dimension'])
  const vector = (at: string, value: unknown): number[] => {
    const numbers = list(at, value, finite)
    return numbers.length === dimension ? numbers : refuse(at, `${dimension} numbers`, numbers)
  }
  const sample = list(`${path}.sample`, fields['sample'], vector)
  if (sample.length > n || sample.length === 0) refuse(`${path}.sample`, `1 to ${n} vectors`, sample)
  return { kind: 'embedding', n, missing, dimension, centroid: vector(`${path}.centroid`, fields['centroid']), sample }
}

function refuse (path: string, expected: string, got: unknown): never {
  const shown = Array.isArray(got) ? `a list of ${got.length}` : typeof got === 'object' && got !== null ? 'an object' : String(got)
  throw new EvaluatorError('MALFORMED', path, `expected ${expected}, got ${shown}`)
}

function fieldsOf (path: string, json: unknown): Fields {
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Fields
  return refuse(path, 'an object', json)
}

function list<Item> (path: string, json: unknown, item: (path: string, json: unknown) => Item): Item[] {
  if (!Array.isArray(json)) return refuse(path, 'a list', json)
  return json.map((each, i) => item(`${path}[${i}]`, each))
}

function entryOf<Key> (
  key: (path: string, json: unknown) => Key
): (path: string, json: unknown) => readonly [Key, number] {
  return (path, json) => Array.isArray(json) && json.length === 2
    ? [key(`${path}[0]`, json[0]), count(`${path}[1]`, json[1])]
    : refuse(path, 'a pair of value and count', json)
}

function finite (path: string, json: unknown): number {
  return typeof json === 'number' && Number.isFinite(json) ? json : refuse(path, 'a finite number', json)
}

function notNegative (path: string, json: unknown): number {
  const value = finite(path, json)
  return value >= 0 ? value : refuse(path, 'a number of at least 0', json)
}

function count (path: string, json: unknown): number {
  return Number.isSafeInteger(json) && (json as number) >= 0 ? json as number : refuse(path, 'a whole number of at least 0', json)
}

function text (path: string, json: unknown): string {
  return typeof json === 'string' ? json : refuse(path, 'a text', json)
}

function nothing (path: string, json: unknown): null {
  return json === null ? null : refuse(path, 'null', json)
}

function ascending (path: string, values: readonly number[]): void {
  if (values.some((value, i) => i > 0 && value <= values[i - 1]!)) refuse(path, 'ascending numbers', values)
}

function sum (entries: readonly (readonly [unknown, number])[]): number {
  return entries.reduce((total, [, each]) => total + each, 0)
}
