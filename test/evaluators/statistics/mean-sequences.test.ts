import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EvaluatorError } from '../../../evaluators/errors.js'
import {
  armMean, differenceSequence, meanSequence, pairedSequence, relativeLiftSequence
} from '../../../evaluators/statistics/mean-sequences.js'
import { oneSidedHalfWidth, twoSidedHalfWidth } from '../../../evaluators/statistics/sequences.js'

const sample = fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: 2, maxLength: 60 })
const arm = fc.record({
  n: fc.integer({ min: 2, max: 10_000 }),
  mean: fc.double({ min: -100, max: 100, noNaN: true }),
  varianceOfMean: fc.double({ min: 1e-6, max: 10, noNaN: true })
})

describe('mean of an arm', () => {
  it('comes with s²/n', () => {
    expect(armMean([1, 2, 3, 6])).toEqual({ n: 4, mean: 3, varianceOfMean: expect.closeTo(14 / 3 / 4, 12) as number })
  })

  it('takes typed arrays, keeps digits near 1e6, and has no spread for equal values', () => {
    expect(armMean(Float32Array.of(1, 2)).mean).toBe(1.5)
    expect(armMean([1e6 + 0.25, 1e6 + 0.75]).varianceOfMean).toBeCloseTo(0.0625, 12)
    expect(armMean([0.1, 0.1, 0.1]).varianceOfMean).toBe(0)
  })

  it.each<[number[], string]>([[[], 'values'], [[1], 'values'], [[1, NaN], 'values[1]'], [[1e200, 1], 'values[0]']])('refuses %j and names %s', (values, argument) => {
    expect(() => armMean(values)).toThrow(expect.objectContaining({ argument }) as Error)
  })
})

describe('confidence sequence of a mean', () => {
  it('is the estimate with the half widths of the sequences', () => {
    const sequence = meanSequence({ n: 100, mean: 0.1, varianceOfMean: 0.0025 }, { plannedSamples: 500 })!
    const input = { se: 0.05, n: 100, alpha: 0.05, plannedSamples: 500 }

    expect(sequence.upper).toBeCloseTo(0.1 + twoSidedHalfWidth(input), 12)
    expect(sequence.lowerOneSided).toBeCloseTo(0.1 - oneSidedHalfWidth(input), 12)
  })

  it('holds its estimate, and 0 exactly when p is at least alpha', () => {
    fc.assert(fc.property(arm, (mean) => {
      const { lower, upper, estimate, p } = meanSequence(mean, { alpha: 0.05 })!

      expect(lower).toBeLessThan(estimate)
      expect(upper).toBeGreaterThan(estimate)
      expect(p < 0.05).toBe(lower > 0 || upper < 0)
    }))
  })

  it('says nothing about a constant sample, one unit, or a variance that cannot be told', () => {
    expect(meanSequence(armMean([2, 2, 2]))).toBeNull()
    expect(meanSequence({ n: 1, mean: 2, varianceOfMean: NaN })).toBeNull()
  })

  it.each([{ alpha: 0 }, { alpha: 0.5 }, { plannedSamples: 0 }])('refuses %j', (options) => {
    expect(() => meanSequence({ n: 10, mean: 1, varianceOfMean: 1 }, options)).toThrow(EvaluatorError)
  })
})

describe('confidence sequence of paired scores', () => {
  it('is the one of their differences, however large what the pairs share', () => {
    fc.assert(fc.property(sample, fc.integer({ min: 0, max: 1_000 }), (differences, shared) => {
      const champion = differences.map((_, i) => shared * (i % 7))
      const challenger = champion.map((value, i) => value + Math.round(differences[i]!))
      const paired = pairedSequence(champion, challenger)
      const direct = meanSequence(armMean(differences.map((d) => Math.round(d))))

      expect(paired?.estimate).toEqual(direct?.estimate)
      expect(paired?.n).toBe(direct === null ? undefined : differences.length)
      expect(paired?.halfWidth).toEqual(direct?.halfWidth)
    }))
  })

  it('changes its sign when the models change places', () => {
    const there = pairedSequence([1, 2, 3], [2, 2, 5])!
    const back = pairedSequence([2, 2, 5], [1, 2, 3])!

    expect(back.lower).toBeCloseTo(-there.upper, 12)
  })

  it('refuses lists of different length, single pairs and NaN', () => {
    expect(() => pairedSequence([1, 2], [1])).toThrow(expect.objectContaining({ code: 'LENGTH_MISMATCH' }) as Error)
    expect(() => pairedSequence([1], [1])).toThrow(expect.objectContaining({ code: 'EMPTY' }) as Error)
    expect(() => pairedSequence([1, 2], [1, NaN])).toThrow('challenger[1]')
  })
})

describe('confidence sequence of a difference and of a lift', () => {
  it('agree about the direction', () => {
    fc.assert(fc.property(arm, arm, (champion, challenger) => {
      const lift = relativeLiftSequence({ champion, challenger })
      if (lift === null) return
      const { estimate } = differenceSequence({ champion, challenger })!

      expect(Math.sign(lift.estimate)).toBe(Math.sign(estimate))
      expect(lift.n).toBe(champion.n + challenger.n)
    }))
  })

  it('leave the lift undefined while the champion may have mean 0', () => {
    const challenger = { n: 1_000, mean: 5, varianceOfMean: 0.01 }

    expect(relativeLiftSequence({ champion: { n: 1_000, mean: 0.1, varianceOfMean: 0.01 }, challenger })).toBeNull()
    expect(relativeLiftSequence({ champion: { n: 1_000, mean: 0, varianceOfMean: 0 }, challenger })).toBeNull()
    expect(relativeLiftSequence({ champion: { n: 1_000, mean: 4, varianceOfMean: 0 }, challenger })!.estimate).toBe(0.25)
    expect(relativeLiftSequence({ champion: { n: 1_000, mean: -4, varianceOfMean: 0.01 }, challenger })!.estimate).toBe(2.25)
  })

  it('say nothing when neither arm varies', () => {
    const flat = { n: 500, mean: 1, varianceOfMean: 0 }

    expect(differenceSequence({ champion: flat, challenger: flat })).toBeNull()
    expect(relativeLiftSequence({ champion: flat, challenger: flat })).toBeNull()
  })
})
