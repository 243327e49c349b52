import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { oneSidedHalfWidth, twoSidedHalfWidth } from '../../evaluators/statistics/sequences.js'
import { difference, stratifiedMeans, type Estimate, type MeanStratum } from '../../evaluators/statistics/strata.js'
import { decide } from '../../evaluators/verdict.js'
import { shareTolerance } from '../../scripts/simulate/compare.js'
import { simulate } from '../../scripts/simulate/experiment.js'
import { LOOKS, PER_LOOK, PLANNED } from '../../scripts/simulate/procedures.js'
import { rampTrial } from '../../scripts/simulate/ramp.js'
import { RARE_EVENTS } from '../../scripts/simulate/rare-events.js'
import { bernoulli, lognormal, normal, Sample, type Draw } from '../../scripts/simulate/sample.js'
import { ERRORS, evidenceOf, specOf, stratum, tally } from '../support/evidence.js'

/**
 * Error rates of the sequential decisions, by seeded simulation against the table the design was chosen by: a quick part
 * of what `npm run simulate` does in full.
 */
function expectShare (hits: number, reps: number, want: number): void {
  const slack = shareTolerance(want, reps)
  expect(Math.abs(hits / reps - want), `${hits} of ${reps}, want ${want} ± ${slack.toFixed(4)}`).toBeLessThanOrEqual(slack)
}

function expectShareAtMost (hits: number, reps: number, want: number): void {
  expect(hits / reps).toBeLessThanOrEqual(want + shareTolerance(want, reps))
}

type Look = (arms: MeanStratum, look: number) => string | null

/** Runs trials of two arms look by look until `look` answers; counts the answers. */
function trials (reps: number, seed: number, draw: { champion: Draw, challenger: Draw }, look: Look): Map<string, number> {
  const random = seededRandom(seed)
  const answers = new Map<string, number>()
  for (let rep = 0; rep < reps; rep++) {
    const [a, b] = [new Sample(), new Sample()]
    for (let i = 1; i <= LOOKS; i++) {
      for (let j = 0; j < PER_LOOK; j++) {
        a.add(draw.champion(random))
        b.add(draw.challenger(random))
      }
      const answer = look({ champion: a.arm(), challenger: b.arm() }, i)
      if (answer === null) continue
      answers.set(answer, (answers.get(answer) ?? 0) + 1)
      break
    }
  }
  return answers
}

function twoSided (half: (estimate: Estimate, n: number) => number): Look {
  return (arms) => {
    const means = stratifiedMeans([arms])!
    const effect = difference(means)
    const h = half(effect, means.n)
    if (effect.estimate - h > 0) return 'promote'
    return effect.estimate + h < 0 ? 'rollback' : null
  }
}

const sequence = (plannedSamples: number): Look =>
  twoSided(({ se }, n) => twoSidedHalfWidth({ se, n, alpha: 0.05, plannedSamples }))
const share = (answers: Map<string, number>, answer: string): number => answers.get(answer) ?? 0

describe('looking 100 times at two equal arms', () => {
  it.each<[string, Draw, number, number, number, number]>([
    ['normal', normal, PLANNED, 800, 0.010, 0.010],
    ['normal, N* 20000', normal, 20_000, 300, 0.007, 0.006],
    ['lognormal(0, 1)', lognormal(1), PLANNED, 500, 0.011, 0.012],
    ['Bernoulli(0.1)', bernoulli(0.1), PLANNED, 800, 0.010, 0.013]
  ])('promotes and rolls back %s values as seldom as the table says', (_, draw, planned, reps, promote, rollback) => {
    const answers = trials(reps, 21, { champion: draw, challenger: draw }, sequence(planned))

    expectShare(share(answers, 'promote'), reps, promote)
    expectShare(share(answers, 'rollback'), reps, rollback)
  })

  it('is wrong nearly 4 times in 10 with a fixed-sample test, as the table says: the simulation can tell', () => {
    const answers = trials(500, 22, { champion: normal, challenger: normal }, twoSided(({ se }) => 1.959964 * se))

    expectShare(share(answers, 'promote'), 500, 0.187)
    expectShare(share(answers, 'rollback'), 500, 0.192)
  })
})

describe('looking 100 times at a challenger that is better', () => {
  it.each([[0.1, 1, 3_400], [0.2, 1, 1_200]])('promotes at +%s σ with probability %s, in the middle after %s units', (effect, promote, median) => {
    const stops: number[] = []
    const look = sequence(PLANNED)
    const answers = trials(300, 23, { champion: normal, challenger: (random) => random.normal() + effect }, (arms, i) => {
      const answer = look(arms, i)
      if (answer !== null) stops.push(2 * i * PER_LOOK)
      return answer
    })

    expectShare(share(answers, 'promote'), 300, promote)
    const middle = stops.sort((x, y) => x - y)[Math.floor(stops.length / 2)]!
    expect(Math.abs(middle - median)).toBeLessThanOrEqual(400)
  })
})

describe('non-inferiority of a challenger exactly at the margin', () => {
  it.each([[5_000, 0.025], [20_000, 0.014]])('is claimed with N* %s as seldom as the table says', (plannedSamples, want) => {
    const answers = trials(500, 24, { champion: normal, challenger: (random) => random.normal() - 0.1 }, (arms) => {
      const means = stratifiedMeans([arms])!
      const { estimate, se } = difference(means)
      return estimate - oneSidedHalfWidth({ se, n: means.n, alpha: 0.05, plannedSamples }) > -0.1 ? 'promote' : null
    })

    expectShare(share(answers, 'promote'), 500, want)
  })
})

describe('five critical metrics, all exactly at their margin', () => {
  it('roll back as seldom as the table says: any of them at alpha 9.6 %, at alpha / 5 1.8 %', () => {
    const reps = 250
    const levels = { 0.05: 0, 0.01: 0 }
    const random = seededRandom(25)
    for (let rep = 0; rep < reps; rep++) {
      const hit = { 0.05: false, 0.01: false }
      for (let metric = 0; metric < 5; metric++) {
        const [a, b] = [new Sample(), new Sample()]
        for (let i = 0; i < LOOKS; i++) {
          for (let j = 0; j < PER_LOOK; j++) {
            a.add(random.normal())
            b.add(random.normal() - 0.1)
          }
          const means = stratifiedMeans([{ champion: a.arm(), challenger: b.arm() }])!
          const { estimate, se } = difference(means)
          for (const alpha of [0.05, 0.01] as const) {
            hit[alpha] ||= estimate + oneSidedHalfWidth({ se, n: means.n, alpha, plannedSamples: PLANNED }) < -0.1
          }
        }
      }
      levels[0.05] += Number(hit[0.05])
      levels[0.01] += Number(hit[0.01])
    }

    expectShare(levels[0.05], reps, 0.096)
    expectShare(levels[0.01], reps, 0.018)
  })
})

describe('a ramp from 1 % to 50 % during a trend', () => {
  it('promotes an identical challenger as seldom as the table says when stratified, and nearly always when pooled', () => {
    const reps = 250
    const outcomes = simulate({ repeat: rampTrial(0.25) }, reps, seededRandom(26))

    expectShare(outcomes.of('stratified promote'), reps, 0.011)
    expectShare(outcomes.of('stratified rollback'), reps, 0.011)
    expect(outcomes.of('pooled promote') / reps).toBeGreaterThan(0.6)
  })
})

describe('errors of 1 % in both arms at a share of 10 %', () => {
  const reps = 500
  const [asymptotic, exact] = RARE_EVENTS.map((experiment, i) => simulate(experiment, reps, seededRandom(28 + i)))

  // In these rows of the table "rollback" stands for a challenger declared lower.
  it('are told apart by the event-share test as seldom as the table says', () => {
    expectShareAtMost(exact!.of('sequence promote'), reps, 0.017)
    expectShareAtMost(exact!.of('sequence rollback'), reps, 0.017)
    expectShare(exact!.of('sequence promote') + exact!.of('sequence rollback'), reps, 0.024)
  })

  it('are told apart by Agresti-Caffo from 10 expected events as seldom as the table says', () => {
    expectShareAtMost(asymptotic!.of('sequence promote'), reps, 0.014)
    expectShareAtMost(asymptotic!.of('sequence rollback'), reps, 0.014)
    expectShare(asymptotic!.of('sequence promote') + asymptotic!.of('sequence rollback'), reps, 0.014)
  })
})

describe('decide on the error rate, look by look', () => {
  /** Trials at 50 %, a look every 200 requests per arm, until promoted or rolled back; margin 0.01. */
  function decisions (reps: number, seed: number, rates: { champion: number, challenger: number }, looks: number): Map<string, number> {
    const spec = specOf([ERRORS], { mode: 'equivalence' })
    const random = seededRandom(seed)
    const answers = new Map<string, number>()
    for (let rep = 0; rep < reps; rep++) {
      const failed = { champion: 0, challenger: 0 }
      for (let i = 1; i <= looks; i++) {
        for (let j = 0; j < 200; j++) {
          if (random.uniform() < rates.champion) failed.champion += 1
          if (random.uniform() < rates.challenger) failed.challenger += 1
        }
        const { decision } = decide(spec, evidenceOf([stratum({ errors: tally(failed.champion, i * 200) }, { errors: tally(failed.challenger, i * 200) })]))
        if (decision === 'continue') continue
        answers.set(decision, (answers.get(decision) ?? 0) + 1)
        break
      }
    }
    return answers
  }

  it('promotes and rolls back a challenger exactly at the margin as seldom as promised', () => {
    const answers = decisions(300, 29, { champion: 0.005, challenger: 0.015 }, 50)

    expectShareAtMost(share(answers, 'promote'), 300, 0.035)
    expectShareAtMost(share(answers, 'rollback'), 300, 0.015)
  })

  it('always rolls back a challenger that is obviously bad', () => {
    expect(decisions(200, 30, { champion: 0.01, challenger: 0.2 }, 50)).toEqual(new Map([['rollback', 200]]))
  })

  it('always promotes a challenger that is obviously better, and one that never fails beside a champion that never does', () => {
    expect(decisions(200, 31, { champion: 0.2, challenger: 0.01 }, 50)).toEqual(new Map([['promote', 200]]))
    expect(decisions(20, 32, { champion: 0, challenger: 0 }, 4)).toEqual(new Map([['promote', 20]]))
  })
})
