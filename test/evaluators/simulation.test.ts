import { describe, expect, it } from 'vitest'
import { logEvidence } from '../../evaluators/statistics/event-share.js'
import { expectedEvents, stratifiedProportions } from '../../evaluators/statistics/proportions.js'
import { oneSidedHalfWidth, twoSidedHalfWidth } from '../../evaluators/statistics/sequences.js'
import { difference, stratifiedMeans, type ArmMean, type Estimate, type MeanStratum } from '../../evaluators/statistics/strata.js'
import { decide } from '../../evaluators/verdict.js'
import { ERRORS, evidenceOf, specOf, stratum, tally } from '../support/evidence.js'
import { seededRandom, type Random } from '../../evaluators/statistics/random.js'

/**
 * Error rates of the sequential decisions, by seeded simulation against the table the design was chosen by (looks every
 * 100 units per arm, 100 looks). A share p of `reps` may be off by 3·√(p(1 − p)/reps) + 0.3 points.
 */
const LOOKS = 100
const PER_LOOK = 100
const PLANNED = 5_000

function expectShare (hits: number, reps: number, want: number): void {
  const slack = 3 * Math.sqrt(want * (1 - want) / reps) + 0.003
  expect(Math.abs(hits / reps - want), `${hits} of ${reps}, want ${want} ± ${slack.toFixed(4)}`).toBeLessThanOrEqual(slack)
}

function expectShareAtMost (hits: number, reps: number, want: number): void {
  expect(hits / reps).toBeLessThanOrEqual(want + 3 * Math.sqrt(want * (1 - want) / reps) + 0.003)
}

/** A running sample; the mean and its variance at any time. */
class Sample {
  private n = 0
  private sum = 0
  private squares = 0

  add (value: number): void {
    this.n += 1
    this.sum += value
    this.squares += value * value
  }

  arm (): ArmMean {
    const mean = this.sum / this.n
    return { n: this.n, mean, varianceOfMean: (this.squares - this.n * mean * mean) / (this.n - 1) / this.n }
  }
}

type Draw = (random: Random) => number
type Look = (arms: MeanStratum, look: number) => string | null
const normal: Draw = (random) => random.normal()

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
    ['lognormal(0, 1)', (random) => Math.exp(random.normal()), PLANNED, 500, 0.011, 0.012],
    ['Bernoulli(0.1)', (random) => random.uniform() < 0.1 ? 1 : 0, PLANNED, 800, 0.010, 0.013]
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
  /** 20,000 units over five weights, a look every 200; the trend is linear over the run. */
  function ramp (reps: number, seed: number, trend: number, strata: 'stratified' | 'pooled'): Map<string, number> {
    const random = seededRandom(seed)
    const answers = new Map<string, number>()
    for (let rep = 0; rep < reps; rep++) {
      const stages = [0.01, 0.05, 0.1, 0.25, 0.5].map((weight) => ({ weight, champion: new Sample(), challenger: new Sample() }))
      const pool = { champion: new Sample(), challenger: new Sample() }
      for (let i = 1; i <= 20_000; i++) {
        const stage = stages[Math.floor((i - 1) / 4_000)]!
        const arm = random.uniform() < stage.weight ? 'challenger' : 'champion'
        const value = random.normal() + trend * i / 20_000
        stage[arm].add(value)
        pool[arm].add(value)
        if (i % 200 !== 0) continue
        const spans = strata === 'pooled' ? [pool] : stages
        const means = stratifiedMeans(spans.map(({ champion, challenger }) => ({ champion: champion.arm(), challenger: challenger.arm() })))
        if (means === null || Math.min(means.champion.n, means.challenger.n) < 50) continue
        const { estimate, se } = difference(means)
        const half = twoSidedHalfWidth({ se, n: means.n, alpha: 0.05, plannedSamples: PLANNED })
        if (Math.abs(estimate) <= half) continue
        const answer = estimate > 0 ? 'promote' : 'rollback'
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
        break
      }
    }
    return answers
  }

  it('promotes an identical challenger as seldom as the table says when stratified, and nearly always when pooled', () => {
    const stratified = ramp(400, 26, 0.25, 'stratified')
    const pooled = ramp(100, 27, 0.25, 'pooled')

    expectShare(share(stratified, 'promote'), 400, 0.011)
    expectShare(share(stratified, 'rollback'), 400, 0.011)
    expect(share(pooled, 'promote')).toBeGreaterThan(60)
  })
})

describe('errors of 1 % in both arms at a share of 10 %', () => {
  it('are told apart as seldom as the table says, by the event-share test and by Agresti-Caffo from 10 expected events', () => {
    const reps = 1_000
    const random = seededRandom(28)
    const found = { exact: { promote: 0, rollback: 0 }, asymptotic: { promote: 0, rollback: 0 } }
    for (let rep = 0; rep < reps; rep++) {
      const champion = { events: 0, n: 0 }
      const challenger = { events: 0, n: 0 }
      const open = { exact: true, asymptotic: true }
      for (let i = 1; i <= 20_000; i++) {
        const arm = random.uniform() < 0.1 ? challenger : champion
        arm.n += 1
        if (random.uniform() < 0.01) arm.events += 1
        if (i % 200 !== 0) continue
        const isLower = challenger.events / challenger.n < champion.events / champion.n
        if (open.exact && logEvidence([{ champion: champion.events, challenger: challenger.events, share: 0.1 }], 0) >= Math.log(20)) {
          open.exact = false
          found.exact[isLower ? 'rollback' : 'promote'] += 1
        }
        if (open.asymptotic && expectedEvents([{ champion, challenger }]) >= 10) {
          const means = stratifiedProportions([{ champion, challenger }])!
          const { estimate, se } = difference(means)
          const half = twoSidedHalfWidth({ se, n: means.n, alpha: 0.05, plannedSamples: PLANNED })
          if (Math.abs(estimate) > half) {
            open.asymptotic = false
            found.asymptotic[estimate < 0 ? 'rollback' : 'promote'] += 1
          }
        }
      }
    }

    // In this row of the table "rollback" stands for a challenger declared lower.
    expectShareAtMost(found.exact.promote, reps, 0.017)
    expectShareAtMost(found.exact.rollback, reps, 0.017)
    expectShareAtMost(found.asymptotic.promote, reps, 0.014)
    expectShareAtMost(found.asymptotic.rollback, reps, 0.014)
    expectShare(found.exact.promote + found.exact.rollback, reps, 0.024)
    expectShare(found.asymptotic.promote + found.asymptotic.rollback, reps, 0.014)
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
