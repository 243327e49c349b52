import { EvaluatorError, requireBetween, requireChoice } from '../errors.js'
import { benjaminiHochberg } from '../statistics/multiple-testing.js'
import type { Random } from '../statistics/random.js'
import { compareColumn, type ColumnPair } from './compare-columns.js'
import type { Comparison, Finding } from './comparison.js'
import {
  COLUMN_KINDS, type ColumnKind, type Columns, type DriftEffect, type DriftResult, type DriftRow, type DriftStatus,
  type Table
} from './drift-result.js'
import { inferKind } from './infer-columns.js'
import { missingColumn, requireEqualRows, type TableSketch } from './sketch.js'
import { DRIFT_THRESHOLDS, type DriftThresholds } from './thresholds.js'

export interface DriftOptions {
  /** Draws the subsamples, permutations and folds: the same seed gives the same result. */
  readonly random: Random
  /** Fewest values on each side for a row to be told, whole, 2..1,000,000; default 200. */
  readonly windowMin?: number
  /** False discovery rate of the rows of a window, above 0 and below 1; default 0.01. */
  readonly q?: number
  readonly thresholds?: Partial<DriftThresholds>
  /** Result of the window before this one: two severe windows in a row are severe. */
  readonly previous?: DriftResult | null
}

interface Rules { readonly windowMin: number, readonly q: number, readonly thresholds: DriftThresholds }

/** Worst first. */
const BY_GRAVITY: readonly DriftStatus[] = ['severe', 'warning', 'insufficient', 'stable']

/**
 * Tells whether a window of current values drifted from a reference, column by column, by two keys: the distance must
 * reach a threshold AND the test's p, adjusted over all rows of the window (Benjamini, Hochberg 1995), must be at most
 * q. So small windows do not cry wolf and large ones do not flag trifles.
 *
 * - numeric, more than 20 different values in the reference: Wasserstein-1 in sds of the reference; Kolmogorov–Smirnov
 * - categorical, and numeric with at most 20: Jensen–Shannon distance, base 2; chi-square or Fisher - text: length,
 * script, words out of the vocabulary, shares of digits, punctuation and upper case, each as above; and the AUC of a
 * domain classifier where the reference has texts - embedding: squared MMD of at most 500 vectors a side, permutation p
 * with 199 permutations, or as many more as the number of rows needs to reach q - missing values: their rate, as a row
 * of its own where any is missing
 *
 * Both keys at the warning threshold warn. Severe takes both keys at the severe threshold in two windows in a row, or
 * an effect of twice it once. Fewer than `windowMin` values on a side (of the held-out half of reference texts: half as
 * many) are `insufficient`, never stable. Bounded by the rows given: O(cells log rows), texts and vectors by samples.
 *
 * @param reference raw columns, or the sketch of a pinned data set
 * @param current raw columns of the window
 * @param columns which columns to compare and as what; `auto` infers the kind from the reference
 * @throws EvaluatorError MALFORMED for a column that one side lacks, or whose kind is another than the sketch's;
 * LENGTH_MISMATCH, NOT_FINITE or OUT_OF_RANGE, naming side, column and cell
 */
export function detectDrift (
  reference: Table | TableSketch, current: Table, columns: Columns, options: DriftOptions
): DriftResult {
  const rules = rulesOf(options)
  const pairs = pairColumns(reference, current, columns)
  const comparisons = pairs.flatMap((pair) => compareColumn(pair, rules.q, options.random))
  const told = comparisons.filter((each) => isEnough(each, rules))
  const findings = told.map((each) => each.find(told.length))
  const adjusted = findings.length === 0 ? [] : benjaminiHochberg(findings.map(({ p }) => p))
  const rows = comparisons.map((each) => {
    const at = told.indexOf(each)
    return at < 0 ? insufficientRow(each, rules) : toldRow(each, findings[at]!, adjusted[at]!, rules, options.previous)
  })
  return { version: 1, ...overall(rows), rows, notes: notesOn(pairs) }
}

function rulesOf ({ windowMin = 200, q = 0.01, thresholds = {}, previous }: DriftOptions): Rules {
  requireBetween('windowMin', windowMin, 2, 1_000_000)
  requireBetween('q', q, Number.MIN_VALUE, 1 - Number.EPSILON)
  const all = { ...DRIFT_THRESHOLDS, ...thresholds }
  for (const [name, { none, warning, severe }] of Object.entries(all)) {
    if (none < warning && warning <= severe && Number.isFinite(severe)) continue
    throw new EvaluatorError('OUT_OF_RANGE', `thresholds.${name}`, `expected none < warning <= severe, got ${none}, ${warning}, ${severe}`)
  }
  if (previous && previous.version !== 1) {
    throw new EvaluatorError('MALFORMED', 'previous.version', `expected 1, got ${String(previous.version)}`)
  }
  return { windowMin, q, thresholds: all }
}

function pairColumns (reference: Table | TableSketch, current: Table, columns: Columns): ColumnPair[] {
  const names = Object.keys(columns)
  const sketch = isSketch(reference) ? reference : null
  const known: Readonly<Record<string, unknown>> = sketch?.columns ?? (reference as Table)
  for (const name of names) {
    requireChoice(`columns.${name}`, columns[name], [...COLUMN_KINDS, 'auto'])
    if (!Object.hasOwn(known, name)) missingColumn('reference', name)
    if (!Object.hasOwn(current, name)) missingColumn('current', name)
  }
  requireEqualRows('current', current, names)
  if (sketch === null) requireEqualRows('reference', reference as Table, names)
  return names.map((name) => {
    const side = sketch === null ? { cells: (reference as Table)[name]! } : { sketch: sketch.columns[name]! }
    return { name, kind: kindOf(name, columns[name]!, side), reference: side, current: current[name]! }
  })
}

/** A table's `columns` could itself be a column: then it is a list, and `version` is not 1. */
function isSketch (reference: Table | TableSketch): reference is TableSketch {
  return reference['version'] === 1 && typeof reference['columns'] === 'object'
}

function kindOf (name: string, wanted: ColumnKind | 'auto', reference: ColumnPair['reference']): ColumnKind {
  if ('cells' in reference) return wanted === 'auto' ? inferKind(`reference.${name}`, reference.cells) : wanted
  const { kind } = reference.sketch
  if (wanted === 'auto' || wanted === kind) return kind
  throw new EvaluatorError('MALFORMED', `reference.${name}`, `expected a ${wanted} column, the sketch has a ${kind} one`)
}

function isEnough ({ n, referenceShare }: Comparison, { windowMin }: Rules): boolean {
  return n.current >= windowMin && n.reference >= windowMin * referenceShare
}

function insufficientRow ({ column, measure, kind, n, referenceShare }: Comparison, { windowMin }: Rules): DriftRow {
  const isCurrent = n.current < windowMin
  const [side, count, least] = isCurrent
    ? ['current', n.current, windowMin]
    : ['reference', n.reference, windowMin * referenceShare]
  const reason = `${count} ${side} values, at least ${least} are needed`
  const nothing = { effect: null, p: null, psi: null, isBeyondSevere: false } as const
  return { column, measure, kind, n, ...nothing, status: 'insufficient', reason }
}

function toldRow (
  { column, measure, kind, n }: Comparison, finding: Finding, adjusted: number, { q, thresholds }: Rules,
  previous: DriftResult | null | undefined
): DriftRow {
  const { none, warning, severe } = thresholds[finding.effect]
  const isSignificant = adjusted <= q
  const isBeyondSevere = isSignificant && finding.value >= severe
  const isTwice = isSignificant && finding.value - none >= 2 * (severe - none)
  const before = previous?.rows.find((row) => row.column === column && row.measure === measure)
  const isSevere = isTwice || (isBeyondSevere && before?.isBeyondSevere === true)
  const status = isSevere ? 'severe' : isSignificant && finding.value >= warning ? 'warning' : 'stable'
  const { effect: name, value } = finding
  const effect: DriftEffect = { name, value, threshold: warning, severeThreshold: severe }
  const p = { test: finding.test, value: finding.p, adjusted }
  const why = isTwice ? ', twice the severe threshold' : isSevere ? ', beyond the severe threshold twice in a row' : ''
  return {
    column, measure, kind, n, effect, p, psi: finding.psi, isBeyondSevere, status, reason: `${reasonOf(effect, adjusted, q)}${why}`
  }
}

function reasonOf ({ name, value, threshold }: DriftEffect, adjusted: number, q: number): string {
  const [isFar, isSignificant] = [value >= threshold, adjusted <= q]
  const link = isFar === isSignificant ? 'and' : 'but'
  return `${name} ${value.toPrecision(3)} is ${isFar ? 'at least' : 'below'} ${threshold} ${link} ` +
    `adjusted p ${adjusted.toPrecision(2)} is ${isSignificant ? 'at most' : 'above'} ${q}`
}

function overall (rows: readonly DriftRow[]): { status: DriftStatus, reason: string } {
  if (rows.length === 0) return { status: 'insufficient', reason: 'no column was compared' }
  const status = BY_GRAVITY.find((each) => rows.some((row) => row.status === each))!
  const of = rows.filter((row) => row.status === status)
  const names = of.slice(0, 5).map(({ column, measure }) => measure === 'values' ? column : `${column} (${measure})`)
  const more = of.length > names.length ? ` and ${of.length - names.length} more` : ''
  return { status, reason: `${of.length} of ${rows.length} comparisons are ${status}: ${names.join(', ')}${more}` }
}

function notesOn (pairs: readonly ColumnPair[]): string[] {
  return pairs.flatMap(({ name, reference }) =>
    'sketch' in reference && reference.sketch.kind === 'text' && reference.sketch.texts === null
      ? [`${name}: no domain classifier, for the reference keeps no texts`]
      : [])
}
