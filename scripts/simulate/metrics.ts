import type { Random } from '../../evaluators/statistics/random.js'
import { oneSidedHalfWidth } from '../../evaluators/statistics/sequences.js'
import { studentQuantile } from '../../evaluators/statistics/special.js'
import { difference } from '../../evaluators/statistics/strata.js'
import { median, share, type Experiment, type Outcomes, type Section } from './experiment.js'
import { ALPHA, LOOKS, PER_LOOK, PLANNED } from './procedures.js'
import { normal, Sample } from './sample.js'

/** Non-inferiority margin of every metric, standard deviations. */
const MARGIN = 0.1

/** Half widths of one metric at one look, beside the difference of two equal arms. */
interface Reading { readonly estimate: number, readonly naive: number, readonly full: number, readonly shared: number }

const KEYS = {
  naivePromote: 'naive false promote',
  promote: 'sequence false promote',
  naiveRollback: 'naive false rollback',
  rollback: 'sequence false rollback',
  sharedRollback: 'sequence false rollback α/M',
  equal: 'promote when equal at'
} as const

/** Promotion needs every metric, rollback any of them. */
export const DECISION_RULE: Section = {
  title: 'Decision over M metrics, uncorrelated (margin 0.1 σ)',
  columns: [
    { title: 'false promote, naive', keys: [KEYS.naivePromote] },
    { title: 'all metrics at full α', keys: [KEYS.promote] },
    { title: 'false rollback, naive', keys: [KEYS.naiveRollback] },
    { title: 'any metric at α', keys: [KEYS.rollback] },
    { title: 'any metric at α/M', keys: [KEYS.sharedRollback] },
    { title: 'median N to promote when equal', keys: [KEYS.equal] }
  ],
  experiments: ([
    [1, 31.0, 2.4, 31.1, 2.5, 2.5, 3_000],
    [3, 23.8, 2.1, 67.6, 6.4, 1.8, 5_000],
    [5, 21.0, 2.3, 84.7, 9.6, 1.8, 5_800],
    [10, 20.0, 2.1, 97.8, 21.8, 2.2, 7_200]
  ] as const).map(([metrics, naivePromote, promote, naiveRollback, rollback, sharedRollback, units]): Experiment => ({
    name: `${metrics}`,
    effort: 1,
    targets: [
      share(KEYS.naivePromote, naivePromote), share(KEYS.promote, promote), share(KEYS.naiveRollback, naiveRollback),
      share(KEYS.rollback, rollback), share(KEYS.sharedRollback, sharedRollback), median(KEYS.equal, units)
    ],
    repeat: (random, outcomes) => decideOver(metrics, random, outcomes)
  }))
}

/**
 * One trial of equal arms, read as three: all metrics equal, the first exactly at the margin, all exactly at the
 * margin. A challenger that is worse by the margin differs from an equal one by that shift alone.
 */
function decideOver (metrics: number, random: Random, outcomes: Outcomes): void {
  const arms = Array.from({ length: metrics }, () => ({ champion: new Sample(), challenger: new Sample() }))
  const open = new Set<string>(Object.values(KEYS))
  for (let look = 1; look <= LOOKS; look++) {
    const readings = arms.map((arm) => {
      arm.champion.draw(normal, random, PER_LOOK)
      arm.challenger.draw(normal, random, PER_LOOK)
      return read(arm, metrics)
    })
    const happened: Readonly<Record<string, boolean>> = {
      [KEYS.naivePromote]: readings.every(({ estimate, naive }, i) => estimate - naive > (i === 0 ? 0 : -MARGIN)),
      [KEYS.promote]: readings.every(({ estimate, full }, i) => estimate - full > (i === 0 ? 0 : -MARGIN)),
      [KEYS.naiveRollback]: readings.some(({ estimate, naive }) => estimate + naive < 0),
      [KEYS.rollback]: readings.some(({ estimate, full }) => estimate + full < 0),
      [KEYS.sharedRollback]: readings.some(({ estimate, shared }) => estimate + shared < 0),
      [KEYS.equal]: readings.every(({ estimate, full }) => estimate - full > -MARGIN)
    }
    for (const key of [...open]) {
      if (happened[key] !== true) continue
      open.delete(key)
      outcomes.count(key)
      if (key === KEYS.equal) outcomes.size(key, 2 * look * PER_LOOK)
    }
  }
}

function read (arm: { champion: Sample, challenger: Sample }, metrics: number): Reading {
  const { estimate, se } = difference({ champion: arm.champion.arm(), challenger: arm.challenger.arm() })
  const n = arm.champion.n + arm.challenger.n
  return {
    estimate,
    naive: se * criticalT(n - 2),
    full: oneSidedHalfWidth({ se, n, alpha: ALPHA, plannedSamples: PLANNED }),
    shared: oneSidedHalfWidth({ se, n, alpha: ALPHA / metrics, plannedSamples: PLANNED })
  }
}

const CRITICAL = new Map<number, number>()

/** One-sided critical t; Welch's degrees of freedom are n − 2 but for noise when both arms vary alike. */
function criticalT (df: number): number {
  let t = CRITICAL.get(df)
  if (t === undefined) CRITICAL.set(df, t = studentQuantile(1 - ALPHA, df))
  return t
}
