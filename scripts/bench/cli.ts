import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import BetterSqlite3 from 'better-sqlite3'
import { Registry } from '../../registry/registry.js'

const { values: options } = parseArgs({
  options: {
    versions: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '9' },
    help: { type: 'boolean', default: false }
  }
})
const DIGITS = 64
const COMMANDS = [
  ['--help'], ['models'], ['models', '--json'], ['show', 'busy'], ['show', 'busy', '--json'], ['alias', 'list', 'busy'],
  ['__complete', '--', 'show', 'o'], ['__complete', '--', 'show', 'busy:']
]
const MAIN = fileURLToPath(new URL('../../dist/server/main.js', import.meta.url))

/**
 * How long the built command takes beside node alone, with many versions of one model and a few others. The rows are
 * written straight into the database, as publishing so many would take long; no manifest or blob is behind them, which
 * listing does not read.
 */
function main (): void {
  const dataDir = mkdtempSync(join(tmpdir(), 'gauntlet-bench-cli-'))
  try {
    fill(dataDir, Number(options.versions))
    process.env['GAUNTLET_DATA_DIR'] = dataDir
    const node = median(['-e', '0'])
    process.stdout.write(`${options.versions} versions, median of ${options.rounds} rounds; node alone ${node.toFixed(0)} ms\n`)
    for (const words of COMMANDS) {
      const took = median([MAIN, ...words])
      process.stdout.write(`${words.join(' ').padEnd(26)} ${took.toFixed(0)} ms, ${(took - node).toFixed(0)} ms more than node alone\n`)
    }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
}

function fill (dataDir: string, count: number): void {
  Registry.open({ dataDir, now: Date.now }).close()
  const client = new BetterSqlite3(join(dataDir, 'gauntlet.db'))
  const insert = client.prepare(`INSERT INTO versions (model, version, digest, manifest_bytes, size_bytes, created_at, serving)
    VALUES (?, ?, ?, 1000, 1000000, ?, ?)`)
  client.transaction(() => {
    for (let i = 0; i < count; i++) {
      const model = i % 10 === 0 ? `other-${i % 100}` : 'busy'
      const digest = `sha256:${i.toString(16).padStart(DIGITS, '0')}`
      insert.run(model, `1.0.${i}`, digest, 1_700_000_000_000 + i, servingOf(i))
    }
    client.prepare('INSERT INTO aliases (model, alias, version, updated_at) VALUES (?, ?, ?, 0)').run('busy', 'champion', '1.0.1')
  })()
  client.close()
  Registry.open({ dataDir, now: Date.now }).close()
}

/** About the size of a real one: two kilobytes. */
function servingOf (i: number): string {
  const spec = (name: string) => ({ name, datatype: 'FP32', shape: [-1, 4] })
  const data = Array.from({ length: 200 }, (_, index) => index / 7)
  return JSON.stringify({
    schemaVersion: 1,
    task: 'tensor',
    runtime: 'onnx',
    modelFile: 'model.onnx',
    inputs: [spec('x')],
    outputs: [spec('y')],
    batching: { batchable: true, maxBatch: 32, maxDelayMs: 0 },
    examples: [{ inputs: [{ ...spec('x'), shape: [50, 4], data }], outputs: [], tolerance: 0 }],
    metrics: { accuracy: 0.9 + Math.sin(i) / 20, loss: 1 / (i + 1) }
  })
}

/** Wall time of a process in milliseconds. */
function median (words: readonly string[]): number {
  const times = Array.from({ length: Number(options.rounds) }, () => {
    const began = performance.now()
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${words.join(' ')} failed: ${stderr}`)
    return performance.now() - began
  }).sort((a, b) => a - b)
  return times[times.length >> 1]!
}

if (options.help) {
  process.stdout.write('npm run bench:cli [-- --versions 10000] [--rounds 9]\n\nMeasures how fast the built command lists many versions. Needs npm run build.\n')
} else {
  main()
}
