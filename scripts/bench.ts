import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compare, type Comparison, type Rounds } from './bench/compare.js'
import { measurePins } from './bench/pins.js'
import { measureLoading, measurePromotion, measureRollback, openRollout } from './bench/rollout-under-load.js'
import { publish, requests, WORKLOADS, writeModel, type Workload } from './bench/workload.js'
import { startGateway, startScript, stop } from './support/process.js'

const { values: options } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'string' }, help: { type: 'boolean', default: false } }
})
const ROUNDS = options.quick ? { rounds: 2, durationMs: 800 } : { rounds: 5, durationMs: 4_000 }
/** 32 connections that pause so long make 2,000 requests a second at most: less than the machine can do. */
const THINK_MS = 16
const CANARY = { canary: { steps: [{ setWeight: 5 }, { pause: {} }] } }

if (options.help) {
  process.stdout.write('npm run bench [-- --quick] [--json FILE]\n\nMeasures Gauntlet beside a bare Fastify route with onnxruntime in process, interleaved.\n')
} else {
  await main()
}

async function main (): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'gauntlet-bench-'))
  try {
    print(`node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, 32 connections, ${ROUNDS.rounds} rounds of ${ROUNDS.durationMs / 1_000} s a side\n`)
    print(row('measured', 'beside', 'ratio', 'goal', 'req/s', 'req/s', 'p50 ms', 'p50 ms', 'p99 ms', 'p99 ms', 'failed'))
    const results: object[] = []
    const report = (name: string, goal: number, comparison: Comparison): void => {
      const { baseline: b, candidate: c, ratio } = comparison
      print(row(`${name}: ${c.name}`, b.name, `${ratio.toFixed(2)} x`, `>= ${goal} x`, b.perSecond, c.perSecond, b.p50Ms.toFixed(1), c.p50Ms.toFixed(1), b.p99Ms.toFixed(1), c.p99Ms.toFixed(1), b.failed + c.failed))
      results.push({ name, goal, ...comparison })
    }
    for (const workload of WORKLOADS) report(workload.name, workload.goal, await besideBare(directory, workload))
    report('4 -> 16 -> 3', 0.95, await trialBesideNone(directory, 'a 5 % trial open', CANARY))
    const unsaturated = { ...ROUNDS, thinkMs: THINK_MS }
    const calm = await trialBesideNone(directory, 'a 5 % trial, paced', CANARY, unsaturated)
    report('4 -> 16 -> 3', 0.95, calm)
    const mirrored = await trialBesideNone(directory, 'a shadow, paced', { shadow: { mirror: 100 } }, unsaturated)
    report('4 -> 16 -> 3', 0.95, mirrored)
    for (const { candidate, baseline } of [calm, mirrored]) {
      print(`p99 of ${candidate.name} beside none: ${(candidate.p99Ms / baseline.p99Ms).toFixed(2)} x (goal <= 1.1)`)
    }
    const rollback = await measureRollback(join(directory, 'rollback'))
    print(`\nrollback under load: last request routed to the challenger ${rollback.lastSentAfterBreachMs.toFixed(1)} ms after the breach (goal < 50), the last of those under way answered after ${rollback.lastAnsweredAfterBreachMs.toFixed(1)} ms, ${rollback.failed} of ${rollback.requests} requests failed`)
    const loading = await measureLoading(join(directory, 'loading'), options.quick ? 2 : 5)
    print(`loading a challenger under load: champion p99 ${loading.duringMs.toFixed(1)} ms, before ${loading.beforeMs.toFixed(1)} ms: ${loading.ratio.toFixed(2)} x (goal <= 1.2)`)
    const promotion = await measurePromotion(join(directory, 'promotion'))
    print(`promotion under load: ${promotion.failed} of ${promotion.requests} requests failed (goal 0), the new champion alone answered ${promotion.settledMs.toFixed(1)} ms after the word`)
    const pins = measurePins(1_000_000)
    print(`${pins.pins} live pins: ${pins.mebibytes.toFixed(0)} MiB (goal < 300), ${pins.findUs.toFixed(2)} us per lookup (goal < 5), ${pins.keepUs.toFixed(2)} us to pin`)
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ node: process.version, results, rollback, loading, promotion, pins }, null, 2)}\n`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function besideBare (directory: string, { sizes }: Workload): Promise<Comparison> {
  const model = await writeModel(join(directory, 'models'), sizes, 1)
  const dataDir = join(directory, `data-${sizes.join('-')}`)
  await publish(dataDir, [model])
  const bare = await startScript(new URL('./bench/bare-server.ts', import.meta.url), [model])
  const gauntlet = await startGateway(dataDir)
  try {
    const request = requests('127.0.0.1', sizes[0]!)
    return await compare({ name: 'bare Fastify', port: bare.port, request }, { name: 'Gauntlet', port: gauntlet.port, request }, ROUNDS)
  } finally {
    await Promise.all([stop(bare), stop(gauntlet)])
  }
}

async function trialBesideNone (
  directory: string, name: string, strategy: object, rounds: Rounds = ROUNDS
): Promise<Comparison> {
  const sizes = WORKLOADS[0]!.sizes
  const models = [await writeModel(join(directory, 'models'), sizes, 1), await writeModel(join(directory, 'models'), sizes, 2)]
  const [without, within] = [await mkdtemp(join(directory, 'no-trial-')), await mkdtemp(join(directory, 'trial-'))]
  for (const dataDir of [without, within]) await publish(dataDir, models)
  const [plain, trial] = [await startGateway(without), await startGateway(within)]
  try {
    await openTrial(trial.url, strategy)
    const request = requests('127.0.0.1', sizes[0]!)
    return await compare({ name: 'no trial', port: plain.port, request }, { name, port: trial.port, request }, rounds)
  } finally {
    await Promise.all([stop(plain), stop(trial)])
  }
}

async function openTrial (url: string, strategy: object): Promise<void> {
  const analysis = {
    mode: 'equivalence',
    minSamples: 1_000_000,
    metrics: [
      { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.01 } },
      { name: 'p95', source: 'latency', quantile: 0.95, role: 'monitor' }
    ]
  }
  await openRollout(url, { strategy, analysis }, ({ step }) => step > 0)
}

function print (line: string): void {
  process.stdout.write(`${line}\n`)
}

function row (...cells: readonly (string | number)[]): string {
  const widths = [40, 14, 8, 10, 8, 8, 8, 8, 8, 8, 6]
  return cells.map((cell, i) => String(cell).padEnd(widths[i]!)).join(' ').trimEnd()
}
