import { EvaluatorError } from '../errors.js'
import type { Random } from '../statistics/random.js'
import type { CategoricalSketch, ColumnSketch, EmbeddingSketch, TextSketch } from './column-sketch.js'
import { mergeNumeric } from './numeric-sketch.js'
import { parseSketch } from './parse-sketch.js'
import { mergeSamples } from './sampling.js'
import { keepCategories, missingColumn, SKETCH_BOUNDS, type TableSketch } from './sketch.js'

/**
 * One sketch of the rows of both. Exact: counts, moments, extremes, categories (up to the bound), bins with the same
 * edges, centroids. Samples are merged into a uniform one of the whole, whatever share each part has. Of the rates of
 * words outside the vocabulary those are kept that belong to the vocabulary kept (that of the larger part), unless both
 * have the same. O(size of the sketches).
 *
 * @throws EvaluatorError MALFORMED for what is not a sketch, or when they differ in columns, kinds or dimensions
 */
export function mergeSketches (a: TableSketch, b: TableSketch, random: Random): TableSketch {
  parseSketch(a, 'a')
  parseSketch(b, 'b')
  const names = Object.keys(a.columns)
  for (const name of Object.keys(b.columns)) if (!Object.hasOwn(a.columns, name)) missingColumn('a', name)
  const columns = names.map((name): [string, ColumnSketch] => {
    const other = Object.hasOwn(b.columns, name) ? b.columns[name]! : missingColumn('b', name)
    return [name, mergeColumns(name, a.columns[name]!, other, random)]
  })
  return { version: 1, rows: a.rows + b.rows, columns: Object.fromEntries(columns) }
}

function mergeColumns (name: string, a: ColumnSketch, b: ColumnSketch, random: Random): ColumnSketch {
  if (a.kind === 'numeric' && b.kind === 'numeric') return mergeNumeric(a, b, random)
  if (a.kind === 'categorical' && b.kind === 'categorical') return mergeCategorical(a, b)
  if (a.kind === 'text' && b.kind === 'text') return mergeTexts(a, b, random)
  if (a.kind === 'embedding' && b.kind === 'embedding') return mergeEmbeddings(name, a, b, random)
  throw new EvaluatorError('MALFORMED', `b.${name}`, `expected a ${a.kind} column, got a ${b.kind} one`)
}

function mergeCategorical (a: CategoricalSketch, b: CategoricalSketch): CategoricalSketch {
  const counts = new Map(a.counts)
  for (const [category, count] of b.counts) counts.set(category, (counts.get(category) ?? 0) + count)
  return keepCategories(counts, a.missing + b.missing, a.other + b.other)
}

function mergeTexts (a: TextSketch, b: TextSketch, random: Random): TextSketch {
  const isShared = a.vocabulary.length === b.vocabulary.length &&
    a.vocabulary.every((word, i) => word === b.vocabulary[i])
  const larger = b.outOfVocabulary.n > a.outOfVocabulary.n ? b : a
  const isKept = a.texts !== null && b.texts !== null
  return {
    kind: 'text',
    n: a.n + b.n,
    missing: a.missing + b.missing,
    length: mergeNumeric(a.length, b.length, random),
    digits: mergeNumeric(a.digits, b.digits, random),
    punctuation: mergeNumeric(a.punctuation, b.punctuation, random),
    upperCase: mergeNumeric(a.upperCase, b.upperCase, random),
    script: mergeCategorical(a.script, b.script),
    vocabulary: larger.vocabulary,
    outOfVocabulary: isShared ? mergeNumeric(a.outOfVocabulary, b.outOfVocabulary, random) : larger.outOfVocabulary,
    texts: isKept
      ? mergeSamples({ items: a.texts, count: a.n }, { items: b.texts, count: b.n }, SKETCH_BOUNDS.texts, random)
      : null
  }
}

function mergeEmbeddings (name: string, a: EmbeddingSketch, b: EmbeddingSketch, random: Random): EmbeddingSketch {
  const missing = a.missing + b.missing
  if (a.n === 0 || b.n === 0) return { ...(a.n === 0 ? b : a), missing }
  if (a.dimension !== b.dimension) {
    throw new EvaluatorError('MALFORMED', `b.${name}`, `expected vectors of ${a.dimension} numbers, got ${b.dimension}`)
  }
  const n = a.n + b.n
  const samples = [{ items: a.sample, count: a.n }, { items: b.sample, count: b.n }] as const
  return {
    kind: 'embedding',
    n,
    missing,
    dimension: a.dimension,
    centroid: a.centroid!.map((value, i) => value * (a.n / n) + b.centroid![i]! * (b.n / n)),
    sample: mergeSamples(...samples, SKETCH_BOUNDS.vectors, random)
  }
}
