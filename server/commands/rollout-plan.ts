import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { InvalidArgumentError, type Command } from 'commander'
import { GatewayError } from '../errors.js'
import { formatTable } from '../../registry/table.js'
import type { Assumption, MetricForecast, PlannedStep } from '../rollouts/forecast.js'
import type { Plan } from '../rollouts/spec.js'
import { between } from './arguments.js'

interface PlanContext { readonly print: (json: unknown, text: () => string) => void }

interface PlanFlags { readonly perDay?: number, readonly assume?: Readonly<Record<string, Assumption>> }

/** `gauntlet rollout validate`, `plan` and `schema`: everything about a document that needs no gateway. */
export function addRolloutPlanCommands (rollout: Command, { print }: PlanContext): void {
  rollout.command('validate')
    .description('check a rollout document whole, without a gateway; every fault is named')
    .argument('<file>', 'the document, YAML or JSON; - reads standard input')
    .action(async (file: string) => {
      const { spec, steps } = await readPlan(file)
      print({ valid: true, spec }, () => `${file} is valid: ${Object.keys(spec.strategy).join()}, ${steps.length} steps`)
    })
  rollout.command('plan')
    .description('what a rollout would do step by step, what its gates need, and how long that takes')
    .argument('<file>', 'the document, YAML or JSON; - reads standard input')
    .option('--per-day <n>', 'requests with an affinity key per day, of both arms together', between(0, Infinity))
    .option('--assume <metric=value>', 'a metric\'s rate now, or sd:DEVIATION of one value; may be given again', collect, {})
    .addHelpText('after', '\nExample: gauntlet rollout plan canary.yaml --per-day 20000 --assume errors=0.01 --assume accuracy=0.9')
    .action(async (file: string, { perDay, assume = {} }: PlanFlags) => {
      const plan = await readPlan(file)
      const { forecastPlan } = await import('../rollouts/forecast.js')
      const steps = forecastPlan(plan, { assumed: assume, ...perDay === undefined ? {} : { perDay } })
      print({ promotion: plan.promotion, steps }, () => planText(plan, steps))
    })
  rollout.command('schema')
    .description('print the JSON Schema of rollout documents')
    .action(async () => {
      const { documentSchema } = await import('../rollouts/spec/document-schema.js')
      const schema = documentSchema()
      print(schema, () => JSON.stringify(schema, null, 2))
    })
}

/** Reads and validates a document. @throws GatewayError BAD_REQUEST, SpecError */
export async function readPlan (file: string): Promise<Plan> {
  const { parseRolloutSpec } = await import('../rollouts/spec.js')
  return parseRolloutSpec(await parseDocument(await readDocument(file), file))
}

/** @throws GatewayError BAD_REQUEST */
export async function readDocument (path: string): Promise<string> {
  try {
    return path === '-' ? await text(process.stdin) : await readFile(path, 'utf8')
  } catch (error) {
    throw new GatewayError('BAD_REQUEST', `--file ${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** @throws GatewayError BAD_REQUEST when the text is neither YAML nor JSON, or no object */
export async function parseDocument (text: string, path: string): Promise<Record<string, unknown>> {
  const { parseYaml, ALIASES_MAX } = await import('../../registry/yaml.js')
  let document: unknown
  try {
    document = parseYaml(text, ALIASES_MAX)
  } catch (error) {
    throw new GatewayError('BAD_REQUEST', `${path}: expected YAML or JSON: ${(error as Error).message}`, { cause: error })
  }
  if (typeof document === 'object' && document !== null && !Array.isArray(document)) return document as Record<string, unknown>
  throw new GatewayError('BAD_REQUEST', `${path}: expected a document, not a list or a single value`)
}

function collect (text: string, before: Readonly<Record<string, Assumption>>): Record<string, Assumption> {
  const [, name, kind, value] = /^([^=]+)=(sd:)?([0-9.eE+-]+)$/.exec(text) ?? []
  const number = Number(value)
  const isRate = kind === undefined
  if (name === undefined || !(number > 0) || !Number.isFinite(number) || (isRate && number >= 1)) {
    throw new InvalidArgumentError('expected METRIC=RATE with a rate between 0 and 1, or METRIC=sd:DEVIATION')
  }
  return { ...before, [name]: isRate ? { rate: number } : { sd: number } }
}

function planText (plan: Plan, steps: readonly PlannedStep[]): string {
  const rows = steps.map(({ step, setting, days }, index) => [
    String(index), `${setting.weightBps / 100} %`, `${setting.mirrorBps / 100} %`, daysOf(step, days), wordsOf(step)
  ])
  const [head, ...lines] = formatTable([['STEP', 'WEIGHT', 'MIRROR', 'DAYS', 'DOES'], ...rows]).split('\n')
  const gates = steps.map(({ gate }) => gate.map((forecast) => `        ${gateOf(forecast)}`))
  const total = steps.every(({ days }) => days !== null) ? steps.reduce((sum, { days }) => sum + days!, 0) : null
  const { layer } = plan.spec
  return [
    ...layer === undefined ? [] : [`layer ${layer.name}, ${layer.from} to ${layer.to} %: the weights are shares of these sessions, the champion has the rest`],
    head,
    ...lines.flatMap((line, index) => [line, ...gates[index]!]),
    `then ${plan.promotion === 'automatic' ? 'promotes by itself' : 'waits for a person to promote'}` +
      (total === null ? '' : `; ${total.toFixed(2)} days in all`)
  ].join('\n')
}

function wordsOf (step: PlanStep): string {
  switch (step.kind) {
    case 'setWeight': return `weight ${step.weightBps / 100} %`
    case 'setMirror': return `mirror ${step.mirrorBps / 100} %`
    case 'setTarget': return step.targeting === null ? 'no rules' : `${step.targeting.rules.length} rules, otherwise ${step.targeting.otherwise}`
    case 'pause': return step.durationMs === null ? step.reason ?? 'pause until somebody resumes' : `pause of ${step.durationMs / 1_000} s`
    case 'analysis': return 'analysis'
    case 'contest': return 'contest until one wins, or the horizon'
  }
}

type PlanStep = PlannedStep['step']

function daysOf (step: PlanStep, days: number | null): string {
  if (days === null) return '?'
  return step.kind === 'pause' || step.kind === 'analysis' || step.kind === 'contest' ? days.toFixed(2) : '-'
}

function gateOf ({ name, role, median, atPower, note }: MetricForecast): string {
  if (median === null || atPower === null) return `${role} ${name}: ${note}`
  return `${role} ${name}: ${median} in half of all trials, ${atPower} with power 0.8 (${note})`
}
