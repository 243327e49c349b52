import type { Random } from '../statistics/random.js'
import { sortAscending } from '../statistics/radix-sort.js'
import { meanAndDeviation } from './ascending.js'
import { readCategories, readNumbers, readTexts, readVectors } from './cells.js'
import type { ColumnSketch, NumericSketch, TextSketch } from './column-sketch.js'
import { compareCategories, compareCounts } from './compare-counts.js'
import type { Comparison, Finding } from './comparison.js'
import { classifyDomains } from './domain-classifier.js'
import type { ColumnKind, DriftMeasure } from './drift-result.js'
import { requireVectors } from './embeddings.js'
import { kolmogorovSmirnovAscending, kolmogorovSmirnovOfQuantiles } from './kolmogorov-smirnov.js'
import { maximumMeanDiscrepancy } from './maximum-mean-discrepancy.js'
import { distinctCounts } from './numeric-sketch.js'
import { countsBetween, quantileEdges, stabilityOfCounts } from './population-stability.js'
import { samplePlaces } from './sampling.js'
import { describeTexts, SKETCH_BOUNDS, sketchColumn, sketchOutOfVocabulary } from './sketch.js'
import { normWasserstein1, wasserstein1Ascending } from './wasserstein.js'

/** Fewest and most permutations of an embedding column, and after how many exceedances more are not worth drawing. */
const PERMUTATIONS = { min: 199, max: 19_999, exceedances: 20 } as const

/** A column of the reference: its cells, or its sketch. */
export type ReferenceColumn = { readonly cells: ArrayLike<unknown> } | { readonly sketch: ColumnSketch }

/** One column on both sides, of a known kind. */
export interface ColumnPair {
  readonly name: string
  readonly kind: ColumnKind
  readonly reference: ReferenceColumn
  readonly current: ArrayLike<unknown>
}

/** What a numeric comparison needs of one side: values ascending, and every value with its count while at most 20. */
interface Numbers {
  readonly ascending: Float64Array
  readonly n: number
  readonly deviation: number
  readonly distinct: readonly (readonly [number, number])[] | null
  readonly bins: Pick<NumericSketch, 'edges' | 'counts'> | null
  /** `ascending` are evenly spaced quantiles of the n values. */
  readonly isQuantiles: boolean
}

/**
 * The comparisons that a column allows: of its values (of a text column: of each descriptor, and by the domain
 * classifier where the reference has its texts), and of how many cells are missing where any is. O(n log n).
 *
 * @param q false discovery rate, from which the number of permutations follows
 * @throws EvaluatorError naming the side, the column and the cell
 */
export function compareColumn (pair: ColumnPair, q: number, random: Random): Comparison[] {
  switch (pair.kind) {
    case 'numeric': return compareNumeric(pair)
    case 'categorical': return compareCategorical(pair)
    case 'text': return compareTexts(pair, random)
    case 'embedding': return compareEmbeddings(pair, q, random)
  }
}

function compareNumeric (pair: ColumnPair): Comparison[] {
  const { name, reference } = pair
  const current = readNumbers(`current.${name}`, pair.current)
  const theirs = 'cells' in reference ? readNumbers(`reference.${name}`, reference.cells) : null
  const known = theirs === null ? numbersOfSketch(sketchOf(reference, 'numeric')) : numbersOf(theirs.values)
  const missing = theirs?.missing ?? sketchOf(reference, 'numeric').missing
  return [
    numericComparison(pair, 'values', known, numbersOf(current.values)),
    ...missingComparison(pair, [known.n, missing], [current.values.length, current.missing])
  ]
}

function compareCategorical (pair: ColumnPair): Comparison[] {
  const { name, reference } = pair
  const known = 'sketch' in reference
    ? sketchOf(reference, 'categorical')
    : sketchOf({ sketch: categoriesOf(`reference.${name}`, reference.cells) }, 'categorical')
  const current = readCategories(`current.${name}`, pair.current)
  let n = 0
  for (const count of current.values.values()) n += count
  const counts = { counts: new Map(known.counts), other: known.other }
  return [
    comparison(pair, 'values', known.n, n, () => compareCategories(counts, current.values)),
    ...missingComparison(pair, [known.n, known.missing], [n, current.missing])
  ]
}

function categoriesOf (argument: string, cells: ArrayLike<unknown>): ColumnSketch {
  const { values, missing } = readCategories(argument, cells)
  let n = 0
  for (const count of values.values()) n += count
  return { kind: 'categorical', n, missing, counts: [...values], other: 0 }
}

function compareTexts (pair: ColumnPair, random: Random): Comparison[] {
  const { name, reference } = pair
  const known = 'sketch' in reference
    ? sketchOf(reference, 'text')
    : sketchOf({ sketch: sketchColumn('text', reference.cells, { random, keepTexts: true }, `reference.${name}`) }, 'text')
  const { values: texts, missing } = readTexts(`current.${name}`, pair.current)
  const described = describeTexts(texts, random)
  const rates = sketchOutOfVocabulary(texts, new Set(known.vocabulary), random)
  const property = (measure: DriftMeasure, a: NumericSketch, b: NumericSketch, share = 1): Comparison =>
    ({ ...numericComparison(pair, measure, numbersOfSketch(a), numbersOfSketch(b)), referenceShare: share })
  const scripts = { counts: new Map(known.script.counts), other: known.script.other }
  return [
    property('length', known.length, described.length),
    comparison(pair, 'script', known.n, texts.length, () => compareCategories(scripts, new Map(described.script.counts))),
    property('out-of-vocabulary', known.outOfVocabulary, rates, 0.5),
    property('digits', known.digits, described.digits),
    property('punctuation', known.punctuation, described.punctuation),
    property('upper-case', known.upperCase, described.upperCase),
    ...classifierComparison(pair, known, texts, random),
    ...missingComparison(pair, [known.n, known.missing], [texts.length, missing])
  ]
}

function classifierComparison (
  pair: ColumnPair, known: TextSketch, texts: readonly string[], random: Random
): Comparison[] {
  const theirs = known.texts
  if (theirs === null) return []
  return [comparison(pair, 'domain-classifier', theirs.length, texts.length, () => {
    const { auc, p } = classifyDomains(theirs, texts, { random })
    return { effect: 'auc', value: auc, test: 'mann-whitney', p, psi: null }
  })]
}

function compareEmbeddings (pair: ColumnPair, q: number, random: Random): Comparison[] {
  const { name, reference } = pair
  const known = 'sketch' in reference
    ? sketchOf(reference, 'embedding')
    : sketchOf({ sketch: sketchColumn('embedding', reference.cells, { random }, `reference.${name}`) }, 'embedding')
  const current = readVectors(`current.${name}`, pair.current)
  if (known.dimension !== null) requireVectors(`current.${name}`, current.values, known.dimension, 0)
  const mine = samplePlaces(current.values.length, SKETCH_BOUNDS.vectors, random).map((i) => current.values[i]!)
  const find = (tests: number): Finding => {
    const wanted = Math.ceil(2 * tests / q) - 1
    const permutationsMax = Math.min(PERMUTATIONS.max, Math.max(PERMUTATIONS.min, wanted))
    const stop = permutationsMax > PERMUTATIONS.min ? { exceedancesMax: PERMUTATIONS.exceedances } : {}
    const { unbiased, p } = maximumMeanDiscrepancy(known.sample, mine, { random, permutationsMax, ...stop })
    return { effect: 'mmd2', value: unbiased, test: 'mmd-permutation', p: p!, psi: null }
  }
  return [
    comparison(pair, 'values', known.sample.length, mine.length, find),
    ...missingComparison(pair, [known.n, known.missing], [current.values.length, current.missing])
  ]
}

/**
 * Numbers with at most 20 different values in the reference are compared as categories, others by their distribution.
 */
function numericComparison (pair: ColumnPair, measure: DriftMeasure, known: Numbers, current: Numbers): Comparison {
  const n = known.distinct === null && !known.isQuantiles ? known.ascending.length : known.n
  return comparison(pair, measure, n, current.ascending.length, () => {
    if (known.distinct !== null) return compareDistinct(known.distinct, current.ascending)
    const { p, method } = known.isQuantiles
      ? kolmogorovSmirnovOfQuantiles(known.ascending, known.n, current.ascending)
      : kolmogorovSmirnovAscending(known.ascending, current.ascending)
    const distance = wasserstein1Ascending(known.ascending, current.ascending)
    const edges = known.bins?.edges ?? quantileEdges(known.ascending, 10)
    const counts = known.bins?.counts ?? countsBetween(edges, known.ascending)
    return {
      effect: 'wasserstein1/sd',
      value: normWasserstein1(distance, known.deviation),
      test: method === 'exact' ? 'ks-exact' : 'ks-stephens',
      p,
      psi: stabilityOfCounts(counts, countsBetween(edges, current.ascending))
    }
  })
}

function compareDistinct (distinct: readonly (readonly [number, number])[], current: Float64Array): Finding {
  const places = new Map(distinct.map(([value], i) => [value, i]))
  const counts = new Array<number>(distinct.length + 1).fill(0)
  for (const value of current) counts[places.get(value) ?? distinct.length]!++
  return compareCounts([...distinct.map(([, count]) => count), 0], counts)
}

function missingComparison (
  pair: ColumnPair, known: readonly [number, number], current: readonly [number, number]
): Comparison[] {
  if (known[1] + current[1] === 0) return []
  return [comparison(pair, 'missing', known[0] + known[1], current[0] + current[1], () => compareCounts(known, current))]
}

function comparison (
  { name, kind }: ColumnPair, measure: DriftMeasure, reference: number, current: number,
  find: (tests: number) => Finding
): Comparison {
  return { column: name, kind, measure, n: { reference, current }, referenceShare: 1, find }
}

function numbersOf (values: Float64Array): Numbers {
  const ascending = sortAscending(values.slice())
  const { deviation } = meanAndDeviation(ascending)
  const distinct = distinctCounts(ascending)
  return { ascending, n: ascending.length, deviation, distinct, bins: null, isQuantiles: false }
}

function numbersOfSketch (sketch: NumericSketch): Numbers {
  return {
    ascending: Float64Array.from(sketch.sample).sort(),
    n: sketch.n,
    deviation: sketch.n === 0 ? 0 : Math.sqrt(sketch.m2! / sketch.n),
    distinct: sketch.values,
    bins: sketch,
    isQuantiles: sketch.isQuantiles === true
  }
}

function sketchOf<Kind extends ColumnKind> (
  reference: ReferenceColumn, kind: Kind
): Extract<ColumnSketch, { kind: Kind }> {
  if ('sketch' in reference && reference.sketch.kind === kind) {
    return reference.sketch as Extract<ColumnSketch, { kind: Kind }>
  }
  throw new TypeError(`a ${kind} sketch was expected here`)
}
