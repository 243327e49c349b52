import { figure } from '../../commands/figures-text.js'
import type { ReportedMetric } from './stored-verdict.js'

const MINUS = '\u2212'
const UNITS = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000], ['s', 1_000]] as const

/** A moment as ISO 8601 in UTC, to the second. `at` in milliseconds since the epoch. */
export function moment (at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** A length of time in its two greatest units: `2 h 5 min`; below ten seconds in parts of them. */
export function lasting (ms: number): string {
  if (ms < 1_000) return `${ms.toFixed(0)} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  const first = UNITS.findIndex(([, size]) => ms >= size)
  const [unit, size] = UNITS[first]!
  const whole = Math.floor(ms / size)
  const next = UNITS[first + 1]
  const rest = next === undefined ? 0 : Math.floor((ms - whole * size) / next[1])
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${next![0]}`
}

/** A share of basis points. */
export function share (bps: number): string {
  return `${bps / 100} %`
}

/** A count with its noun. */
export function countOf (count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** An effect with its sign, in per cent when the margin is relative; `unbounded` when there is none. */
export function effect (value: number | null, kind: ReportedMetric['marginKind']): string {
  if (value === null) return 'unbounded'
  const scaled = kind === 'relative' ? 100 * value : value
  const sign = scaled < 0 ? MINUS : scaled > 0 ? '+' : ''
  return `${sign}${figure(Math.abs(scaled))}${kind === 'relative' ? ' %' : ''}`
}

/** The interval of a metric's effect, or why there is none. */
export function intervalOf ({ estimate, lower, upper, marginKind }: ReportedMetric): string {
  return estimate === null && lower === null && upper === null
    ? '-'
    : `[${effect(lower, marginKind)}, ${effect(upper, marginKind)}]`
}

/** How much worse was acceptable. */
export function marginOf ({ margin, marginKind, isTwoSided }: Pick<ReportedMetric, 'margin' | 'marginKind' | 'isTwoSided'>): string {
  if (margin === null) return '-'
  const size = marginKind === 'relative' ? `${short(100 * margin)} %` : short(margin)
  return isTwoSided ? `± ${size}` : size
}

function short (value: number): string {
  return String(Number(value.toPrecision(4)))
}

/** A table cell of a count that may not be known. */
export function known (count: number | null): string {
  return count === null ? '-' : String(count)
}
