import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CategoricalSketch, EmbeddingSketch, NumericSketch, TextSketch } from '../../../evaluators/drift/column-sketch.js'
import { mergeSketches } from '../../../evaluators/drift/merge-sketches.js'
import { parseSketch } from '../../../evaluators/drift/parse-sketch.js'
import { mergeSamples, samplePlaces } from '../../../evaluators/drift/sampling.js'
import { sketchColumn, sketchTable, type TableSketch } from '../../../evaluators/drift/sketch.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const random = seededRandom(1)
const numbers = fc.array(fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true })), { maxLength: 50 })
const numeric = (values: ArrayLike<unknown>, edges?: number[]): NumericSketch =>
  sketchColumn('numeric', values, edges === undefined ? { random } : { random, edges }) as NumericSketch
const tableOf = (values: ArrayLike<unknown>, edges?: number[]): TableSketch => ({ version: 1, rows: values.length, columns: { x: numeric(values, edges) } })
const SAMPLE = { price: [1, 2.5, null], plan: ['a', 'b', 'b'], text: ['One two', 'three 4', null], vector: [[1, 2], [3, 4], null] }
const KINDS = { price: 'numeric', plan: 'categorical', text: 'text', vector: 'embedding' } as const

describe('a sketch of numbers', () => {
  it('keeps counts, moments, extremes, deciles and up to 20 different values', () => {
    expect(numeric([2, 4, 4, NaN, 6, null])).toMatchObject({ n: 4, missing: 2, mean: 4, m2: 8, min: 2, max: 6, values: [[2, 1], [4, 2], [6, 1]], sample: [2, 4, 4, 6] })
    expect(numeric(Array.from({ length: 21 }, (_, i) => i)).values).toBeNull()
    expect(numeric([])).toMatchObject({ n: 0, mean: null, m2: null, min: null, max: null })
    expect(numeric([1, 5, 9], [3, 7]).counts).toEqual([1, 1, 1])
  })

  it('merges to the sketch of all values, however they were parted', () => {
    fc.assert(fc.property(numbers, numbers, numbers, (x, y, z) => {
      const whole = numeric([...x, ...y, ...z], [-10, 0, 10])
      const left = mergeSketches(mergeSketches(tableOf(x, [-10, 0, 10]), tableOf(y, [-10, 0, 10]), random), tableOf(z, [-10, 0, 10]), random)
      const right = mergeSketches(tableOf(x, [-10, 0, 10]), mergeSketches(tableOf(y, [-10, 0, 10]), tableOf(z, [-10, 0, 10]), random), random)

      for (const merged of [left, right].map(({ columns }) => columns['x'] as NumericSketch)) {
        const { mean, m2, ...exact } = merged
        const { mean: wholeMean, m2: wholeM2, ...wholeExact } = whole
        expect(exact).toEqual(wholeExact)
        if (mean === null) expect(wholeMean).toBeNull()
        else {
          expect(Math.abs(mean - wholeMean!)).toBeLessThan(1e-6)
          expect(Math.abs(m2! - wholeM2!)).toBeLessThanOrEqual(1e-9 * wholeM2! + 1e-6)
        }
      }
    }))
  })

  it('makes the bins anew where the parts have others, and keeps a bounded uniform sample', () => {
    const part = (from: number): TableSketch => tableOf(Array.from({ length: 8_000 }, (_, i) => from + i))
    const { columns } = mergeSketches(part(0), mergeSketches(part(8_000), part(16_000), random), random)
    const { sample, n, counts, edges } = columns['x'] as NumericSketch

    expect([sample.length, n, edges.length]).toEqual([5_000, 24_000, 9])
    expect(counts.reduce((sum, count) => sum + count, 0)).toBeCloseTo(24_000, 6)
    expect(sample.reduce((sum, value) => sum + value, 0) / 5_000).toBeGreaterThan(11_600)
    expect(sample.reduce((sum, value) => sum + value, 0) / 5_000).toBeLessThan(12_400)
  })

  it('survives values so large that their squares are not numbers', () => {
    const sketch = numeric([-1e300, 1e300])

    expect(parseSketch(JSON.parse(JSON.stringify({ version: 1, rows: 2, columns: { x: sketch } }))).columns['x']).toEqual(sketch)
  })
})

describe('a sketch of other columns', () => {
  it('counts categories up to a bound, the rest together', () => {
    const many = Array.from({ length: 1_200 }, (_, i) => `c${i}`)
    const sketch = sketchColumn('categorical', [...many, ...many.slice(0, 5), null], { random }) as CategoricalSketch

    expect(sketch).toMatchObject({ n: 1_205, missing: 1, other: 200 })
    expect(sketch.counts.length).toBe(1_000)
    expect(sketch.counts[0]).toEqual(['c0', 2])
  })

  it('keeps texts only on request, and the vocabulary of every second one', () => {
    const sketch = sketchColumn('text', ['red fish', 'blue fish', 'red'], { random }) as TextSketch

    expect(sketch).toMatchObject({ n: 3, vocabulary: ['fish', 'red'], texts: null })
    expect(sketch.outOfVocabulary).toMatchObject({ n: 1, mean: 0.5 })
    expect((sketchColumn('text', ['a', 'b'], { random, keepTexts: true }) as TextSketch).texts).toEqual(['a', 'b'])
  })

  it('merges texts that share a vocabulary exactly, others by the larger part', () => {
    const of = (texts: string[], vocabulary?: string[]): TableSketch => ({
      version: 1, rows: texts.length, columns: { t: sketchColumn('text', texts, { random, keepTexts: true, ...(vocabulary && { vocabulary }) }) }
    })
    const shared = mergeSketches(of(['a b', 'c'], ['a']), of(['a'], ['a']), random).columns['t'] as TextSketch
    const apart = mergeSketches(of(['a', 'b']), of(['c', 'd', 'e', 'f']), random).columns['t'] as TextSketch

    expect(shared.outOfVocabulary).toMatchObject({ n: 3, mean: 0.5 })
    expect(apart).toMatchObject({ n: 6, vocabulary: ['c', 'e'], texts: ['a', 'b', 'c', 'd', 'e', 'f'] })
  })

  it('keeps the centroid of all vectors and a sample of 500', () => {
    const part = (n: number, value: number): TableSketch =>
      ({ version: 1, rows: n, columns: { v: sketchColumn('embedding', Array.from({ length: n }, () => [value, 0]), { random }) } })
    const { centroid, sample, n } = mergeSketches(part(600, 1), part(200, 5), random).columns['v'] as EmbeddingSketch

    expect(centroid![0]).toBeCloseTo(2, 10)
    expect([n, sample.length]).toEqual([800, 500])
    const fives = sample.filter(([first]) => first === 5).length
    expect(fives).toBeGreaterThan(95)
    expect(fives).toBeLessThan(155)
    expect((mergeSketches(part(0, 1), part(3, 1), random).columns['v'] as EmbeddingSketch).n).toBe(3)
  })

  it('refuses to merge what does not fit', () => {
    const of = (columns: TableSketch['columns']): TableSketch => ({ version: 1, rows: 1, columns })
    const [a, b] = [numeric([1]), sketchColumn('categorical', ['x'], { random })]
    const vector = (v: number[]): TableSketch => of({ x: sketchColumn('embedding', [v], { random }) })
    expect(() => mergeSketches(of({ x: a }), of({ x: b }), random)).toThrow('b.x: expected a numeric column, got a categorical one')
    expect(() => mergeSketches(of({ x: a }), of({}), random)).toThrow('b.x: missing column')
    expect(() => mergeSketches(of({}), of({ x: a }), random)).toThrow('a.x: missing column')
    expect(() => mergeSketches(vector([1]), vector([1, 2]), random)).toThrow('b.x: expected vectors of 1 numbers')
    expect(() => sketchTable({}, { x: 'numeric' }, { random })).toThrow('table.x: missing column "x"')
  })
})

describe('a parsed sketch', () => {
  it('is the one that was written', () => {
    for (const keepTexts of [true, false]) {
      const sketch = sketchTable(SAMPLE, KINDS, { random, keepTexts })
      expect(parseSketch(JSON.parse(JSON.stringify(sketch)))).toEqual(sketch)
    }
    const empty = sketchTable({ price: [null], plan: [null], text: [null], vector: [null] }, KINDS, { random })
    expect(parseSketch(JSON.parse(JSON.stringify(empty)))).toEqual(empty)
  })

  it.each<[string, unknown, string]>([
    ['version', 2, 'sketch.version: expected 1, got 2'], ['rows', -1, 'sketch.rows'], ['columns', [], 'sketch.columns: expected an object'],
    ['columns.price', 5, 'sketch.columns.price: expected an object'], ['columns.price.kind', 'date', 'sketch.columns.price.kind'],
    ['columns.price.n', 1.5, 'sketch.columns.price.n'], ['columns.price.mean', null, 'sketch.columns.price.mean'],
    ['columns.price.m2', -1, 'sketch.columns.price.m2'], ['columns.price.edges', [2, 1], 'sketch.columns.price.edges: expected ascending'],
    ['columns.price.counts', [1], 'sketch.columns.price.counts'], ['columns.price.sample', [], 'sketch.columns.price.sample'],
    ['columns.price.sample', [1, 'x'], 'sketch.columns.price.sample[1]'], ['columns.price.values', [[1, 5]], 'sketch.columns.price.values'],
    ['columns.price.values', [[1]], 'sketch.columns.price.values[0]'], ['columns.plan.counts', [['a', 1]], 'sketch.columns.plan.counts'],
    ['columns.plan.counts', [['a', 1], ['a', 2]], 'sketch.columns.plan.counts'], ['columns.plan.counts', 'no', 'sketch.columns.plan.counts: expected a list'],
    ['columns.text.length.kind', 'text', 'sketch.columns.text.length.kind'], ['columns.text.script.kind', 'text', 'sketch.columns.text.script.kind'],
    ['columns.text.vocabulary', [1], 'sketch.columns.text.vocabulary[0]'], ['columns.text.texts', [null], 'sketch.columns.text.texts[0]'],
    ['columns.vector.centroid', [1], 'sketch.columns.vector.centroid'], ['columns.vector.sample', [[1, 2, 3]], 'sketch.columns.vector.sample[0]'],
    ['columns.vector.sample', [], 'sketch.columns.vector.sample'], ['columns.vector.n', 0, 'sketch.columns.vector.dimension: expected null']
  ])('is refused with %s = %j', (path, value, message) => {
    const json = JSON.parse(JSON.stringify(sketchTable(SAMPLE, KINDS, { random, keepTexts: true }))) as Record<string, unknown>
    const keys = path.split('.')
    const parent = keys.slice(0, -1).reduce((at, key) => at[key] as Record<string, unknown>, json)
    parent[keys.at(-1)!] = value

    expect(() => parseSketch(json)).toThrow(expect.objectContaining({ code: 'MALFORMED', message: expect.stringContaining(message) }))
  })
})

describe('sampling', () => {
  it('draws every place equally often', () => {
    const hits = new Array<number>(10).fill(0)
    for (let i = 0; i < 3_000; i++) for (const place of samplePlaces(10, 3, random)) hits[place]!++

    expect(Math.min(...hits)).toBeGreaterThan(800)
    expect(Math.max(...hits)).toBeLessThan(1_000)
  })

  it('merges so that a small sample of many counts as many', () => {
    const merged = mergeSamples({ items: new Array<string>(100).fill('a'), count: 900 }, { items: new Array<string>(100).fill('b'), count: 100 }, 100, random)

    expect(merged.length).toBe(100)
    expect(merged.filter((item) => item === 'b').length).toBeLessThan(25)
  })
})
