import { Html, html } from './escape.js'
import type { RolloutReport } from './model.js'
import type { ReportedMetric } from './stored-verdict.js'
import { plotSeries, plotWeights } from './plot.js'
import { decisionSentence, endingSentence, exposureSentences, verdictsSentence, WEIGHT_HEAD, weightRows } from './story.js'
import { effect, intervalOf, marginOf, moment, share } from './words.js'

const STYLE = new Html(`
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6470; --line: #d0d7de; --paper: #fff; --blue: #0a58ca; --good: #157347; --bad: #b02a37; --open: #946200 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4b0; --line: #3d444d; --paper: #0d1117; --blue: #6ea8fe; --good: #75b798; --bad: #ea868f; --open: #ffda6a } }
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; font-size: .9rem } .wide { overflow-x: auto }
th, td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line) }
td, li, code, blockquote, figcaption { unicode-bidi: isolate; overflow-wrap: anywhere }
blockquote { margin: 1rem 0; padding-left: 1rem; border-left: 3px solid var(--line) }
code, pre { font-size: .85rem } pre { overflow-x: auto } footer, figcaption { color: var(--soft); font-size: .9rem }
.pass, .promoted { color: var(--good) } .fail, .rolled-back, .failed, .reverted { color: var(--bad) } .inconclusive, .paused { color: var(--open) }
figure { margin: 1rem 0 } svg { width: 100%; height: auto; font-size: 11px } svg text { fill: var(--soft) } svg path { fill: none }
svg .grid { stroke: var(--line) } svg text.grid, svg text.zero, svg text.margin { stroke: none }
svg .zero { stroke: var(--ink) } svg .margin { stroke: var(--bad); stroke-dasharray: 5 4 } svg text.margin { fill: var(--bad) } svg text.zero { fill: var(--ink) }
svg .weight { stroke: var(--blue); stroke-width: 2 } svg .mirror { stroke: var(--blue); stroke-dasharray: 4 4 }
svg path.band { fill: var(--blue); fill-opacity: .2 } svg .estimate { stroke: var(--blue); stroke-width: 1.5 } svg .last { fill: var(--blue) }
@media print { body { margin: 0; max-width: none } }
`)

/** Nothing may be loaded or run, whatever stands in the page. */
export const REPORT_POLICY = 'default-src \'none\'; style-src \'unsafe-inline\'; base-uri \'none\'; form-action \'none\''

/** A report as one HTML page that needs nothing else: text of others is escaped, and no script is allowed. Pure. */
export function reportAsHtml (report: RolloutReport): string {
  const { model, champion, challenger, ending, rollout, timeline } = report
  const title = `Rollout ${rollout}: ${model} ${champion.version} → ${challenger.version}`
  const kind = ending.cause === 'reverted' ? 'reverted' : ending.state
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="Content-Security-Policy" content="${REPORT_POLICY}">
<title>${title}</title><style>${STYLE}</style></head>
<body>
<h1>${title}</h1>
<p><strong class="${kind}">${endingSentence(report)}.</strong> ${ending.reason}</p>
${trialPart(report)}
${decisionPart(report)}
<h2>What to do next</h2>
${list(report.advice)}
<h2>How it went</h2>
${plots(report)}
<h2>Who was exposed</h2>
${list(exposureSentences(report).map((sentence) => `${sentence}.`))}
${table(WEIGHT_HEAD, weightRows(report).map((row) => row.map(cell)))}
<h2>What happened when</h2>
${table(['When', 'Event', 'State', 'Step', 'Weight', 'By', 'Reason'], timeline.entries.map((entry) =>
    [moment(entry.at), entry.event, entry.to, String(entry.step), share(entry.weightBps), entry.actor, entry.reason].map(cell)))}
${timeline.omitted === 0 ? '' : html`<p>${timeline.omitted} transitions in between are left out.</p>`}
<details><summary>The document of the rollout</summary><pre><code>${JSON.stringify(report.spec, null, 2) ?? 'none'}</code></pre></details>
<footer><p>${verdictsSentence(report)}. The report tells of everything until ${moment(report.until)}.</p></footer>
</body>
</html>
`.text
}

function trialPart ({ model, champion, challenger, strategy, opened }: RolloutReport): Html {
  const versionOf = ({ version, digest }: RolloutReport['champion']): Html =>
    html`<td>${version}, ${digest === null ? 'digest unknown' : html`<code>${digest}</code>`}</td>`
  return html`<h2>What was tried</h2>
<div class="wide"><table><tbody>
<tr><th>Model</th>${cell(model)}</tr>
<tr><th>Champion</th>${versionOf(champion)}</tr>
<tr><th>Challenger</th>${versionOf(challenger)}</tr>
<tr><th>Strategy</th>${cell(strategy ?? '-')}</tr>
<tr><th>Opened</th>${cell(`${moment(opened.at)} by ${opened.actor ?? 'unknown'}: ${opened.reason ?? '-'}`)}</tr>
</tbody></table></div>`
}

function decisionPart (report: RolloutReport): Html {
  const { decision } = report
  const said = decisionSentence(report)
  if (decision === null || said === null) return html`<h2>What decided</h2><p>No verdict was ever drawn.</p>`
  return html`<h2>What decided</h2>
<p>${said}.</p>
<blockquote>${decision.reason}</blockquote>
${metricTable(decision.metrics)}
${list(decision.health.map(({ action, reason }) => `${action === 'none' ? 'sound' : action}: ${reason}`))}`
}

function metricTable (metrics: readonly ReportedMetric[]): Html {
  const head = ['Metric', 'Role', 'Outcome', 'Effect', 'Interval', 'Margin', 'n champion', 'n challenger']
  return table(head, metrics.map((metric) => [
    cell(metric.name),
    cell(metric.role),
    html`<td class="${metric.outcome}">${metric.outcome}</td>`,
    cell(metric.estimate === null ? metric.reason : effect(metric.estimate, metric.marginKind)),
    cell(intervalOf(metric)),
    cell(marginOf(metric)),
    cell(String(metric.n.champion)),
    cell(String(metric.n.challenger))
  ]))
}

function plots ({ weights, series, opened, until }: RolloutReport): Html[] {
  const span = { from: opened.at, until: Math.max(until, opened.at + 1) }
  return [
    plotWeights(weights, span),
    ...series.map((one, place) => one.points.length === 0
      ? html`<p>${one.name}: there was never an estimate.</p>`
      : plotSeries(one, span, place))
  ]
}

function table (head: readonly string[], rows: readonly (readonly Html[])[]): Html {
  if (rows.length === 0) return html``
  return html`<div class="wide"><table><thead><tr>${head.map((name) => html`<th>${name}</th>`)}</tr></thead><tbody>
${rows.map((row) => html`<tr>${row}</tr>
`)}</tbody></table></div>`
}

function cell (text: string): Html {
  return html`<td>${text}</td>`
}

function list (items: readonly string[]): Html {
  return items.length === 0 ? html`` : html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`
}
