import { readFileSync } from 'node:fs'
import { expect } from 'vitest'

type Numbers = Record<string, unknown>
export interface GoldenCase { id: string, input: Numbers, expected: Numbers }
export interface GoldenSet { convention: string, tolerance: { rel: number, abs: number }, cases: GoldenCase[] }

/** One statistic of test/reference/statistics.json, with its stated tolerance. */
export function goldenSet (name: string): GoldenSet {
  const file = new URL('../reference/statistics.json', import.meta.url)
  const { statistics } = JSON.parse(readFileSync(file, 'utf8')) as { statistics: Record<string, GoldenSet> }
  const set = statistics[name]
  if (set === undefined) throw new Error(`no golden figures for ${name}`)
  return set
}

/** Asserts |got − want| <= abs + rel·|want|; "Infinity" is written as a string in JSON. */
export function expectGolden (got: number, want: unknown, { rel, abs }: GoldenSet['tolerance']): void {
  const wanted = Number(want)
  if (!Number.isFinite(wanted)) return expect(got).toBe(wanted)
  expect(Math.abs(got - wanted), `got ${got}, want ${wanted}`).toBeLessThanOrEqual(abs + rel * Math.abs(wanted))
}
