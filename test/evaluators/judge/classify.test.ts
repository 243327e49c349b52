import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classifyByMeans, classifyByShift, type ShiftRules } from '../../../evaluators/judge/classify.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

type Over = Partial<Omit<ShiftRules, 'effectSize'>> & { effectSize?: Partial<ShiftRules['effectSize']> }

function rules ({ effectSize, ...over }: Over = {}): ShiftRules {
  const gates = { allowedIncrease: 1, allowedDecrease: 1, criticalIncrease: 1, criticalDecrease: 1 }
  return {
    direction: 'either',
    nanStrategy: 'remove',
    critical: false,
    mustHaveData: false,
    tolerance: 0.25,
    confidenceLevel: 0.98,
    ...over,
    effectSize: { measure: 'meanRatio', ...gates, ...effectSize }
  }
}

const around = (centre: number, count = 20): number[] => Array.from({ length: count }, (_, i) => centre + ((i * 7) % count) / count)
const classify = (experiment: number[], control: number[], over: Over = {}) => classifyByShift({ experiment, control }, rules(over), seededRandom(1))

describe('classifyByShift', () => {
  it('says High, Low and Pass', () => {
    expect(classify(around(20), around(10)).classification).toBe('High')
    expect(classify(around(10), around(20)).classification).toBe('Low')
    expect(classify(around(10, 21), around(10)).classification).toBe('Pass')
  })

  it('only looks in the asked direction', () => {
    expect(classify(around(20), around(10), { direction: 'decrease' }).classification).toBe('Pass')
    expect(classify(around(20), around(10), { direction: 'increase' }).classification).toBe('High')
    expect(classify(around(10), around(20), { direction: 'increase' }).classification).toBe('Pass')
    expect(classify(around(10), around(20), { direction: 'decrease' }).classification).toBe('Low')
  })

  it('lets small effects pass, on the gate itself not', () => {
    const [experiment, control] = [around(12), around(10)]
    const { deviation } = classify(experiment, control)

    expect(classify(experiment, control, { effectSize: { allowedIncrease: deviation! } }).classification).toBe('High')
    expect(classify(experiment, control, { effectSize: { allowedIncrease: deviation! + 1e-9 } }).classification).toBe('Pass')
  })

  it('is Pass when the ranks rise but the mean falls', () => {
    const control = [...around(10, 29), 10_000]

    expect(classify(around(12, 30), control)).toMatchObject({ classification: 'Pass', critical: false })
  })

  it('measures by the share of greater pairs when asked', () => {
    const found = classify(around(20), around(10), { effectSize: { measure: 'cles', allowedIncrease: 0.8 } })

    expect(found).toMatchObject({ classification: 'High', comparison: { effectSize: 1 } })
    expect(found.deviation).toBeCloseTo(1.95, 2)
  })

  it('is critical only beyond the critical effect, on a critical metric', () => {
    const sized = (criticalIncrease: number, critical: boolean) =>
      classify(around(20), around(10), { critical, effectSize: { criticalIncrease } }).critical

    expect([sized(1.5, true), sized(2.5, true), sized(1.5, false)]).toEqual([true, false, false])
  })

  it('opens every gate where the ratio is not defined', () => {
    const found = classify(around(20), Array<number>(20).fill(0), { critical: true, effectSize: { allowedIncrease: 99, criticalIncrease: 99 } })

    expect(found).toMatchObject({ classification: 'High', critical: true, deviation: null, comparison: { effectSize: null } })
  })

  it.each([
    [{ nanStrategy: 'remove', critical: false, mustHaveData: false }, 'Nodata', false],
    [{ nanStrategy: 'remove', critical: true, mustHaveData: false }, 'Nodata', true],
    [{ nanStrategy: 'remove', critical: true, mustHaveData: true }, 'Nodata', true],
    [{ nanStrategy: 'remove', critical: false, mustHaveData: true }, 'NodataFailMetric', false],
    [{ nanStrategy: 'replace', critical: true, mustHaveData: true }, 'Pass', false]
  ] as const)('labels a missing side with %j %s', (over, classification, critical) => {
    for (const [experiment, control] of [[[], [1]], [[1], []], [[], []]] as const) {
      expect(classify([...experiment], [...control], over)).toMatchObject({ classification, critical, deviation: 1, comparison: null })
    }
  })

  it('passes equal values and one common value without a test', () => {
    expect(classify([3, 1, 2], [1, 2, 3])).toMatchObject({ classification: 'Pass', deviation: 1, comparison: null })
    expect(classify([7, 7, 7], [7, 7])).toMatchObject({ classification: 'Pass', deviation: 1, comparison: null })
    expect(classify([0], [-0])).toMatchObject({ classification: 'Pass', comparison: null })
  })

  it('adds noise to two constants, the same for the same generator, and to nothing else', () => {
    const [tens, ones] = [Array<number>(5).fill(10), Array<number>(5).fill(1)]

    const found = classify(tens, ones)

    expect(found).toMatchObject({ classification: 'High', comparison: { isJittered: true } })
    expect(found.comparison!.estimate).toBeCloseTo(9, 2)
    expect(classify(tens, ones)).toEqual(found)
    expect(classify(tens, [...ones, 2])).toMatchObject({ comparison: { isJittered: false } })
    expect(classify(Array<number>(5).fill(0), ones)).toMatchObject({ classification: 'Low', comparison: { isJittered: true } })
  })

  it('is Error, never critical, when the test cannot be computed', () => {
    expect(classify([10], [5], { critical: true })).toMatchObject({ classification: 'Error', critical: false, deviation: 2 })
  })

  it('keeps the sense of a ratio below 0 when it is signed', () => {
    const over = { effectSize: { allowedIncrease: 1.1 } }

    expect(classify(around(-10), around(-20), over).classification).toBe('Pass')
    const signed = classify(around(-10), around(-20), { effectSize: { allowedIncrease: 1.1, isSigned: true } })
    expect(signed.classification).toBe('High')
    expect(signed.comparison!.effectSize).toBeCloseTo(1 + 10 / 19.525, 9)
  })

  it('never says both High and Low, nor anything against the direction', () => {
    const side = fc.array(fc.double({ min: -1e5, max: 1e5, noNaN: true }), { maxLength: 30 })
    const direction = fc.constantFrom('increase' as const, 'decrease' as const, 'either' as const)
    fc.assert(fc.property(side, side, direction, fc.boolean(), (experiment, control, direction, isScaleFree) => {
      const found = classify(experiment, control, { direction, isScaleFree })

      expect(found.classification).not.toBe(direction === 'increase' ? 'Low' : direction === 'decrease' ? 'High' : 'Inconclusive')
      expect(found.deviation).not.toBeNaN()
      for (const figure of Object.values(found.comparison ?? {})) expect(figure).not.toBeNaN()
    }))
  })

  it('swaps High and Low when the sides are swapped', () => {
    fc.assert(fc.property(fc.integer({ min: -30, max: 30 }), fc.integer({ min: 5, max: 40 }), (shift, count) => {
      const [a, b] = [around(100 + shift, count), around(100, count + 1)]
      const gates = { effectSize: { allowedIncrease: 1e-9, allowedDecrease: 1e9 }, isScaleFree: true }
      const there = classify(a, b, gates).classification
      const back = { High: 'Low', Low: 'High' }[there as string] ?? there

      expect(classify(b, a, gates).classification).toBe(back)
    }))
  })

  it.each([
    [{ tolerance: -1 }, 'tolerance'],
    [{ confidenceLevel: 1 }, 'confidenceLevel'],
    [{ effectSize: { allowedIncrease: NaN } }, 'effectSize.allowedIncrease']
  ])('refuses the rules %j', (over, argument) => {
    expect(() => classify([1, 2], [3, 4], over)).toThrow(expect.objectContaining({ argument }))
  })

  it('refuses values that are not numbers', () => {
    expect(() => classify([1, NaN], [1])).toThrow(expect.objectContaining({ argument: 'experiment[1]' }))
  })
})

describe('classifyByMeans', () => {
  const compare = (experiment: number[], control: number[], over: Over = {}) => classifyByMeans({ experiment, control }, rules(over))

  it('compares the means in the asked direction', () => {
    expect(compare([2, 4], [1, 3], { critical: true })).toMatchObject({ classification: 'High', critical: true, deviation: 1.5 })
    expect(compare([1, 3], [2, 4])).toMatchObject({ classification: 'Low', critical: false })
    expect(compare([2, 4], [1, 3], { direction: 'decrease' })).toMatchObject({ classification: 'Pass', deviation: 1 })
    expect(compare([1, 3], [2, 4], { direction: 'increase' })).toMatchObject({ classification: 'Pass' })
    expect(compare([1, 3], [2])).toMatchObject({ classification: 'Pass', deviation: 1 })
    expect(compare([1], [0])).toMatchObject({ classification: 'High', deviation: null })
  })

  it('labels a missing side, with deviation 0', () => {
    expect(compare([], [1], { critical: true })).toMatchObject({ classification: 'Nodata', critical: true, deviation: 0 })
    expect(compare([1], [], { nanStrategy: 'replace' })).toMatchObject({ classification: 'Pass', deviation: 1 })
  })
})
