import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quantilesOf, thinQuantiles } from '../../../evaluators/drift/aggregate.js'
import { sketchBaseline } from '../../../evaluators/drift/baseline.js'
import type { CategoricalSketch, NumericSketch, TextSketch } from '../../../evaluators/drift/column-sketch.js'
import { detectDrift } from '../../../evaluators/drift/detect.js'
import type { Table } from '../../../evaluators/drift/drift-result.js'
import { kolmogorovSmirnov } from '../../../evaluators/drift/kolmogorov-smirnov.js'
import { parseSketch } from '../../../evaluators/drift/parse-sketch.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const BYTES_MAX = 256 * 1024
const baseline = (table: Table, bytesMax = BYTES_MAX) =>
  sketchBaseline(table, Object.fromEntries(Object.keys(table).map((name) => [name, 'auto' as const])), { random: seededRandom(1), bytesMax })

/** Numbers as they come: heavy tails, ties, few different ones, huge offsets. */
const numbers = fc.record({
  n: fc.integer({ min: 10, max: 3_000 }), seed: fc.nat(1e6), shape: fc.constantFrom('normal', 'tail', 'ties', 'offset', 'spike')
}).map(({ n, seed, shape }) => {
  const random = seededRandom(seed)
  const draw = {
    normal: () => random.normal(),
    tail: () => Math.exp(5 * random.normal()),
    ties: () => Math.round(3 * random.normal()) / 10,
    offset: () => 1e9 + random.normal(),
    spike: () => random.uniform() < 0.4 ? 0.1 + 0.2 : 1e6 * random.normal()
  }[shape]
  return Float64Array.from({ length: n }, draw)
})

describe('the quantiles of a baseline', () => {
  it('keep the Kolmogorov–Smirnov distance to any other sample within one quantile, thinned ones within two', () => {
    fc.assert(fc.property(numbers, numbers, fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 400 }), (x, y, wanted, fewer) => {
      const ascending = x.slice().sort()
      const quantiles = quantilesOf(ascending, Math.max(1, Math.min(wanted, Math.floor(x.length / 5))))
      const thin = thinQuantiles(quantiles, fewer)
      const distance = (sample: ArrayLike<number>): number => kolmogorovSmirnov(sample, y).statistic
      const exact = distance(x)

      expect(Math.abs(distance(quantiles) - exact)).toBeLessThanOrEqual(1 / quantiles.length + 1e-12)
      expect(Math.abs(distance(thin) - exact)).toBeLessThanOrEqual(2 / thin.length + 1e-12)
      expect([...quantiles].sort((a, b) => a - b)).toEqual(quantiles)
    }), { seed: 11, numRuns: 400 })
  })

  it('are rounded where that changes nothing, and exact where values repeat', () => {
    const random = seededRandom(3)
    const lone = Float64Array.from({ length: 100 }, () => random.uniform()).sort()
    const tied = new Float64Array(100).fill(0.1 + 0.2)

    expect(quantilesOf(lone, 10).every((value) => String(value).length <= 9)).toBe(true)
    expect(quantilesOf(tied, 3)).toEqual([0.1 + 0.2, 0.1 + 0.2, 0.1 + 0.2])
  })
})

describe('a baseline', () => {
  const random = seededRandom(5)
  const rows = 20_000
  const table = (columns: number): Table => Object.fromEntries(Array.from({ length: columns }, (_, column) =>
    [`c${column}`, Float64Array.from({ length: rows }, () => random.normal() * 10 ** (column % 7))]))

  it('fits its bound by being coarser, and says when it cannot', () => {
    const [few, many] = [baseline(table(3)), baseline(table(60))]

    expect(few.quantiles).toBe(1_000)
    expect(many.quantiles).toBeLessThan(1_000)
    for (const { sketch } of [few, many]) expect(Buffer.byteLength(JSON.stringify(sketch))).toBeLessThanOrEqual(BYTES_MAX)
    expect(() => baseline(table(60), 10_000)).toThrow('fit into 10000 bytes')
  })

  it('counts bytes as UTF-8 does', () => {
    const names = Array.from({ length: 5_000 }, (_, i) => `Ünï-𝄞-北京-${i % 1_000}`)
    const { sketch } = baseline({ name: names })
    const size = Buffer.byteLength(JSON.stringify(sketch))

    expect(() => baseline({ name: names }, size)).not.toThrow()
    const tighter = baseline({ name: names }, size - 1).sketch
    expect(Buffer.byteLength(JSON.stringify(tighter))).toBeLessThan(size)
  })

  it('keeps no row, and nothing that fewer than five rows have, but for extremes', () => {
    const secret = 'zanzibar'
    const texts = Array.from({ length: 1_000 }, (_, i) => `the order number ${i % 7 === 0 ? 'late' : 'fine'} of ${i === 4 ? secret : 'somebody'} at ${i}th street`)
    const plans = Array.from({ length: 1_000 }, (_, i) => i < 4 ? secret : i % 2 === 0 ? 'free' : 'paid')
    const ages = Array.from({ length: 1_000 }, (_, i) => 20 + (i * 7919 % 997) / 10)
    const vectors = Array.from({ length: 1_000 }, (_, i) => [i, 1])

    const { sketch, left } = baseline({ text: texts, plan: plans, age: ages, vector: vectors })

    expect(left).toEqual(['vector'])
    expect(JSON.stringify(sketch)).not.toContain(secret)
    const { age, plan, text } = sketch.columns as { age: NumericSketch, plan: CategoricalSketch, text: TextSketch }
    expect(plan).toMatchObject({ n: 1_000, counts: [['free', 498], ['paid', 498]], other: 4 })
    expect(age.sample).toHaveLength(200)
    expect(text.texts).toBeNull()
    expect(text.vocabulary).toContain('somebody')
  })

  it('survives being written and read, and refuses quantiles that fall', () => {
    const { sketch } = baseline({ x: Float64Array.from({ length: 500 }, (_, i) => Math.sqrt(i)) })
    const read = parseSketch(JSON.parse(JSON.stringify(sketch)))
    expect(read).toEqual(sketch)

    const fallen = JSON.parse(JSON.stringify(sketch)) as { columns: { x: { sample: number[] } } }
    fallen.columns.x.sample.reverse()
    expect(() => parseSketch(fallen)).toThrow('quantiles that do not fall')
  })

  it('gives the verdict of the rows themselves: no alarm without drift, and one with it', () => {
    const sample = (seed: number, shift: number, n: number): Table => {
      const draw = seededRandom(seed)
      return {
        x: Float64Array.from({ length: n }, () => draw.normal() + shift),
        skewed: Float64Array.from({ length: n }, () => Math.exp(draw.normal() + shift)),
        plan: Array.from({ length: n }, () => draw.uniform() < 0.5 + shift / 2 ? 'a' : 'b'),
        stars: Array.from({ length: n }, () => draw.below(5) + (draw.uniform() < shift ? 1 : 0))
      }
    }
    const columns = { x: 'auto', skewed: 'auto', plan: 'auto', stars: 'auto' } as const
    let agreed = 0
    const told: string[] = []
    for (let seed = 1; seed <= 20; seed++) {
      for (const shift of [0, 0.5]) {
        const [reference, current] = [sample(seed, 0, 2_000), sample(seed + 100, shift, 1_000)]
        const raw = detectDrift(reference, current, columns, { random: seededRandom(1) })
        const sketched = detectDrift(baseline(reference).sketch, current, columns, { random: seededRandom(1) })
        raw.rows.forEach((row, i) => {
          const other = sketched.rows[i]!
          expect([other.column, other.n, other.effect?.name]).toEqual([row.column, row.n, row.effect?.name])
          expect(Math.abs(other.effect!.value - row.effect!.value)).toBeLessThan(0.02)
          if (row.status === other.status) agreed++
          else told.push(`${row.column} ${row.effect?.value}`)
        })
      }
    }
    expect(agreed / (20 * 2 * 4), told.join()).toBeGreaterThanOrEqual(0.97)
  })
})
