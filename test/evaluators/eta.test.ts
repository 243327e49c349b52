import { describe, expect, it } from 'vitest'
import { samplesToDecide } from '../../evaluators/statistics/power.js'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { decide, type AnalysisSpec, type Evidence, type MetricSpec, type MetricVerdict } from '../../evaluators/verdict.js'
import { ERRORS, evidenceOf, LATENCY, latencies, pairsOf, SCORE, shadowOf, specOf, stratum, tally, values } from '../support/evidence.js'

const random = seededRandom(29)
const draws = (n: number, mean = 0, spread = 1): number[] => Array.from({ length: n }, () => mean + spread * random.normal())
const judged = (metric: MetricSpec, evidence: Evidence, overrides: Partial<AnalysisSpec> = {}): MetricVerdict =>
  decide(specOf([metric], { mode: 'equivalence', ...overrides }), evidence).metrics[0]!
const rates = (a: [number, number], b: [number, number], weightBps = 5_000): Evidence =>
  evidenceOf([stratum({ errors: tally(...a) }, { errors: tally(...b) }, { weightBps })])
const MEAN: MetricSpec = { ...SCORE, role: 'critical', margin: { absolute: 0.1 } }
const champion = draws(300)
const shifted = (by: number): number[] => champion.map((value) => value + by)
const means = (b = draws(300), place = {}): Evidence => evidenceOf([stratum({ score: values(champion) }, { score: values(b) }, place)])

describe('the ETA of a mean', () => {
  it('is the smallest N that would prove the margin if both arms were equal, less what there is', () => {
    const b = draws(300)
    const verdict = judged(MEAN, means(b))
    const spread = (list: number[]): number => {
      const mean = list.reduce((x, y) => x + y, 0) / list.length
      return list.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (list.length - 1)
    }
    const plan = { gap: 0.1, variance: 2 * (spread(champion) + spread(b)), alpha: 0.05, plannedSamples: 5_000 }
    expect(verdict.eta).toMatchObject({ samples: samplesToDecide(plan)! - 600, samplesAtPower: samplesToDecide({ ...plan, power: 0.8 })! - 600, days: null, assumed: 0 })
    expect(verdict.eta.reason).toMatch(/^about \d+ more samples of both arms, \d+ with power 0.8, if the true effect is 0; the traffic per day is not known$/)
  })

  it('is longer at a smaller share of the traffic, whatever the share so far', () => {
    const at = (weightBps: number): number => judged(MEAN, means(draws(300), { weightBps })).eta.samples!

    expect(at(500)).toBeGreaterThan(4 * at(5_000))
  })

  it('is in days when the age of the trial or its traffic is known', () => {
    const evidence = means()
    const aged = judged(MEAN, { ...evidence, elapsedMs: 43_200_000 }).eta
    const told = judged(MEAN, { ...evidence, samplesPerDay: 600 }).eta

    expect(aged.days).toBeCloseTo(aged.samples! / 1_200, 10)
    expect(told.days).toBeCloseTo(told.samples! / 600, 10)
    expect(told.daysAtPower).toBeCloseTo(told.samplesAtPower! / 600, 10)
    expect(told.reason).toMatch(/; [\d.]+ days at 600 a day$/)
    for (const bad of [{ elapsedMs: 0 }, { elapsedMs: NaN }, { samplesPerDay: 0 }, { samplesPerDay: -5 }]) expect(judged(MEAN, { ...evidence, ...bad }).eta.days).toBeNull()
  })

  it('takes the effect that the spec assumes, and asks for the power that it asks for, shared by the critical metrics', () => {
    const evidence = means()
    const at = (metric: MetricSpec, overrides: Partial<AnalysisSpec> = {}): MetricVerdict['eta'] => judged(metric, evidence, overrides).eta

    expect(at({ ...MEAN, assumedEffect: -0.05 })).toMatchObject({ assumed: -0.05 })
    expect(at({ ...MEAN, assumedEffect: -0.05 }).samples).toBeGreaterThan(2 * at(MEAN).samples!)
    expect(at(MEAN, { beta: 0.05 }).samplesAtPower).toBeGreaterThan(at(MEAN).samplesAtPower!)
    expect(at(MEAN, { beta: 0.5 }).samplesAtPower).toBe(at(MEAN).samples)
    const two = decide(specOf([MEAN, { ...ERRORS }], { mode: 'equivalence' }), evidence).metrics[0]!.eta
    expect(two.reason).toMatch(/with power 0.9,/)
  })

  it('takes the effect seen where equal arms would have been told apart by now, and has none when that proves nothing', () => {
    const worse = draws(4_000, -0.06)
    const long = evidenceOf([stratum({ score: values(draws(4_000)) }, { score: values(worse) })])
    const verdict = judged(MEAN, long)
    expect(verdict).toMatchObject({ outcome: 'inconclusive' })
    expect(verdict.eta.assumed).toBe(verdict.estimate)
    expect(verdict.eta.samples).toBeGreaterThan(0)

    const below = judged(MEAN, evidenceOf([stratum({ score: values(draws(4_000)) }, { score: values(draws(4_000, -0.13)) })]))
    expect(below).toMatchObject({ outcome: 'inconclusive', eta: { samples: null, days: null } })
    expect(below.eta.reason).toMatch(/^the effect seen, -0\.1\d+, would never prove it$/)
  })

  it('takes the effect seen for what has to be better', () => {
    const open = decide(specOf([SCORE]), means(shifted(0.12))).metrics[0]!
    expect(open).toMatchObject({ outcome: 'inconclusive', eta: { assumed: open.estimate } })
    const behind = decide(specOf([SCORE]), means(shifted(-0.05))).metrics[0]!
    expect(behind.eta.samples).toBeNull()
  })

  it('is 0 once a metric is decided, and absent with the reason before there is an effect or after it has failed', () => {
    const far = { score: values(draws(300, 2)) }
    expect(judged(MEAN, evidenceOf([stratum({ score: values(champion) }, far)])).eta).toMatchObject({ samples: 0, days: 0, reason: 'it is decided' })
    expect(judged(MEAN, evidenceOf([stratum(far, { score: values(champion) })])).eta).toMatchObject({ samples: null, reason: 'it has failed' })
    expect(judged(MEAN, evidenceOf([])).eta).toMatchObject({ samples: null, reason: 'there is no effect to go by: 0 of 200 challenger samples at this weight' })
  })

  it('is about right: a trial that goes on like this is decided by then as often as promised', () => {
    let done = 0
    for (let rep = 0; rep < 60; rep++) {
      const start = evidenceOf([stratum({ score: values(draws(250)) }, { score: values(draws(250)) })])
      const { eta } = judged({ ...MEAN, margin: { absolute: 0.2 } }, start)
      const n = 250 + Math.ceil((eta.samplesAtPower ?? 0) / 2)
      const later = evidenceOf([stratum({ score: values(draws(n)) }, { score: values(draws(n)) })])
      if (judged({ ...MEAN, margin: { absolute: 0.2 } }, later).outcome === 'pass') done += 1
    }

    expect(done / 60).toBeGreaterThan(0.6)
    expect(done / 60).toBeLessThan(0.97)
  })
})

describe('the ETA of an error rate', () => {
  it('is exact without any error: 754 challenger requests for a margin of 0.01', () => {
    const { eta } = judged(ERRORS, rates([0, 9_246], [0, 400], 1_000))

    expect(eta.samplesAtPower).toBe(eta.samples)
    const more = Math.round(0.1 * eta.samples!)
    expect(400 + more).toBe(754)
    expect(judged(ERRORS, rates([0, 9_246 + eta.samples! - more], [0, 754], 1_000)).outcome).toBe('pass')
  })

  it.each([[3, 300], [2, 500], [12, 700], [40, 800]])('with %s errors of %s per arm is when the same rates would prove it', (x, n) => {
    const { eta } = judged(ERRORS, rates([x, n], [x, n]))
    const at = (units: number): MetricVerdict => {
      const more = Math.round(x / n * units / 2)
      return judged(ERRORS, rates([x + more, n + units / 2], [x + more, n + units / 2]))
    }

    expect(eta.samples).toBeGreaterThan(0)
    expect(eta.samplesAtPower).toBeGreaterThanOrEqual(eta.samples!)
    expect(at(2 * Math.ceil(0.52 * eta.samples!)).outcome).toBe('pass')
    expect(at(2 * Math.floor(0.4 * eta.samples!)).outcome).toBe('inconclusive')
  })

  it('with a relative margin is when as many events again, split evenly, would prove it', () => {
    const relative: MetricSpec = { ...ERRORS, margin: { relative: 0.5 } }
    const { eta } = judged(relative, rates([40, 4_000], [40, 4_000]))
    const at = (units: number): MetricVerdict =>
      judged(relative, rates([40 + Math.round(units / 200), 4_000 + units / 2], [40 + Math.round(units / 200), 4_000 + units / 2]))

    expect(eta).toMatchObject({ assumed: 0 })
    expect(at(2 * Math.ceil(0.55 * eta.samples!)).outcome).toBe('pass')
    expect(at(2 * Math.floor(0.4 * eta.samples!)).outcome).toBe('inconclusive')
    expect(eta.samplesAtPower).toBeGreaterThan(1.3 * eta.samples!)
  })

  it('with a margin below which no ratio can lie is decided at once', () => {
    const hit: MetricSpec = { ...SCORE, name: 'errors', role: 'critical', margin: { relative: 1.5 } }

    expect(judged(hit, rates([20, 1_000], [20, 1_000])).outcome).toBe('pass')
  })

  it('of the better of two rates takes both as they are', () => {
    const primary: MetricSpec = { ...ERRORS, role: 'primary' }
    const { eta, estimate, outcome } = decide(specOf([primary]), rates([14, 700], [6, 700])).metrics[0]!

    expect(outcome).toBe('inconclusive')
    expect(eta.assumed).toBe(estimate)
    const more = eta.samples! * 0.6
    const later = rates([14 + Math.round(0.02 * more), 700 + Math.ceil(more)], [6 + Math.round(6 / 700 * more), 700 + Math.ceil(more)])
    expect(decide(specOf([primary]), later).metrics[0]!.outcome).toBe('pass')
  })
})

describe('the ETA of other effects', () => {
  it('is that of the logarithm for a latency ratio', () => {
    const arm = (): ReturnType<typeof latencies> => latencies(draws(500, 0, 0.3).map((x) => 40 * Math.exp(x)))
    const { eta, outcome } = judged({ ...LATENCY, margin: { relative: 0.08 } }, evidenceOf([stratum({ p95: arm() }, { p95: arm() })]))

    expect(outcome).toBe('inconclusive')
    expect(eta.samples).toBeGreaterThan(500)
  })

  it('is immediate for a ratio that cannot fall below the margin', () => {
    const logs = { score: values(draws(300, 0, 3)) }
    const { outcome } = judged({ ...MEAN, transform: 'log', margin: { relative: 1 } }, evidenceOf([stratum(logs, logs)]))

    expect(outcome).toBe('pass')
  })

  it('counts pairs for pairs, a third more while their interval is exact', () => {
    const a = Array.from({ length: 300 }, () => random.uniform())
    const b = a.map((x) => Math.min(1, Math.max(0, x + 0.3 * random.normal())))
    const range = { min: 0, max: 1, levels: [0.1] }
    const at = (margin: number, change: Partial<MetricSpec> = {}): MetricVerdict =>
      judged({ ...MEAN, margin: { absolute: margin }, range, ...change }, shadowOf({ score: pairsOf(a, b, range) }))

    const soon = at(0.055)
    expect(soon).toMatchObject({ outcome: 'inconclusive', n: { champion: 300 } })
    expect(300 + soon.eta.samples!).toBeLessThanOrEqual(1_000)
    const late = at(0.012)
    expect(300 + late.eta.samples!).toBeGreaterThan(1_000)
    expect(at(0.012, { rareLosses: true }).eta.samples).toBeGreaterThan(1.3 * late.eta.samples!)
    expect(decide(specOf([{ ...SCORE, range }]), shadowOf({ score: pairsOf(b, a, range) })).metrics[0]!.eta.samples ?? 1).toBeGreaterThan(0)
  })

  it('is that of the worse side for a two-sided metric', () => {
    const evidence = means()
    const wide = judged({ ...MEAN, twoSided: true, assumedEffect: 0.05 }, evidence).eta
    expect(wide.samples).toBe(judged({ ...MEAN, twoSided: true, assumedEffect: -0.05 }, evidence).eta.samples)
    expect(wide.samples).toBeGreaterThan(judged(MEAN, evidence).eta.samples!)
  })
})

describe('the ETA of the decision', () => {
  const spec = specOf([ERRORS, SCORE])
  const open = (errors: [number, number], shift: number): Evidence =>
    evidenceOf([stratum({ errors: tally(...errors), score: values(champion) }, { errors: tally(...errors), score: values(shifted(shift)) })])

  it('is the slowest of what is open, in the words of that metric', () => {
    const verdict = decide(spec, open([0, 600], 0.15))
    const [errors, score] = verdict.metrics

    expect(score!.outcome).toBe('inconclusive')
    const slowest = errors!.eta.samples! > score!.eta.samples! ? errors! : score!
    expect(verdict.eta).toMatchObject({ samples: slowest.eta.samples, reason: `${slowest.name}: ${slowest.eta.reason}` })
  })

  it('is absent with the reason of the metric that has none', () => {
    expect(decide(spec, open([0, 100], 0.15)).eta).toMatchObject({ samples: null, reason: 'errors: there is no effect to go by: 100 of 200 challenger samples at this weight' })
    expect(decide(specOf([]), evidenceOf([])).eta).toMatchObject({ samples: null, reason: 'no critical or primary metric to decide by' })
  })

  it('takes the fastest of several primaries, for one will do', () => {
    const { margin: _, ...bare } = SCORE
    const two = specOf([{ ...bare, name: 'other' }, bare])
    const evidence = evidenceOf([stratum({ other: values(champion), score: values(champion) }, { other: values(shifted(0.05)), score: values(shifted(0.15)) })])
    const verdict = decide(two, evidence)
    const fastest = verdict.metrics.filter(({ eta }) => eta.samples !== null).sort((a, b) => a.eta.samples! - b.eta.samples!)[0]!

    expect(verdict.eta.samples).toBe(fastest.eta.samples)
  })

  it('compares by days where the traffic is known, for metrics may have different amounts of it', () => {
    const evidence = evidenceOf([stratum({ errors: tally(0, 60_000), score: values(champion) }, { errors: tally(0, 340), score: values(draws(300)) }, { weightBps: 100 })], { elapsedMs: 86_400_000 })
    const verdict = decide(specOf([ERRORS, MEAN], { mode: 'equivalence' }), evidence)
    const [errors, score] = verdict.metrics

    expect(errors!.eta.samples).toBeGreaterThan(score!.eta.samples! / 10)
    expect(verdict.eta.days).toBe(Math.max(errors!.eta.days!, score!.eta.days!))
  })
})
