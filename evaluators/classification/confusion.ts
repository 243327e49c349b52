import { EvaluatorError, requireCount, requireList, requireSameLength } from '../errors.js'

/** A class: all labels of a comparison are numbers, or all are strings. */
export type Label = number | string

/** How often each true label met each predicted one: `[true, predicted, count]` with places in `labels`, count > 0. */
export type ConfusionCell = readonly [number, number, number]

/**
 * Counts from which every score that needs labels alone can be told, as plain JSON: the labels that occur as true or
 * predicted, ascending, and the cells that are not 0, ascending. Memory grows with the cells, not with labels².
 */
export interface Confusion {
  readonly labels: readonly Label[]
  readonly cells: readonly ConfusionCell[]
}

/** Most labels for which the whole matrix is written out. */
const MATRIX_LABELS_MAX = 2_000

/**
 * Counts true and predicted labels: the confusion matrix over the sorted union of both, numbers by value, strings by
 * code unit. Numbers are never taken for strings of digits. O(n + labels log labels).
 *
 * @param truth, predicted equally many labels, at least one, all numbers or all strings
 * @param names what errors call the two lists
 * @throws EvaluatorError EMPTY, LENGTH_MISMATCH, NOT_FINITE, or MALFORMED for a label of another kind than the first
 */
export function countConfusion (
  truth: ArrayLike<Label>, predicted: ArrayLike<Label>,
  names: { readonly truth: string, readonly predicted: string } = { truth: 'truth', predicted: 'predicted' }
): Confusion {
  requireCount(names.truth, truth)
  requireSameLength([names.truth, truth], [names.predicted, predicted])
  const counts = new Map<Label, Map<Label, number>>()
  const kind = typeof truth[0]
  for (let i = 0; i < truth.length; i++) {
    const from = requireLabel(names.truth, i, truth[i], kind)
    const to = requireLabel(names.predicted, i, predicted[i], kind)
    addTo(counts, from, to, 1)
  }
  return confusionOf(counts)
}

/**
 * The counts of both parts together, as if they had been counted at once; in any order and grouping.
 * O(cells log cells).
 *
 * @throws EvaluatorError MALFORMED when one part has numbers and the other strings as labels, or a part is not one that
 *   {@link countConfusion} could have given
 */
export function mergeConfusions (one: Confusion, other: Confusion): Confusion {
  const counts = new Map<Label, Map<Label, number>>()
  for (const [argument, part] of [['one', one], ['other', other]] as const) {
    checkConfusion(argument, part)
    const kind = typeof one.labels[0]
    part.labels.forEach((label, i) => requireLabel(`${argument}.labels`, i, label, kind))
    for (const [from, to, count] of part.cells) addTo(counts, part.labels[from]!, part.labels[to]!, count)
  }
  return confusionOf(counts)
}

/**
 * The whole confusion matrix: a row per true label, a column per predicted one, in the order of `labels`. O(labels²).
 * @throws EvaluatorError OUT_OF_RANGE for more than 2,000 labels; EMPTY or MALFORMED for counts that
 * {@link countConfusion} could not have given
 */
export function confusionMatrix (confusion: Confusion): number[][] {
  checkConfusion('confusion', confusion)
  const { labels, cells } = confusion
  if (labels.length > MATRIX_LABELS_MAX) {
    throw new EvaluatorError('OUT_OF_RANGE', 'labels', `expected at most ${MATRIX_LABELS_MAX}, got ${labels.length}`)
  }
  const matrix = labels.map(() => new Array<number>(labels.length).fill(0))
  for (const [from, to, count] of cells) matrix[from]![to] = count
  return matrix
}

/**
 * Refuses counts that {@link countConfusion} could not have given: labels and cells ascending, places in the labels,
 * counts whole and above 0, at least one. O(labels + cells).
 *
 * @throws EvaluatorError EMPTY or MALFORMED, naming the place
 */
export function checkConfusion (argument: string, { labels, cells }: Confusion): void {
  requireList(`${argument}.labels`, labels)
  requireCount(`${argument}.cells`, cells)
  const isPlace = (place: number): boolean => Number.isInteger(place) && place >= 0 && place < labels.length
  const kind = typeof labels[0]
  for (let i = 0; i < labels.length; i++) {
    requireLabel(`${argument}.labels`, i, labels[i], kind)
    if (i === 0 || labels[i - 1]! < labels[i]!) continue
    throw new EvaluatorError('MALFORMED', `${argument}.labels[${i}]`, 'expected labels of one kind, ascending')
  }
  let last = -1
  cells.forEach((cell, i) => {
    requireList(`${argument}.cells[${i}]`, cell)
    const [from, to, count] = cell
    const order = from * labels.length + to
    if (isPlace(from) && isPlace(to) && order > last && Number.isSafeInteger(count) && count > 0) last = order
    else {
      const expected = 'expected two places in labels, ascending, and a count above 0'
      throw new EvaluatorError('MALFORMED', `${argument}.cells[${i}]`, `${expected}, got ${from}, ${to}, ${count}`)
    }
  })
}

function confusionOf (counts: ReadonlyMap<Label, ReadonlyMap<Label, number>>): Confusion {
  const seen = new Set<Label>(counts.keys())
  for (const row of counts.values()) for (const label of row.keys()) seen.add(label)
  const labels = [...seen].sort((a, b) => a < b ? -1 : 1)
  const places = new Map(labels.map((label, i) => [label, i]))
  const cells: [number, number, number][] = []
  for (const [from, row] of counts) {
    for (const [to, count] of row) cells.push([places.get(from)!, places.get(to)!, count])
  }
  return { labels, cells: cells.sort(([a, b], [c, d]) => a - c || b - d) }
}

function addTo (counts: Map<Label, Map<Label, number>>, from: Label, to: Label, count: number): void {
  const row = counts.get(from)
  if (row === undefined) counts.set(from, new Map([[to, count]]))
  else row.set(to, (row.get(to) ?? 0) + count)
}

function requireLabel (argument: string, i: number, label: unknown, kind: string): Label {
  const found = typeof label
  if (found === kind && (found === 'string' || Number.isFinite(label))) return label as Label
  const isNotFinite = typeof label === 'number' && !Number.isFinite(label)
  const expected = kind === 'string' || kind === 'number' ? `a ${kind} like the first label` : 'a number or a string'
  throw new EvaluatorError(
    isNotFinite ? 'NOT_FINITE' : 'MALFORMED', `${argument}[${i}]`, `expected ${expected}, got ${describe(label)}`
  )
}

function describe (label: unknown): string {
  return typeof label === 'string' ? JSON.stringify(label.slice(0, 40)) : String(label)
}
