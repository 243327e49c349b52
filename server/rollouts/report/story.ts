import type { Verdict } from '../../../evaluators/verdict.js'
import type { RolloutReport } from './model.js'
import { countOf, lasting, known, moment, share } from './words.js'

/** The rules of a verdict in words. */
const RULES: Readonly<Record<Verdict['rule'], string>> = {
  1: 'harm was proven, or the breaker tripped',
  2: 'the trial itself could not be trusted',
  3: 'what was gained has to be weighed against what was lost',
  4: 'everything that had to be proven was proven',
  5: 'the budget was used up, or would not have sufficed',
  6: 'not enough was known yet'
}

const STATES: Readonly<Record<RolloutReport['ending']['state'], string>> = {
  pending: 'It has not begun',
  warming: 'The challenger is being warmed',
  progressing: 'It is under way',
  paused: 'It is paused',
  promoting: 'The challenger is being promoted',
  promoted: 'The challenger was promoted',
  'rolled-back': 'The challenger was rolled back',
  failed: 'The rollout failed'
}

/** How it ended or how it stands, in one sentence without its reason. Pure. */
export function endingSentence ({ ending }: RolloutReport): string {
  const { state, cause, actor, elapsedMs, isFinal, at } = ending
  const by = actor === null ? '' : cause === 'by-hand' || cause === 'reverted' ? `, by ${actor}` : ', by the gateway itself'
  if (cause === 'reverted') return `The challenger was promoted, and the promotion was taken back at ${moment(at)}${by}`
  return isFinal ? `${STATES[state]} after ${lasting(elapsedMs)}${by}` : `${STATES[state]}, ${lasting(elapsedMs)} after it was opened`
}

/** Which verdict it was, and by what rule; null without one. Pure. */
export function decisionSentence ({ decision }: RolloutReport): string | null {
  if (decision === null) return null
  const { number, at, rule, hasDecided, isByJudge, engine } = decision
  const which = hasDecided ? 'This was decided by' : 'No verdict decided this. The last one was'
  const release = engine === '' ? '' : `, drawn by release ${engine}`
  const why = rule === null ? '' : `, by rule ${rule}: ${isByJudge ? 'the canary judge\'s score, which claims no error level' : RULES[rule]}`
  return `${which} verdict ${number} of ${moment(at)}${release}: ${decision.decision}${why}`
}

/** Who met the challenger, a sentence each. Pure. */
export function exposureSentences ({ exposure }: RolloutReport): string[] {
  const { requests, sessionBuckets, mirrored, exposedMs, asOf } = exposure
  const counted = asOf === null ? 'nothing was counted' : `counted until ${moment(asOf)}`
  return [
    exposedMs > 0
      ? `The challenger could answer users for ${lasting(exposedMs)}; ${counted}`
      : `No weight was ever set, so no share of the sessions was the challenger's; ${counted}`,
    ...requests === null ? [] : [`Requests in the analysis: ${requests.challenger} of the challenger, ${requests.champion} of the champion`],
    ...sessionBuckets === null
      ? []
      : [`Session buckets (of 10000): ${sessionBuckets.challenger} first met the challenger, ${sessionBuckets.champion} the champion`],
    ...mirrored === null ? [] : [`${countOf(mirrored, 'mirrored request')}: nobody saw what the challenger answered`]
  ]
}

/** How long at each weight, as rows of a table. Pure. */
export function weightRows ({ exposure }: RolloutReport): string[][] {
  return exposure.weights.map(({ weightBps, mirrorBps, durationMs, requests }) => [
    share(weightBps),
    share(mirrorBps),
    lasting(durationMs),
    known(requests?.challenger ?? null),
    known(requests?.champion ?? null)
  ])
}

export const WEIGHT_HEAD = ['Weight', 'Mirrored', 'For', 'Requests, challenger', 'Requests, champion']

/** What was kept of the verdicts. Pure. */
export function verdictsSentence ({ verdicts }: RolloutReport): string {
  const { saved, kept, shown } = verdicts
  const dropped = kept < saved ? `, ${kept} of them kept` : ''
  return `${countOf(saved, 'verdict')} stored${dropped}, ${shown} shown here`
}
