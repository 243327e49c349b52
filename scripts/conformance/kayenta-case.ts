import { EvaluatorError } from '../../evaluators/errors.js'
import type { Section, Tolerance } from './report.js'

/** One case of a section, by its fields. */
export type Case = Readonly<Record<string, unknown>>
/** Compares what a case expects with what is computed. */
export type Check = (each: Case, section: Section, place: string) => void

export interface Kind { readonly fields: readonly string[], readonly check: Check }

/** A kind of cases: the fields it knows, separated by blanks, and how it compares them. */
export const kind = (fields: string, check: Check): Kind => ({ fields: fields.split(' '), check })

/**
 * The judge's own figures where a case states no tolerance. They follow the path of one solver, so that two
 * implementations of it agree to rounding errors; 4e-9, to which R agrees, would be too generous.
 */
export const RECOMPUTED: Tolerance = { abs: 1e-9, rel: 1e-9 }

/** What the jitter of constant sides decides. */
const NOISY = new Set(['ciLow', 'ciHigh', 'estimate'])

/** Compares `expected` and `recomputed`: the first within the case's own tolerance, the second within rounding. */
export function compareAll (each: Case, section: Section, place: string, got: unknown): void {
  if ('expected' in each) compareFigures(section, `${place}.expected`, got, each['expected'], each)
  if ('recomputed' in each) compareFigures(section, `${place}.recomputed`, got, each['recomputed'])
}

/**
 * Compares figures field by field, because each may have its own tolerance; where noise was added to constant sides,
 * only what it cannot change.
 */
export function compareFigures (
  section: Section, place: string, got: unknown, expected: unknown, stating: Case = {}
): void {
  if (!isObject(expected)) return section.compare(place, got, expected, toleranceOf(stating))
  const isNoisy = isObject(got) && got['noise'] === true
  for (const [field, each] of Object.entries(expected)) {
    if (field === 'note' || (isNoisy && NOISY.has(field))) continue
    section.compare(place, got, { [field]: each }, toleranceOf(stating, field))
  }
}

/** The tolerance that a case states, for all of its figures or for one of them by name; else {@link RECOMPUTED}. */
export function toleranceOf (each: Case, field = ''): Tolerance {
  const stated = each['absTol'] ?? each['numAbsTol']
  const abs = isObject(stated) ? stated[field] : stated
  return typeof abs === 'number' ? { abs, rel: 0 } : RECOMPUTED
}

export function sidesOf (each: Case): { experiment: number[], control: number[] } {
  const hasLetters = each['x'] !== undefined
  return { experiment: values(each, hasLetters ? 'x' : 'experiment'), control: values(each, hasLetters ? 'y' : 'control') }
}

/** A list of numbers; NaN is written as null or "NaN". */
export function values (each: Case, name: string): number[] {
  return list(each, name).map((value) => value === null ? NaN : Number(value))
}

export function list (each: Case, name: string): readonly unknown[] {
  const value = each[name]
  if (Array.isArray(value)) return value
  throw new Error(`${name}: expected a list`)
}

export function number (each: Case, name: string): number {
  const value = each[name]
  if (typeof value === 'number') return value
  throw new Error(`${name}: expected a number`)
}

/** One of the words; the first of them where nothing is written. */
export function oneOf<Word extends string> (value: unknown, words: readonly [Word, ...Word[]]): Word {
  const found = words.find((word) => word === (value ?? words[0]))
  if (found === undefined) throw new Error(`expected one of ${words.join(', ')}, got ${String(value)}`)
  return found
}

/** The files write NaN where an evaluator refuses an empty sample. */
export function orNaN (compute: () => number): number {
  try {
    return compute()
  } catch (error) {
    if (error instanceof EvaluatorError && error.code === 'EMPTY') return NaN
    throw error
  }
}

export function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
