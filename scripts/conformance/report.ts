/** |got − expected| <= abs + rel·|expected|. */
export interface Tolerance { readonly abs: number, readonly rel: number }

export interface Mismatch { readonly place: string, readonly expected: unknown, readonly got: unknown }

/** What a file gives for scores where it states no tolerance of its own. */
export const UNSTATED = {
  unit: { abs: 1e-9, rel: 0 },
  percent: { abs: 1e-6, rel: 0 },
  encoder: { abs: 1e-4, rel: 0 },
  exact: { abs: 0, rel: 0 }
} as const satisfies Record<string, Tolerance>

/** How a number that JSON cannot hold is written in the files. */
const WRITTEN: Readonly<Record<string, number>> = { Infinity, '-Infinity': -Infinity }

/** The figures of one statistic or section: every leaf of what is expected is counted once. */
export class Section {
  matched = 0
  total = 0
  readonly mismatches: Mismatch[] = []

  constructor (readonly name: string) {}

  /**
   * Compares leaf by leaf: numbers within the tolerance, everything else exactly; null and "NaN" stand for undefined,
   * "Infinity" and "-Infinity" for those numbers. A field that `got` lacks, or a list of another length,
   * is a mismatch of every figure below it.
   */
  compare (place: string, got: unknown, expected: unknown, tolerance: Tolerance): void {
    if (Array.isArray(expected)) {
      if (isList(got) && got.length === expected.length) {
        if (expected.length === 0) this.#count(place, true, expected, got)
        expected.forEach((each, i) => this.compare(`${place}[${i}]`, got[i], each, tolerance))
      } else this.fail(place, expected, got)
    } else if (typeof expected === 'object' && expected !== null) {
      for (const [field, each] of Object.entries(expected)) {
        if (typeof got === 'object' && got !== null && field in got) {
          this.compare(`${place}.${field}`, (got as Record<string, unknown>)[field], each, tolerance)
        } else this.fail(`${place}.${field}`, each, 'no such figure')
      }
    } else this.#count(place, isMatch(got, expected, tolerance), expected, got)
  }

  /** Counts every figure below `expected` as a mismatch: nothing is known to compare it with. */
  fail (place: string, expected: unknown, got: unknown): void {
    for (let i = 0; i < Math.max(1, leaves(expected)); i++) this.#count(place, false, expected, got)
  }

  #count (place: string, isMatched: boolean, expected: unknown, got: unknown): void {
    this.total++
    if (isMatched) this.matched++
    else this.mismatches.push({ place, expected, got })
  }
}

/** The sections of one file, in the order in which they were first named. */
export class Report {
  readonly #sections = new Map<string, Section>()

  section (name: string): Section {
    let section = this.#sections.get(name)
    if (section === undefined) this.#sections.set(name, section = new Section(name))
    return section
  }

  get sections (): readonly Section[] {
    return [...this.#sections.values()]
  }
}

function isMatch (got: unknown, expected: unknown, { abs, rel }: Tolerance): boolean {
  if (got === expected) return true
  if (expected === null || expected === 'NaN') return got === null || got === undefined || Number.isNaN(got)
  if (typeof expected === 'string' && typeof got === 'number') return Object.is(got, WRITTEN[expected])
  if (typeof expected !== 'number' || typeof got !== 'number') return false
  return Math.abs(got - expected) <= abs + rel * Math.abs(expected)
}

function isList (value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || ArrayBuffer.isView(value)
}

function leaves (value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1
  return Object.values(value).reduce((sum: number, each) => sum + leaves(each), 0)
}
