import { EvaluatorError, requireChoice, requireList } from '../errors.js'
import type { Random } from '../statistics/random.js'
import { requireAggregation, type Aggregation } from './aggregate.js'
import { readCategories, readNumbers, readTexts, readVectors } from './cells.js'
import type { CategoricalSketch, ColumnSketch, EmbeddingSketch, TextSketch } from './column-sketch.js'
import { COLUMN_KINDS, type ColumnKind, type Columns, type Table } from './drift-result.js'
import { centroid } from './embeddings.js'
import { inferKind } from './infer-columns.js'
import { sketchNumbers } from './numeric-sketch.js'
import { samplePlaces } from './sampling.js'
import { buildVocabulary, describeText, outOfVocabularyRate } from './text-descriptors.js'

/** Most categories, words, texts and vectors that a sketch keeps. */
export const SKETCH_BOUNDS = { categories: 1_000, vocabulary: 20_000, texts: 1_000, vectors: 500 } as const

/** Sketch of a reference, plain JSON: what is kept of each column so that later windows can be compared with it. */
export interface TableSketch {
  readonly version: 1
  /** Rows that went in. */
  readonly rows: number
  readonly columns: Readonly<Record<string, ColumnSketch>>
}

export interface SketchOptions {
  /** Draws the samples: the same seed gives the same sketch. */
  readonly random: Random
  /** Whether texts themselves are kept (at most 1,000), which the domain classifier needs; default false. */
  readonly keepTexts?: boolean
  /** Bins of a numeric column, to share them between parts that are to be merged exactly; ascending. */
  readonly edges?: readonly number[]
  /** Keeps quantiles, frequent categories and words only; default: samples, and everything up to the bounds. */
  readonly aggregate?: Aggregation
  /** Words of a text column, to share them between parts; default: the words of every second text. */
  readonly vocabulary?: readonly string[]
}

/**
 * Sketch of one column. Numbers: counts, moments, extremes, decile bins, a sample of 5,000. Categories: the counts of
 * the 1,000 most frequent, the rest together. Texts: descriptors, a vocabulary of 20,000 words of every second text,
 * and the rate of words outside it in the other texts (so that the rate is not too small), on request 1,000 texts.
 * Vectors: their centroid and a sample of 500. O(n log n), texts O(characters).
 *
 * @param kind what the column holds
 * @param column its cells; null, undefined and NaN are missing
 * @param argument what the caller calls the column, for the error
 * @throws EvaluatorError MALFORMED, NOT_FINITE or LENGTH_MISMATCH, naming the cell; OUT_OF_RANGE for `aggregate`
 */
export function sketchColumn (
  kind: ColumnKind, column: ArrayLike<unknown>, options: SketchOptions, argument = 'column'
): ColumnSketch {
  requireChoice('kind', kind, COLUMN_KINDS)
  requireList(argument, column)
  if (options.aggregate !== undefined) requireAggregation(options.aggregate)
  switch (kind) {
    case 'numeric': {
      const { values, missing } = readNumbers(argument, column)
      return sketchNumbers(values, missing, options.random, options.edges, options.aggregate)
    }
    case 'categorical': {
      const { values, missing } = readCategories(argument, column)
      return keepCategories(values, missing, 0, options.aggregate?.rowsMin)
    }
    case 'text': {
      const { values, missing } = readTexts(argument, column)
      return sketchTexts(values, missing, options)
    }
    case 'embedding': {
      const { values, missing } = readVectors(argument, column)
      return sketchVectors(values, missing, options.random)
    }
  }
}

/**
 * Sketch of the named columns of a table. O(cells log rows).
 *
 * @param columns the kind of each column, `auto` to infer it
 * @throws EvaluatorError MALFORMED when a column is missing; what {@link sketchColumn} and {@link inferKind} throw
 */
export function sketchTable (table: Table, columns: Columns, options: SketchOptions): TableSketch {
  const sketches = Object.entries(columns).map(([name, wanted]): [string, ColumnSketch] => {
    const column = Object.hasOwn(table, name) ? table[name]! : missingColumn('table', name)
    requireChoice(`columns.${name}`, wanted, [...COLUMN_KINDS, 'auto'])
    return [name, sketchColumn(wanted === 'auto' ? inferKind(name, column) : wanted, column, options, name)]
  })
  const rows = requireEqualRows('table', table, Object.keys(columns))
  return { version: 1, rows, columns: Object.fromEntries(sketches) }
}

/** Number of rows of the named columns, all equally many. @throws EvaluatorError LENGTH_MISMATCH, naming the column */
export function requireEqualRows (argument: string, table: Table, names: readonly string[]): number {
  for (const name of names) requireList(`${argument}.${name}`, table[name])
  const rows = names.length === 0 ? 0 : table[names[0]!]!.length
  for (const name of names) {
    if (table[name]!.length === rows) continue
    throw new EvaluatorError('LENGTH_MISMATCH', `${argument}.${name}`, `expected ${rows} cells as in ${names[0]}, got ${table[name]!.length}`)
  }
  return rows
}

/** @throws EvaluatorError MALFORMED, always */
export function missingColumn (side: string, name: string): never {
  throw new EvaluatorError('MALFORMED', `${side}.${name}`, `missing column ${JSON.stringify(name)}`)
}

/**
 * The most frequent categories by falling count (of equals by name), those of fewer than `rowsMin` values and the rest
 * together. O(categories log).
 */
export function keepCategories (
  counts: ReadonlyMap<string, number>, missing: number, other = 0, rowsMin = 1
): CategoricalSketch {
  const byCount = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  const kept = byCount.slice(0, SKETCH_BOUNDS.categories).filter(([, count]) => count >= rowsMin)
  const n = byCount.reduce((sum, [, count]) => sum + count, other)
  return { kind: 'categorical', n, missing, counts: kept, other: n - kept.reduce((sum, [, count]) => sum + count, 0) }
}

function sketchTexts (texts: readonly string[], missing: number, options: SketchOptions): TextSketch {
  const { random, keepTexts = false, aggregate } = options
  const described = describeTexts(texts, random, aggregate)
  const { vocabularyMax = SKETCH_BOUNDS.vocabulary, rowsMin = 1 } = aggregate ?? {}
  const vocabulary = options.vocabulary ??
    buildVocabulary(texts.filter((_, i) => i % 2 === 0), vocabularyMax, rowsMin)
  const heldOut = options.vocabulary === undefined ? texts.filter((_, i) => i % 2 === 1) : texts
  return {
    kind: 'text',
    n: texts.length,
    missing,
    ...described,
    vocabulary,
    outOfVocabulary: sketchOutOfVocabulary(heldOut, new Set(vocabulary), random, aggregate),
    texts: keepTexts ? samplePlaces(texts.length, SKETCH_BOUNDS.texts, random).map((i) => texts[i]!) : null
  }
}

/** The descriptors of texts, each as a column; a text without any character has no shares. O(characters). */
export function describeTexts (
  texts: readonly string[], random: Random, aggregate?: Aggregation
): Pick<TextSketch, 'length' | 'digits' | 'punctuation' | 'upperCase' | 'script'> {
  const described = texts.map(describeText)
  const scripts = new Map<string, number>()
  for (const { script } of described) scripts.set(script, (scripts.get(script) ?? 0) + 1)
  const sketchOf = (values: readonly (number | null)[]): TextSketch['length'] => {
    const { values: present, missing } = readNumbers('descriptor', values)
    return sketchNumbers(present, missing, random, undefined, aggregate)
  }
  return {
    length: sketchOf(described.map(({ length }) => length)),
    digits: sketchOf(described.map(({ digits }) => digits)),
    punctuation: sketchOf(described.map(({ punctuation }) => punctuation)),
    upperCase: sketchOf(described.map(({ upperCase }) => upperCase)),
    script: keepCategories(scripts, 0, 0, aggregate?.rowsMin)
  }
}

/** The rates of words outside a vocabulary, as a column; a text without a word has none. O(characters). */
export function sketchOutOfVocabulary (
  texts: readonly string[], vocabulary: ReadonlySet<string>, random: Random, aggregate?: Aggregation
): TextSketch['outOfVocabulary'] {
  const rates = texts.map((text) => outOfVocabularyRate(text, vocabulary))
  const { values, missing } = readNumbers('rates', rates)
  return sketchNumbers(values, missing, random, undefined, aggregate)
}

function sketchVectors (vectors: readonly ArrayLike<number>[], missing: number, random: Random): EmbeddingSketch {
  const isEmpty = vectors.length === 0
  return {
    kind: 'embedding',
    n: vectors.length,
    missing,
    dimension: isEmpty ? null : vectors[0]!.length,
    centroid: isEmpty ? null : Array.from(centroid(vectors)),
    sample: samplePlaces(vectors.length, SKETCH_BOUNDS.vectors, random).map((i) => Array.from(vectors[i]!))
  }
}
