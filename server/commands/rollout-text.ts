import type { RolloutView } from './api-client.js'

type Metric = RolloutView['verdict']['metrics'][number]

/** A rollout in one line. */
export function rolloutLine (view: RolloutView): string {
  const { id, model, champion, challenger, state, weightBps, verdict, reason } = view
  const samples = verdict.metrics.map((metric) => Math.min(metric.n.champion, metric.n.challenger))
  const least = samples.length === 0 ? '' : `  n >= ${Math.min(...samples)}`
  const said = state === 'progressing' ? verdict.reason : reason
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
  if (reverted !== null) lines.push(`reverted   ${new Date(reverted.at).toISOString()} by ${reverted.actor}: ${reverted.reason}`)
  return [...lines, ...verdict.metrics.map(metricLine)].join('\n')
}

/** A metric with its interval, as difference where positive means that the challenger is better. */
export function metricLine ({ name, outcome, estimate, lower, upper, margin, n }: Metric): string {
  const interval = estimate === null ? 'no estimate yet' : `${show(estimate)} [${show(lower)}, ${show(upper)}]`
  const limit = margin === null ? '' : ` margin ${margin}`
  return `  ${outcome.padEnd(12)} ${name.padEnd(12)} ${interval}${limit}  n ${n.champion} / ${n.challenger}`
}

function show (value: number | null): string {
  return value === null ? '?' : `${value < 0 ? '' : '+'}${value.toFixed(4)}`
}
