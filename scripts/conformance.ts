import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { bertScore, bertScoreSynthetic } from './conformance/bertscore.js'
import type { Format, FormatOptions, Parsed, Source } from './conformance/format.js'
import { hashing } from './conformance/hashing.js'
import { kayenta } from './conformance/kayenta.js'
import { porter } from './conformance/porter.js'
import { companionsOf, readSource } from './conformance/read.js'
import { Report, type Section } from './conformance/report.js'
import { statistics } from './conformance/statistics.js'
import { textAggregate } from './conformance/text-aggregate.js'
import { textMetrics } from './conformance/text-metrics.js'

/** Stems first: the names of other formats' fields are words too, but only a file of stems holds nothing but words. */
const FORMATS: readonly Format[] = [
  porter, statistics, kayenta, textMetrics, textAggregate, bertScore, bertScoreSynthetic, hashing
]

const USAGE = `npm run conformance -- FILE… [--models DIR] [--mismatches N]

Compares the evaluators with files of reference figures (statistics, kayenta, text-metrics, text-aggregate, porter,
bertscore, bertscore-synthetic, hashing), recognised by content. Prints a line per statistic or section, name
matched/total, then the first mismatches, then N passed, N failed. Exit code 1 when a figure does not match, a section,
statistic or field is unknown, or an encoder is missing.

  --models DIR      folder with the encoders that bertscore files name (default: $GAUNTLET_FIXTURES/models)
  --mismatches N    how many mismatches to list (default: 10)
`

process.exitCode = await main()

async function main (): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      models: { type: 'string' }, mismatches: { type: 'string', default: '10' }, help: { type: 'boolean', default: false }
    }
  })
  if (values.help || positionals.length === 0) {
    process.stdout.write(USAGE)
    return values.help ? 0 : 2
  }
  const fixtures = process.env['GAUNTLET_FIXTURES']
  const models = values.models ?? (fixtures === undefined ? null : join(fixtures, 'models'))
  const sections = await checkFiles(positionals, models)
  const failed = sections.reduce((sum, { matched, total }) => sum + total - matched, 0)
  const passed = sections.reduce((sum, { matched }) => sum + matched, 0)
  for (const { name, matched, total } of sections) print(`${name} ${matched}/${total}`)
  listMismatches(sections, Number(values.mismatches))
  print(`${passed} passed, ${failed} failed`)
  return failed === 0 && passed > 0 ? 0 : 1
}

async function checkFiles (paths: readonly string[], models: string | null): Promise<Section[]> {
  const report = new Report()
  const given: Source[] = []
  for (const path of paths) {
    try {
      given.push(readSource(path))
    } catch (error) {
      report.section(path).fail(path, 'a file of reference figures', (error as Error).message)
    }
  }
  const companions = companionsOf(given)
  for (const { path, parsed } of given) await checkFile(path, parsed, report, { models, path, companions })
  return [...report.sections]
}

async function checkFile (path: string, parsed: Parsed, report: Report, options: FormatOptions): Promise<void> {
  // A file of one line reads as one document too.
  const views = 'document' in parsed ? [parsed, { lines: [parsed.document] }] : [parsed]
  for (const view of views) {
    const format = FORMATS.find((candidate) => candidate.recognises(view))
    if (format === undefined) continue
    try {
      return await format.check(view, report, options)
    } catch (error) {
      return report.section(format.name).fail(path, 'figures', error instanceof Error ? error.stack : error)
    }
  }
  report.section(relative('.', path)).fail(path, 'a known format', 'not recognised')
}

function listMismatches (sections: readonly Section[], most: number): void {
  const all = sections.flatMap(({ name, mismatches }) => mismatches.map((mismatch) => ({ name, ...mismatch })))
  for (const { name, place, expected, got } of all.slice(0, most)) {
    print(`  ${name}: ${place}: expected ${shorten(expected)}, got ${shorten(got)}`)
  }
  if (all.length > most) print(`  … and ${all.length - most} more`)
}

function shorten (value: unknown): string {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value) ?? String(value)
  return text.length > 300 ? `${text.slice(0, 300)}…` : text
}

function print (line: string): void {
  process.stdout.write(`${line}\n`)
}
