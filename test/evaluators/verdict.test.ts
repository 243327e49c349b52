import { describe, expect, it } from 'vitest'
import { decide, type AnalysisSpec, type Evidence, type MetricSpec, type Verdict } from '../../evaluators/verdict.js'
import { ERRORS, evidenceOf, LATENCY, SCORE, specOf, stratum, tally, values } from '../support/evidence.js'
import { seededRandom } from '../../evaluators/statistics/random.js'

const random = seededRandom(11)
const noise = Array.from({ length: 20_000 }, () => random.normal())
/** n scores with the given mean and spread 0.5; disjoint draws for the two arms. */
const champion = (mean: number, n = 5_000): ReturnType<typeof values> =>
  values(noise.slice(0, n).map((z) => mean + 0.5 * z))
const challenger = (mean: number, n = 5_000): ReturnType<typeof values> =>
  values(noise.slice(10_000, 10_000 + n).map((z) => mean + 0.5 * z))

const clean = tally(20, 5_000)
const broken = tally(400, 5_000)
const both = (a: number, b: number, errors = clean): Evidence =>
  evidenceOf([stratum({ errors: clean, score: champion(a) }, { errors, score: challenger(b) })])
const outcomes = (verdict: Verdict): string[] => verdict.metrics.map(({ outcome }) => outcome)
const { margin: _, ...SCORE_WITHOUT_MARGIN } = SCORE

describe('decide, by the order of its rules', () => {
  const spec = specOf([ERRORS, SCORE])

  it('rolls back for a tripped breaker, whatever the metrics say, in the words of the breaker', () => {
    const verdict = decide(spec, { ...both(1, 2), breaker: '5 errors in a row' })

    expect(verdict).toMatchObject({ decision: 'rollback', reason: '5 errors in a row' })
    expect(outcomes(verdict)).toEqual(['pass', 'pass'])
  })

  it('rolls back when a critical metric is proven worse beyond its margin, though a primary is better', () => {
    const verdict = decide(spec, both(1, 2, broken))

    expect(verdict.decision).toBe('rollback')
    expect(verdict.reason).toMatch(/^errors is proven worse beyond its margin: effect -0\.07\d+ in \[-0\.\d+, -0\.\d+\], margin 0.01$/)
    expect(outcomes(verdict)).toEqual(['fail', 'pass'])
  })

  it('rolls back when a primary with a margin is proven worse beyond it, for it is critical too', () => {
    expect(decide(spec, both(1, 0.5))).toMatchObject({ decision: 'rollback', reason: expect.stringMatching(/^score is proven worse beyond/) as string })
  })

  it('pauses when a primary is proven worse inside its margin', () => {
    const wide = specOf([ERRORS, { ...SCORE, margin: { absolute: 0.5 } }])
    const verdict = decide(wide, both(1, 0.8))

    expect(verdict).toMatchObject({ decision: 'pause', reason: expect.stringMatching(/^score is proven worse, though inside its margin: effect -0\.\d+ in/) as string })
    expect(outcomes(verdict)).toEqual(['pass', 'fail'])
  })

  it('pauses when a primary without a margin is proven worse', () => {
    expect(decide(specOf([ERRORS, SCORE_WITHOUT_MARGIN]), both(1, 0.8)))
      .toMatchObject({ decision: 'pause', reason: expect.stringMatching(/^score is proven worse, and has no margin/) as string })
  })

  it('pauses when a primary is better while a critical metric is worse, though inside its margin', () => {
    const wide = specOf([{ ...ERRORS, margin: { absolute: 0.1 } }, SCORE])

    expect(decide(wide, both(1, 2, tally(150, 5_000))))
      .toMatchObject({ decision: 'pause', reason: expect.stringMatching(/^score is proven better \(.+\) but errors worse \(.+\)$/) as string })
  })

  it('promotes when every critical metric is inside its margin and a primary is better', () => {
    const verdict = decide(spec, both(1, 1.2))

    expect(verdict).toMatchObject({ decision: 'promote', reason: expect.stringMatching(/^score is proven better: .+ and no critical metric is worse beyond its margin$/) as string })
    expect(outcomes(verdict)).toEqual(['pass', 'pass'])
  })

  it('promotes on a lone primary in words that mention no other metric', () => {
    const verdict = decide(specOf([SCORE_WITHOUT_MARGIN]), both(1, 1.2))

    expect(verdict.decision).toBe('promote')
    expect(verdict.reason).toMatch(/no margin$/)
  })

  it('continues when all is well but nothing is better', () => {
    const verdict = decide(spec, both(1, 1))

    expect(verdict).toMatchObject({ decision: 'continue', reason: expect.stringMatching(/^score is not proven better yet/) as string })
    expect(outcomes(verdict)).toEqual(['pass', 'inconclusive'])
  })

  it('continues when a primary is better but a critical metric is still open', () => {
    const few = tally(4, 260)
    const evidence = evidenceOf([stratum({ errors: few, score: champion(1) }, { errors: few, score: challenger(2) })])
    const verdict = decide(spec, evidence)

    expect(verdict).toMatchObject({ decision: 'continue', reason: expect.stringMatching(/^errors is inconclusive: may be worse beyond its margin/) as string })
    expect(outcomes(verdict)).toEqual(['inconclusive', 'pass'])
  })

  it('continues for ever without a metric that decides', () => {
    expect(decide(specOf([]), both(1, 2)).decision).toBe('continue')
    expect(decide(specOf([], { mode: 'equivalence' }), both(1, 2)).decision).toBe('continue')
    expect(decide(specOf([{ ...SCORE, role: 'monitor' }], { mode: 'equivalence' }), both(1, 2)))
      .toMatchObject({ decision: 'continue', reason: 'no critical or primary metric to decide by' })
    expect(decide(specOf([ERRORS]), both(1, 2)))
      .toMatchObject({ decision: 'continue', reason: 'mode superiority needs a primary metric to be better' })
  })
})

describe('decide in mode equivalence', () => {
  const spec = specOf([ERRORS, SCORE], { mode: 'equivalence' })

  it('promotes an equal challenger, which superiority does not', () => {
    const verdict = decide(spec, both(1, 1))

    expect(verdict).toMatchObject({ decision: 'promote', reason: expect.stringMatching(/^no metric is worse beyond its margin: errors .+; score .+$/) as string })
    expect(outcomes(verdict)).toEqual(['pass', 'pass'])
  })

  it('promotes on critical metrics alone', () => {
    expect(decide(specOf([ERRORS], { mode: 'equivalence' }), both(1, 1)).decision).toBe('promote')
  })

  it('continues while one primary may be worse beyond its margin', () => {
    const narrow = specOf([ERRORS, { ...SCORE, margin: { absolute: 0.01 } }], { mode: 'equivalence' })

    expect(decide(narrow, both(1, 1)).decision).toBe('continue')
  })

  it('never promotes with a primary that has no margin', () => {
    const verdict = decide(specOf([ERRORS, SCORE_WITHOUT_MARGIN], { mode: 'equivalence' }), both(1, 2))

    expect(verdict).toMatchObject({ decision: 'continue', reason: 'score is inconclusive: a primary needs a margin in mode equivalence' })
  })
})

describe('decide on metrics that only monitor', () => {
  it('reports them and lets them decide nothing', () => {
    const monitor: MetricSpec = { ...ERRORS, role: 'monitor' }
    const { margin: _none, ...bare } = monitor
    const verdict = decide(specOf([monitor, { ...bare, name: 'errors' }, SCORE]), both(1, 1.2, broken))

    expect(verdict.decision).toBe('promote')
    expect(outcomes(verdict)).toEqual(['fail', 'fail', 'pass'])
    expect(verdict.metrics[1]).toMatchObject({ margin: null, reason: expect.stringMatching(/^worse: /) as string })
  })

  it('judges one without a margin by the sign alone', () => {
    const { margin: _none, ...bare } = ERRORS
    const spec = specOf([{ ...bare, role: 'monitor' }])

    expect(decide(spec, evidenceOf([stratum({ errors: broken }, { errors: clean })])).metrics[0])
      .toMatchObject({ outcome: 'pass', reason: expect.stringMatching(/^better: /) as string })
    expect(decide(spec, evidenceOf([stratum({ errors: clean }, { errors: clean })])).metrics[0])
      .toMatchObject({ outcome: 'inconclusive', reason: expect.stringMatching(/^may be worse: /) as string })
  })
})

describe('decide and its error levels', () => {
  const width = (spec: AnalysisSpec, evidence: Evidence): { down: number, up: number } => {
    const { estimate, lower, upper } = decide(spec, evidence).metrics[0]!
    return { down: estimate! - lower!, up: upper! - estimate! }
  }

  it('splits the level of a rollback over the critical metrics, primaries with a margin among them, and not that of a promotion', () => {
    const evidence = both(1, 1)
    const alone = width(specOf([SCORE]), evidence)
    const three = width(specOf([SCORE, ERRORS, { ...ERRORS, name: 'errors' }]), evidence)
    const reference = width(specOf([SCORE], { alpha: 0.05 / 3 }), evidence)

    expect(alone.up).toBeCloseTo(alone.down, 12)
    expect(three.down).toBe(alone.down)
    expect(three.up).toBeCloseTo(reference.up, 12)
  })

  it('splits the level of superiority over the primaries', () => {
    const { estimate, lower } = decide(specOf([SCORE]), both(1, 1)).metrics[0]!
    const evidence = both(1, 1 - lower! + 0.05 * (estimate! - lower!))
    const other = { ...ERRORS, role: 'primary' as const, name: 'errors' }

    expect(decide(specOf([SCORE]), evidence)).toMatchObject({ decision: 'promote' })
    const shared = decide(specOf([SCORE, ...Array.from({ length: 9 }, () => other)]), evidence)
    expect(shared.metrics[0]!.lower).toBeGreaterThan(0)
    expect(shared.decision).toBe('continue')
  })
})

describe('decide with too little or damaged evidence', () => {
  const spec = specOf([ERRORS, SCORE])
  const only = (verdict: Verdict): string => verdict.metrics[0]!.reason

  it('neither promotes nor rolls back below the minimum of samples at the current weight', () => {
    const one = specOf([ERRORS, { ...SCORE, role: 'monitor' }], { mode: 'equivalence', minSamples: 200 })
    const at = (a: number, b: number, errors: number): Verdict =>
      decide(one, evidenceOf([stratum({ errors: tally(0, a) }, { errors: tally(errors, b) })]))

    expect(at(5_000, 199, 199)).toMatchObject({ decision: 'continue', reason: 'errors is inconclusive: 199 of 200 challenger samples at this weight' })
    expect(at(199, 5_000, 5_000)).toMatchObject({ decision: 'continue', reason: 'errors is inconclusive: 199 of 200 champion samples at this weight' })
    expect(at(5_000, 200, 200).decision).toBe('rollback')
  })

  it('counts the minimum anew at each weight', () => {
    const before = stratum({ errors: clean, score: champion(1) }, { errors: clean, score: challenger(2) })
    const now = stratum({ errors: tally(0, 190) }, { errors: tally(0, 10) }, { stage: 2 })
    const verdict = decide(spec, evidenceOf([before, now]))

    expect(verdict.decision).toBe('continue')
    expect(verdict.metrics.map(({ n }) => n)).toEqual([{ champion: 190, challenger: 10 }, { champion: 0, challenger: 0 }])
  })

  it('waits for a primary without values though another is better', () => {
    const late: MetricSpec = { ...SCORE_WITHOUT_MARGIN, name: 'conversion' }

    expect(decide(specOf([SCORE, late]), both(1, 2)))
      .toMatchObject({ decision: 'continue', reason: 'conversion is inconclusive: 0 of 200 challenger samples at this weight' })
  })

  it('takes no evidence at all for no reason to do anything', () => {
    const verdict = decide(spec, evidenceOf([]))

    expect(verdict.decision).toBe('continue')
    expect(outcomes(verdict)).toEqual(['inconclusive', 'inconclusive'])
  })

  it.each<[string, Partial<Evidence['strata'][number]>, RegExp]>([
    ['a NaN mean', { challenger: { score: { moments: { ...(challenger(1) as { moments: never }).moments as object, mean: NaN } as never } } }, /could not be computed: challenger score mean: expected a finite number, got NaN/],
    ['a NaN spread', { challenger: { score: { moments: { ...(challenger(1) as { moments: never }).moments as object, m2: NaN } as never } } }, /could not be computed: challenger score m2: expected a finite number, got NaN/],
    ['a negative spread', { challenger: { score: { moments: { ...(challenger(1) as { moments: never }).moments as object, m2: -1 } as never } } }, /challenger score m2: expected at least 0, got -1/],
    ['half a sample', { challenger: { score: { moments: { ...(challenger(1) as { moments: never }).moments as object, n: 4_999.5 } as never } } }, /challenger score n: expected a whole number/],
    ['the wrong kind of evidence', { challenger: { score: { histogram: { relativeError: 0.005, min: 1, max: 1, buckets: [[0, 1]] } } } }, /could not be computed: challenger score: expected moments, got histogram/],
    ['no evidence where some must be', { challenger: undefined as never }, /could not be computed/]
  ])('pauses for review on %s, which is never a pass', (_name, part, reason) => {
    const evidence = both(1, 2)
    const verdict = decide(specOf([SCORE]), { ...evidence, strata: [{ ...evidence.strata[0]!, ...part }] })

    expect(verdict).toMatchObject({ decision: 'pause', rule: 2, reason: expect.stringMatching(/^score could not be computed/) as string })
    expect(verdict.metrics[0]!.outcome).toBe('inconclusive')
    expect(verdict.health).toMatchObject([{ check: 'metric-error', subject: 'score', action: 'pause' }])
    expect(only(verdict)).toMatch(reason)
  })

  it.each<[string, Partial<MetricSpec>, RegExp]>([
    ['no margin for a critical metric', { role: 'critical' }, /a critical metric needs a margin/],
    ['a margin of 0', { margin: { absolute: 0 } }, /a margin must be above 0, got 0/],
    ['a negative margin', { margin: { relative: -0.1 } }, /got -0.1/],
    ['an empty margin', { margin: {} as never }, /got undefined/],
    ['latency without a quantile', { source: 'latency', name: 'p95' }, /could not be computed|samples/]
  ])('takes %s for inconclusive', (_name, part, reason) => {
    const verdict = decide(specOf([{ ...SCORE_WITHOUT_MARGIN, ...part }]), both(1, 2))

    expect(verdict.decision).toBe('continue')
    expect(only(verdict)).toMatch(reason)
  })

  it.each([0, 0.5, NaN])('pauses for review on an impossible level, %s', (alpha) => {
    expect(decide(specOf([SCORE], { alpha }), both(1, 2))).toMatchObject({ decision: 'pause', reason: expect.stringMatching(/alpha must lie between/) as string })
  })

  it('takes a minimum that is no number as not reached', () => {
    expect(decide(specOf([SCORE], { minSamples: NaN }), both(1, 2)).decision).toBe('continue')
  })

  it('says what failed even when it was no Error', () => {
    const strata = new Proxy([], { get: () => { throw 'gone' } }) // eslint-disable-line no-throw-literal

    expect(only(decide(specOf([SCORE]), { stage: 1, strata, breaker: null }))).toBe('could not be computed: gone')
  })
})

describe('decide and the direction of metrics', () => {
  it('turns every sign when the arms are swapped', () => {
    const evidence = both(1, 1.2, broken)
    const [one] = evidence.strata
    const back = { ...evidence, strata: [{ ...one!, champion: one!.challenger, challenger: one!.champion }] }
    const spec = specOf([{ ...SCORE, role: 'critical' }, ERRORS])

    const [there, here] = [decide(spec, evidence), decide(spec, back)]

    there.metrics.forEach((metric, i) => {
      expect(here.metrics[i]!.estimate).toBeCloseTo(-metric.estimate!, 12)
      expect(here.metrics[i]!.lower! - here.metrics[i]!.estimate!).toBeCloseTo(metric.lower! - metric.estimate!, 12)
      expect(here.metrics[i]!.upper! - here.metrics[i]!.estimate!).toBeCloseTo(metric.upper! - metric.estimate!, 12)
    })
  })

  it('promotes the better and rolls back the worse of two, and the other way round when they change places', () => {
    const spec = specOf([ERRORS, SCORE])

    expect(decide(spec, both(1, 1.5)).decision).toBe('promote')
    expect(decide(spec, both(1.5, 1)).decision).toBe('rollback')
  })

  it('does the opposite when lower is better', () => {
    const spec = specOf([{ ...SCORE, direction: 'down' }])

    expect(decide(spec, both(1, 1.5)).decision).toBe('rollback')
    expect(decide(spec, both(1.5, 1)).decision).toBe('promote')
  })

  it('takes fewer errors for better even if the spec has the direction upside down', () => {
    const spec = specOf([{ ...ERRORS, role: 'primary', direction: 'up' }])
    const evidence = evidenceOf([stratum({ errors: broken }, { errors: clean })])

    expect(decide(spec, evidence).decision).toBe('promote')
  })
})

describe('decide, as a function', () => {
  it('gives the same bytes for the same arguments and leaves them alone', () => {
    const spec = specOf([ERRORS, SCORE, LATENCY])
    const evidence = both(1, 1.1)
    const before = JSON.stringify([spec, evidence])

    const verdict = JSON.stringify(decide(spec, evidence))

    expect(JSON.stringify(decide(JSON.parse(before)[0] as AnalysisSpec, JSON.parse(before)[1] as Evidence))).toBe(verdict)
    expect(JSON.stringify([spec, evidence])).toBe(before)
    expect(verdict).toMatch(/^\{"decision":"continue","rule":6,"reason":"p95 is inconclusive/)
  })
})
