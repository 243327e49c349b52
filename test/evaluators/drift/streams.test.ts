import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { adwinMean, startAdwin, updateAdwin, type AdwinState } from '../../../evaluators/drift/adwin.js'
import { calibrateDdm, calibratePageHinkley } from '../../../evaluators/drift/calibrate-streams.js'
import { outcomeIsError, startDdm, updateDdm } from '../../../evaluators/drift/ddm.js'
import { pageHinkleyStatistic, startPageHinkley, updatePageHinkley, type StreamLevel, type StreamStep } from '../../../evaluators/drift/page-hinkley.js'
import { seededRandom } from '../../../evaluators/statistics/random.js'

function run<State, Value> (start: State, update: (state: State, value: Value) => StreamStep<State>, values: Iterable<Value>): { state: State, levels: StreamLevel[] } {
  let state = start
  const levels: StreamLevel[] = []
  for (const value of values) {
    const next = update(state, value)
    state = JSON.parse(JSON.stringify(next.state)) as State
    levels.push(next.level)
  }
  return { state, levels }
}

describe('Page-Hinkley', () => {
  const settings = { delta: 0.1, threshold: 5, instancesMin: 10 }
  const steps = (...parts: [number, number][]): number[] => parts.flatMap(([value, n]) => new Array<number>(n).fill(value))

  it.each([3, -3])('finds a jump of %s a few values after it, and starts anew', (jump) => {
    const { levels, state } = run(startPageHinkley(settings), updatePageHinkley, steps([0, 100], [jump, 3]))

    expect(levels.indexOf('drift')).toBe(101)
    expect(state.count).toBe(1)
  })

  it('says nothing early, and nothing of a steady stream', () => {
    expect(run(startPageHinkley({ ...settings, instancesMin: 50 }), updatePageHinkley, steps([0, 20], [9, 20])).levels).not.toContain('drift')
    expect(run(startPageHinkley(settings), updatePageHinkley, steps([7, 500])).levels).not.toContain('drift')
  })

  it('treats a rise as it treats a fall', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { maxLength: 60 }), (values) => {
      const big = { ...settings, threshold: 1e9 }
      const up = run(startPageHinkley(big), updatePageHinkley, values).state
      const down = run(startPageHinkley(big), updatePageHinkley, values.map((value) => -value)).state
      expect(pageHinkleyStatistic(down)).toBeCloseTo(pageHinkleyStatistic(up), 6)
    }))
  })

  it('calibrated on its reference, raises about one false alarm in the wanted number of values', () => {
    const random = seededRandom(1)
    const reference = Array.from({ length: 2_000 }, () => random.normal() * 3 + 10)
    const calibrated = calibratePageHinkley(reference, { random, valuesPerFalseAlarm: 500 })
    const stream = Array.from({ length: 50_000 }, () => random.normal() * 3 + 10)
    const alarms = run(startPageHinkley(calibrated), updatePageHinkley, stream).levels.filter((level) => level === 'drift').length

    expect(alarms).toBeGreaterThan(40)
    expect(alarms).toBeLessThan(200)
    expect(calibrated.threshold).toBeLessThan(calibratePageHinkley(reference, { random, valuesPerFalseAlarm: 5_000 }).threshold)
  })

  it.each([[{ delta: -1 }, 'delta'], [{ threshold: 0 }, 'threshold'], [{ instancesMin: 0 }, 'instancesMin'], [{ threshold: NaN }, 'threshold']])('refuses %o', (part, argument) => {
    expect(() => startPageHinkley({ ...settings, ...part })).toThrow(argument)
  })

  it('refuses a value that is not finite, and a reference that cannot calibrate it', () => {
    const options = { random: seededRandom(1), valuesPerFalseAlarm: 100 }
    expect(() => updatePageHinkley(startPageHinkley(settings), NaN)).toThrow('value')
    expect(() => calibratePageHinkley([1, 2], options)).toThrow('reference: expected at least 50')
    expect(() => calibratePageHinkley(new Array(60).fill(1), options)).toThrow('not all equal')
    expect(() => calibratePageHinkley(Array.from({ length: 60 }, (_, i) => i), { ...options, streams: 2.5e1 + 0.5 })).toThrow('streams')
    expect(() => calibratePageHinkley(Array.from({ length: 60 }, (_, i) => i), { ...options, valuesPerFalseAlarm: 1 })).toThrow('instancesMin')
  })
})

describe('DDM', () => {
  const outcomes = (n: number, rate: number, seed: number): boolean[] => {
    const random = seededRandom(seed)
    return Array.from({ length: n }, () => random.uniform() < rate)
  }

  it('warns, then tells drift, when the error rate rises from 10 to 50 %', () => {
    const { levels } = run(startDdm(), updateDdm, [...outcomes(300, 0.1, 4), ...outcomes(200, 0.5, 5)])
    const drift = levels.indexOf('drift', 300)

    expect(levels.slice(300, drift)).toContain('warning')
    expect(drift).toBeLessThan(400)
  })

  it('calibrated, waits for ten errors and raises about as few false alarms as wanted', () => {
    const reference = outcomes(3_000, 0.1, 6)
    const settings = calibrateDdm(reference.map(Number), { random: seededRandom(2), valuesPerFalseAlarm: 2_000 })
    const { levels } = run(startDdm(settings), updateDdm, outcomes(20_000, 0.1, 7))

    expect(settings.instancesMin).toBeGreaterThanOrEqual(80)
    expect(levels.filter((level) => level === 'drift').length).toBeLessThanOrEqual(25)
  })

  it('refuses levels out of order, other outcomes than 0 and 1, and a reference without errors', () => {
    const options = { random: seededRandom(1), valuesPerFalseAlarm: 1_000 }
    expect(() => startDdm({ warningLevel: 3, driftLevel: 2 })).toThrow('driftLevel')
    expect(() => outcomeIsError('error[3]', 2)).toThrow('error[3]: expected 0 or 1')
    expect(() => calibrateDdm(new Array(60).fill(0), options)).toThrow('reference: expected right and wrong')
  })
})

describe('ADWIN', () => {
  const settings = { delta: 0.002, min: 0, max: 1 }
  const noise = (n: number, mean: number, seed: number): number[] => {
    const random = seededRandom(seed)
    return Array.from({ length: n }, () => Math.min(1, Math.max(0, mean + 0.1 * random.normal())))
  }

  it('drops the old values after a shift, so that its mean follows', () => {
    const { state, levels } = run(startAdwin(settings), updateAdwin, [...noise(1_000, 0.3, 1), ...noise(500, 0.6, 2)])

    expect(levels.slice(0, 1_000)).not.toContain('drift')
    expect(levels.indexOf('drift')).toBeLessThan(1_000 + 64)
    expect(adwinMean(state)).toBeCloseTo(0.6, 1)
    expect(state.width).toBeLessThan(600)
  })

  it('keeps a logarithmic number of buckets and the exact sum of the window', () => {
    let state: AdwinState = startAdwin({ ...settings, min: -1 })
    const values = noise(5_000, 0.5, 3)
    for (const value of values) state = updateAdwin(state, value).state

    expect(state.width).toBe(5_000)
    expect(state.rows.flat().length).toBeLessThanOrEqual(5 * 13)
    expect(adwinMean(state)).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / 5_000, 10)
  })

  it('has no mean before the first value', () => {
    expect(adwinMean(startAdwin(settings))).toBeNull()
  })

  it('refuses values out of range and settings without one', () => {
    expect(() => updateAdwin(startAdwin(settings), 1.5)).toThrow('value')
    expect(() => startAdwin({ ...settings, delta: 0 })).toThrow('delta')
    expect(() => startAdwin({ ...settings, max: 0 })).toThrow('max')
    expect(() => startAdwin({ ...settings, valuesPerLook: 1.5 })).toThrow('valuesPerLook')
  })
})
