import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchDrift } from './bench/evaluators/drift.js'
import { benchEmbeddings } from './bench/evaluators/embeddings.js'
import type { BenchRow } from './bench/evaluators/row.js'
import { benchStatistics } from './bench/evaluators/statistics.js'
import { benchText } from './bench/evaluators/text.js'

const USAGE = `npm run bench:evaluators [-- --only NAME] [--json FILE]

Measures the evaluators: text, drift, statistics, embeddings. With GAUNTLET_FIXTURES the texts and the encoder are real
ones, without it they are generated; each row says which.
`

const BENCHES: Readonly<Record<string, () => Promise<BenchRow[]> | BenchRow[]>> = {
  text: benchText, drift: benchDrift, statistics: benchStatistics, embeddings: benchEmbeddings
}

const { values: options } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'string' }, help: { type: 'boolean', default: false } }
})

if (options.help) process.stdout.write(USAGE)
else await main()

async function main (): Promise<void> {
  const names = options.only === undefined ? Object.keys(BENCHES) : [options.only]
  const rows: BenchRow[] = []
  process.stdout.write(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}\n\n`)
  for (const name of names) {
    const bench = BENCHES[name]
    if (bench === undefined) throw new Error(`--only ${name}: expected one of ${Object.keys(BENCHES).join(', ')}`)
    for (const row of await bench()) {
      rows.push(row)
      process.stdout.write(`${lineOf(row)}\n`)
    }
  }
  if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ node: process.version, rows }, null, 2)}\n`)
}

function lineOf ({ name, value, unit, goal, beside }: BenchRow): string {
  const figure = `${Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)} ${unit}`
  return [name.padEnd(56), figure.padStart(22), goal === undefined ? '' : `goal ${goal}`, beside ?? ''].join('  ').trimEnd()
}
