import { EvaluatorError } from '../errors.js'
import { NO_MOMENTS, requireMoments, type MomentsSummary } from '../statistics/moments.js'
import { NO_PAIR_MOMENTS, requirePairMoments, type PairMomentsSummary } from '../statistics/pair-moments.js'
import type { ArmEvidence, Evidence, Stratum } from '../verdict/spec.js'
import type { Counts, MomentsStratum } from './effect.js'

/** Both arms' pair moments of one metric in one stratum; an arm that has seen nothing has n = 0. */
export interface PairMomentsStratum {
  readonly stratum: Stratum
  readonly champion: PairMomentsSummary
  readonly challenger: PairMomentsSummary
}

const KINDS = ['moments', 'covariate', 'ratio', 'histogram'] as const
type Kind = typeof KINDS[number]

/**
 * Of what kind a metric's evidence is; null when there is none at all. O(strata).
 * @throws EvaluatorError MALFORMED when it is of several kinds, or of an unknown one
 */
export function kindOf (name: string, { strata }: Evidence): Kind | null {
  let kind: Kind | null = null
  for (const stratum of strata) {
    for (const arm of ['champion', 'challenger'] as const) {
      const found = stratum[arm][name]
      if (found === undefined) continue
      const its = KINDS.find((candidate) => candidate in found)
      if (its === undefined || (kind !== null && its !== kind)) {
        throw new EvaluatorError('MALFORMED', `${arm} ${name}`, `expected ${kind ?? KINDS.join(', ')}, got ${Object.keys(found).join() || 'nothing'}`)
      }
      kind = its
    }
  }
  return kind
}

/**
 * Both arms' moments of one metric in every stratum. O(strata).
 * @throws EvaluatorError MALFORMED or NOT_FINITE when the evidence is of another kind or not what moments can be
 */
export function momentsStrata (name: string, { strata }: Evidence): MomentsStratum[] {
  const read = (evidence: ArmEvidence | undefined, argument: string): MomentsSummary => {
    if (evidence === undefined) return NO_MOMENTS
    if (!('moments' in evidence)) throw new EvaluatorError('MALFORMED', argument, `expected moments, got ${Object.keys(evidence).join()}`)
    requireMoments(argument, evidence.moments)
    return evidence.moments
  }
  return strata.map((stratum) => ({
    stratum,
    champion: read(stratum.champion[name], `champion ${name}`),
    challenger: read(stratum.challenger[name], `challenger ${name}`)
  }))
}

/**
 * Both arms' pair moments of one metric in every stratum. O(strata).
 * @throws EvaluatorError MALFORMED or NOT_FINITE when the numbers are not what a sample can have
 */
export function pairMomentsStrata (name: string, kind: 'covariate' | 'ratio', { strata }: Evidence): PairMomentsStratum[] {
  const read = (evidence: ArmEvidence | undefined, argument: string): PairMomentsSummary => {
    const summary = (evidence as Partial<Record<Kind, PairMomentsSummary>> | undefined)?.[kind] ?? NO_PAIR_MOMENTS
    requirePairMoments(argument, summary)
    return summary
  }
  return strata.map((stratum) => ({
    stratum,
    champion: read(stratum.champion[name], `champion ${name}`),
    challenger: read(stratum.challenger[name], `challenger ${name}`)
  }))
}

type Counted = Readonly<Record<'champion' | 'challenger', { readonly n: number }>> & { readonly stratum: Stratum }

/** Units per arm in the strata of the current stage. O(strata). */
export function currentCounts (strata: readonly Counted[], stage: number): Counts {
  return totals(strata.filter(({ stratum }) => stratum.stage === stage))
}

/** Units per arm in all strata. O(strata). */
export function totals (strata: readonly Counted[]): Counts {
  return {
    champion: strata.reduce((sum, { champion }) => sum + champion.n, 0),
    challenger: strata.reduce((sum, { challenger }) => sum + challenger.n, 0)
  }
}

/** The challenger's share of the traffic at the current stage, null when no stratum tells. O(strata). */
export function currentShare ({ strata, stage }: Evidence): number | null {
  const share = (strata.find((stratum) => stratum.stage === stage)?.weightBps ?? 0) / 10_000
  return share > 0 && share < 1 ? share : null
}
