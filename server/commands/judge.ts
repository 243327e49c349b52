import { readFile } from 'node:fs/promises'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { EvaluatorError } from '../../evaluators/errors.js'
import type { JudgedMetric, JudgeResult } from '../../evaluators/judge/judge.js'
import type { ScoreThresholds } from '../../evaluators/judge/score.js'
import { formatTable } from '../../registry/table.js'
import { GatewayError } from '../errors.js'
import { whole } from './arguments.js'
import { GateRefused } from './gate-refused.js'

export interface JudgeCommandContext {
  readonly print: (json: unknown, text: () => string) => void
  readonly warn: (line: string) => void
}

interface JudgeCommandOptions {
  readonly pass?: number
  readonly marginal?: number
  readonly points: number
  readonly seed: string
  readonly strict?: true
}

/** Thresholds where neither the command nor the config names any: those that Kayenta's own documentation uses. */
const THRESHOLDS: ScoreThresholds = { pass: 95, marginal: 75 }
/** As many as the judge takes. */
const POINTS_MAX = 10_000_000

/** `gauntlet judge`: a canary config and measured series in, a judgement out. Needs no gateway. */
export function addJudgeCommand (program: Command, { print, warn }: JudgeCommandContext): void {
  program.command('judge <config> <metrics>')
    .description('judge an experiment against its control, as Kayenta does, from a canary config and series, both JSON')
    .option('--pass <score>', 'score from which it passes, 0 to 100; else the config\'s, else 95', parseScore)
    .option('--marginal <score>', 'score below which it fails, 0 to 100; else the config\'s, else 75', parseScore)
    .option('--strict', 'the stricter judge, whatever the config names')
    .option('--seed <text>', 'a run\'s id: the same one gives the same judgement to the last digit', '0')
    .addOption(new Option('--points <count>', 'steps of the window: shorter series have no data at their end')
      .argParser(whole(0, POINTS_MAX)).default(0))
    .action(async (configPath: string, metricsPath: string, options: JudgeCommandOptions) => {
      const [{ parseCanaryConfig }, { judgeCanary }, { requireThresholds }] = await Promise.all([
        import('../../evaluators/judge/config.js'), import('../../evaluators/judge/judge.js'), import('../../evaluators/judge/score.js')
      ])
      const [document, metrics] = [await readJson(configPath), await readJson(metricsPath)]
      const { scoreThresholds } = naming({ config: configPath }, () => parseCanaryConfig(document))
      const { pass = scoreThresholds?.pass ?? THRESHOLDS.pass } = options
      const { marginal = Math.min(pass, scoreThresholds?.marginal ?? THRESHOLDS.marginal) } = options
      const thresholds = { pass, marginal }
      naming({}, () => { requireThresholds(thresholds) })
      const result = naming({ config: configPath, metrics: metricsPath }, () => judgeCanary(document, metrics, {
        thresholds, seed: options.seed, points: options.points, ...(options.strict === true ? { preset: 'strict' } : {})
      }))
      print(result, () => judgementText(result, thresholds))
      for (const warning of result.warnings ?? []) warn(`warning: ${warning}`)
      const { classification, classificationReason } = result.score
      if (classification !== 'Pass') throw new GateRefused(`judged ${classification}: ${classificationReason}`)
    })
}

/** A judgement for people: a line per metric, one per group, and the score. */
export function judgementText (result: JudgeResult, thresholds: ScoreThresholds): string {
  const { judgeName, score, groupScores, results } = result
  const metrics = formatTable([['METRIC', 'LABEL', 'CONTROL', 'EXPERIMENT', 'RATIO', 'REASON'], ...results.map(metricRow)])
  const groups = formatTable([['GROUP', 'SCORE'], ...groupScores.map((group) => [group.name, group.score.toFixed(2)])])
  const { pass, marginal } = thresholds
  const total = formatTable([
    ['judge', judgeName],
    ['score', `${score.score} (pass from ${pass}, marginal from ${marginal})`],
    ['label', `${score.classification}: ${score.classificationReason}`]
  ])
  return `${metrics}\n\n${groups}\n\n${total}`
}

function metricRow (metric: JudgedMetric): string[] {
  const { id, classification, critical, muted, controlMetadata, experimentMetadata, resultMetadata } = metric
  const marks = `${critical ? ' critical' : ''}${muted ? ' muted' : ''}`
  const [control, experiment] = [controlMetadata, experimentMetadata].map(({ stats: { mean, count } }) =>
    count === 0 ? 'no data' : `${show(mean)} (n ${count})`) as [string, string]
  const ratio = resultMetadata.ratio === null ? '-' : show(resultMetadata.ratio)
  return [id, `${classification}${marks}`, control, experiment, ratio, metric.classificationReason]
}

const show = (value: number): string => String(Number(value.toPrecision(4)))

async function readJson (path: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'NOT_FOUND' : 'BAD_REQUEST'
    throw new GatewayError(code, `${path}: ${(error as Error).message}`, { cause: error })
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (error) {
    throw new GatewayError('BAD_REQUEST', `${path}: expected JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** Puts the file before a complaint about one of its places. */
function naming<Result> (files: Readonly<Record<string, string>>, judge: () => Result): Result {
  try {
    return judge()
  } catch (error) {
    if (!(error instanceof EvaluatorError)) throw error
    const file = files[/^\w+/.exec(error.argument)?.[0] ?? '']
    throw new GatewayError('BAD_REQUEST', file === undefined ? error.message : `${file}: ${error.message}`, { cause: error })
  }
}

function parseScore (text: string): number {
  const score = text.trim() === '' ? NaN : Number(text)
  if (!(score >= 0 && score <= 100)) throw new InvalidArgumentError('expected a number from 0 to 100')
  return score
}
