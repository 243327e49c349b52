import { EvaluatorError, requireBetween, requireChoice } from '../errors.js'
import type { Random } from '../statistics/random.js'
import { thinQuantiles, type Aggregation } from './aggregate.js'
import type { CategoricalSketch, ColumnSketch, NumericSketch } from './column-sketch.js'
import { COLUMN_KINDS, type ColumnKind, type Columns, type Table } from './drift-result.js'
import { inferKind } from './infer-columns.js'
import { missingColumn, sketchTable, type TableSketch } from './sketch.js'

/** Fewest rows that anything in a baseline stands for. */
export const BASELINE_ROWS_MIN = 5

const QUANTILES = { max: 1_000, min: 25 } as const
const CATEGORIES = { max: 1_000, min: 25 } as const
const VOCABULARY_MAX = 2_000
/** About what a word takes in JSON; half of the bytes may go into words. */
const WORD_BYTES = 12

export interface BaselineOptions {
  /** Draws nothing that stays in the baseline; the same seed gives the same one. */
  readonly random: Random
  /** Most bytes of the baseline as JSON, whole, >= 1. */
  readonly bytesMax: number
}

export interface BaselineResult {
  readonly sketch: TableSketch
  /** Columns that were left out, for a sketch of vectors would be some of the vectors. */
  readonly left: readonly string[]
  /** Quantiles of each numeric column, at most. */
  readonly quantiles: number
}

/**
 * Sketch of a data set that may travel with a model: quantiles instead of samples, categories of at least 5 rows, words
 * of at least 5 texts, no texts and no vectors. As fine as fits: from 1,000 quantiles a column down to 25.
 * O(cells log rows).
 *
 * @param table columns of equally many cells
 * @param columns the kind of each column, `auto` to infer it
 * @throws EvaluatorError OUT_OF_RANGE when it does not fit; EMPTY without a column that can be kept; what
 * {@link sketchTable} throws
 */
export function sketchBaseline (table: Table, columns: Columns, { random, bytesMax }: BaselineOptions): BaselineResult {
  requireBetween('bytesMax', bytesMax, 1, Number.MAX_SAFE_INTEGER)
  const kinds = Object.entries(columns).map(([name, wanted]): [string, ColumnKind] => {
    requireChoice(`columns.${name}`, wanted, [...COLUMN_KINDS, 'auto'])
    if (!Object.hasOwn(table, name)) missingColumn('table', name)
    return [name, wanted === 'auto' ? inferKind(name, table[name]!) : wanted]
  })
  const kept = kinds.filter(([, kind]) => kind !== 'embedding')
  if (kept.length === 0) throw new EvaluatorError('EMPTY', 'columns', 'expected a column of numbers, categories or texts')
  const texts = kept.filter(([, kind]) => kind === 'text').length
  const aggregate: Aggregation = {
    rowsMin: BASELINE_ROWS_MIN,
    quantilesMax: QUANTILES.max,
    vocabularyMax: Math.min(VOCABULARY_MAX, Math.floor(bytesMax / 2 / WORD_BYTES / Math.max(1, texts)))
  }
  const finest = sketchTable(table, Object.fromEntries(kept), { random, aggregate })
  const left = kinds.filter(([, kind]) => kind === 'embedding').map(([name]) => name)
  for (let share = 1; QUANTILES.max * share >= QUANTILES.min; share /= 2) {
    const quantiles = Math.floor(QUANTILES.max * share)
    const sketch = coarser(finest, quantiles, Math.max(CATEGORIES.min, Math.floor(CATEGORIES.max * share)))
    if (byteLength(JSON.stringify(sketch)) <= bytesMax) return { sketch, left, quantiles }
  }
  throw new EvaluatorError('OUT_OF_RANGE', 'columns',
    `expected columns whose sketches fit into ${bytesMax} bytes, got ${kept.length} that do not; choose fewer`)
}

/** Bytes in UTF-8; a lone surrogate is written as an escape in JSON, so there is none. */
function byteLength (text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0x80) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2
  }
  return bytes
}

function coarser (sketch: TableSketch, quantiles: number, categories: number): TableSketch {
  const columns = Object.entries(sketch.columns).map(([name, column]): [string, ColumnSketch] =>
    [name, coarserColumn(column, quantiles, categories)])
  return { ...sketch, columns: Object.fromEntries(columns) }
}

function coarserColumn (column: ColumnSketch, quantiles: number, categories: number): ColumnSketch {
  switch (column.kind) {
    case 'numeric': return coarserNumbers(column, quantiles)
    case 'categorical': return coarserCategories(column, categories)
    case 'embedding': return column
    case 'text': return {
      ...column,
      length: coarserNumbers(column.length, quantiles),
      digits: coarserNumbers(column.digits, quantiles),
      punctuation: coarserNumbers(column.punctuation, quantiles),
      upperCase: coarserNumbers(column.upperCase, quantiles),
      outOfVocabulary: coarserNumbers(column.outOfVocabulary, quantiles)
    }
  }
}

function coarserNumbers (sketch: NumericSketch, quantiles: number): NumericSketch {
  return { ...sketch, sample: thinQuantiles(sketch.sample, quantiles) }
}

function coarserCategories (sketch: CategoricalSketch, most: number): CategoricalSketch {
  const counts = sketch.counts.slice(0, most)
  return { ...sketch, counts, other: sketch.n - counts.reduce((sum, [, count]) => sum + count, 0) }
}
