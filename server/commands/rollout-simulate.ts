import type { Command } from 'commander'
import { formatTable } from '../../registry/table.js'
import type { SimulatedRun } from '../simulation/run.js'
import type { SimulationReport, Spread } from '../simulation/report.js'
import { seedOption, whole } from './arguments.js'
import { parseDocument, readDocument, readPlan } from './rollout-plan.js'

interface SimulateContext {
  readonly print: (json: unknown, text: () => string) => void
  readonly signal: AbortSignal
}

interface SimulateFlags {
  readonly scenario: string
  readonly runs: number
  readonly seed: number
  readonly timeline?: true
}

const RUNS_DEFAULT = 200
const RUNS_MAX = 1_000_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** `gauntlet rollout simulate`. */
export function addSimulateCommand (rollout: Command, { print, signal }: SimulateContext): void {
  rollout.command('simulate')
    .description('what would become of a rollout: the real engine on a clock moved by hand, with synthetic versions')
    .argument('<file>', 'the rollout document, YAML or JSON; - reads standard input')
    .requiredOption('--scenario <file>', 'traffic and what both versions do, YAML or JSON; see docs/simulation.md')
    .option('--runs <n>', 'how often', whole(1, RUNS_MAX), RUNS_DEFAULT)
    .option('--timeline', 'tell of one run what happened when, instead of counting many')
    .addOption(seedOption())
    .addHelpText('after', '\nExample: gauntlet rollout simulate canary.yaml --scenario worse.yaml --runs 1000')
    .action(async (file: string, { scenario, runs, seed, timeline }: SimulateFlags, command: Command) => {
      const isJson = command.optsWithGlobals<{ json?: true }>().json === true
      const { summariseRuns } = await import('../simulation/report.js')
      const done = await simulate({ file, scenario, runs: timeline === true ? 1 : runs, seed, isJson, signal })
      if (timeline === true) return print(done[0], () => timelineText(done[0]!))
      const report = summariseRuns(done, seed)
      print(report, () => reportText(report))
    })
}

interface SimulateRequest extends Pick<SimulateFlags, 'scenario' | 'runs' | 'seed'> {
  readonly file: string
  readonly isJson: boolean
  readonly signal: AbortSignal
}

async function simulate (
  { file, scenario: scenarioFile, runs, seed, isJson, signal }: SimulateRequest
): Promise<SimulatedRun[]> {
  const [{ parseScenario }, { simulateRuns }, { startProgress }] = await Promise.all([
    import('../simulation/scenario.js'), import('../simulation/report.js'), import('../evaluation/progress.js')
  ])
  const plan = await readPlan(file)
  const scenario = parseScenario(await parseDocument(await readDocument(scenarioFile), scenarioFile))
  const progress = startProgress('simulating', { stream: process.stderr, isJson, environment: process.env })
  const done: SimulatedRun[] = []
  try {
    for (const run of simulateRuns(plan, scenario, runs, seed)) {
      done.push(run)
      progress.update(done.length / runs)
      await new Promise(setImmediate)
      signal.throwIfAborted()
    }
  } finally {
    progress.stop()
  }
  return done
}

function reportText (report: SimulationReport): string {
  const rows = report.outcomes.map(({ outcome, share, interval, elapsedMs, rules }) => [
    outcome,
    percent(share),
    `${percent(interval.lower)} to ${percent(interval.upper)}`,
    timeOf(elapsedMs.p10),
    timeOf(elapsedMs.p50),
    timeOf(elapsedMs.p90),
    rules.map(({ rule, runs }) => `${rule}: ${runs}`).join(', ')
  ])
  const counts: ReadonlyArray<readonly [string, Spread]> = [
    ['requests', report.requests],
    ['of the challenger', report.challengerRequests],
    ['sessions it answered', report.exposedSessions],
    ['mirrored', report.mirroredRequests],
    ['failed for users', report.failedRequests]
  ]
  return [
    `${report.runs} runs, seed ${report.seed}`,
    formatTable([['ENDED', 'SHARE', '95 % INTERVAL', 'P10', 'HALF', 'P90', 'BY RULE'], ...rows]),
    ...report.outcomes.map(({ outcome, example }) => `${outcome}, for example: ${example}`),
    '',
    formatTable([
      ['PER RUN', 'MEAN', 'P10', 'HALF', 'P90'],
      ...counts.map(([name, { mean, p10, p50, p90 }]) =>
        [name, ...[mean, p10, p50, p90].map((value) => value.toFixed(0))])
    ])
  ].join('\n')
}

function timelineText ({ timeline, outcome, elapsedMs, requests, challengerRequests, reason }: SimulatedRun): string {
  const rows = timeline.map((entry) => [
    timeOf(entry.elapsedMs), entry.event, entry.state, String(entry.step), `${entry.weightBps / 100} %`, entry.reason
  ])
  return [
    formatTable([['AFTER', 'EVENT', 'STATE', 'STEP', 'WEIGHT', 'REASON'], ...rows]),
    `${outcome} after ${timeOf(elapsedMs)}, ${requests} requests, ${challengerRequests} of the challenger: ${reason}`
  ].join('\n')
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`

function timeOf (ms: number): string {
  if (ms < 1_000) return `${ms.toFixed(0)} ms`
  if (ms < HOUR_MS) return `${(ms / 60_000).toFixed(1)} min`
  return ms < DAY_MS ? `${(ms / HOUR_MS).toFixed(1)} h` : `${(ms / DAY_MS).toFixed(1)} d`
}
