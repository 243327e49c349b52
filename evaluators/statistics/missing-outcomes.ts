import { EvaluatorError, requireBetween, requireList } from '../errors.js'
import { compareEventShares, type EventShareResult } from './event-share.js'
import { requireInside } from './open-interval.js'
import type { TallyStratum } from './proportions.js'

export interface MissingOutcomesOptions {
  /** Error level of the alarm, 0 < alpha < 1; 0.001 unless given. */
  readonly alpha?: number
  /** Smallest p so far, 0..1; 1 at the first look. */
  readonly pBefore?: number
}

/** As an event-share test of the missing ones; `isUneven` says that p < alpha: the arms lose outcomes unequally. */
export interface MissingOutcomesResult extends EventShareResult { readonly isUneven: boolean }

/**
 * Do the arms lose outcomes (no score, no label, a judge that timed out) at different rates? Then what is left of them
 * is not comparable, and a verdict has to wait for a person. The event-share test with "missing" as the event, per
 * stage of constant split; see `compareEventShares`. Nothing missing is no evidence: p stays as it was.
 * O(stages · 100).
 *
 * @param stages per stage, both arms' units n and how many of them have no outcome (`events`), with the challenger's
 * intended share of the traffic
 * @param options error level and the smallest p of the looks before
 * @throws EvaluatorError OUT_OF_RANGE when a tally is not 0 <= events <= n in integers, or a share or option is out of
 * range
 */
export function compareMissingOutcomes (
  stages: readonly (TallyStratum & { readonly share: number })[],
  { alpha = 0.001, pBefore = 1 }: MissingOutcomesOptions = {}
): MissingOutcomesResult {
  requireInside('alpha', alpha, 0, 1)
  requireBetween('pBefore', pBefore, 0, 1)
  requireList('stages', stages)
  const events = stages.map(({ champion, challenger, share }, g) => {
    requireInside(`stages[${g}].share`, share, 0, 1)
    for (const { events, n } of [champion, challenger]) {
      if (Number.isSafeInteger(events) && Number.isSafeInteger(n) && events >= 0 && events <= n) continue
      throw new EvaluatorError('OUT_OF_RANGE', `stages[${g}]`, `expected integers 0 <= events <= n, got ${events} of ${n}`)
    }
    return { champion: champion.events, challenger: challenger.events, share }
  })
  const result = compareEventShares(events, { alpha, pBefore })
  return { ...result, isUneven: result.p < alpha }
}
