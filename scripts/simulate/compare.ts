import { quantileEstimate, quantileType7, ranked } from '../../evaluators/statistics/quantiles.js'
import type { Experiment, Outcomes, Target } from './experiment.js'

/** A look apart, in units of both arms: how finely a median sample size can be told at all. */
const LOOK_UNITS = 200

/** A simulated figure beside the one of the reference; `got` is null when it was never decided. */
export interface Cell {
  readonly key: string
  readonly kind: Target['kind']
  readonly target: number
  readonly got: number | null
  readonly tolerance: number
  readonly reps: number
  readonly isWithin: boolean
}

/** By how much a share p may be off after so many repetitions: 3·√(p(1 − p)/reps) and 0.3 points. */
export function shareTolerance (p: number, reps: number): number {
  return 3 * Math.sqrt(p * (1 - p) / reps) + 0.003
}

/** The figures of one experiment beside their targets. */
export function compareWithTargets (experiment: Experiment, outcomes: Outcomes): Cell[] {
  return experiment.targets.map((target) => target.kind === 'share' ? shareCell(target, outcomes) : medianCell(target, outcomes))
}

function shareCell ({ key, kind, value: target }: Target, outcomes: Outcomes): Cell {
  const got = outcomes.of(key) / outcomes.reps
  // Where the target is 0 the formula leaves chance no room: the reference's 0 is one of few repetitions, too.
  const tolerance = shareTolerance(target > 0 ? target : got, outcomes.reps)
  return { key, kind, target, got, tolerance, reps: outcomes.reps, isWithin: Math.abs(got - target) <= tolerance }
}

/** Within a look, and three standard errors of the median as the order statistics tell it. */
function medianCell ({ key, kind, value: target }: Target, outcomes: Outcomes): Cell {
  const sizes = Float64Array.from(outcomes.sizesOf(key)).sort()
  const { reps } = outcomes
  if (sizes.length === 0) return { key, kind, target, got: null, tolerance: LOOK_UNITS, reps, isWithin: false }
  const got = quantileType7(sizes, 0.5)
  const tolerance = LOOK_UNITS + 3 * (quantileEstimate(ranked(sizes), 0.5).se ?? 0)
  return { key, kind, target, got, tolerance, reps, isWithin: Math.abs(got - target) <= tolerance }
}
