import type { RolloutView } from './api-client.js'

type Metric = RolloutView['verdict']['metrics'][number]

/** A rollout in one line. */
export function rolloutLine (view: RolloutView): string {
  const { id, model, champion, challenger, state, weightBps, verdict, reason } = view
  const samples = verdict.metrics.map((metric) => Math.min(metric.n.champion, metric.n.challenger))
  const least = samples.length === 0 ? '' : `  n >= ${Math.min(...samples)}`
  const said = state === 'progressing' || view.watchedUntil !== null ? `${verdict.reason}${soon(verdict.eta)}` : reason
  return `${id}  ${model}  ${champion} -> ${challenger}  ${state}  ${weightBps / 100} %${least}  ${said}`
}

/** A rollout for people: a head, and a line per metric. */
export function rolloutText (view: RolloutView): string {
  const { id, model, champion, challenger, state, step, weightBps, reason, verdict, reverted } = view
  const lines = [
    `rollout    ${id}`,
    `model      ${model}: champion ${champion}, challenger ${challenger}`,
    `state      ${state}, step ${step}, weight ${weightBps / 100} %`,
    `reason     ${reason}`,
    `verdict    ${verdict.decision}: ${verdict.reason}`
  ]
  if (view.watchedUntil !== null) lines.push(`watched    until ${new Date(view.watchedUntil).toISOString()}, against ${champion}`)
  if (reverted !== null) lines.push(`reverted   ${new Date(reverted.at).toISOString()} by ${reverted.actor}: ${reverted.reason}`)
  if (verdict.eta !== undefined && verdict.decision === 'continue') lines.push(`eta        ${verdict.eta.reason}`)
  for (const { action, reason: finding } of verdict.health ?? []) {
    if (action !== 'none') lines.push(`health     ${action}: ${finding}`)
  }
  const { arms } = view
  if (arms === undefined) return [...lines, ...verdict.metrics.map(metricLine)].join('\n')
  return [...lines, ...arms.flatMap((arm) => [
    `${arm.version}  ${arm.weightBps === 0 ? 'out' : `${arm.weightBps / 100} %`}  ${arm.verdict.decision}: ${arm.verdict.reason}`,
    ...arm.verdict.metrics.map(metricLine)
  ])].join('\n')
}

/** How long it may still take, for the end of a line; nothing when that is not known. */
function soon (eta: RolloutView['verdict']['eta']): string {
  if (eta === undefined || eta.samples === null || eta.samples === 0) return ''
  return `  eta ${eta.samples} samples${eta.days === null ? '' : `, ${duration(eta.days)}`}`
}

function duration (days: number): string {
  const [hours, minutes, seconds] = [days * 24, days * 1_440, days * 86_400]
  if (days >= 2) return `${days.toFixed(1)} days`
  if (hours >= 2) return `${hours.toFixed(1)} h`
  return minutes >= 2 ? `${minutes.toFixed(0)} min` : `${Math.max(1, Math.ceil(seconds))} s`
}

/** A metric with its interval, as difference where positive means that the challenger is better. */
export function metricLine (metric: Metric): string {
  const { name, outcome, estimator, estimate, lower, upper, margin, n, reason, eta } = metric
  if (estimator === 'kayenta') return `  ${outcome.padEnd(12)} ${name.padEnd(12)} n ${n.champion} / ${n.challenger}  ${reason}`
  const interval = estimate === null ? 'no estimate yet' : `${show(estimate)} [${show(lower)}, ${show(upper)}]`
  const limit = margin === null ? '' : ` margin ${margin}`
  const open = outcome === 'inconclusive' ? estimate === null ? `  ${reason}` : soon(eta) : ''
  return `  ${outcome.padEnd(12)} ${name.padEnd(12)} ${interval}${limit}  n ${n.champion} / ${n.challenger}${open}`
}

function show (value: number | null): string {
  return value === null ? '?' : `${value < 0 ? '' : '+'}${value.toFixed(4)}`
}
