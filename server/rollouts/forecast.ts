import type { MetricSpec } from '../../evaluators/verdict.js'
import { planSequential } from '../evaluation/plan-samples.js'
import { settingAfter, type PlanStep, type Setting } from './plan.js'
import type { Plan } from './spec.js'

/** What is taken to be true of a metric before anything was seen: a rate, or the deviation of one value. */
export type Assumption = { readonly rate: number } | { readonly sd: number }

export interface ForecastOptions {
  /** Requests per day that carry an affinity key, of both arms together; without it nothing is said in days. */
  readonly perDay?: number
  readonly assumed: Readonly<Record<string, Assumption>>
}

/** What a gate needs of one metric: values of both arms (or pairs) in half of all trials and with power 0.8. */
export interface MetricForecast {
  readonly name: string
  readonly role: MetricSpec['role']
  readonly median: number | null
  readonly atPower: number | null
  readonly days: number | null
  /** What the figures rest on, or why there are none. */
  readonly note: string
}

/** One step of a plan with what is in force while it lasts. */
export interface PlannedStep {
  readonly step: PlanStep
  readonly setting: Setting
  /** For an analysis: per deciding metric what it needs. */
  readonly gate: readonly MetricForecast[]
  /** How long the step lasts with power 0.8, days; null when that cannot be said. */
  readonly days: number | null
}

/** Critical metrics must be shown, each with this chance, when they are equal. */
const POWER = 0.8

/** What each step of a rollout does, what its gates need, and how long that takes. Pure. */
export function forecastPlan (plan: Plan, options: ForecastOptions): PlannedStep[] {
  return plan.steps.map((step, index) => {
    const setting = settingAfter(plan.steps, index + 1)
    if (step.kind === 'pause') return { step, setting, gate: [], days: daysOf(step.durationMs) }
    if (step.kind === 'contest') return forecastContest(plan, step, setting, options)
    if (step.kind !== 'analysis') return { step, setting, gate: [], days: 0 }
    if (plan.judge !== null) return { step, setting, gate: [], days: daysOf(plan.judge.lifetimeMs) }
    const gate = (plan.analysis?.metrics ?? []).filter(({ role }) => role !== 'monitor')
      .map((metric) => forecastMetric(metric, plan, setting, options))
    const isKnown = gate.every((forecast) => forecast.days !== null)
    return { step, setting, gate, days: isKnown ? Math.max(0, ...gate.map((forecast) => forecast.days!)) : null }
  })
}

/** Each challenger is compared with the champion alone, at its share of the risk. */
function forecastContest (
  plan: Plan, step: PlanStep, setting: Setting, { perDay, assumed }: ForecastOptions
): PlannedStep {
  const contest = plan.contest!
  const champion = 10_000 - setting.weightBps
  const analysis = { ...plan.analysis!, alpha: plan.analysis!.alpha / contest.length }
  const gate = contest.flatMap(({ version, weightBps }) => {
    const both = weightBps + champion
    const alone = { ...setting, weightBps: 10_000 * weightBps / both }
    const traffic = perDay === undefined ? {} : { perDay: perDay * both / 10_000 }
    return analysis.metrics.filter(({ role }) => role !== 'monitor').map((metric) => {
      const forecast = forecastMetric(metric, { ...plan, analysis }, alone, { ...traffic, assumed })
      return { ...forecast, name: `${version} ${forecast.name}` }
    })
  })
  const { durationMs } = analysis.budget ?? {}
  return { step, setting, gate, days: durationMs === undefined ? null : durationMs / 86_400_000 }
}

function daysOf (durationMs: number | null): number | null {
  return durationMs === null ? null : durationMs / 86_400_000
}

function forecastMetric (
  metric: MetricSpec, plan: Plan, setting: Setting, { perDay, assumed }: ForecastOptions
): MetricForecast {
  const { name, role, margin } = metric
  const none = (note: string): MetricForecast => ({ name, role, median: null, atPower: null, days: null, note })
  const assumption = assumed[name]
  if (assumption === undefined) return none(`what is it like now? --assume ${name}=RATE or ${name}=sd:DEVIATION`)
  if (metric.source === 'latency' && metric.limitMs === undefined) return none('no forecast for a quantile; it has as much to see as the rest')
  if (margin === undefined) return none('it takes as long as the challenger is better; gauntlet power sequential --effect tells')
  const isPaired = setting.weightBps === 0 || setting.weightBps >= 10_000
  const share = isPaired ? 0.5 : setting.weightBps / 10_000
  const { alpha, plannedSamples } = plan.analysis!
  const { minSamples = plan.analysis!.minSamples } = metric
  const value = 'rate' in assumption ? assumption.rate : null
  const width = 'absolute' in margin ? margin.absolute : value === null ? null : margin.relative * value
  if (width === null) return none('a relative margin needs the value it is relative to: --assume NAME=RATE')
  const spread = isPaired && 'rate' in assumption ? { sd: pairDeviation(assumption.rate) } : assumption
  const { figures } = planSequential({
    ...spread, effect: 0, margin: width, alpha, power: POWER, share, paired: isPaired, planned: plannedSamples
  })
  const least = isPaired ? minSamples : minSamples / Math.min(share, 1 - share)
  const atLeast = (units: number | null | undefined): number | null =>
    units == null ? null : Math.ceil(Math.max(units, least))
  const [median, atPower] = [atLeast(figures['median']), atLeast(figures['atPower'])]
  const served = isPaired ? setting.mirrorBps / 10_000 : 1
  const sliced = plan.layer === null ? 1 : (plan.layer.toBps - plan.layer.fromBps) / 10_000
  const days = perDay === undefined || atPower === null ? null : atPower / (perDay * served * sliced)
  return { name, role, median, atPower, days, note: noteOf(assumption, isPaired) }
}

/** Of the difference of two independent values that are 1 at this rate: pairs vary no more than that. */
function pairDeviation (rate: number): number {
  return Math.sqrt(2 * rate * (1 - rate))
}

function noteOf (assumption: Assumption, isPaired: boolean): string {
  const what = 'rate' in assumption ? `a rate of ${assumption.rate}` : `a deviation of ${assumption.sd}`
  return `equal versions at ${what}, ${isPaired ? 'pairs' : 'values of both arms'}`
}
