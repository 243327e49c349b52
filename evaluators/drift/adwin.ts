import { EvaluatorError, requireBetween, requireList } from '../errors.js'
import type { StreamStep } from './page-hinkley.js'

/** Buckets of one size before two are merged, and fewest values on either side of a cut. */
const BUCKETS_MAX = 5
const SIDE_MIN = 5

export interface AdwinSettings {
  /** Bound on the share of looks that cut although nothing changed, above 0 and below 1. */
  readonly delta: number
  /** Range that every value lies in, in their unit. */
  readonly min: number
  readonly max: number
  /** Values between two looks, whole, >= 1; default 32. */
  readonly valuesPerLook?: number
}

/** 2^row values: their number is known by the row; `total` and `m2` are of values scaled to 0..1. */
export interface AdwinBucket { readonly total: number, readonly m2: number }

/** Plain JSON: `rows[i]` holds up to five buckets of 2^i values, oldest first; later rows are older. */
export interface AdwinState {
  readonly version: 1
  readonly settings: Required<AdwinSettings>
  /** Values taken in since the start. */
  readonly count: number
  /** Values in the window. */
  readonly width: number
  readonly rows: readonly (readonly AdwinBucket[])[]
}

/** A detector that has seen nothing. @throws EvaluatorError OUT_OF_RANGE */
export function startAdwin ({ delta, min, max, valuesPerLook = 32 }: AdwinSettings): AdwinState {
  requireBetween('delta', delta, Number.MIN_VALUE, 1 - Number.EPSILON)
  requireBetween('valuesPerLook', valuesPerLook, 1, 1_000_000)
  if (!Number.isInteger(valuesPerLook)) {
    throw new EvaluatorError('OUT_OF_RANGE', 'valuesPerLook', `expected a whole number, got ${valuesPerLook}`)
  }
  if (!(Number.isFinite(min) && Number.isFinite(max) && min < max && Number.isFinite(max - min))) {
    throw new EvaluatorError('OUT_OF_RANGE', 'max', `expected a finite number above min, got ${min} to ${max}`)
  }
  return { version: 1, settings: { delta, min, max, valuesPerLook }, count: 0, width: 0, rows: [] }
}

/**
 * Adaptive window over a stream of bounded values: at each look the oldest values are dropped as long as some cut of
 * the window into an older part of n0 and a newer of n1 values has means that differ by more than ε =
 * √(2/m·σ²·ln(2/δ')) + 2/(3m)·ln(2/δ'), with 1/m = 1/n0 + 1/n1, δ' = δ/ln(n) and σ² the window's variance. Says `drift`
 * when it dropped any. The window is an exponential histogram. Bifet, Gavaldà (2007), SDM, with the normal
 * approximation of section 4.2. O(log n) memory, O(log n) a look, O(1) amortised otherwise.
 *
 * @param state stays as it is
 * @param value within the range of the settings
 * @throws EvaluatorError OUT_OF_RANGE for the value, or a state that no detector has (its buckets are taken as they
 * are)
 */
export function updateAdwin (state: AdwinState, value: number): StreamStep<AdwinState> {
  requireState(state)
  const { min, max, valuesPerLook } = state.settings
  requireBetween('value', value, min, max)
  const rows = insert(state.rows, { total: (value - min) / (max - min), m2: 0 })
  const next = { ...state, rows, count: state.count + 1, width: state.width + 1 }
  if (next.count % valuesPerLook !== 0) return { state: next, level: 'stable' }
  const shrunk = shrink(next)
  return { state: shrunk, level: shrunk.width < next.width ? 'drift' : 'stable' }
}

/**
 * Mean of the values in the window, in their unit; null before the first. O(log n).
 * @throws EvaluatorError OUT_OF_RANGE for a state that no detector has
 */
export function adwinMean (state: AdwinState): number | null {
  requireState(state)
  const { settings: { min, max }, width, rows } = state
  if (width === 0) return null
  const total = rows.reduce((sum, row) => row.reduce((part, bucket) => part + bucket.total, sum), 0)
  requireBetween('state.rows', total, 0, width * (1 + 1e-9))
  return min + total / width * (max - min)
}

/** A state may come from where it was stored: what decides when it looks must be what a detector has written. O(1). */
function requireState ({ version, settings, count, width, rows }: AdwinState): void {
  requireBetween('state.version', version, 1, 1)
  const { delta, min, max, valuesPerLook } = settings
  requireBetween('state.settings.delta', delta, Number.MIN_VALUE, 1 - Number.EPSILON)
  requireBetween('state.settings.min', min, -Number.MAX_VALUE, Number.MAX_VALUE)
  requireBetween('state.settings.max', max, min, Number.MAX_VALUE)
  requireBetween('state.settings.valuesPerLook', valuesPerLook, 1, 1_000_000)
  requireBetween('state.count', count, 0, Number.MAX_SAFE_INTEGER)
  requireBetween('state.width', width, 0, count)
  requireList('state.rows', rows)
  rows.forEach((row, i) => requireList(`state.rows[${i}]`, row))
}

function insert (rows: AdwinState['rows'], bucket: AdwinBucket): AdwinState['rows'] {
  const next = [...rows]
  let carry: AdwinBucket | null = bucket
  for (let i = 0; carry !== null; i++) {
    const row: readonly AdwinBucket[] = [...(next[i] ?? []), carry]
    const isFull = row.length > BUCKETS_MAX
    next[i] = isFull ? row.slice(2) : row
    carry = isFull ? merge(row[0]!, row[1]!, 2 ** i) : null
  }
  return next
}

function merge (a: AdwinBucket, b: AdwinBucket, size: number): AdwinBucket {
  return { total: a.total + b.total, m2: a.m2 + b.m2 + (a.total - b.total) ** 2 / (2 * size) }
}

/** Drops the oldest bucket until no cut is significant. */
function shrink (state: AdwinState): AdwinState {
  let { rows, width } = state
  while (hasCut(rows, width, state.settings.delta)) {
    const last = rows.length - 1
    const rest = rows[last]!.slice(1)
    width -= 2 ** last
    rows = rest.length === 0 ? rows.slice(0, last) : [...rows.slice(0, last), rest]
  }
  return { ...state, rows, width }
}

function hasCut (rows: AdwinState['rows'], width: number, delta: number): boolean {
  if (width < 2 * SIDE_MIN) return false
  const oldestFirst = rows.flatMap((row, i) => row.map((bucket) => ({ ...bucket, size: 2 ** i })).reverse()).reverse()
  const total = oldestFirst.reduce((sum, bucket) => sum + bucket.total, 0)
  const mean = total / width
  const m2 = oldestFirst.reduce((sum, b) => sum + b.m2 + b.size * (b.total / b.size - mean) ** 2, 0)
  const level = Math.log(2 * Math.log(width) / delta)
  let [older, sum] = [0, 0]
  return oldestFirst.some((bucket) => {
    older += bucket.size
    sum += bucket.total
    const newer = width - older
    if (older < SIDE_MIN || newer < SIDE_MIN) return false
    const inverse = 1 / older + 1 / newer
    const bound = Math.sqrt(2 * inverse * m2 / width * level) + 2 / 3 * inverse * level
    return Math.abs(sum / older - (total - sum) / newer) > bound
  })
}
