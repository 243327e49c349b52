import type { RolloutReport } from './model.js'
import type { ReportedMetric } from './stored-verdict.js'

type Told = Omit<RolloutReport, 'advice'>

const OPEN_METRICS_SHOWN = 5

/** What to do next, the most pressing first. Pure. */
export function adviceOf (report: Told): string[] {
  return [...byCause(report), ...byHealth(report)]
}

function byCause (report: Told): string[] {
  const { rollout, challenger, champion, model } = report
  switch (report.ending.cause) {
    case 'breaker': return [
      `Find out why version ${challenger.version} failed: the breaker counts failures alone, so nothing is known of its quality or speed.`,
      'Try it again with strategy shadow first: failures of mirrored requests are counted and no user meets them.',
      `gauntlet diff ${model}:${champion.version} ${model}:${challenger.version} shows what differs between both versions.`
    ]
    case 'harm': return afterHarm(report)
    case 'drift': return ['The data has changed, not only the version: compare the inputs of both windows with gauntlet drift before another trial.']
    case 'deadline': return [
      'The trial was not decided in time, which says nothing against the challenger.',
      ...moreEvidence(report)
    ]
    case 'not-loaded': return [
      `Version ${challenger.version} never answered: mend what the reason names, publish it as a new version, and start again.`,
      'gauntlet doctor tells whether the machine or the registry is the cause.'
    ]
    case 'proven': return afterPromotion(report)
    case 'unjudged': return ['No verdict was asked for: with an analysis step in the plan the next version is compared before it is promoted.', ...afterPromotion(report)]
    case 'by-hand':
    case 'reverted': return afterHand(report)
    case 'verdict': return afterPause(report)
    case 'person': return [
      `It waits for a person: gauntlet rollout resume ${rollout} goes on, promote makes the challenger champion, rollback ends it.`
    ]
    case 'pause': return ['It goes on by itself when the pause is over.']
    case 'open': return ['It is under way.', ...etas(report)]
  }
}

function afterHarm ({ decision, challenger }: Told): string[] {
  const failed = (decision?.metrics ?? []).filter(({ outcome, role }) => outcome === 'fail' && role !== 'monitor')
  const of = (source: string): string[] => failed.filter((metric) => metric.source === source).map(({ name }) => name)
  const [errors, latency, feedback] = [of('errors'), of('latency'), of('feedback')]
  const advice: string[] = []
  if (errors.length > 0) advice.push(`Look at the requests that version ${challenger.version} failed (${errors.join(', ')}): the gateway's log names them by request id.`)
  if (latency.length > 0) {
    advice.push(`Measure ${latency.join(', ')} on a machine that is not saturated: requests of one burst are not independent, so latency can seem worse than it is. ` +
      'If it is as slow there, make the model smaller or widen the margin.')
  }
  if (feedback.length > 0) {
    advice.push(`Compare the answers of both versions where ${feedback.join(', ')} became worse, with gauntlet compare or a shadow rollout with an agreement metric.`)
  }
  return [...advice, 'A wider margin is only right if the loss shown above is acceptable to those who bear it.']
}

function afterPromotion ({ decision, rollout, champion }: Told): string[] {
  const worse = (decision?.metrics ?? []).filter(({ role, upper }) => role === 'monitor' && upper !== null && upper < 0)
  return [
    ...worse.map(({ name }) => `The monitor metric ${name} became worse; it decided nothing, so somebody should look at it.`),
    `gauntlet rollout rollback ${rollout} makes version ${champion.version} champion again, while this is the latest rollout of the model.`
  ]
}

function afterHand ({ decision, ending }: Told): string[] {
  const actor = ending.actor ?? 'A person'
  if (decision === null) return [`${actor} decided before anything was measured; the reason given is all there is to go by.`]
  const said = `${decision.decision} (${decision.reason})`
  const isAgreed = (ending.state === 'promoted' && ending.cause === 'by-hand') === (decision.decision === 'promote') && decision.decision !== 'continue'
  return [isAgreed
    ? `${actor} did what the last verdict asked for: ${said}.`
    : `${actor} decided; the last verdict was ${said}. If the reason is something that can be measured, make it a metric of the next trial.`]
}

function afterPause (report: Told): string[] {
  const { decision, rollout } = report
  const go = `gauntlet rollout resume ${rollout} accepts this verdict for the present step; rollback ends the trial.`
  switch (decision?.rule) {
    case 1: return ['Harm was found and the document asks to pause: roll back unless the reason is known and acceptable.', go]
    case 2: return ['The numbers cannot be trusted until the cause is found; a new rollout begins with clean ones.', go]
    case 3: return ['It is a trade-off that no statistics can settle: weigh the metrics below against one another, then promote or roll back.', go]
    case 5: return ['The budget does not suffice, which says nothing against the challenger.', ...moreEvidence(report), go]
    case 4:
    case 6:
    case null:
    case undefined: return [go]
  }
}

function moreEvidence (report: Told): string[] {
  return [
    'Give it more: a greater weight, more traffic with an affinity key, a longer maxDuration, or a wider margin where that is acceptable. ' +
      'gauntlet rollout plan tells beforehand how much each gate needs; mirrored pairs need the fewest requests.',
    ...etas(report)
  ]
}

function etas ({ decision }: Told): string[] {
  const open = (decision?.metrics ?? []).filter(({ role, outcome }) => role !== 'monitor' && outcome === 'inconclusive')
  return open.slice(0, OPEN_METRICS_SHOWN).map(({ name, eta, reason }: ReportedMetric) =>
    `Open: ${eta === '' ? `${name}: ${reason}` : `${eta.startsWith(name) ? '' : `${name}: `}${eta}`}.`)
}

function byHealth ({ decision }: Told): string[] {
  return (decision?.health ?? []).flatMap(({ check, action, reason }) => {
    if (action === 'none') return []
    if (check === 'sample-ratio') {
      return [`${reason}: look for clients that lose or share their session key, for caches, and for requests that only one version drops.`]
    }
    return check === 'metric-error' ? [`${reason}: a metric that cannot be computed decides nothing.`] : [reason]
  })
}
