import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluatorError } from '../../../evaluators/errors.js'
import {
  EmpiricalBernstein, empiricalBernsteinInterval, type EmpiricalBernsteinJson
} from '../../../evaluators/statistics/empirical-bernstein.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

const scores = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 80 })
const level = fc.double({ min: 1e-6, max: 0.9, noNaN: true })

function after (values: readonly number[], options = {}): EmpiricalBernstein {
  const sequence = new EmpiricalBernstein(options)
  for (const value of values) sequence.add(value)
  return sequence
}

describe('empirical-Bernstein confidence sequence', () => {
  it('is after one value what the formula gives by hand', () => {
    // λ = min(√(2 ln 40 / (¼ · ln 2)), ½) = ½, ψ = (ln 2 − ½)/4, v = 4(0.8 − ½)² = 0.36.
    const half = (Math.log(40) + 0.36 * (Math.LN2 - 0.5) / 4) / 0.5
    const { center, halfWidth, lower, upper, sumLambda } = empiricalBernsteinInterval([0.8])

    expect(center).toBeCloseTo(0.8, 14)
    expect(halfWidth).toBeCloseTo(half, 12)
    expect([lower, upper, sumLambda]).toEqual([0, 1, 0.5])
  })

  it('knows nothing before its first value', () => {
    expect(new EmpiricalBernstein({ min: -1 }).interval()).toEqual({ center: null, halfWidth: null, lower: -1, upper: 1, sumLambda: 0 })
    expect(new EmpiricalBernstein({ min: -1 }).intersection()).toEqual({ lower: -1, upper: 1 })
    expect(empiricalBernsteinInterval([]).upper).toBe(1)
  })

  it('gives finite bounds inside the range, wider at a smaller level', () => {
    fc.assert(fc.property(scores, level, (values, alpha) => {
      const { lower, upper, halfWidth } = empiricalBernsteinInterval(values, { alpha })

      expect(lower).toBeGreaterThanOrEqual(0)
      expect(upper).toBeLessThanOrEqual(1)
      expect(lower).toBeLessThanOrEqual(upper)
      expect(halfWidth).toBeGreaterThan(0)
      expect(Number.isFinite(halfWidth)).toBe(true)
    }))
  })

  it('mirrors its interval when the values are mirrored', () => {
    fc.assert(fc.property(scores, (values) => {
      const there = empiricalBernsteinInterval(values)
      const back = empiricalBernsteinInterval(values.map((x) => 1 - x))

      expect(back.lower).toBeCloseTo(1 - there.upper, 9)
      expect(back.upper).toBeCloseTo(1 - there.lower, 9)
    }))
  })

  it('maps any range onto the unit interval', () => {
    fc.assert(fc.property(scores, (values) => {
      const unit = empiricalBernsteinInterval(values)
      const paired = empiricalBernsteinInterval(values.map((x) => 2 * x - 1), { min: -1, max: 1 })

      expect(paired.center).toBeCloseTo(2 * unit.center! - 1, 9)
      expect(paired.halfWidth).toBeCloseTo(2 * unit.halfWidth!, 7)
      expect(paired.lower).toBeCloseTo(2 * unit.lower - 1, 7)
    }))
  })

  it('narrows its running intersection and never widens it', () => {
    fc.assert(fc.property(scores, (values) => {
      const sequence = new EmpiricalBernstein()
      let [lower, upper] = [0, 1]
      for (const value of values) {
        sequence.add(value)
        const common = sequence.intersection()
        if (common === null) return
        expect(common.lower).toBeGreaterThanOrEqual(lower)
        expect(common.upper).toBeLessThanOrEqual(upper)
        expect(common.lower).toBeGreaterThanOrEqual(sequence.interval().lower)
        ;({ lower, upper } = common)
      }
    }))
  })

  it('has an empty intersection once the mean has clearly moved', () => {
    const moved = [...Array.from({ length: 400 }, () => 0), ...Array.from({ length: 4_000 }, () => 1)]

    expect(after(moved).intersection()).toBeNull()
    expect(after(moved).interval().upper).toBeLessThanOrEqual(1)
  })

  it('hardly ever leaves out the mean at any of 500 looks, on 99 % small gains and 1 % disasters', () => {
    const random = seededRandom(11)
    let missed = 0
    for (let rep = 0; rep < 200; rep++) {
      const sequence = new EmpiricalBernstein({ min: -1 })
      for (let i = 0; i < 500; i++) sequence.add(random.uniform() < 0.01 ? -1 : 1 / 99)
      const common = sequence.intersection()
      if (common === null || common.lower > 0 || common.upper < 0) missed += 1
    }

    expect(missed).toBeLessThanOrEqual(10)
  })

  it.each<[string, object]>([
    ['alpha 0', { alpha: 0 }], ['alpha 1', { alpha: 1 }], ['a cap of 1', { lambdaCap: 1 }], ['a cap of NaN', { lambdaCap: NaN }],
    ['an empty range', { min: 1, max: 1 }], ['an endless range', { max: Infinity }]
  ])('refuses %s', (_, options) => {
    expect(() => new EmpiricalBernstein(options)).toThrow(EvaluatorError)
  })

  it.each([-0.1, 1.1, NaN, Infinity])('refuses the value %s and stays as it was', (value) => {
    const sequence = after([0.5])

    expect(() => sequence.add(value)).toThrow(EvaluatorError)
    expect(sequence.toJSON()).toEqual(after([0.5]).toJSON())
    expect(() => empiricalBernsteinInterval([0.5, value])).toThrow('values[1]')
  })
})

describe('empirical-Bernstein state as JSON', () => {
  it('goes on as if it had never been away', () => {
    fc.assert(fc.property(scores, scores, (first, then) => {
      const restored = EmpiricalBernstein.fromJSON(JSON.parse(JSON.stringify(after(first, { alpha: 0.1 }))) as EmpiricalBernsteinJson)
      for (const value of then) restored.add(value)

      expect(restored.toJSON()).toEqual(after([...first, ...then], { alpha: 0.1 }).toJSON())
      expect(restored.count).toBe(first.length + then.length)
    }))
  })

  it.each<[string, Partial<EmpiricalBernsteinJson>]>([
    ['half a value', { n: 1.5 }], ['a negative sum', { sum: -1 }], ['an infinite bet', { bets: Infinity }],
    ['no bet', { bets: 0 }], ['no lowest', { lowest: NaN }], ['alpha 2', { alpha: 2 }]
  ])('is refused with %s', (_, part) => {
    expect(() => EmpiricalBernstein.fromJSON({ ...after([0.2, 0.4]).toJSON(), ...part })).toThrow(EvaluatorError)
  })
})
