import type { RolloutRow } from '../../../registry/rollouts/rollout.js'
import type { PostMortemWish } from '../spec/schema.js'
import type { Cause } from './ending.js'

/** Of the data directory. */
export const REPORT_FOLDER = 'reports'

/** What a document asks for that does not say, and what those of earlier releases did not say. */
const DEFAULT_WISH: PostMortemWish = 'rollback'

/** What happens to a rollout that may want a post-mortem. */
const ENDS: ReadonlySet<string> = new Set(['rollout.rollback', 'rollout.fail', 'rollout.complete', 'rollout.revert'])

/** Whether an event of this type ends a rollout, or takes its end back. Pure. */
export function isEnd (type: string): boolean {
  return ENDS.has(type)
}

/** When it ended, or was taken back, ms since the epoch; null while it is open. Pure. */
export function endOf ({ endedAt, reverted }: Pick<RolloutRow, 'endedAt' | 'reverted'>): number | null {
  return reverted?.at ?? endedAt
}

/** Whether its document may ask for a post-mortem now: of `breaker` only the cause can tell. Pure. */
export function mayWantPostMortem (row: Pick<RolloutRow, 'state' | 'spec' | 'endedAt' | 'reverted'>): boolean {
  const wish = wishOf(row.spec)
  if (row.endedAt === null || wish === 'never') return false
  return wish === 'always' || row.state !== 'promoted' || row.reverted !== null
}

/** Whether a rollout that may want a post-mortem does, given why it ended. Pure. */
export function wantsPostMortem (spec: unknown, cause: Cause): boolean {
  return wishOf(spec) !== 'breaker' || cause === 'breaker'
}

/** Where the reports of a rollout are, relative to the data directory. Pure. */
export function reportPaths (id: string): { readonly markdown: string, readonly html: string } {
  return { markdown: `${REPORT_FOLDER}/${id}.md`, html: `${REPORT_FOLDER}/${id}.html` }
}

function wishOf (spec: unknown): PostMortemWish {
  return (spec as { postMortem?: PostMortemWish } | null)?.postMortem ?? DEFAULT_WISH
}
