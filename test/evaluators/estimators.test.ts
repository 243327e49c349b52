import { describe, expect, it } from 'vitest'
import { pairMoments } from '../../evaluators/statistics/pair-moments.js'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { oneSidedHalfWidth } from '../../evaluators/statistics/sequences.js'
import { decide, sequenceLevels, type AnalysisSpec, type Evidence, type MetricSpec, type MetricVerdict, type PairEvidence } from '../../evaluators/verdict.js'
import { ERRORS, evidenceOf, LATENCY, pairsOf, SCORE, shadowOf, specOf, stratum, tally, values } from '../support/evidence.js'

const random = seededRandom(17)
const draws = (n: number, mean = 0, spread = 1): number[] => Array.from({ length: n }, () => mean + spread * random.normal())
const judged = (metric: MetricSpec, evidence: Evidence, overrides: Partial<AnalysisSpec> = {}): MetricVerdict =>
  decide(specOf([metric], { mode: 'equivalence', ...overrides }), evidence).metrics[0]!
const MEAN: MetricSpec = { ...SCORE, role: 'critical', margin: { absolute: 0.2 } }
const half = ({ estimate, lower }: MetricVerdict): number => estimate! - lower!

describe('shadow pairs', () => {
  const champion = draws(600, 5)
  const challenger = champion.map((value) => value + 0.1 * random.normal())

  it('are compared by their differences, with N = pairs, which takes far fewer than two arms', () => {
    const paired = judged(MEAN, shadowOf({ score: pairsOf(champion, challenger) }))
    const apart = judged(MEAN, evidenceOf([stratum({ score: values(champion) }, { score: values(challenger) })]))

    expect(paired).toMatchObject({ estimator: 'paired-mean', outcome: 'pass', n: { champion: 600, challenger: 600 }, units: 600 })
    expect(half(apart)).toBeGreaterThan(5 * half(paired))
  })

  it('have the interval of a mean of differences', () => {
    const { differences } = pairsOf(champion, challenger)
    const verdict = judged(MEAN, shadowOf({ score: { differences } }))
    const se = Math.sqrt(differences.m2 / 599 / 600)

    expect(verdict.estimate).toBeCloseTo(differences.mean, 12)
    expect(half(verdict)).toBeCloseTo(oneSidedHalfWidth({ se, n: 600, alpha: 0.05, plannedSamples: 5_000 }), 12)
  })

  it('turn with the direction of the metric', () => {
    const worse = pairsOf(champion, champion.map((value) => value + 0.5 + 0.1 * random.normal()))

    expect(judged(MEAN, shadowOf({ score: worse })).estimate).toBeGreaterThan(0.4)
    expect(judged({ ...MEAN, direction: 'down' }, shadowOf({ score: worse }))).toMatchObject({ outcome: 'fail', direction: 'down' })
  })

  it('need the minimum of pairs, once for both arms', () => {
    const few = pairsOf(champion.slice(0, 199), challenger.slice(0, 199))

    expect(judged(MEAN, shadowOf({ score: few }))).toMatchObject({
      outcome: 'inconclusive', reason: '199 of 200 pairs', gates: [{ gate: 'pairs', have: 199, need: 200, met: false }]
    })
  })

  it('have a lift over the champion when its values are there', () => {
    const pairs = pairsOf(champion, champion.map((value) => 1.1 * value + 0.1 * random.normal()))
    const relative: MetricSpec = { ...MEAN, margin: { relative: 0.05 } }
    const { baseline: _, ...bare } = pairs

    const verdict = judged(relative, shadowOf({ score: pairs }))
    expect(verdict).toMatchObject({ estimator: 'paired-lift', outcome: 'pass', marginKind: 'relative' })
    expect(verdict.estimate).toBeCloseTo(0.1, 2)
    expect(judged(relative, shadowOf({ score: bare })).reason).toMatch(/needs the champion's values/)
    expect(judged(relative, shadowOf({ score: { ...pairs, baseline: pairMoments([1, 2], [1, 2]) } })).reason).toMatch(/expected 600 champion values, got 2/)
    const around0 = draws(600)
    expect(judged(relative, shadowOf({ score: pairsOf(around0, around0.map((value) => value + 0.1 * random.normal())) })).reason).toMatch(/not clearly different from 0/)
  })
})

describe('shadow pairs of a bounded score', () => {
  const BOUNDED: MetricSpec = { ...MEAN, margin: { absolute: 0.2 }, range: { min: 0, max: 1 } }
  const levels = sequenceLevels(specOf([BOUNDED]))
  const range = { min: 0, max: 1, levels }
  const uniform = (n: number): number[] => Array.from({ length: n }, () => random.uniform())
  const scores = uniform(1_200)
  const near = scores.map((score) => Math.min(1, Math.max(0, score + 0.05 * random.normal())))
  const pairs = (n: number): PairEvidence => pairsOf(scores.slice(0, n), near.slice(0, n), range)

  it('have an exact interval until there are 1,000 of them', () => {
    expect(judged(BOUNDED, shadowOf({ score: pairs(999) }))).toMatchObject({ estimator: 'paired-empirical-bernstein', outcome: 'pass', note: 'exact for values from 0 to 1', anytimeP: null })
    expect(judged(BOUNDED, shadowOf({ score: pairs(1_000) }))).toMatchObject({ estimator: 'paired-mean' })
  })

  it('keep it for ever when rare losses were declared', () => {
    expect(judged({ ...BOUNDED, rareLosses: true }, shadowOf({ score: pairs(1_200) })).estimator).toBe('paired-empirical-bernstein')
  })

  it('mirror their bounds when the arms are swapped', () => {
    const [there, back] = [pairsOf(scores.slice(0, 500), near.slice(0, 500), range), pairsOf(near.slice(0, 500), scores.slice(0, 500), range)]
      .map((one) => judged(BOUNDED, shadowOf({ score: one })))

    expect(back!.estimate).toBeCloseTo(-there!.estimate!, 12)
    expect(back!.upper).toBeCloseTo(-there!.lower!, 12)
    expect(back!.lower).toBeCloseTo(-there!.upper!, 12)
  })

  it('may be equal throughout: the exact interval shrinks though nothing varies', () => {
    const equal = pairsOf(scores.slice(0, 600), scores.slice(0, 600), range)

    expect(judged(BOUNDED, shadowOf({ score: equal }))).toMatchObject({ outcome: 'pass', estimate: 0 })
    const narrow: MetricSpec = { ...BOUNDED, margin: { absolute: 0.011 } }
    const open = judged(narrow, shadowOf({ score: equal }))
    expect(open).toMatchObject({ outcome: 'inconclusive', eta: { assumed: 0 } })
    const enough = 600 + open.eta.samples!
    expect(enough).toBeGreaterThan(1_000)
    expect(judged(narrow, shadowOf({ score: pairsOf(scores.slice(0, enough), scores.slice(0, enough), range) })).outcome).toBe('pass')
    expect(judged(narrow, shadowOf({ score: pairsOf(scores, scores) })).reason).toMatch(/^standard error 0: the values do not vary/)
  })

  it('are not fooled by 99 % tiny gains and 1 % disasters, as the asymptotic interval is', () => {
    const champion = Array.from({ length: 260 }, () => 0.98)
    const challenger = Array.from({ length: 260 }, () => 0.99 + 0.002 * random.uniform())
    const metric: MetricSpec = { ...BOUNDED, margin: { absolute: 0.001 }, rareLosses: true }

    expect(judged(metric, shadowOf({ score: pairsOf(champion, challenger, range) })).outcome).toBe('inconclusive')
    expect(judged({ ...MEAN, margin: { absolute: 0.001 } }, shadowOf({ score: pairsOf(champion, challenger) })).outcome).toBe('pass')
  })

  it('wait for 1,000 pairs when no exact sequence was kept, or one that is not enough', () => {
    const { sequences: _, ...bare } = pairs(600)

    expect(judged(BOUNDED, shadowOf({ score: bare })).reason).toBe('600 of 1000 pairs that bounded scores need without an exact sequence')
    expect(judged({ ...BOUNDED, rareLosses: true }, shadowOf({ score: bare })).reason).toMatch(/^rare losses need a range, an absolute margin and the exact/)
    expect(judged(BOUNDED, shadowOf({ score: pairsOf(scores.slice(0, 600), near.slice(0, 600), { ...range, levels: [0.3] }) })).reason).toMatch(/could not be computed: .*expected one at a level of at most 0.1/)
    expect(judged({ ...BOUNDED, range: { min: 0, max: 2 } }, shadowOf({ score: pairs(600) })).reason).toMatch(/expected 600 differences from -2 to 2, got 600 from -1 to 1/)
  })

  it('need a sequence for each level of the trial', () => {
    expect(levels).toEqual([0.1])
    expect(sequenceLevels(specOf([BOUNDED, ERRORS, SCORE]))).toEqual([0.1, 0.1 / 3])
  })
})

describe('the share of requests above a limit', () => {
  const SLO: MetricSpec = { name: 'slow', source: 'latency', limitMs: 800, role: 'critical', direction: 'down', margin: { absolute: 0.01 } }

  it('is a rate like the errors', () => {
    const evidence = evidenceOf([stratum({ slow: tally(50, 5_000), errors: tally(50, 5_000) }, { slow: tally(60, 5_000), errors: tally(60, 5_000) })])
    const [slow, errors] = [judged(SLO, evidence), judged(ERRORS, evidence)]

    expect(slow).toMatchObject({ estimator: 'agresti-caffo', direction: 'down', lower: errors.lower, upper: errors.upper })
    expect(judged({ ...SLO, margin: { relative: 0.5 } }, evidence).estimator).toBe('event-share')
  })

  it('keeps earlier weights as strata, which a quantile cannot', () => {
    const arms = { slow: tally(50, 5_000) }

    expect(judged(SLO, evidenceOf([stratum(arms, arms), stratum(arms, arms, { stage: 2 })]))).toMatchObject({ units: 20_000, n: { champion: 5_000, challenger: 5_000 } })
  })

  it('refuses values that are not 0 or 1', () => {
    const arm = { slow: values(draws(300, 700, 100)) }

    expect(judged(SLO, evidenceOf([stratum(arm, arm)])).reason).toMatch(/values of errors and of latency over a limit must be 0 or 1/)
  })
})

describe('units with a covariate', () => {
  const arm = (n: number, effect: number): { y: number[], x: number[] } => {
    const x = draws(n, 10, 2)
    return { x, y: x.map((value) => 3 + value + effect + 0.5 * random.normal()) }
  }
  const [a, b] = [arm(1_000, 0), arm(1_000, 0.1)]
  const adjusted = evidenceOf([stratum({ score: { covariate: pairMoments(a.y, a.x) } }, { score: { covariate: pairMoments(b.y, b.x) } })])
  const raw = evidenceOf([stratum({ score: values(a.y) }, { score: values(b.y) })])

  it('lose the spread that the covariate explains', () => {
    const [with_, without] = [judged(MEAN, adjusted), judged(MEAN, raw)]

    expect(with_).toMatchObject({ estimator: 'adjusted-mean', outcome: 'pass' })
    expect(half(with_) / half(without)).toBeCloseTo(0.5 / Math.hypot(0.5, 2), 1)
    expect(with_.estimate).toBeCloseTo(0.1, 1)
  })

  it('have a lift over the level of the champion', () => {
    const verdict = judged({ ...MEAN, margin: { relative: 0.05 } }, adjusted)

    expect(verdict).toMatchObject({ estimator: 'adjusted-lift', outcome: 'pass' })
    expect(verdict.estimate).toBeCloseTo(0.1 / 13, 2)
  })

  it('are compared as they are when the covariate says nothing', () => {
    const constant = (list: number[]): PairEvidence['baseline'] => pairMoments(list, list.map(() => 4))
    const evidence = evidenceOf([stratum({ score: { covariate: constant(a.y)! } }, { score: { covariate: constant(b.y)! } })])

    expect(half(judged(MEAN, evidence))).toBeCloseTo(half(judged(MEAN, raw)), 10)
  })

  it('may not be mixed with plain values, nor be damaged', () => {
    const mixed = evidenceOf([stratum({ score: { covariate: pairMoments(a.y, a.x) } }, { score: values(b.y) })])
    const bad = evidenceOf([stratum({ score: { covariate: { ...pairMoments(a.y, a.x), coXY: NaN } } }, { score: { covariate: pairMoments(b.y, b.x) } })])
    const negative = evidenceOf([stratum({ score: { covariate: { ...pairMoments(a.y, a.x), m2X: -1 } } }, {})])

    expect(judged(MEAN, mixed).reason).toBe('could not be computed: challenger score: expected covariate, got moments')
    expect(judged(MEAN, bad).reason).toMatch(/champion score coXY: expected a finite number, got NaN/)
    expect(judged(MEAN, negative).reason).toMatch(/expected m2Y and m2X of at least 0/)
    expect(judged(MEAN, evidenceOf([stratum({ score: {} as never }, {})])).reason).toMatch(/expected moments, covariate, ratio, histogram, got nothing/)
  })
})

describe('a ratio of sums over units', () => {
  it('counts units, and takes its variance by the delta method', () => {
    const unit = (rate: number): { clicks: number[], views: number[] } => {
      const views = Array.from({ length: 2_000 }, () => 1 + random.below(20))
      return { views, clicks: views.map((n) => Array.from({ length: n }, () => random.uniform() < rate ? 1 : 0).reduce<number>((x, y) => x + y, 0)) }
    }
    const [a, b] = [unit(0.2), unit(0.25)]
    const verdict = judged(MEAN, evidenceOf([stratum({ score: { ratio: pairMoments(a.clicks, a.views) } }, { score: { ratio: pairMoments(b.clicks, b.views) } })]))

    expect(verdict).toMatchObject({ estimator: 'stratified-mean', units: 4_000 })
    expect(verdict.estimate).toBeCloseTo(0.05, 1)
  })

  it('skips a stratum in which it is undefined', () => {
    const none = { score: { ratio: pairMoments([0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]) } }

    expect(judged(MEAN, evidenceOf([stratum(none, none)]), { minSamples: 2 }).reason).toMatch(/^no stratum has/)
  })
})

describe('logarithms of values', () => {
  const COST: MetricSpec = { ...SCORE, name: 'cost', direction: 'down', role: 'critical', margin: { relative: 0.1 }, transform: 'log' }
  const logs = evidenceOf([stratum({ cost: values(draws(4_000, 1, 0.5)) }, { cost: values(draws(4_000, 1 + Math.log(1.2), 0.5)) })])

  it('are compared as the ratio of geometric means when the margin is relative', () => {
    const verdict = judged(COST, logs)

    expect(verdict).toMatchObject({ estimator: 'stratified-geometric-mean', outcome: 'fail' })
    expect(verdict.estimate).toBeCloseTo(-0.2, 1)
    expect((1 - verdict.lower!) * (1 - verdict.upper!)).toBeCloseTo((1 - verdict.estimate!) ** 2, 10)
    expect(judged({ ...COST, direction: 'up' }, logs)).toMatchObject({ outcome: 'pass', estimate: expect.closeTo(0.2, 1) as number })
  })

  it('are compared on their own scale when it is absolute, 0 and 1 like any others', () => {
    expect(judged({ ...COST, margin: { absolute: 0.1 } }, logs)).toMatchObject({ estimator: 'stratified-log-mean', outcome: 'fail' })
    const binary = { cost: values(Array.from({ length: 500 }, (_, i) => i % 2)) }
    expect(judged(COST, evidenceOf([stratum(binary, binary)])).estimator).toBe('stratified-geometric-mean')
  })

  it('are how a mean latency is compared', () => {
    const arm = { mean: values(draws(500, 3, 0.3)) }
    const { quantile: _, ...bare } = LATENCY

    expect(judged({ ...bare, name: 'mean', transform: 'log' }, evidenceOf([stratum(arm, arm)]))).toMatchObject({ estimator: 'stratified-geometric-mean', direction: 'down' })
  })
})

describe('a metric with a minimum of its own', () => {
  it('needs so many samples of each arm, whatever the minimum of the trial', () => {
    const at = (n: number): MetricVerdict =>
      judged({ ...MEAN, minSamples: 50 }, evidenceOf([stratum({ score: values(draws(n)) }, { score: values(draws(n)) })]))

    expect(at(49).reason).toBe('49 of 50 challenger samples at this weight')
    expect(at(50).estimator).toBe('stratified-mean')
  })
})

describe('a heavy-tailed mean', () => {
  it('needs 1,000 samples of each arm, whatever the minimum of the trial', () => {
    const at = (n: number): MetricVerdict =>
      judged({ ...MEAN, heavyTailed: true }, evidenceOf([stratum({ score: values(draws(n)) }, { score: values(draws(n)) })]))

    expect(at(999)).toMatchObject({ outcome: 'inconclusive', reason: '999 of 1000 challenger samples at this weight' })
    expect(at(1_000).estimator).toBe('stratified-mean')
  })
})

describe('a two-sided metric', () => {
  const LENGTH: MetricSpec = { ...SCORE, name: 'length', role: 'critical', margin: { absolute: 0.2 }, twoSided: true }
  const shifted = (by: number): Evidence =>
    evidenceOf([stratum({ length: values(draws(4_000, 5)) }, { length: values(draws(4_000, 5 + by)) })])

  it('passes when it neither rises nor falls beyond its margin, each bound at the full alpha', () => {
    const verdict = judged(LENGTH, shifted(0))

    expect(verdict).toMatchObject({ outcome: 'pass', alpha: { lower: 0.05, upper: 0.05 }, reason: expect.stringMatching(/^not different beyond its margin/) as string })
    expect(verdict.upper! - verdict.estimate!).toBeCloseTo(verdict.estimate! - verdict.lower!, 12)
  })

  it.each([0.6, -0.6])('fails when it moves by %s, whichever its direction', (by) => {
    for (const direction of ['up', 'down'] as const) {
      const verdict = decide(specOf([{ ...LENGTH, direction }], { mode: 'equivalence' }), shifted(by))

      expect(verdict).toMatchObject({ decision: 'rollback', rule: 1, reason: expect.stringMatching(/^length is proven different beyond its margin/) as string })
      expect(verdict.metrics[0]).toMatchObject({ outcome: 'fail', reason: expect.stringMatching(/^different beyond/) as string })
    }
  })

  it('is open near either end of its margin', () => {
    expect(judged(LENGTH, shifted(0.2)).reason).toMatch(/^may be different beyond its margin/)
    expect(judged(LENGTH, shifted(-0.2)).outcome).toBe('inconclusive')
  })

  it('counts as two where the level of a rollback is shared, for it can fail on two sides', () => {
    const evidence = evidenceOf([stratum({ length: values(draws(4_000, 5)), errors: tally(90, 4_000) }, { length: values(draws(4_000, 5)), errors: tally(90, 4_000) })])

    expect(judged(ERRORS, evidence).alpha.upper).toBe(0.05)
    expect(decide(specOf([ERRORS, LENGTH]), evidence).metrics[0]!.alpha.upper).toBeCloseTo(0.05 / 3, 12)
  })

  it('needs a margin and is no primary', () => {
    const { margin: _, ...bare } = LENGTH

    for (const metric of [{ ...bare, role: 'monitor' as const }, { ...LENGTH, role: 'primary' as const }]) {
      expect(judged(metric, shifted(0)).reason).toBe('a two-sided metric needs a margin and cannot be a primary')
    }
  })
})

describe('what every metric verdict carries', () => {
  const arms = (n: number): Evidence => evidenceOf([stratum({ score: values(draws(n, 1)), errors: tally(40, n) }, { score: values(draws(n, 1)), errors: tally(40, n) })])

  it('is the direction, the margin with its kind, the levels, N and N*', () => {
    const [errors, score] = decide(specOf([ERRORS, SCORE], { plannedSamples: 8_000 }), arms(2_000)).metrics

    expect(errors).toMatchObject({ direction: 'down', margin: 0.01, marginKind: 'absolute', alpha: { lower: 0.05, upper: 0.025, better: 0.05 }, units: 4_000, plannedSamples: 8_000 })
    expect(score).toMatchObject({ direction: 'up', marginKind: 'absolute', note: '' })
    expect(judged(LATENCY, arms(2_000))).toMatchObject({ marginKind: 'relative', margin: 0.1, units: null })
  })

  it('is the state of each gate', () => {
    expect(judged(ERRORS, arms(2_000)).gates).toEqual([
      { gate: 'challenger samples at this weight', have: 2_000, need: 200, met: true },
      { gate: 'champion samples at this weight', have: 2_000, need: 200, met: true },
      { gate: 'expected events in the smaller arm', have: 40, need: 10, met: true },
      { gate: 'standard error above 0', have: expect.any(Number) as number, need: 0, met: true }
    ])
    expect(judged(ERRORS, arms(100)).gates.filter(({ met }) => !met)).toHaveLength(2)
  })

  it('is the anytime-valid p against the margin, or against 0 where the metric has to be better', () => {
    const evidence = arms(4_000)
    const [guard, primary] = [judged(MEAN, evidence), decide(specOf([SCORE]), evidence).metrics[0]!]

    expect(guard).toMatchObject({ outcome: 'pass', anytimeP: { against: -0.2 } })
    expect(guard.anytimeP!.p).toBeLessThan(0.05)
    expect(primary).toMatchObject({ outcome: 'inconclusive', anytimeP: { against: 0 } })
    expect(primary.anytimeP!.p).toBeGreaterThan(0.05)
    expect(judged({ ...ERRORS, margin: { relative: 3 } }, evidence).anytimeP).toMatchObject({ against: -3 })
    expect(judged({ ...MEAN, name: 'accuracy', margin: { relative: 1 } }, evidenceOf([stratum({ accuracy: tally(30, 900) }, { accuracy: tally(30, 900) })])).anytimeP).toBeNull()
  })
})
