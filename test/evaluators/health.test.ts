import { describe, expect, it } from 'vitest'
import { decide, type DriftFinding, type HealthEvidence, type Verdict } from '../../evaluators/verdict.js'
import { ERRORS, evidenceOf, SCORE, specOf, stratum, tally, values } from '../support/evidence.js'
import { seededRandom } from '../../evaluators/statistics/random.js'

const random = seededRandom(3)
const scores = (mean: number): ReturnType<typeof values> => values(Array.from({ length: 3_000 }, () => mean + random.normal()))
const good = { strata: [stratum({ score: scores(1), errors: tally(30, 3_000) }, { score: scores(1.3), errors: tally(30, 3_000) })] }
const spec = specOf([ERRORS, SCORE, { ...SCORE, name: 'extra', role: 'monitor' }])
const look = (health: HealthEvidence, change: Partial<Parameters<typeof decide>[1]> = {}): Verdict =>
  decide(spec, evidenceOf(good.strata, { health, ...change }))
const split = (champion: number, challenger: number, weightBps = 5_000, stage = 1): NonNullable<HealthEvidence['assignments']>[number] =>
  ({ stage, weightBps, champion, challenger })

describe('decide on the health of its trial', () => {
  it('promotes this trial when it is well, and lists what was checked', () => {
    const verdict = look({ assignments: [split(500, 520), split(900, 110, 1_000, 2)], missing: { score: [{ ...split(0, 0), champion: { events: 10, n: 500 }, challenger: { events: 12, n: 520 } }] }, drift: [], versionChange: null })

    expect(verdict).toMatchObject({ decision: 'promote', rule: 4 })
    expect(verdict.health).toMatchObject([
      { check: 'sample-ratio', subject: null, action: 'none', threshold: 0.001, reason: 'the split of the sessions is as intended: 630 of 2030 sessions on the challenger, 611 expected' },
      { check: 'missing-outcomes', subject: 'score', action: 'none', reason: 'values of score are missing evenly: 12 of 520 on the challenger, 10 of 500 on the champion' }
    ])
    expect(look({}).health).toEqual([])
    expect(decide(spec, evidenceOf(good.strata)).health).toEqual([])
  })

  it('pauses when the sessions are not split as intended, adding up the stages', () => {
    const verdict = look({ assignments: [split(4_000, 5_000)] })

    expect(verdict).toMatchObject({ decision: 'pause', rule: 2, reason: 'the split of the sessions is not the one intended: 5000 of 9000 sessions on the challenger, 4500 expected' })
    expect(verdict.health[0]!.p).toBeLessThan(0.001)
    const half = [split(450, 550), split(450, 550, 5_000, 2)]
    expect(look({ assignments: half.slice(0, 1) }).decision).toBe('promote')
    expect(look({ assignments: [...half, split(450, 550, 5_000, 3)] }).decision).toBe('pause')
  })

  it('leaves out stages in which one arm was to have all the traffic', () => {
    expect(look({ assignments: [split(900, 0, 0), split(0, 900, 10_000, 2)] })).toMatchObject({ decision: 'promote', health: [{ p: 1 }] })
  })

  it('pauses when outcomes of a critical or primary metric are missing unevenly', () => {
    const missing = [{ ...split(0, 0), champion: { events: 10, n: 1_000 }, challenger: { events: 80, n: 1_000 } }]

    expect(look({ missing: { score: missing } })).toMatchObject({ decision: 'pause', rule: 2, reason: expect.stringMatching(/^values of score are missing unevenly: 80 of 1000/) as string })
    expect(look({ missing: { extra: missing } })).toMatchObject({ decision: 'promote', health: [{ subject: 'extra', action: 'annotate' }] })
    expect(look({ missing: { nobody: missing } })).toMatchObject({ decision: 'promote', health: [] })
  })

  it('pauses when a metric that decides could not be computed upstream, and only says so of a monitor', () => {
    const verdict = look({ failures: { score: 'the judge is gone' } })

    expect(verdict).toMatchObject({ decision: 'pause', rule: 2, reason: 'score could not be computed: the judge is gone' })
    expect(verdict.metrics[1]).toMatchObject({ outcome: 'inconclusive', estimate: null, n: { champion: 3_000, challenger: 3_000 } })
    expect(look({ failures: { extra: 'the judge is gone' } })).toMatchObject({ decision: 'promote', health: [{ check: 'metric-error', subject: 'extra', action: 'annotate' }] })
  })

  it.each<[DriftFinding['status'], DriftFinding['action'], Verdict['decision'], Verdict['rule']]>([
    ['severe', 'rollback', 'rollback', 1], ['severe', 'pause', 'pause', 2], ['severe', 'annotate', 'promote', 4],
    ['warning', 'rollback', 'promote', 4], ['warning', 'pause', 'promote', 4]
  ])('acts on a %s drift that asks for %s with %s', (status, action, decision, rule) => {
    expect(look({ drift: [{ subject: 'prompt length', status, action, reason: 'W1/sd 0.6' }] }))
      .toMatchObject({ decision, rule, health: [{ check: 'drift', subject: 'prompt length', reason: `${status} drift of prompt length: W1/sd 0.6` }] })
  })

  it('pauses when a version on trial is not the one it began with', () => {
    expect(look({ versionChange: 'the champion is now 3' })).toMatchObject({ decision: 'pause', rule: 2, reason: 'the champion is now 3' })
  })

  it('pauses when a check itself cannot be computed', () => {
    expect(look({ assignments: [split(NaN, 5)] })).toMatchObject({ decision: 'pause', reason: expect.stringMatching(/^sample-ratio could not be checked: /) as string, health: [{ p: null }] })
    expect(look({ assignments: null as never }).decision).toBe('pause')
    const broken = [{ ...split(0, 0), champion: { events: 5, n: 2 }, challenger: { events: 0, n: 2 } }]
    expect(look({ missing: { score: broken } })).toMatchObject({ decision: 'pause', reason: expect.stringMatching(/^missing-outcomes could not be checked/) as string })
    const thrown = new Proxy([], { get: () => { throw 'gone' } }) // eslint-disable-line no-throw-literal
    expect(look({ assignments: thrown }).reason).toBe('sample-ratio could not be checked: gone')
  })

  it('names every reason to pause at once', () => {
    expect(look({ assignments: [split(4_000, 5_000)], versionChange: 'the champion is now 3' }).reason)
      .toMatch(/^the split of the sessions .+; the champion is now 3$/)
  })
})
