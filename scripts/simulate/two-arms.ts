import { difference } from '../../evaluators/statistics/strata.js'
import { median, percent, share, type Experiment, type Section } from './experiment.js'
import {
  ALPHA, isAbove, LOOKS, nonInferiority, PER_LOOK, PLANNED, runTrial, sequence, TWO_SIDED, welch, type Procedure
} from './procedures.js'
import { bernoulli, beta, lognormal, normal, Sample, type Draw } from './sample.js'

/** Non-inferiority margin, in the unit of the values; the challenger is exactly that much worse. */
const MARGIN = 0.1

interface TwoArms {
  readonly champion: Draw
  readonly challenger: Draw
  readonly procedures: readonly Procedure[]
  /** Units between two looks. */
  readonly perLook?: { readonly champion: number, readonly challenger: number } | undefined
}

/** A trial of two arms that grow by the same number of units from look to look. */
export function twoArms ({ champion, challenger, procedures, perLook }: TwoArms): Experiment['repeat'] {
  const units = perLook ?? { champion: PER_LOOK, challenger: PER_LOOK }
  return (random, outcomes) => {
    const [a, b] = [new Sample(), new Sample()]
    runTrial(procedures, () => {
      a.draw(champion, random, units.champion)
      b.draw(challenger, random, units.challenger)
      return { champion: a.arm(), challenger: b.arm() }
    }, outcomes)
  }
}

type Pair = readonly [promote: number, rollback: number]

/** A row of the table without an effect: per cent of promotions and rollbacks of the five procedures. */
function equalArms (name: string, draw: Draw, targets: readonly Pair[], perLook?: TwoArms['perLook']): Experiment {
  return {
    name,
    effort: 1,
    targets: targets.flatMap(([promote, rollback], i) => percent(TWO_SIDED[i]!.name, promote, rollback)),
    repeat: twoArms({ champion: draw, challenger: draw, procedures: TWO_SIDED, perLook })
  }
}

const SMALL_SHARE = { champion: 180, challenger: 20 }

/** Two equal arms, looked at 100 times. */
export const EQUAL_ARMS: readonly Experiment[] = [
  equalArms('normal 50:50', normal, [[18.7, 19.2], [2.4, 2.6], [0.3, 0.3], [1.0, 1.0], [0.7, 0.6]]),
  equalArms('lognormal(0,1)', lognormal(1), [[19.3, 18.2], [2.6, 2.4], [0.4, 0.4], [1.1, 1.2], [0.7, 0.9]]),
  equalArms('lognormal(0,2)', lognormal(2), [[16.1, 16.0], [2.3, 2.5], [0.2, 0.1], [0.8, 0.6], [0.6, 0.3]]),
  equalArms('beta(8,2) score', beta(8, 2), [[17.9, 19.6], [2.6, 3.1], [0.5, 0.5], [1.0, 1.2], [0.9, 0.8]]),
  equalArms('Bernoulli 0.1', bernoulli(0.1), [[18.9, 18.7], [2.5, 2.5], [0.3, 0.4], [1.0, 1.3], [0.6, 0.9]]),
  equalArms('Bernoulli 0.01', bernoulli(0.01), [[18.1, 17.9], [3.0, 2.8], [0.4, 0.2], [1.4, 1.0], [1.0, 0.6]]),
  equalArms('normal 90:10', normal, [[19.1, 18.7], [3.1, 2.4], [0.4, 0.4], [1.1, 1.3], [0.8, 0.8]], SMALL_SHARE),
  equalArms('lognormal(0,1) 90:10, no gate', lognormal(1),
    [[9.1, 34.5], [1.7, 3.4], [0.0, 4.5], [0.2, 5.2], [0.2, 2.7]], SMALL_SHARE),
  equalArms('Bernoulli 0.01 90:10, plug-in, no gate', bernoulli(0.01),
    [[3.1, 65.3], [1.2, 4.3], [0.0, 25.0], [0.0, 30.5], [0.1, 19.7]], SMALL_SHARE)
]

/** Claims that a challenger exactly at the margin is not inferior, in per cent. */
export const NON_INFERIORITY: Section = {
  title: 'Non-inferiority claimed of a challenger exactly at the margin (one-sided 0.05)',
  columns: [
    { title: 'naive', keys: ['naive promote'] },
    { title: 'one look at the end', keys: ['end promote'] },
    { title: 'sequence N* = 5,000', keys: ['sequence promote'] },
    { title: 'sequence N* = 20,000', keys: ['sequence 20000 promote'] }
  ],
  experiments: ([
    ['normal', normal, 30.7, 4.6, 2.5, 1.4],
    ['lognormal(0,1)', lognormal(1), 31.4, 5.0, 2.0, 1.4],
    ['beta(8,2)', beta(8, 2), 31.0, 5.2, 2.4, 1.6]
  ] as const).map(([name, draw, naive, end, planned5000, planned20000]) => ({
    name,
    effort: 1,
    targets: [
      share('naive promote', naive), share('end promote', end),
      share('sequence promote', planned5000), share('sequence 20000 promote', planned20000)
    ],
    repeat: twoArms({
      champion: draw,
      challenger: (random) => draw(random) - MARGIN,
      procedures: [
        naiveNonInferiority('naive', () => true),
        naiveNonInferiority('end', (look) => look === LOOKS),
        nonInferiority('sequence', MARGIN, PLANNED),
        nonInferiority('sequence 20000', MARGIN, 20_000)
      ]
    })
  }))
}

function naiveNonInferiority (name: string, looksAt: (look: number) => boolean): Procedure {
  return {
    name,
    decide: (arms, look) =>
      looksAt(look) && isAbove(difference(arms).estimate + MARGIN, arms, ALPHA) ? 'promote' : null
  }
}

/** A challenger that is better by some standard deviations. */
export const TRUE_EFFECTS: Section = {
  title: 'A better challenger (normal, 50:50)',
  columns: [
    { title: 'naive promote / rollback', keys: ['naive promote', 'naive rollback'] },
    { title: 'one look at the end', keys: ['end promote'] },
    { title: 'sequence N* = 5,000', keys: ['sequence promote'] },
    { title: 'median N at promotion', keys: ['sequence promote at'] }
  ],
  experiments: ([
    [0.02, 53.2, 6.6, 30.5, 11.8, 9_600],
    [0.05, 95.2, 2.7, 94.6, 76.6, 9_600],
    [0.1, 99.4, 0.6, 100, 100, 3_400],
    [0.2, 100, 0, 100, 100, 1_200]
  ] as const).map(([effect, promote, rollback, end, planned5000, units]) => ({
    name: `+${effect} σ`,
    effort: 1,
    targets: [
      ...percent('naive', promote, rollback), share('end promote', end),
      share('sequence promote', planned5000), median('sequence promote at', units)
    ],
    repeat: twoArms({
      champion: normal,
      challenger: (random) => random.normal() + effect,
      procedures: [welch('naive', ALPHA), welch('end', ALPHA, (look) => look === LOOKS), sequence('sequence', PLANNED)]
    })
  }))
}
