import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { formatTable } from '../registry/table.js'
import { parseRolloutSpec } from '../server/rollouts/spec.js'
import { simulateRuns, summariseRuns } from '../server/simulation/report.js'
import type { SimulatedOutcome } from '../server/simulation/run.js'
import { parseScenario } from '../server/simulation/scenario.js'
import { replaceTable } from './simulate/markdown.js'

const { values: options } = parseArgs({
  options: {
    runs: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    markdown: { type: 'string' },
    help: { type: 'boolean', default: false }
  }
})
const USAGE = `npm run simulate:rollouts [-- --runs N] [--seed N] [--only PATTERN] [--markdown FILE]

How often whole rollouts come to a wrong verdict, and to a right one, by the simulator. Exit code 1 when a wrong verdict
is more frequent than alpha by more than three standard errors.

  --runs N         simulated rollouts per row (2000)
  --seed N         another seed gives other random numbers (1)
  --only PATTERN   rows whose name matches the regular expression
  --markdown FILE  writes the table between the marker lines of a document
`
const ALPHA = 0.05

interface Cell {
  readonly name: string
  /** What must be rare; null where the row shows how often the right thing happens. */
  readonly wrong: SimulatedOutcome | null
  readonly right: SimulatedOutcome
  readonly steps: readonly object[]
  readonly metrics: readonly object[]
  readonly arms: { readonly champion: object, readonly challenger: object }
  readonly traffic?: object
  readonly analysis?: object
}

const errors = { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.01 } }
const quality = { name: 'quality', source: 'feedback', key: 'quality', role: 'primary', direction: 'up', margin: { absolute: 0.05 } }
const half = [{ setWeight: 50 }, { analysis: {} }]
const ramp = [5, 20, 50].flatMap((setWeight) => [{ setWeight }, { pause: { duration: '10m' } }, { analysis: {} }])
const rate = (value: number, more: object = {}) => ({ feedback: { quality: { rate: value, ...more } } })
/** By 14 points within 100 minutes. */
const rising = (value: number) => ({ feedback: { quality: { rate: { value, perDay: 2 } } } })

/** Each with some three hundred looks at up to six thousand requests. */
const CELLS: readonly Cell[] = [
  {
    name: 'worse by just the margin, half the sessions',
    wrong: 'promoted',
    right: 'rolled-back',
    steps: half,
    metrics: [quality],
    arms: { champion: rate(0.7), challenger: rate(0.65) },
    analysis: { mode: 'equivalence' }
  },
  {
    name: 'equal, must be proven better',
    wrong: 'promoted',
    right: 'open',
    steps: half,
    metrics: [quality],
    arms: { champion: rate(0.7), challenger: {} }
  },
  {
    name: 'equal, must be proven no worse',
    wrong: 'rolled-back',
    right: 'promoted',
    steps: half,
    metrics: [quality],
    arms: { champion: rate(0.7), challenger: {} },
    analysis: { mode: 'equivalence' }
  },
  {
    name: 'equal, sessions of ten requests that differ',
    wrong: 'rolled-back',
    right: 'open',
    steps: half,
    metrics: [quality],
    arms: { champion: rate(0.7, { spread: 0.15 }), challenger: {} },
    traffic: { sessions: { requests: 10, active: 20 } }
  },
  {
    name: 'worse by just the margin, ramp while everything gets better',
    wrong: 'promoted',
    right: 'rolled-back',
    steps: ramp,
    metrics: [quality],
    arms: { champion: rising(0.6), challenger: rising(0.55) },
    analysis: { mode: 'equivalence' }
  },
  {
    name: 'equal at 1 % errors, 5 % of the sessions',
    wrong: 'rolled-back',
    right: 'open',
    steps: [{ setWeight: 5 }, { analysis: {} }],
    metrics: [errors],
    arms: { champion: { errors: 0.01 }, challenger: {} },
    analysis: { mode: 'equivalence' }
  },
  {
    name: 'errors up by just the margin, 5 % of the sessions',
    wrong: 'promoted',
    right: 'rolled-back',
    steps: [{ setWeight: 5 }, { analysis: {} }],
    metrics: [errors],
    arms: { champion: { errors: 0.01 }, challenger: { errors: 0.02 } },
    analysis: { mode: 'equivalence' }
  },
  {
    name: 'equal, skewed values (lognormal, sigma 1)',
    wrong: 'rolled-back',
    right: 'open',
    steps: half,
    metrics: [{ ...quality, margin: { relative: 0.1 } }],
    arms: { champion: { feedback: { quality: { median: 1, sigma: 1 } } }, challenger: {} }
  },
  { name: 'better by twice the margin', wrong: null, right: 'promoted', steps: half, metrics: [quality], arms: { champion: rate(0.7), challenger: rate(0.8) } },
  { name: 'worse by twice the margin', wrong: null, right: 'rolled-back', steps: half, metrics: [quality], arms: { champion: rate(0.7), challenger: rate(0.6) } }
]

if (options.help) process.stdout.write(USAGE)
else await main(Number(options.runs), Number(options.seed))

async function main (runs: number, seed: number): Promise<void> {
  const rows = [['trial', 'must not', 'how often', '95 % interval', 'right', 'how often', 'half ended after', 'of the challenger']]
  let isWithin = true
  for (const cell of CELLS.filter(({ name }) => new RegExp(options.only).test(name))) {
    const began = performance.now()
    const simulated = [...simulateRuns(planOf(cell), scenarioOf(cell), runs, seed)]
    const { outcomes, requests, challengerRequests } = summariseRuns(simulated, seed)
    const of = (outcome: SimulatedOutcome | null) => outcomes.find((found) => found.outcome === outcome)
    const wrong = of(cell.wrong)
    isWithin &&= (wrong?.share ?? 0) <= ALPHA + 3 * Math.sqrt(ALPHA * (1 - ALPHA) / runs)
    rows.push([
      cell.name,
      cell.wrong ?? '-',
      cell.wrong === null ? '-' : percent(wrong?.share ?? 0),
      wrong === undefined ? '-' : `${percent(wrong.interval.lower)} to ${percent(wrong.interval.upper)}`,
      cell.right,
      percent(of(cell.right)?.share ?? 0),
      `${requests.p50.toFixed(0)} requests`,
      challengerRequests.p50.toFixed(0)
    ])
    process.stderr.write(`${cell.name}: ${((performance.now() - began) / 1_000).toFixed(0)} s\n`)
  }
  process.stdout.write(`${formatTable(rows)}\n`)
  if (options.markdown !== undefined) {
    const document = await readFile(options.markdown, 'utf8')
    await writeFile(options.markdown, replaceTable(document, markdownOf(rows, runs, seed)))
  }
  process.exitCode = isWithin ? 0 : 1
}

function planOf ({ steps, metrics, analysis }: Cell) {
  return parseRolloutSpec({
    model: 'm',
    challenger: '2',
    strategy: { canary: { steps } },
    analysis: { alpha: ALPHA, minSamples: 100, plannedSamples: 2_000, metrics, ...analysis }
  })
}

/** About six thousand requests in all. */
function scenarioOf ({ arms, traffic }: Cell) {
  return parseScenario({ traffic: { perSecond: 1, ...traffic }, maxDuration: '100m', lookEvery: '20s', arms })
}

function markdownOf (rows: readonly string[][], runs: number, seed: number): string {
  const [head, ...body] = rows.map((row) => `| ${row.join(' | ')} |`)
  return [`${runs} simulated rollouts per row, seed ${seed}, at most 100 minutes of one request per second, a look every 20 s.`, '',
    head, `|${' --- |'.repeat(rows[0]!.length)}`, ...body, ''].join('\n')
}

function percent (share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
