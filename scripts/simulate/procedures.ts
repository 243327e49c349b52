import { oneSidedHalfWidth, twoSidedHalfWidth } from '../../evaluators/statistics/sequences.js'
import { normalUpper, studentUpper } from '../../evaluators/statistics/special.js'
import { difference, type StratifiedMeans } from '../../evaluators/statistics/strata.js'
import type { Outcomes } from './experiment.js'

/** Looks of a trial. */
export const LOOKS = 100
/** Units per arm between two looks. */
export const PER_LOOK = 100
export const ALPHA = 0.05
/** The usual N*. */
export const PLANNED = 5_000

export type Arms = Pick<StratifiedMeans, 'champion' | 'challenger'>
export type Answer = 'promote' | 'rollback'

/** A way to decide at a look (1, 2, …) from the means of both arms so far; null is "go on". */
export interface Procedure { readonly name: string, decide (arms: Arms, look: number): Answer | null }

/** Whether the upper tail beyond t = effect / se in Welch's approximation is below alpha. */
export function isAbove (effect: number, { champion, challenger }: Arms, alpha: number): boolean {
  const [a, b] = [champion.varianceOfMean, challenger.varianceOfMean]
  if (!(effect > 0 && a + b > 0)) return false
  const t = effect / Math.sqrt(a + b)
  // Student's tail is the heavier one; most looks are settled by the normal one, which costs less.
  if (normalUpper(t) >= alpha) return false
  const df = (a + b) ** 2 / (a * a / (champion.n - 1) + b * b / (challenger.n - 1))
  return studentUpper(t, df) < alpha
}

/** Welch's two-sided t test at the given looks. */
export function welch (name: string, alpha: number, looksAt: (look: number) => boolean = () => true): Procedure {
  return {
    name,
    decide (arms, look) {
      if (!looksAt(look)) return null
      const { estimate } = difference(arms)
      if (!isAbove(Math.abs(estimate), arms, alpha / 2)) return null
      return estimate > 0 ? 'promote' : 'rollback'
    }
  }
}

/** The two-sided asymptotic confidence sequence. */
export function sequence (name: string, plannedSamples: number): Procedure {
  return {
    name,
    decide (arms) {
      const { estimate, se } = difference(arms)
      if (!(se > 0)) return null
      const n = arms.champion.n + arms.challenger.n
      if (Math.abs(estimate) <= twoSidedHalfWidth({ se, n, alpha: ALPHA, plannedSamples })) return null
      return estimate > 0 ? 'promote' : 'rollback'
    }
  }
}

/** Non-inferiority by the one-sided asymptotic confidence sequence. */
export function nonInferiority (name: string, margin: number, plannedSamples: number): Procedure {
  return {
    name,
    decide (arms) {
      const { estimate, se } = difference(arms)
      if (!(se > 0)) return null
      const n = arms.champion.n + arms.challenger.n
      return estimate - oneSidedHalfWidth({ se, n, alpha: ALPHA, plannedSamples }) > -margin ? 'promote' : null
    }
  }
}

/** The five columns of the table without an effect. */
export const TWO_SIDED: readonly Procedure[] = [
  welch('naive', ALPHA),
  welch('end', ALPHA, (look) => look === LOOKS),
  welch('bonferroni', ALPHA / LOOKS),
  sequence('sequence', PLANNED),
  sequence('sequence 20000', 20_000)
]

/**
 * Runs one trial look by look; each procedure answers at most once, and its first answer is counted with the sample
 * size at that look.
 */
export function runTrial (
  procedures: readonly Procedure[], next: (look: number) => Arms | null, outcomes: Outcomes
): void {
  const open = new Set(procedures)
  for (let look = 1; look <= LOOKS && open.size > 0; look++) {
    const arms = next(look)
    if (arms === null) continue
    for (const procedure of open) {
      const answer = procedure.decide(arms, look)
      if (answer === null) continue
      open.delete(procedure)
      outcomes.count(`${procedure.name} ${answer}`)
      outcomes.size(`${procedure.name} ${answer} at`, arms.champion.n + arms.challenger.n)
    }
  }
}
