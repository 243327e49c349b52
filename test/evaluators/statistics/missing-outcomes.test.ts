import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareEventShares } from '../../../evaluators/statistics/event-share.js'
import { compareMissingOutcomes } from '../../../evaluators/statistics/missing-outcomes.js'

const tally = fc.integer({ min: 0, max: 5_000 }).chain((n) => fc.record({ n: fc.constant(n), events: fc.integer({ min: 0, max: n }) }))

describe('check for missing outcomes', () => {
  it('raises an alarm when one arm loses far more than its share', () => {
    const result = compareMissingOutcomes([{ champion: { events: 10, n: 5_000 }, challenger: { events: 90, n: 5_000 }, share: 0.5 }])

    expect(result.isUneven).toBe(true)
    expect(result.ratio).toBeCloseTo(9, 6)
  })

  it('stays calm when both lose alike, or nothing is missing', () => {
    expect(compareMissingOutcomes([{ champion: { events: 90, n: 9_000 }, challenger: { events: 10, n: 1_000 }, share: 0.1 }]).isUneven).toBe(false)
    expect(compareMissingOutcomes([{ champion: { events: 0, n: 9 }, challenger: { events: 0, n: 9 }, share: 0.5 }])).toMatchObject({
      p: 1, ratio: null, isUneven: false, interval: { lower: 0, upper: Infinity }
    })
    expect(compareMissingOutcomes([]).p).toBe(1)
  })

  it('remembers an alarm', () => {
    expect(compareMissingOutcomes([], { pBefore: 1e-5 })).toMatchObject({ p: 1e-5, pThisLook: 1, isUneven: true })
  })

  it('is the event-share test on the missing ones, without NaN', () => {
    fc.assert(fc.property(tally, tally, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (champion, challenger, share) => {
      const result = compareMissingOutcomes([{ champion, challenger, share }])
      const events = compareEventShares([{ champion: champion.events, challenger: challenger.events, share }], { alpha: 0.001 })

      expect(result).toEqual({ ...events, isUneven: events.p < 0.001 })
      expect(Object.values(result).some(Number.isNaN)).toBe(false)
    }))
  })

  it.each([
    [{ events: 2, n: 1 }, 0.5, {}, 'stages[0]'], [{ events: 0.5, n: 1 }, 0.5, {}, 'stages[0]'], [{ events: 1, n: 1 }, 1, {}, 'stages[0].share'],
    [{ events: 1, n: 1 }, 0.5, { alpha: 0 }, 'alpha'], [{ events: 1, n: 1 }, 0.5, { pBefore: 2 }, 'pBefore']
  ])('refuses %j at share %s with %j and names %s', (challenger, share, options, argument) => {
    expect(() => compareMissingOutcomes([{ champion: { events: 0, n: 1 }, challenger, share }], options)).toThrow(expect.objectContaining({ argument }) as Error)
  })
})
