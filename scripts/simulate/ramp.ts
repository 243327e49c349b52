import type { Random } from '../../evaluators/statistics/random.js'
import { stratifiedMeans, type MeanStratum } from '../../evaluators/statistics/strata.js'
import { percent, type Experiment, type Section } from './experiment.js'
import { ALPHA, LOOKS, PLANNED, runTrial, sequence, welch, type Arms, type Procedure } from './procedures.js'
import { Sample } from './sample.js'

/** The challenger's share, stage by stage; all stages take equally many units. */
const WEIGHTS = [0.01, 0.05, 0.1, 0.25, 0.5] as const
const UNITS = 20_000
const UNITS_PER_LOOK = UNITS / LOOKS

/**
 * Fewest units per arm for a decision. The reference states neither; with these its columns agree with each other, and
 * far more or fewer would show: from 50 on the naive test rolls back 4 times in 100 at a trend of 1 σ, not 14.
 */
const UNITS_MIN = { naive: 10, sequence: 20 } as const

/** Repetitions as a share of the usual number: all figures of the reference's rows are whole multiples of 1/625. */
const EFFORT = 625 / 2_000

type Pair = readonly [promote: number, rollback: number]
type RampRow = readonly [trend: number, naive: Pair, pooled: Pair, stratified: Pair, propensity: Pair]

/** What the reference states, in per cent. */
const ROWS: readonly RampRow[] = [
  [0, [19, 26], [1.9, 3.0], [1.0, 1.8], [0.2, 0.6]],
  [0.25, [85, 14], [89.1, 1.1], [1.1, 1.1], [0, 0.3]],
  [1, [86, 14], [99.4, 0.6], [0.3, 0.8], [0, 0.6]],
  [2, [89, 11], [98.7, 1.3], [2.2, 1.6], [0.2, 1.6]]
]

/** A ramp while everything drifts, whatever the arm. */
export const RAMP: Section = {
  title: 'Ramp 1 → 50 %, no effect, a trend over the run',
  columns: [
    { title: 'pooled, naive', keys: ['naive promote', 'naive rollback'] },
    { title: 'pooled sequence', keys: ['pooled promote', 'pooled rollback'] },
    { title: 'stratified sequence', keys: ['stratified promote', 'stratified rollback'] },
    { title: 'inverse propensity', keys: ['propensity promote', 'propensity rollback'] }
  ],
  experiments: ROWS.map(([trend, naive, pooled, stratified, propensity]): Experiment => ({
    name: `${trend} σ`,
    effort: EFFORT,
    targets: [
      ...percent('naive', ...naive), ...percent('pooled', ...pooled),
      ...percent('stratified', ...stratified), ...percent('propensity', ...propensity)
    ],
    repeat: rampTrial(trend)
  }))
}

/** The same data seen in three ways. */
interface Views { readonly pooled: Arms, readonly stratified: Arms | null, readonly propensity: Arms }

/** A trial on the ramp; the mean rises linearly by `trend` standard deviations over the run. */
export function rampTrial (trend: number): Experiment['repeat'] {
  return (random, outcomes) => {
    const ramp = new Ramp(random, trend)
    let views: Views | null = null
    const seeing = (view: keyof Views, unitsMin: number, procedure: Procedure): Procedure => ({
      name: procedure.name,
      decide (_, look) {
        const arms = views?.[view] ?? null
        if (views === null || arms === null || fewest(views.pooled) < unitsMin) return null
        return procedure.decide(arms, look)
      }
    })
    runTrial([
      seeing('pooled', UNITS_MIN.naive, welch('naive', ALPHA)),
      ...(['pooled', 'stratified', 'propensity'] as const)
        .map((view) => seeing(view, UNITS_MIN.sequence, sequence(view, PLANNED)))
    ], () => {
      views = ramp.next()
      return views.pooled
    }, outcomes)
  }
}

function fewest ({ champion, challenger }: Arms): number {
  return Math.min(champion.n, challenger.n)
}

class Ramp {
  readonly #stages = WEIGHTS.map(() => ({ champion: new Sample(), challenger: new Sample() }))
  readonly #pool = { champion: new Sample(), challenger: new Sample() }
  readonly #scores = new Sample()
  #units = 0

  constructor (private readonly random: Random, private readonly trend: number) {}

  next (): Views {
    for (let i = 0; i < UNITS_PER_LOOK; i++) {
      const at = Math.floor(this.#units * WEIGHTS.length / UNITS)
      this.#units += 1
      const weight = WEIGHTS[at]!
      const arm = this.random.uniform() < weight ? 'challenger' : 'champion'
      const value = this.random.normal() + this.trend * this.#units / UNITS
      this.#stages[at]![arm].add(value)
      this.#pool[arm].add(value)
      this.#scores.add(arm === 'challenger' ? value / weight : -value / (1 - weight))
    }
    const scores = this.#scores.arm()
    return {
      pooled: meansOf(this.#pool),
      stratified: stratifiedMeans(this.#stages.map(meansOf)),
      // One sample of scores whose mean is the effect: all of it stands in the challenger's place.
      propensity: { champion: { n: 0, mean: 0, varianceOfMean: 0 }, challenger: scores }
    }
  }
}

function meansOf ({ champion, challenger }: { champion: Sample, challenger: Sample }): MeanStratum {
  return { champion: champion.arm(), challenger: challenger.arm() }
}
