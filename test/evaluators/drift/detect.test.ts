import { describe, expect, it } from 'vitest'
import { compareCategories, compareCounts } from '../../../evaluators/drift/compare-counts.js'
import { detectDrift } from '../../../evaluators/drift/detect.js'
import type { Columns, DriftResult, DriftRow, Table } from '../../../evaluators/drift/drift-result.js'
import { inferColumns, inferKind } from '../../../evaluators/drift/infer-columns.js'
import { sketchTable } from '../../../evaluators/drift/sketch.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

function draw (rows: number, seed: number, shift = 0): Table {
  const random = seededRandom(seed)
  const times = <T>(value: () => T): T[] => Array.from({ length: rows }, value)
  const word = (): string => `${LETTERS[random.below(13)]}${LETTERS[random.below(26)]}${shift > 0 ? 'x' : 'e'}`
  return {
    price: times(() => random.normal() + shift),
    plan: times(() => random.uniform() < 0.3 + shift / 2 ? 'free' : 'paid'),
    stars: times(() => random.uniform() < 0.1 + shift / 4 ? null : 1 + random.below(5)),
    review: times(() => Array.from({ length: 3 + random.below(8) }, word).join(' ')),
    vector: times(() => Array.from({ length: 4 }, () => random.normal() + shift))
  }
}

const COLUMNS: Columns = { price: 'auto', plan: 'auto', stars: 'auto', review: 'auto', vector: 'auto' }
const REFERENCE = draw(700, 1)
const detect = (current: Table, part: object = {}, columns: Columns = COLUMNS): DriftResult =>
  detectDrift(REFERENCE, current, columns, { random: seededRandom(7), ...part })
const rowOf = (result: DriftResult, column: string, measure = 'values'): DriftRow =>
  result.rows.find((row) => row.column === column && row.measure === measure)!

describe('drift of a table', () => {
  it('is stable for another sample of the same source, with every figure told', () => {
    const result = detect(draw(400, 2))

    expect(result.status).toBe('stable')
    expect(result.rows.map(({ column, measure, kind }) => `${column} ${measure} ${kind}`)).toEqual([
      'price values numeric', 'plan values categorical', 'stars values categorical', 'stars missing categorical',
      'review length text', 'review script text', 'review out-of-vocabulary text', 'review digits text',
      'review punctuation text', 'review upper-case text', 'review domain-classifier text', 'vector values embedding'
    ])
    expect(rowOf(result, 'price').reason).toMatch(/^wasserstein1\/sd 0\.\d+ is .* adjusted p .* is above 0\.01$/)
    for (const { p } of result.rows) expect(p!.adjusted).toBeGreaterThanOrEqual(p!.value)
  })

  it('finds a shift in every column, and missing values in a row of their own', () => {
    const result = detect(draw(400, 3, 1))

    expect(result.status).toBe('severe')
    for (const [column, measure] of [['price', 'values'], ['plan', 'values'], ['stars', 'missing'], ['review', 'out-of-vocabulary'], ['review', 'domain-classifier'], ['vector', 'values']]) {
      expect(rowOf(result, column!, measure).status).toMatch(/severe|warning/)
    }
    expect(rowOf(result, 'stars').status).toBe('stable')
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
  })

  it('says the same with the same seed', () => {
    const columns: Columns = { price: 'numeric', vector: 'embedding' }

    expect(detect(draw(300, 4), {}, columns)).toEqual(detect(draw(300, 4), {}, columns))
  })

  it('does not flag a significant trifle in a large window', () => {
    const random = seededRandom(5)
    const [x, y] = [0, 0.05].map((shift) => Float64Array.from({ length: 50_000 }, () => random.normal() + shift))
    const { rows } = detectDrift({ x: x! }, { x: y! }, { x: 'numeric' }, { random })

    expect(rows[0]!.p!.adjusted).toBeLessThan(1e-6)
    expect(rows[0]).toMatchObject({ status: 'stable', reason: expect.stringContaining('is below 0.1 but adjusted p') })
  })

  it('rarely cries wolf over small windows', () => {
    const random = seededRandom(6)
    const normals = (n: number): Float64Array => Float64Array.from({ length: n }, () => random.normal())
    const statuses = Array.from({ length: 200 }, () =>
      detectDrift({ x: normals(1_000) }, { x: normals(200) }, { x: 'numeric' }, { random }).status)

    expect(statuses.filter((status) => status !== 'stable').length).toBeLessThanOrEqual(4)
  })

  it('calls fewer than 200 values insufficient, never stable', () => {
    const result = detect(draw(199, 2))

    expect(result.status).toBe('insufficient')
    expect(rowOf(result, 'price')).toMatchObject({ status: 'insufficient', effect: null, p: null, reason: '199 current values, at least 200 are needed' })
    expect(detectDrift(draw(150, 1), draw(300, 2), { price: 'numeric' }, { random: seededRandom(1) }).rows[0]!.reason)
      .toBe('150 reference values, at least 200 are needed')
  })

  it('tells a column that went missing altogether', () => {
    const result = detect({ price: new Array<null>(400).fill(null) }, {}, { price: 'numeric' })

    expect(rowOf(result, 'price').status).toBe('insufficient')
    expect(rowOf(result, 'price', 'missing')).toMatchObject({ status: 'severe' })
    expect(result.status).toBe('severe')
  })

  it('is severe at once from twice the threshold on, below it in the second window', () => {
    const columns: Columns = { price: 'numeric' }
    const shifted = (shift: number): Table => ({ price: Array.from(REFERENCE['price']!, (x) => (x as number) + shift) })
    const first = detect(shifted(0.35), {}, columns)
    const calm = detect(draw(400, 9), {}, columns)

    expect(first.rows[0]).toMatchObject({ status: 'warning', isBeyondSevere: true })
    expect(detect(shifted(0.35), { previous: first }, columns).rows[0]!.status).toBe('severe')
    expect(detect(shifted(0.35), { previous: calm }, columns).rows[0]!.status).toBe('warning')
    expect(detect(shifted(0.6), {}, columns).rows[0]!.status).toBe('severe')
  })

  it('draws as many permutations as many columns need for a verdict', () => {
    const wide = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`c${i}`, REFERENCE['price']!]))
    const columns: Columns = { ...Object.fromEntries(Object.keys(wide).map((name) => [name, 'numeric' as const])), vector: 'embedding' }
    const current = { ...wide, vector: draw(700, 8, 1)['vector']! }
    const result = detectDrift({ ...wide, vector: REFERENCE['vector']! }, current, columns, { random: seededRandom(1) })

    expect(rowOf(result, 'vector').p!.adjusted).toBeLessThanOrEqual(0.01)
  })

  it('compares with a sketch as with the rows it was made of', () => {
    const current = draw(400, 3, 0.5)
    const { vector: _, ...columns } = COLUMNS
    const sketch = sketchTable(REFERENCE, columns, { random: seededRandom(1), keepTexts: true })
    const [raw, sketched] = [detect(current, {}, columns), detectDrift(sketch, current, columns, { random: seededRandom(7) })]

    for (const [column, measure] of [['price', 'values'], ['plan', 'values'], ['stars', 'missing'], ['review', 'length'], ['review', 'out-of-vocabulary']]) {
      const [a, b] = [rowOf(raw, column!, measure), rowOf(sketched, column!, measure)]
      expect(b.effect!.value).toBeCloseTo(a.effect!.value, 10)
      expect(b.p!.value).toBeCloseTo(a.p!.value, 10)
      expect(b.psi).toBeCloseTo(a.psi!, 10)
      expect(b.n).toEqual(a.n)
    }
    expect(sketched.notes).toEqual([])
    const bare = detectDrift(sketchTable(REFERENCE, { review: 'text' }, { random: seededRandom(1) }), current, { review: 'auto' }, { random: seededRandom(1) })
    expect(bare.notes).toEqual(['review: no domain classifier, for the reference keeps no texts'])
  })

  it('names what it cannot compare', () => {
    const options = { random: seededRandom(1) }
    expect(() => detectDrift({ a: [1] }, {}, { a: 'numeric' }, options)).toThrow('current.a: missing column "a"')
    expect(() => detectDrift({}, { a: [1] }, { a: 'numeric' }, options)).toThrow('reference.a: missing column "a"')
    expect(() => detectDrift({ a: [1] }, { a: ['x'] }, { a: 'numeric' }, options)).toThrow('current.a[0]: expected a number, got "x"')
    expect(() => detectDrift({ a: [1, Infinity] }, { a: [1, 2] }, { a: 'numeric' }, options)).toThrow('reference.a[1]')
    expect(() => detectDrift({ a: [1], b: [1, 2] }, { a: [1], b: [1] }, { a: 'numeric', b: 'numeric' }, options)).toThrow('reference.b: expected 1 cells')
    expect(() => detectDrift({ v: [[1, 2]] }, { v: [[1]] }, { v: 'embedding' }, options)).toThrow('current.v[0]: expected 2 numbers')
    expect(() => detectDrift({ t: ['x'] }, { t: [3] }, { t: 'text' }, options)).toThrow('current.t[0]: expected a text')
    expect(() => detectDrift({ c: ['x'] }, { c: [{}] }, { c: 'categorical' }, options)).toThrow('current.c[0]')
    const sketch = sketchTable({ a: [1, 2] }, { a: 'numeric' }, options)
    expect(() => detectDrift(sketch, { a: ['x'] }, { a: 'categorical' }, options)).toThrow('reference.a: expected a categorical column')
    expect(detectDrift({}, {}, {}, options)).toMatchObject({ status: 'insufficient', reason: 'no column was compared' })
  })

  it.each([[{ windowMin: 1 }, 'windowMin'], [{ q: 0 }, 'q'], [{ thresholds: { auc: { none: 0.5, warning: 0.4, severe: 1 } } }, 'thresholds.auc'], [{ previous: { version: 2 } }, 'previous.version']])('refuses %o', (part, argument) => {
    expect(() => detect({ price: [] }, part, { price: 'numeric' })).toThrow(argument)
  })
})

describe('comparison of counts', () => {
  it('uses chi-square, or Fisher where two categories are left and one is rare', () => {
    expect(compareCounts([50, 50], [60, 40]).test).toBe('chi-square')
    expect(compareCounts([500, 2], [300, 3]).test).toBe('fisher-exact')
    expect(compareCounts([500, 0], [300, 0])).toMatchObject({ value: 0, p: 1, psi: 0 })
  })

  it('counts rare categories together, so that many of them do not look like drift', () => {
    const rare = Array.from({ length: 400 }, (_, i) => i % 2)
    const { value, p } = compareCounts([1_000, ...rare], [1_000, ...rare.toReversed()])

    expect(value).toBeLessThan(0.01)
    expect(p).toBeGreaterThan(0.9)
  })

  it('finds categories that the reference does not have', () => {
    const reference = { counts: new Map([['a', 600], ['b', 400]]), other: 0 }

    expect(compareCategories(reference, new Map([['a', 120], ['b', 80]])).value).toBeCloseTo(0, 6)
    expect(compareCategories(reference, new Map([['a', 100], ['new', 100]])).value).toBeGreaterThan(0.5)
  })
})

describe('the kind of a column', () => {
  it('follows from its values', () => {
    expect(inferColumns({
      few: [1, 2, 2, NaN],
      many: Array.from({ length: 21 }, (_, i) => i),
      flag: [true, false],
      big: [1n],
      label: ['a', 'b', null],
      prose: Array.from({ length: 21 }, (_, i) => `text ${i}`),
      ids: Array.from({ length: 30 }, (_, i) => `id${i}`),
      vector: [[1, 2]],
      typed: [new Float32Array(2)]
    })).toEqual({
      few: 'categorical',
      many: 'numeric',
      flag: 'categorical',
      big: 'categorical',
      label: 'categorical',
      prose: 'text',
      ids: 'categorical',
      vector: 'embedding',
      typed: 'embedding'
    })
  })

  it('cannot be told of nothing, or of a mixture', () => {
    expect(() => inferKind('a', [null])).toThrow('a: expected at least one value')
    expect(() => inferKind('a', [1, 'x'])).toThrow('got number and string')
  })
})
