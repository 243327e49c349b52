import type { Command } from 'commander'
import { formatTable } from '../../registry/table.js'
import type { Plan } from '../evaluation/plan-samples.js'
import { between, whole } from './arguments.js'
import type { EvaluationContext } from './evaluation-context.js'
import { figure } from './figures-text.js'

interface CommonFlags { readonly alpha: number, readonly power: number, readonly perDay?: number }
interface MeansFlags extends CommonFlags {
  readonly sd: number
  readonly effect?: number
  readonly perArm?: number
  readonly oneSided?: true
  readonly paired?: true
}
interface SequentialFlags extends CommonFlags {
  readonly sd?: number
  readonly rate?: number
  readonly effect: number
  readonly margin?: number
  readonly share: number
  readonly paired?: true
  readonly planned?: number
  readonly days?: number
}

const SAMPLES_MAX = 1_000_000_000_000

/** `gauntlet power …`: how many requests a comparison needs, what it can detect, how long it takes. */
export function addPowerCommand (program: Command, { print }: EvaluationContext): void {
  const power = program.command('power').description('how many requests a trial needs, and how long that takes')
  const show = (plan: Plan): void => { print(plan.figures, () => textOf(plan)) }
  addCommon(power.command('means'))
    .description('a fixed-sample comparison of two means, looked at once')
    .requiredOption('--sd <number>', 'standard deviation of one request (of a difference, with --paired)', between(0, Infinity))
    .option('--effect <number>', 'difference to detect', between(0, Infinity))
    .option('--per-arm <n>', 'requests per arm (pairs, with --paired): tells the detectable effect, or with --effect the power', whole(2, SAMPLES_MAX))
    .option('--one-sided', 'a non-inferiority test: --effect is the distance from the truth to the margin')
    .option('--paired', 'both models answer the same requests')
    .addHelpText('after', '\nExample: gauntlet power means --sd 0.2 --effect 0.01 --per-day 20000')
    .action(async (flags: MeansFlags) => {
      const { planMeans } = await planner()
      show(planMeans({ ...flags, sides: flags.oneSided === true ? 1 : 2, paired: flags.paired === true }))
    })
  addCommon(power.command('proportions'))
    .description('a fixed-sample comparison of two rates, looked at once')
    .requiredOption('--from <rate>', 'rate of the champion, between 0 and 1', between(0, 1))
    .requiredOption('--to <rate>', 'rate of the challenger that is to be detected', between(0, 1))
    .addHelpText('after', '\nExample: gauntlet power proportions --from 0.02 --to 0.025')
    .action(async (flags: CommonFlags & { from: number, to: number }) => {
      const { planProportions } = await planner()
      show(planProportions(flags))
    })
  addCommon(power.command('sequential'))
    .description('a trial that may be looked at all the time, as rollouts are')
    .option('--sd <number>', 'standard deviation of one request (of a difference, with --paired)', between(0, Infinity))
    .option('--rate <rate>', 'instead of --sd: the metric is a rate of about this size', between(0, 1))
    .option('--margin <number>', 'how much worse the challenger may be; without it, that it is better is to be shown', between(0, Infinity))
    .option('--effect <number>', 'true difference, above 0 when the challenger is better', between(-Infinity, Infinity), 0)
    .option('--share <share>', 'the challenger\'s share of the requests', between(0, 1), 0.5)
    .option('--paired', 'both models answer the same requests (shadow)')
    .option('--planned <n>', 'requests at which the sequence is tightest (default: 5000, 1000 pairs)', whole(1, SAMPLES_MAX))
    .option('--days <n>', 'also: which margin can be shown in so many days (with --per-day)', between(0, Infinity))
    .addHelpText('after', '\nExample: gauntlet power sequential --sd 0.2 --margin 0.01 --per-day 20000 --days 7')
    .action(async (flags: SequentialFlags) => {
      const { planSequential } = await planner()
      show(planSequential({ ...flags, paired: flags.paired === true }))
    })
}

const planner = () => import('../evaluation/plan-samples.js')

function addCommon (command: Command): Command {
  return command
    .option('--alpha <level>', 'error level', between(0, 0.5), 0.05)
    .option('--power <share>', 'chance of a decision when the effect is there', between(0, 1), 0.8)
    .option('--per-day <n>', 'requests per day, of both arms together', between(0, Infinity))
}

function textOf ({ figures, meanings }: Plan): string {
  const rows = Object.entries(figures).map(([name, value]) =>
    [meanings[name] ?? name, value === null ? 'never' : Number.isInteger(value) ? value.toLocaleString('en-US') : figure(value)])
  return formatTable(rows)
}
