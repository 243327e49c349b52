import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { compareWithTargets, type Cell } from './simulate/compare.js'
import { replaceTable, tableOf, type SectionResult } from './simulate/markdown.js'
import { runTable, serveTasks } from './simulate/run.js'
import { TABLE } from './simulate/table.js'

const USAGE = `npm run simulate [-- --reps N] [--seed N] [--only PATTERN] [--json FILE] [--markdown FILE]

Error rates, power and sample sizes of the sequential procedures by seeded simulation, beside the figures that the
design was chosen by. Exit code 1 when a figure is out of its tolerance, 3·√(p(1 − p)/repetitions) + 0.3 points.

  --reps N         repetitions of a row (2000)
  --seed N         another seed gives other random numbers (1)
  --only PATTERN   rows whose "section / row" matches the regular expression
  --json FILE      all cells
  --markdown FILE  writes the tables between the marker lines of a document
`
const REPS = 2_000

const { values: options } = parseArgs({
  options: {
    reps: { type: 'string', default: `${REPS}` },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    serve: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})

if (options.serve) serveTasks(TABLE)
else if (options.help) process.stdout.write(USAGE)
else await main()

async function main (): Promise<void> {
  const [reps, seed, only] = [positive('reps', options.reps), positive('seed', options.seed), new RegExp(options.only)]
  const outcomes = await runTable(new URL(import.meta.url), TABLE, {
    reps, seed, isWanted: (section, { name }) => only.test(`${section.title} / ${name}`)
  }, progress)
  const results = TABLE.map((section): SectionResult => ({
    section,
    rows: new Map(section.experiments.flatMap((experiment) => {
      const found = outcomes.get(experiment)
      return found === undefined ? [] : [[experiment.name, compareWithTargets(experiment, found)] as const]
    }))
  }))
  const table = tableOf(results)
  process.stdout.write(`${table}\n`)
  const cells = results.flatMap(({ section, rows }) =>
    [...rows].flatMap(([row, list]) => list.map((cell) => ({ section: section.title, row, ...cell }))))
  const outside = cells.filter(({ isWithin }) => !isWithin)
  for (const cell of outside) process.stdout.write(`out of tolerance: ${cell.section} / ${cell.row} / ${cell.key}: ${described(cell)}\n`)
  process.stdout.write(`${cells.length - outside.length} of ${cells.length} figures within their tolerance, ${reps} repetitions a row, seed ${seed}\n`)
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ reps, seed, cells }, null, 2)}\n`)
  if (options.markdown !== undefined) {
    await writeFile(options.markdown, replaceTable(await readFile(options.markdown, 'utf8'), table))
  }
  process.exitCode = outside.length > 0 || cells.length === 0 ? 1 : 0
}

function described ({ kind, got, target, tolerance }: Cell): string {
  const shown = (value: number | null): string =>
    value === null ? 'never' : kind === 'share' ? `${(100 * value).toFixed(2)} %` : `${value}`
  return `${shown(got)}, wanted ${shown(target)} ± ${shown(tolerance)}`
}

function positive (name: string, written: string): number {
  const value = Number(written)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new Error(`--${name}: expected a whole number above 0, got ${written}`)
}

function progress (done: number, total: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${total} parts${done === total ? '\n' : ''}`)
}
