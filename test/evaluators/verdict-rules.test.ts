import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { decide, type AnalysisSpec, type Evidence, type MetricSpec, type Verdict } from '../../evaluators/verdict.js'
import { ERRORS, evidenceOf, SCORE, specOf, stratum, tally, values } from '../support/evidence.js'

const random = seededRandom(41)
const noise = Array.from({ length: 5_000 }, () => 0.5 * random.normal())
const scores = (mean: number, n = 5_000): ReturnType<typeof values> => values(noise.slice(0, n).map((z) => mean + z))
const trial = (score: number, failed = 20, n = 5_000, rest: Partial<Evidence> = {}): Evidence =>
  evidenceOf([stratum({ errors: tally(20, n), score: scores(1, n) }, { errors: tally(failed, n), score: scores(1 + score, n) })], rest)
const WIDE: MetricSpec[] = [{ ...ERRORS, margin: { absolute: 0.1 } }, { ...SCORE, margin: { absolute: 0.5 } }]

describe('decide, whichever rules match at once', () => {
  const DECISION = { 1: 'rollback', 2: 'pause', 3: 'pause', 4: 'promote', 5: 'pause', 6: 'continue' } as const
  /** What makes rules 3 and 4 match: both, one of them, or none. */
  const shapes: [number[], Evidence][] = [
    [[3, 4], trial(0.5, 150)], [[3], trial(-0.2)], [[4], trial(0.5)], [[], trial(0)]
  ]
  const subsets = shapes.flatMap(([matching, evidence]) => [0, 1, 2, 3, 4, 5, 6, 7].map((bits) => {
    const rules = [...matching, ...[1, 2, 5].filter((_, i) => (bits >> i) % 2 === 1)].sort()
    const spec = specOf(WIDE, rules.includes(5) ? { budget: { samplesMax: 1_000 } } : {})
    const full = { ...evidence, breaker: rules.includes(1) ? 'tripped' : null, health: { versionChange: rules.includes(2) ? 'changed' : null } }
    return { name: rules.join(' and ') || 'none', first: (rules[0] ?? 6) as Verdict['rule'], spec, evidence: full }
  }))

  it.each(subsets)('lets the first win: $name gives rule $first', ({ spec, evidence, first }) => {
    expect(decide(spec, evidence)).toMatchObject({ decision: DECISION[first], rule: first })
  })

  it('has each rule win in its own words', () => {
    const of = (evidence: Evidence, overrides: Partial<AnalysisSpec> = {}): string => decide(specOf(WIDE, overrides), evidence).reason

    expect(of(trial(0.5, 900))).toMatch(/^errors is proven worse beyond its margin: effect -0\.17/)
    expect(of(trial(0.5, 20, 5_000, { health: { failures: { errors: 'no count' } } }))).toBe('errors could not be computed: no count')
    expect(of(trial(0.5, 150))).toMatch(/^score is proven better .* but errors worse/)
    expect(of(trial(0.5))).toMatch(/^score is proven better: .* and no critical metric is worse/)
    expect(of(trial(0), { budget: { samplesMax: 10_000 } })).toMatch(/^the budget is used up: 10000 of 10000 samples; score is not proven better yet: effect 0 in/)
    expect(of(trial(0))).toMatch(/^score is not proven better yet/)
  })
})

describe('decide with a budget', () => {
  const open = trial(0, 2, 400)
  const at = (budget: AnalysisSpec['budget'], evidence: Evidence = open, metrics: MetricSpec[] = [ERRORS, SCORE]): Verdict =>
    decide(specOf(metrics, budget === undefined ? {} : { budget }), evidence)

  it('pauses when the samples are used up, counting all weights, and not before', () => {
    const earlier = stratum({ errors: tally(0, 4_000) }, { errors: tally(0, 1_000) }, { stage: 0, weightBps: 2_000 })
    const evidence = { ...open, strata: [earlier, ...open.strata] }

    expect(at({ samplesMax: 5_800 }, evidence)).toMatchObject({ decision: 'pause', rule: 5, reason: expect.stringMatching(/^the budget is used up: 5800 of 5800 samples; /) as string })
    expect(at(undefined, evidence).decision).toBe('continue')
  })

  it('counts what decides, not what is only watched', () => {
    const metrics: MetricSpec[] = [{ ...ERRORS, role: 'monitor' }, SCORE]
    const evidence = evidenceOf([stratum({ errors: tally(0, 9_000), score: scores(1, 400) }, { errors: tally(0, 9_000), score: scores(1.05, 400) })])

    expect(at({ samplesMax: 10_000 }, evidence, metrics).decision).toBe('continue')
  })

  it('pauses when the time is up, and not while its age is unknown', () => {
    const budget = { durationMs: 86_400_000 }

    expect(at(budget, { ...open, elapsedMs: 86_400_000 })).toMatchObject({ decision: 'pause', rule: 5, reason: expect.stringMatching(/^the time is up: 1 of 1 days, after 800 samples; /) as string })
    expect(at(budget)).toMatchObject({ decision: 'continue' })
    expect(at(budget, { ...open, elapsedMs: NaN })).toMatchObject({ decision: 'continue' })
  })

  it('still promotes or rolls back at the end of the budget', () => {
    expect(at({ samplesMax: 10 }, trial(0.5)).decision).toBe('promote')
    expect(at({ samplesMax: 10 }, trial(-0.5)).decision).toBe('rollback')
  })

  it('pauses as soon as a margin cannot be proven with the samples that are left, though the arms be equal', () => {
    const verdict = at({ samplesMax: 2_000 }, trial(0.3, 20, 400))
    const needed = verdict.metrics[0]!.eta.samples!

    expect(needed).toBeGreaterThan(1_200)
    expect(verdict).toMatchObject({ decision: 'pause', rule: 5 })
    expect(verdict.reason).toMatch(/^errors needs about \d+ more samples even if the effect is 0, the budget leaves 1200; errors is inconclusive: may be worse/)
    expect(at({ samplesMax: 800 + 2 * needed }, trial(0.3, 20, 400)).decision).toBe('continue')
  })

  it('pauses as soon as it cannot be proven in the days that are left', () => {
    const evidence = { ...trial(0.3, 20, 400), elapsedMs: 86_400_000 }

    expect(at({ durationMs: 2 * 86_400_000 }, evidence)).toMatchObject({ decision: 'pause', rule: 5, reason: expect.stringMatching(/^errors needs about [\d.]+ more days even if the effect is 0, the budget leaves 1; /) as string })
    expect(at({ durationMs: 900 * 86_400_000 }, evidence).decision).toBe('continue')
  })

  it('hopes for more than was seen before it gives a primary up, and gives up only when all are hopeless', () => {
    const { margin: _, ...bare } = SCORE
    const few = evidenceOf([stratum({ score: scores(1, 250), other: scores(1, 250) }, { score: scores(1.001, 250), other: scores(1, 250) })])
    const many = evidenceOf([stratum({ score: scores(1), other: scores(1, 250) }, { score: scores(1.001), other: scores(1, 250) })])
    const budget = { samplesMax: 12_000 }

    expect(at(budget, few, [bare]).decision).toBe('continue')
    expect(at(budget, many, [bare])).toMatchObject({ decision: 'pause', rule: 5, reason: expect.stringMatching(/^score needs about \d+ more samples even if the effect is 0\.01\d+, the budget leaves 2000; /) as string })
    expect(at(budget, many, [bare, { ...bare, name: 'other' }]).decision).toBe('continue')
  })

  it('never takes a metric without an effect for hopeless', () => {
    expect(at({ samplesMax: 1_000 }, trial(0, 0, 150))).toMatchObject({ decision: 'continue', rule: 6 })
  })

  it('gives a two-sided metric the smaller of the deviations assumed and seen', () => {
    const length: MetricSpec = { ...SCORE, role: 'critical', twoSided: true, margin: { absolute: 0.02 } }

    expect(decide(specOf([length], { mode: 'equivalence', budget: { samplesMax: 1_000 } }), trial(0, 0, 400)))
      .toMatchObject({ decision: 'pause', rule: 5, reason: expect.stringMatching(/even if the effect is 0, /) as string })
  })
})

describe('decide on an obviously bad challenger', () => {
  const metrics: MetricSpec[] = [ERRORS, SCORE]

  it.each<[string, Evidence]>([
    ['worse scores', trial(-0.5)], ['more errors', trial(0, 2_500)], ['both', trial(-0.5, 2_500)], ['better scores paid for with errors', trial(2, 2_500)]
  ])('rolls back %s in either mode', (_, evidence) => {
    for (const mode of ['superiority', 'equivalence'] as const) expect(decide(specOf(metrics, { mode }), evidence)).toMatchObject({ decision: 'rollback', rule: 1 })
  })
})
