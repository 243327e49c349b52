import { logEvidence } from '../../evaluators/statistics/event-share.js'
import { expectedEvents, stratifiedProportions } from '../../evaluators/statistics/proportions.js'
import type { Random } from '../../evaluators/statistics/random.js'
import { twoSidedHalfWidth } from '../../evaluators/statistics/sequences.js'
import { difference } from '../../evaluators/statistics/strata.js'
import { percent, type Experiment, type Outcomes } from './experiment.js'
import { ALPHA, LOOKS, PLANNED, type Answer } from './procedures.js'

const SHARE = 0.1
const RATE = 0.01
const UNITS_PER_LOOK = 200

/** Fewest expected events in the smaller arm for the asymptotic comparison. */
const EXPECTED_EVENTS_MIN = 10

interface Tallies {
  readonly champion: { events: number, n: number }
  readonly challenger: { events: number, n: number }
}

/** Events at the same low rate in both arms, the challenger with a tenth of the traffic. */
export const RARE_EVENTS: readonly Experiment[] = [
  {
    name: 'same, Agresti-Caffo from 10 expected events',
    effort: 1,
    targets: percent('sequence', 0.0, 1.4),
    repeat: (random, outcomes) => look(random, outcomes, asymptotic)
  },
  {
    name: 'same, event-share test',
    effort: 1,
    targets: percent('sequence', 0.7, 1.7),
    repeat: (random, outcomes) => look(random, outcomes, exact)
  }
]

/** Assigns and looks until a procedure answers; "rollback" stands for a challenger declared lower. */
function look (random: Random, outcomes: Outcomes, decide: (tallies: Tallies) => Answer | null): void {
  const tallies = { champion: { events: 0, n: 0 }, challenger: { events: 0, n: 0 } }
  for (let i = 0; i < LOOKS; i++) {
    for (let j = 0; j < UNITS_PER_LOOK; j++) {
      const arm = random.uniform() < SHARE ? tallies.challenger : tallies.champion
      arm.n += 1
      if (random.uniform() < RATE) arm.events += 1
    }
    const answer = decide(tallies)
    if (answer !== null) return outcomes.count(`sequence ${answer}`)
  }
}

function asymptotic (tallies: Tallies): Answer | null {
  if (expectedEvents([tallies]) < EXPECTED_EVENTS_MIN) return null
  const means = stratifiedProportions([tallies])!
  const { estimate, se } = difference(means)
  if (Math.abs(estimate) <= twoSidedHalfWidth({ se, n: means.n, alpha: ALPHA, plannedSamples: PLANNED })) return null
  return estimate > 0 ? 'promote' : 'rollback'
}

function exact ({ champion, challenger }: Tallies): Answer | null {
  const evidence = logEvidence([{ champion: champion.events, challenger: challenger.events, share: SHARE }], 0)
  if (evidence < -Math.log(ALPHA)) return null
  return challenger.events / challenger.n > champion.events / champion.n ? 'promote' : 'rollback'
}
