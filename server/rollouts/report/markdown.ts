import type { RolloutReport, Series } from './model.js'
import type { ReportedMetric } from './stored-verdict.js'
import { decisionSentence, endingSentence, exposureSentences, verdictsSentence, WEIGHT_HEAD, weightRows } from './story.js'
import { thin } from './thin.js'
import { effect, intervalOf, marginOf, moment, share } from './words.js'

const INTERVALS_SHOWN = 10

/** A report as GitHub-flavoured Markdown. What was written by others is escaped. Pure. */
export function reportAsMarkdown (report: RolloutReport): string {
  const { model, champion, challenger, ending, decision, opened, strategy, rollout, timeline } = report
  const said = decisionSentence(report)
  return [
    `# Rollout ${plain(rollout)}: ${plain(model)} ${plain(champion.version)} → ${plain(challenger.version)}`,
    `**${plain(endingSentence(report))}.** ${plain(ending.reason)}`,
    '## What was tried',
    table(['', ''], [
      ['Model', plain(model)],
      ['Champion', versionOf(champion)],
      ['Challenger', versionOf(challenger)],
      ['Strategy', plain(strategy ?? '-')],
      ['Opened', `${moment(opened.at)} by ${plain(opened.actor ?? 'unknown')}: ${plain(opened.reason ?? '-')}`]
    ]),
    '## What decided',
    said === null ? 'No verdict was ever drawn.' : `${plain(said)}.`,
    ...decision === null ? [] : [`> ${plain(decision.reason)}`, metricTable(decision.metrics)],
    ...decision === null ? [] : [list(decision.health.map(({ action, reason }) => `${action === 'none' ? 'sound' : action}: ${plain(reason)}`))],
    '## What to do next',
    list(report.advice.map(plain)),
    '## Who was exposed',
    list(exposureSentences(report).map((sentence) => `${plain(sentence)}.`)),
    table(WEIGHT_HEAD, weightRows(report)),
    '## What happened when',
    table(['When', 'Event', 'State', 'Step', 'Weight', 'By', 'Reason'], timeline.entries.map((entry) => {
      const { at, event, to, step, weightBps, actor, reason } = entry
      return [moment(at), event, to, String(step), share(weightBps), plain(actor), plain(reason)]
    })),
    ...timeline.omitted === 0 ? [] : [`${timeline.omitted} transitions in between are left out.`],
    '## How the effects went',
    'Positive means that the challenger is better.',
    ...report.series.map(seriesTable),
    `${verdictsSentence(report)}. The report tells of everything until ${moment(report.until)}.`
  ].filter((part) => part !== '').join('\n\n') + '\n'
}

function metricTable (metrics: readonly ReportedMetric[]): string {
  const head = ['Metric', 'Role', 'Outcome', 'Effect', 'Interval', 'Margin', 'n champion', 'n challenger']
  return table(head, metrics.map((metric) => [
    plain(metric.name),
    metric.role,
    metric.outcome,
    metric.estimate === null ? plain(metric.reason) : effect(metric.estimate, metric.marginKind),
    intervalOf(metric),
    marginOf(metric),
    String(metric.n.champion),
    String(metric.n.challenger)
  ]))
}

function seriesTable ({ name, points, ...metric }: Series): string {
  const shown = thin(points, INTERVALS_SHOWN, () => false)
  if (shown.length === 0) return `### ${plain(name)}\n\nThere was never an estimate.`
  const rows = shown.map(({ at, estimate, lower, upper }) => [
    moment(at), effect(estimate, metric.marginKind), `[${effect(lower, metric.marginKind)}, ${effect(upper, metric.marginKind)}]`
  ])
  return `### ${plain(name)}, margin ${marginOf(metric)}\n\n${table(['When', 'Effect', 'Interval'], rows)}`
}

function versionOf ({ version, digest }: RolloutReport['champion']): string {
  return `${plain(version)}, ${digest === null ? 'digest unknown' : `\`${digest}\``}`
}

function table (head: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) return ''
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

function list (items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n')
}

/** Text of others as text: on one line, and without a meaning to Markdown or HTML. */
function plain (text: string): string {
  return text
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replaceAll(/[\\`*<>|~&]/g, (sign) => sign === '<' ? '&lt;' : sign === '>' ? '&gt;' : sign === '&' ? '&amp;' : `\\${sign}`)
    .replaceAll(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, '\\_')
    .replaceAll(/\](?=[([:])/g, '\\]')
}
