import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { estimateScaledShift, estimateShift, rankFirst, shiftStatistic } from '../../../evaluators/judge/rank-shift.js'
import { zeroin } from '../../../evaluators/judge/zeroin.js'

const value = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.double({ min: -1e6, max: 1e6, noNaN: true }))
const side = fc.array(value, { minLength: 2, maxLength: 40 })
/** Two sides of which at least one varies, so that no shift ties everything. */
const sides = fc.record({ experiment: side, control: side })
  .filter(({ experiment }) => new Set(experiment).size > 1)

/** The definition, ranks by counting: O((n + m)²). */
function statisticByCounting (experiment: readonly number[], control: readonly number[], shift: number): number {
  const [n, m] = [experiment.length, control.length]
  const pooled = [...experiment.map((x) => x - shift), ...control]
  const rankOf = (x: number): number => pooled.filter((y) => y < x).length + (pooled.filter((y) => y === x).length + 1) / 2
  const rankSum = pooled.slice(0, n).reduce((sum, x) => sum + rankOf(x), 0)
  const ties = [...new Set(pooled)].map((x) => pooled.filter((y) => y === x).length).reduce((sum, t) => sum + t ** 3 - t, 0)
  const dz = rankSum - n * (n + 1) / 2 - n * m / 2
  return (dz - Math.sign(dz) / 2) / Math.sqrt(n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1))))
}

describe('zeroin', () => {
  const options = { tolerance: 1e-12, stepsMax: 1_000 }
  const solve = (f: (x: number) => number, low: number, high: number, over = {}): number =>
    zeroin(f, { at: low, value: f(low) }, { at: high, value: f(high) }, { ...options, ...over })

  it('finds the root of a smooth function', () => {
    expect(solve(Math.cos, 0, 3)).toBeCloseTo(Math.PI / 2, 11)
    expect(solve((x) => x ** 3 - 2 * x - 5, 2, 3)).toBeCloseTo(2.0945514815423265, 11)
  })

  it('finds a step within its tolerance', () => {
    fc.assert(fc.property(fc.double({ min: -100, max: 100, noNaN: true }), (step) => {
      expect(Math.abs(solve((x) => x < step ? 1 : -2, -101, 101, { tolerance: 1e-6 }) - step)).toBeLessThanOrEqual(1e-6)
    }))
  })

  it('returns an end that is a root without asking further', () => {
    let calls = 0

    const root = zeroin(() => ++calls, { at: -1, value: 0 }, { at: 5, value: 3 }, options)

    expect({ root, calls }).toEqual({ root: -1, calls: 0 })
  })

  it('ends after its steps, and without a change of sign', () => {
    expect(Number.isFinite(solve((x) => x * x + 1, -3, 2))).toBe(true)
    expect(Number.isFinite(solve((x) => x - 0.3, -1e9, 1, { stepsMax: 2 }))).toBe(true)
  })

  it('refuses a tolerance of 0', () => {
    expect(() => solve(Math.sin, -1, 1, { tolerance: 0 })).toThrow(/^tolerance: expected/)
  })
})

describe('shiftStatistic', () => {
  it('is the deviate of wilcox.test with continuity and tie corrections', () => {
    // By hand: W = 16 against a mean of 8, corrected by 0.5, over sqrt(16 / 12 * 9).
    expect(shiftStatistic({ experiment: [5, 6, 7, 8], control: [1, 2, 3, 4] }, 0)).toBeCloseTo(7.5 / Math.sqrt(12), 14)
    // All of 2, 2 and 2, 3 tie but the 3: ranks 2, 2; dz = -1, variance (4 / 12) * (5 - 24 / 12).
    expect(shiftStatistic({ experiment: [2, 2], control: [2, 3] }, 0)).toBeCloseTo(-0.5, 14)
  })

  it('agrees with ranks by counting, at any shift and with any ties', () => {
    fc.assert(fc.property(sides, fc.integer({ min: -30, max: 30 }), ({ experiment, control }, shift) => {
      expect(shiftStatistic({ experiment, control }, shift)).toBeCloseTo(statisticByCounting(experiment, control, shift), 10)
    }))
  })

  it('changes its sign when the sides are swapped', () => {
    fc.assert(fc.property(sides, ({ experiment, control }) => {
      const there = shiftStatistic({ experiment, control }, 0)
      expect(shiftStatistic({ experiment: control, control: experiment }, 0)).toBeCloseTo(-there, 10)
    }))
  })

  it('subtracts the quantile and does not depend on the order', () => {
    const given = { experiment: [3, 1, 2, 9], control: [4, 1, 0] }

    expect(shiftStatistic(given, 0.5, 1.25)).toBe(shiftStatistic(given, 0.5) - 1.25)
    expect(shiftStatistic({ experiment: [9, 3, 2, 1], control: [0, 4, 1] }, 0.5)).toBe(shiftStatistic(given, 0.5))
  })

  it.each([
    [{ experiment: [], control: [1] }, 'EMPTY', 'experiment'],
    [{ experiment: [1], control: [1, NaN] }, 'NOT_FINITE', 'control[1]'],
    [{ experiment: [1e151], control: [1] }, 'OUT_OF_RANGE', 'experiment[0]'],
    [{ experiment: [1, 1], control: [1] }, 'OUT_OF_RANGE', 'shift']
  ])('refuses %j as %s of %s', (given, code, argument) => {
    expect(() => shiftStatistic(given, 0)).toThrow(expect.objectContaining({ code, argument }))
  })
})

describe('rankFirst', () => {
  it('keeps what ranks of both sides add up to', () => {
    fc.assert(fc.property(side, side, (a, b) => {
      const [first, second] = [Float64Array.from(a).sort(), Float64Array.from(b).sort()]
      const [there, back] = [rankFirst(first, second, 0), rankFirst(second, first, 0)]
      const count = a.length + b.length

      expect(there.rankSum + back.rankSum).toBe(count * (count + 1) / 2)
      expect(there.tieSum).toBe(back.tieSum)
    }))
  })
})

describe('estimateShift', () => {
  it('gives the whole range where the test cannot reach the quantile', () => {
    const shift = estimateShift({ experiment: [11, 12, 13, 14], control: [1, 2, 3, 4] }, 0.98)

    expect(shift).toEqual({ ciLow: 7, ciHigh: 13, estimate: expect.closeTo(10, 3) })
  })

  it('moves with the experiment', () => {
    const control = Array.from({ length: 40 }, (_, i) => (i * 7) % 13)
    const still = estimateShift({ experiment: control.map((x) => x + 1), control }, 0.95)
    const moved = estimateShift({ experiment: control.map((x) => x + 101), control }, 0.95)

    for (const name of ['ciLow', 'ciHigh', 'estimate'] as const) expect(moved[name] - still[name]).toBeCloseTo(100, 3)
  })

  it('stays within the differences of two values', () => {
    fc.assert(fc.property(sides, (given) => {
      const shift = estimateShift(given, 0.9)
      const differences = given.experiment.flatMap((x) => given.control.map((y) => x - y))
      const [least, greatest] = [Math.min(...differences), Math.max(...differences)]

      for (const end of Object.values(shift)) {
        expect(end).toBeGreaterThanOrEqual(least - 1e-3)
        expect(end).toBeLessThanOrEqual(greatest + 1e-3)
      }
    }))
  })

  it('takes typed arrays and leaves them as they are', () => {
    const given = { experiment: Float32Array.of(5, 4, 6, 7), control: Float64Array.of(3, 1, 2) }

    estimateShift(given, 0.9)

    expect([...given.experiment, ...given.control]).toEqual([5, 4, 6, 7, 3, 1, 2])
  })

  it('takes half a million values', () => {
    const control = Float64Array.from({ length: 250_000 }, (_, i) => (i * 7919) % 10_007)
    const experiment = control.map((x) => x + 25)

    expect(estimateShift({ experiment, control }, 0.98).estimate).toBeCloseTo(25, 0)
  })

  it.each([0, 1, NaN, -0.5])('refuses the confidence level %d', (level) => {
    expect(() => estimateShift({ experiment: [1, 2], control: [3, 4] }, level)).toThrow(/^confidenceLevel: expected/)
  })
})

describe('estimateScaledShift', () => {
  const control = Array.from({ length: 30 }, (_, i) => 0.002 + ((i * 7) % 30) * 1e-6)
  const experiment = control.map((x) => x + 5e-6)

  it('sees shifts far below the tolerance of the solver', () => {
    const coarse = estimateShift({ experiment, control }, 0.98)
    const fine = estimateScaledShift({ experiment, control }, 0.98)

    expect(coarse.estimate).not.toBeCloseTo(5e-6, 7)
    expect(fine.estimate).toBeCloseTo(5e-6, 9)
    expect(fine.ciLow).toBeLessThan(5e-6)
    expect(fine.ciHigh).toBeGreaterThan(5e-6)
  })

  it('gives the same figures for a smaller unit', () => {
    const milli = estimateScaledShift({ experiment, control }, 0.98)
    const nano = estimateScaledShift({ experiment: experiment.map((x) => x / 2 ** 40), control: control.map((x) => x / 2 ** 40) }, 0.98)

    for (const name of ['ciLow', 'ciHigh', 'estimate'] as const) expect(nano[name] * 2 ** 40).toBe(milli[name])
  })

  it.each([1e-310, 1e-200, 1, 1e140])('is finite for values of the magnitude %d', (unit) => {
    const shift = estimateScaledShift({ experiment: [3 * unit, 4 * unit, 0, 7 * unit], control: [unit, 2 * unit, 2 * unit] }, 0.98)

    for (const end of Object.values(shift)) expect(Number.isFinite(end)).toBe(true)
  })
})
