import type { RolloutView } from './api-client.js'
import { rolloutText } from './rollout-text.js'

const BAR_COLUMNS = 41
const NEWS_MAX = 6

type Metric = RolloutView['verdict']['metrics'][number]

/** What happened to a rollout, as events tell it. */
export interface RolloutNews {
  readonly at: number
  readonly type: string
  readonly body: Readonly<Record<string, unknown>>
}

/** An event in one line. Pure. */
export function newsLine ({ at, type, body }: RolloutNews): string {
  const { to, step, weightBps, actor, reason, decision } = body
  const what = type.replace(/^rollout\./, '')
  const said = what === 'verdict'
    ? `${String(decision)}: ${String(reason)}`
    : `${String(to)}, step ${String(step)}, weight ${Number(weightBps) / 100} %, by ${String(actor)}: ${String(reason)}`
  return printable(`${new Date(at).toISOString()}  ${what.padEnd(8)}  ${said}`)
}

/** The lines of the screen: the rollout, its intervals against their margins, and what happened last. Pure. */
export function liveLines (view: RolloutView, news: readonly RolloutNews[], columns: number, rows: number): string[] {
  const width = Math.max(...view.verdict.metrics.map(({ name }) => name.length), 0)
  const bars = view.verdict.metrics.flatMap((metric) => {
    const bar = intervalBar(metric)
    return bar === null ? [] : [`  ${metric.name.padEnd(width)}  ${bar}`]
  })
  const legend = bars.length === 0 ? [] : ['', `  ${' '.repeat(width)}  worse${' '.repeat(BAR_COLUMNS - 11)}better`, ...bars]
  const last = news.length === 0 ? [] : ['', ...news.slice(-NEWS_MAX).map(newsLine)]
  return [...rolloutText(view).split('\n'), ...legend, ...last]
    .slice(0, Math.max(1, rows - 1))
    .map((line) => printable(line).slice(0, Math.max(1, columns - 1)))
}

/**
 * The interval of a metric around no difference (`|`), with the estimate (`o`) and, where it is in the same unit, the
 * margin that the whole interval must be right of (`m`). Null while there is no estimate. Pure.
 */
export function intervalBar ({ estimate, lower, upper, margin, marginKind }: Metric): string | null {
  if (estimate === null) return null
  const limit = margin === null || marginKind === 'relative' ? null : -margin
  const reach = Math.max(...[estimate, lower, upper, limit].map((value) => Math.abs(value ?? 0))) * 1.1 || 1
  const columnOf = (value: number): number => Math.round((value / reach + 1) / 2 * (BAR_COLUMNS - 1))
  const cells = Array.from({ length: BAR_COLUMNS }, () => '.')
  cells.fill('-', lower === null ? 0 : columnOf(lower), (upper === null ? BAR_COLUMNS - 1 : columnOf(upper)) + 1)
  cells[columnOf(0)] = '|'
  if (limit !== null) cells[columnOf(limit)] = 'm'
  cells[columnOf(estimate)] = 'o'
  return cells.join('')
}

/** Names and reasons are of others: a terminal must not take them for commands. */
function printable (line: string): string {
  return line.replaceAll(/\p{Cc}/gu, ' ')
}

/** What is needed of a terminal. */
export type Terminal = Pick<NodeJS.WriteStream, 'columns' | 'rows' | 'write'>

/** A part of a terminal that is drawn over and over. */
export class LiveView {
  readonly #terminal: Terminal
  #drawn = 0

  constructor (terminal: Terminal) {
    this.#terminal = terminal
  }

  draw (view: RolloutView, news: readonly RolloutNews[]): void {
    const { columns = 80, rows = 24 } = this.#terminal
    const lines = liveLines(view, news, columns, rows)
    this.clear()
    this.#terminal.write(lines.map((line) => `${line}\n`).join(''))
    this.#drawn = lines.length
  }

  /** Takes what was drawn away, for what is printed at the end. */
  clear (): void {
    if (this.#drawn > 0) this.#terminal.write(`\u001b[${this.#drawn}A\r\u001b[J`)
    this.#drawn = 0
  }
}
