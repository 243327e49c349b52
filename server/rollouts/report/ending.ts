import type { RolloutHistoryEntry, RolloutRow, RolloutVerdict } from '../../../registry/rollouts/rollout.js'
import { ENGINE } from '../engine.js'
import type { Details } from '../trial.js'
import { evidenceOf, isOfHealth } from './stored-verdict.js'

/**
 * Why a rollout is where it is: `proven` better or not worse, `unjudged` when the plan asked for no verdict; `harm` of
 * a metric, `breaker`, `drift`; `deadline`; `not-loaded`; `by-hand`; `reverted` after its promotion. Of one that is
 * open: `verdict`, `person` or `pause` it waits for, or `open`.
 */
export type Cause =
  | 'proven' | 'unjudged' | 'harm' | 'breaker' | 'drift' | 'deadline' | 'not-loaded' | 'by-hand' | 'reverted'
  | 'verdict' | 'person' | 'pause' | 'open'

/** How a rollout ended, or how it stands. */
export interface Ending {
  readonly state: RolloutRow['state']
  readonly cause: Cause
  /** Whether a verdict brought it there. */
  readonly isJudged: boolean
  readonly at: number
  /** From the creation to the end, or until now. */
  readonly elapsedMs: number
  readonly isFinal: boolean
  readonly actor: string | null
  readonly reason: string
}

/** Pure. `lastActed` is the last verdict that moved the rollout. */
export function endingOf (
  row: RolloutRow, history: readonly RolloutHistoryEntry[], lastActed: RolloutVerdict | null, until: number
): Ending {
  const move = history.findLast(({ event }) => event !== 'revert') ?? null
  const asked = row.state === 'promoted' ? history.findLast(({ event }) => event === 'promote') ?? move : move
  const cause = causeOf(row, asked, lastActed)
  const { reverted } = row
  return {
    state: row.state,
    cause,
    isJudged: ['proven', 'harm', 'breaker', 'drift', 'verdict'].includes(cause) ||
      (cause === 'reverted' && isProven(asked, lastActed)),
    at: reverted?.at ?? row.endedAt ?? row.updatedAt,
    elapsedMs: Math.max(0, until - row.createdAt),
    isFinal: row.endedAt !== null,
    actor: reverted?.actor ?? asked?.actor ?? null,
    reason: reverted?.reason ?? asked?.reason ?? row.reason
  }
}

type Move = RolloutHistoryEntry | null

function causeOf (row: RolloutRow, move: Move, lastActed: RolloutVerdict | null): Cause {
  const isByHand = move !== null && move.actor !== ENGINE
  switch (row.state) {
    case 'promoted':
      if (row.reverted !== null) return 'reverted'
      return isByHand ? 'by-hand' : isProven(move, lastActed) ? 'proven' : 'unjudged'
    case 'rolled-back': return isByHand ? 'by-hand' : harmOf(lastActed)
    case 'failed': return isByHand ? 'by-hand' : 'not-loaded'
    case 'paused': return lastActed === null ? waitOf(row, 'person') : waitOf(row, 'verdict')
    case 'pending':
    case 'warming':
    case 'progressing':
    case 'promoting': return 'open'
  }
}

function isProven (move: Move, lastActed: RolloutVerdict | null): boolean {
  return move?.actor === ENGINE && lastActed?.decision === 'promote'
}

function harmOf (lastActed: RolloutVerdict | null): Cause {
  if (lastActed?.decision !== 'rollback') return 'deadline'
  if (evidenceOf(lastActed).breaker != null) return 'breaker'
  return isOfHealth(lastActed) ? 'drift' : 'harm'
}

function waitOf ({ details, pausedUntil }: RolloutRow, judged: Cause): Cause {
  if (pausedUntil !== null) return 'pause'
  return (details as Details).pause === 'verdict' ? judged : 'person'
}
