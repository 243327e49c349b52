import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide, type MetricSpec, type MetricVerdict, type Stratum } from '../../evaluators/verdict.js'
import { ERRORS, evidenceOf, LATENCY, latencies, SCORE, specOf, stratum, tally, values } from '../support/evidence.js'
import { seededRandom } from '../../evaluators/statistics/random.js'

/** The verdict of a trial with one metric, in mode equivalence. */
function judged (metric: MetricSpec, strata: readonly Stratum[], minSamples = 200): MetricVerdict {
  return decide(specOf([metric], { mode: 'equivalence', minSamples }), evidenceOf(strata)).metrics[0]!
}

const counted = (a: [number, number], b: [number, number], place: Partial<Stratum> = {}): Stratum =>
  stratum({ errors: tally(...a), accuracy: tally(a[1] - a[0], a[1]) }, { errors: tally(...b), accuracy: tally(b[1] - b[0], b[1]) }, place)
const ACCURACY: MetricSpec = { ...SCORE, name: 'accuracy', role: 'critical', margin: { absolute: 0.01 } }

describe('error rate with an absolute margin and few events', () => {
  it('is decided without any error from 754 challenger requests on: margin 0.01 at alpha 0.05', () => {
    const at = (n: number): MetricVerdict => judged(ERRORS, [counted([0, 9_246], [0, n])])

    expect(at(753)).toMatchObject({ outcome: 'inconclusive', estimator: 'exact-proportion', estimate: 0 })
    expect(at(754)).toMatchObject({ outcome: 'pass' })
    expect(at(757)).toMatchObject({ outcome: 'pass', n: { champion: 9_246, challenger: 757 }, reason: expect.stringMatching(/\(0 of 757 against 0 of 9246\)$/) as string })
  })

  it('treats an accuracy of 1 like an error rate of 0', () => {
    const [errors, accuracy] = [ERRORS, ACCURACY].map((metric) => judged(metric, [counted([0, 5_000], [0, 754])]))

    expect(accuracy).toMatchObject({ outcome: 'pass', estimator: 'exact-proportion' })
    expect(accuracy!.lower).toBeCloseTo(errors!.lower!, 12)
    expect(accuracy!.upper).toBeCloseTo(errors!.upper!, 12)
  })

  it('rests on the current weight only', () => {
    const before = counted([0, 50_000], [0, 50_000])

    expect(judged(ERRORS, [before, counted([0, 500], [0, 300], { stage: 2 })])).toMatchObject({ outcome: 'inconclusive', estimator: 'exact-proportion' })
    expect(judged(ERRORS, [counted([0, 900], [0, 300], { stage: 2 }), counted([0, 900], [0, 460], { stage: 2, block: 1 })]))
      .toMatchObject({ outcome: 'pass', n: { champion: 1_800, challenger: 760 } })
  })

  it('proves harm from the champion\'s upper and the challenger\'s lower bound', () => {
    expect(judged(ERRORS, [counted([0, 10_000], [60, 250])])).toMatchObject({ outcome: 'fail', estimator: 'exact-proportion' })
  })

  it('says nothing about an arm without requests, even when no minimum was asked for', () => {
    expect(judged(ERRORS, [stratum({}, { errors: tally(0, 9) })], 0).reason).toBe('0 of 1 champion samples at this weight')
  })

  it('is exact when every stratum is too small for the asymptotic comparison', () => {
    const blocks = Array.from({ length: 80 }, (_, block) => counted([20, 40], [2, 4], { block }))

    expect(judged(ERRORS, blocks).estimator).toBe('exact-proportion')
  })
})

describe('error rate with an absolute margin and enough events', () => {
  it('changes to the asymptotic comparison at 10 expected events in the smaller arm', () => {
    expect(judged(ERRORS, [counted([10, 1_000], [9, 1_000])]).estimator).toBe('exact-proportion')
    expect(judged(ERRORS, [counted([10, 1_000], [10, 1_000])]).estimator).toBe('agresti-caffo')
  })

  it('keeps earlier weights as strata', () => {
    const stages = [counted([50, 5_000], [50, 5_000]), counted([50, 5_000], [50, 5_000], { stage: 2 })]
    const half = (verdict: MetricVerdict): number => verdict.upper! - verdict.estimate!

    expect(half(judged(ERRORS, stages))).toBeLessThan(0.85 * half(judged(ERRORS, stages.slice(1))))
    expect(judged(ERRORS, stages).n).toEqual({ champion: 5_000, challenger: 5_000 })
  })

  it('says how many strata were too small', () => {
    const stages = [counted([50, 5_000], [50, 5_000]), counted([0, 1], [0, 40], { block: 1 })]

    expect(judged(ERRORS, stages).reason).toMatch(/\(1 of 2 strata skipped: too few samples\)$/)
  })

  it('widens when sessions repeat their own outcome', () => {
    const ones = Array.from({ length: 1_000 }, (_, i): number => i % 20 === 0 ? 1 : 0)
    const repeated = values(ones.flatMap((x) => [x, x, x, x]), (i) => Math.floor(i / 4))
    const single = values(ones.flatMap((x) => [x, x, x, x]))
    const [clustered, independent] = [repeated, single].map((arm) => judged(ERRORS, [stratum({ errors: arm }, { errors: arm })]))

    expect(clustered!.upper! / independent!.upper!).toBeCloseTo(2, 2)
  })

  it('cannot be told from a single session', () => {
    const one = values(Array.from({ length: 2_000 }, (_, i) => i % 50 === 0 ? 1 : 0), () => 17)

    expect(judged(ERRORS, [stratum({ errors: tally(40, 2_000) }, { errors: one })]))
      .toMatchObject({ outcome: 'inconclusive', estimator: 'none', reason: 'standard error NaN: the spread cannot be told from a single session' })
  })

  it('refuses errors that are not 0 or 1', () => {
    const arm = values(Array.from({ length: 300 }, (_, i) => i / 300))

    expect(judged(ERRORS, [stratum({ errors: arm }, { errors: arm })]).reason).toBe('could not be computed: errors: values of errors and of latency over a limit must be 0 or 1')
  })
})

describe('rate with a relative margin', () => {
  const RELATIVE: MetricSpec = { ...ERRORS, margin: { relative: 0.5 } }

  it('is the event-share test: effect 1 − rate ratio', () => {
    const verdict = judged(RELATIVE, [counted([900, 9_000], [70, 1_000], { weightBps: 1_000 })])

    expect(verdict).toMatchObject({ estimator: 'event-share', outcome: 'pass', reason: expect.stringMatching(/\(970 events\)$/) as string })
    expect(verdict.estimate).toBeCloseTo(0.3, 10)
  })

  it('reads a golden interval at 2 alpha as two one-sided bounds', () => {
    const spec = specOf([RELATIVE], { alpha: 0.025 })
    const [metric] = decide(spec, evidenceOf([counted([90, 1_800], [25, 250], { weightBps: 1_000 })])).metrics

    expect(metric!.lower).toBeCloseTo(1 - 4.9359694668, 6)
    expect(metric!.upper).toBeCloseTo(1 - 1.1466216882, 6)
  })

  it('is for feedback where higher is better the rate ratio − 1', () => {
    const verdict = judged({ ...ACCURACY, margin: { relative: 0.5 } }, [counted([2_000, 4_000], [1_000, 4_000])])

    expect(verdict.estimate).toBeCloseTo(0.5, 10)
    expect(verdict.lower!).toBeLessThan(0.5)
    expect(verdict.upper!).toBeGreaterThan(0.5)
  })

  it('is inconclusive without any event, and unbounded below while only the challenger has some', () => {
    expect(judged(RELATIVE, [counted([0, 5_000], [0, 5_000])])).toMatchObject({ outcome: 'inconclusive', reason: expect.stringMatching(/^no event in either arm yet/) as string })
    expect(judged(RELATIVE, [counted([0, 5_000], [40, 5_000])])).toMatchObject({ outcome: 'fail', estimate: null, lower: null })
  })

  it('adds up stages of different weight, and takes the time blocks of a stage as one', () => {
    const stages = [
      counted([95, 9_500], [5, 500], { weightBps: 500 }), counted([40, 4_000], [40, 4_000], { stage: 2 }), counted([60, 6_000], [60, 6_000], { stage: 2, block: 1 })
    ]
    const merged = [stages[0]!, counted([100, 10_000], [100, 10_000], { stage: 2 })]

    expect(judged(RELATIVE, stages)).toMatchObject({ estimate: expect.closeTo(0, 10) as number, lower: judged(RELATIVE, merged).lower })
  })

  it('leaves out strata in which one arm had all the traffic', () => {
    const one = counted([100, 10_000], [100, 10_000])
    const strata = [counted([80, 1_000], [0, 0], { stage: 0, weightBps: 0 }), counted([0, 0], [90, 1_000], { stage: 3, weightBps: 10_000 }), one]

    const [with3, alone] = [strata, [one]].map((list) => decide(specOf([RELATIVE]), evidenceOf(list, { stage: 1 })).metrics[0]!)

    expect(with3).toEqual(alone)
  })

  it('is inconclusive when the stages contradict each other', () => {
    const stages = [counted([1_000, 9_000], [10, 9_000]), counted([10, 9_000], [1_000, 9_000], { stage: 2 })]

    expect(judged(RELATIVE, stages).reason).toBe('no single ratio of the rates agrees with all stages')
  })
})

describe('mean of feedback', () => {
  const random = seededRandom(5)
  const draws = (mean: number, n: number): number[] => Array.from({ length: n }, () => mean + random.normal())
  const MEAN: MetricSpec = { ...SCORE, role: 'critical', margin: { absolute: 0.2 } }

  it('is compared within strata, so that a ramp in a trend proves nothing', () => {
    const ramp = [[2_000, 100, 0], [1_500, 500, 1], [1_000, 1_000, 2]].map(([a, b, level], i) =>
      stratum({ score: values(draws(level!, a!)) }, { score: values(draws(level!, b!)) }, { stage: i + 1 }))
    const verdict = judged(MEAN, ramp)

    expect(verdict).toMatchObject({ estimator: 'stratified-mean', n: { champion: 1_000, challenger: 1_000 } })
    expect(Math.abs(verdict.estimate!)).toBeLessThan(0.1)
  })

  it('is a lift over the champion when the margin is relative', () => {
    const verdict = judged({ ...MEAN, margin: { relative: 0.1 } }, [stratum({ score: values(draws(10, 3_000)) }, { score: values(draws(11, 3_000)) })])

    expect(verdict).toMatchObject({ estimator: 'relative-lift', outcome: 'pass' })
    expect(verdict.estimate).toBeCloseTo(0.1, 1)
  })

  it('has no lift over a champion near 0', () => {
    const verdict = judged({ ...MEAN, margin: { relative: 0.1 } }, [stratum({ score: values(draws(0, 3_000)) }, { score: values(draws(1, 3_000)) })])

    expect(verdict).toMatchObject({ outcome: 'inconclusive', reason: expect.stringMatching(/not clearly different from 0/) as string })
  })

  it('has a lift over a champion that never varies', () => {
    const constant = values(Array.from({ length: 3_000 }, () => 4))

    expect(judged({ ...MEAN, margin: { relative: 0.1 } }, [stratum({ score: constant }, { score: values(draws(4, 3_000)) })]).estimator).toBe('relative-lift')
  })

  it('takes values that never vary for no information', () => {
    const constant = values(Array.from({ length: 3_000 }, () => 4))

    expect(judged(MEAN, [stratum({ score: constant }, { score: constant })]))
      .toMatchObject({ outcome: 'inconclusive', reason: 'standard error 0: the values do not vary, which is no information' })
  })

  it('says so when no stratum can be used', () => {
    const blocks = Array.from({ length: 80 }, (_, block) =>
      stratum({ score: values(draws(1, 50)) }, { score: values(draws(1, 4)) }, { block }))

    expect(judged(MEAN, blocks).reason).toMatch(/^no stratum has 2 champion and 5 challenger samples/)
  })
})

describe('latency quantile', () => {
  const random = seededRandom(6)
  const draws = (scale: number, n: number): number[] => Array.from({ length: n }, () => scale * Math.exp(0.3 * random.normal()))
  const arms = (a: number, b: number, n = 4_000, place: Partial<Stratum> = {}): Stratum =>
    stratum({ p95: latencies(draws(a, n)) }, { p95: latencies(draws(b, n)) }, place)
  const { margin: _, ...BARE } = LATENCY

  it('is compared as a ratio when the margin is relative, and the bounds come back as 1 − ratio', () => {
    const verdict = judged(LATENCY, [arms(40, 32)])

    expect(verdict).toMatchObject({ estimator: 'log-quantile', outcome: 'pass', margin: 0.1 })
    expect(verdict.estimate).toBeCloseTo(0.2, 1)
    expect(verdict.lower).toBeLessThan(verdict.estimate!)
    expect(verdict.upper).toBeGreaterThan(verdict.estimate!)
    expect((1 - verdict.lower!) / (1 - verdict.estimate!)).toBeCloseTo((1 - verdict.estimate!) / (1 - verdict.upper!), 10)
    expect(verdict.reason).toMatch(/\(quantile 0.95: \d+\.?\d* ms against \d+\.?\d* ms\)$/)
  })

  it('is not inferior exactly when the ratio stays below 1 + margin, and worse exactly when it stays above', () => {
    expect(judged(LATENCY, [arms(40, 40)]).outcome).toBe('pass')
    expect(judged(LATENCY, [arms(40, 44)]).outcome).toBe('inconclusive')
    expect(judged(LATENCY, [arms(40, 60)]).outcome).toBe('fail')
  })

  it('is compared in milliseconds when the margin is absolute or missing', () => {
    expect(judged({ ...LATENCY, margin: { absolute: 5 } }, [arms(40, 50)])).toMatchObject({ estimator: 'quantile', outcome: 'fail' })
    const { estimate, lower, upper } = judged({ ...BARE, role: 'monitor' }, [arms(40, 50)])
    expect(estimate!).toBeLessThan(-10)
    expect(upper! - estimate!).toBeCloseTo(estimate! - lower!, 10)
  })

  it('rests on the current weight, its time blocks merged', () => {
    const current = [arms(40, 40, 300, { stage: 2 }), arms(40, 40, 300, { stage: 2, block: 1 })]

    const verdict = judged(LATENCY, [arms(40, 400), ...current])

    expect(verdict).toMatchObject({ n: { champion: 600, challenger: 600 }, estimator: 'log-quantile' })
    expect(Math.abs(verdict.estimate!)).toBeLessThan(0.1)
  })

  it('needs 20 values beyond the quantile in each arm', () => {
    const at = (a: number, b: number): string =>
      judged(LATENCY, [stratum({ p95: latencies(draws(40, a)) }, { p95: latencies(draws(40, b)) })]).reason

    expect(at(4_000, 399)).toBe('399 of 400 challenger samples that quantile 0.95 needs at this weight')
    expect(at(399, 4_000)).toBe('399 of 400 champion samples that quantile 0.95 needs at this weight')
    expect(at(400, 400)).toMatch(/margin 0.1/)
  })

  it('takes equal values, and values of 0, for no information', () => {
    const equal = latencies(Array.from({ length: 1_000 }, () => 5))
    const zero = latencies(Array.from({ length: 1_000 }, (_, i) => i < 990 ? 0 : 1))
    const edge = latencies(Array.from({ length: 1_000 }, (_, i) => i < 955 ? 0 : i))
    const tiny = latencies(Array.from({ length: 1_000 }, (_, i) => i / 1e12))

    expect(judged(LATENCY, [stratum({ p95: equal }, { p95: equal })]).reason).toMatch(/too equal to tell its spread$/)
    expect(judged(LATENCY, [stratum({ p95: zero }, { p95: zero })]).outcome).toBe('inconclusive')
    expect(judged(LATENCY, [stratum({ p95: tiny }, { p95: tiny })]).outcome).not.toBe('fail')
    expect(judged(LATENCY, [stratum({ p95: edge }, { p95: edge })]).reason).toBe('quantile 0.95 is 0, so a ratio is undefined')
  })

  it('is inconclusive without a quantile, with moments instead of a histogram, or before any request', () => {
    const { quantile: _none, ...without } = LATENCY

    expect(judged(without, [arms(40, 40)]).reason).toBe('could not be computed: p95: latency needs a quantile, a limit or a transform')
    expect(judged(LATENCY, [stratum({ p95: tally(1, 500) }, { p95: tally(1, 500) })]).reason).toMatch(/expected a histogram/)
    expect(judged(LATENCY, [stratum({}, {})])).toMatchObject({ n: { champion: 0, challenger: 0 }, outcome: 'inconclusive' })
  })

  it('is worse for any slower challenger: the effect falls as its latency rises', () => {
    const base = draws(40, 1_000)
    fc.assert(fc.property(fc.double({ min: 0.5, max: 2, noNaN: true }), fc.double({ min: 1.05, max: 2, noNaN: true }), (scale, more) => {
      const at = (factor: number): number =>
        judged(LATENCY, [stratum({ p95: latencies(base) }, { p95: latencies(base.map((x) => x * factor)) })]).estimate!
      expect(at(scale * more)).toBeLessThan(at(scale))
    }), { numRuns: 20 })
  })
})
