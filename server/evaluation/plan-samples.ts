import { samplesToDecide } from '../../evaluators/statistics/power.js'
import {
  detectableEffect, powerAt, proportionSamplesPerArm, samplePairs, samplesPerArm, samplesPerArmOfT
} from '../../evaluators/statistics/sample-size.js'
import { oneSidedHalfWidth } from '../../evaluators/statistics/sequences.js'
import { normalQuantile } from '../../evaluators/statistics/special.js'
import { GatewayError } from '../errors.js'

/** The answers by name, null for "never"; and what each of them is called for people. */
export interface Plan {
  readonly figures: Readonly<Record<string, number | null>>
  readonly meanings: Readonly<Record<string, string>>
}

interface CommonRequest { readonly alpha: number, readonly power: number, readonly perDay?: number }

export interface MeansRequest extends CommonRequest {
  readonly sd: number
  readonly effect?: number
  readonly perArm?: number
  readonly sides: 1 | 2
  readonly paired: boolean
}

export interface SequentialRequest extends CommonRequest {
  readonly sd?: number
  readonly rate?: number
  /** True difference, positive when the challenger is better. */
  readonly effect: number
  readonly margin?: number
  readonly share: number
  readonly paired: boolean
  readonly planned?: number
  readonly days?: number
}

const PLANNED = { arms: 5_000, pairs: 1_000 } as const

/**
 * Sample size for an effect, detectable effect for a sample size, or power for both, of one comparison of two means.
 * @throws GatewayError BAD_REQUEST when neither is given; EvaluatorError for a number out of range
 */
export function planMeans (request: MeansRequest): Plan {
  const { sd, effect, perArm, alpha, power, sides, paired, perDay } = request
  const unit = paired ? 'pairs' : 'requests per arm'
  // A pair is one unit with the deviation of a difference: half the variance of two arms that have it each.
  const test = { sd: paired ? sd / Math.SQRT2 : sd, alpha, sides }
  if (perArm !== undefined && effect !== undefined) {
    return { figures: { power: powerAt({ ...test, effect }, perArm) }, meanings: { power: `power with ${perArm} ${unit}` } }
  }
  if (perArm !== undefined) {
    const detectable = detectableEffect({ ...test, power }, perArm)
    return { figures: { detectableEffect: detectable }, meanings: { detectableEffect: `effect detected with power ${power} by ${perArm} ${unit}` } }
  }
  if (effect === undefined) throw new GatewayError('BAD_REQUEST', 'expected --effect, --per-arm or both')
  const plan = { sd, effect, alpha, power, sides }
  if (paired) {
    const pairs = Math.ceil(samplePairs(plan))
    return timed({ figures: { pairs }, meanings: { pairs: 'pairs' } }, pairs, perDay)
  }
  const needed = Math.ceil(samplesPerArm(plan))
  const exact = sides === 2 ? { perArmT: Math.ceil(samplesPerArmOfT(plan)) } : {}
  const meanings = { perArm: 'requests per arm', perArmT: 'requests per arm, t test', total: 'requests of both arms' }
  return timed({ figures: { perArm: needed, ...exact, total: 2 * needed }, meanings }, 2 * needed, perDay)
}

/** Sample size of one comparison of two rates, by three methods. @throws EvaluatorError for a number out of range */
export function planProportions (request: CommonRequest & { readonly from: number, readonly to: number }): Plan {
  const { from, to, alpha, power, perDay } = request
  const perArm = (method: 'unpooled' | 'pooled' | 'arcsine'): number =>
    Math.ceil(proportionSamplesPerArm({ p1: from, p2: to, alpha, power, method }))
  const figures = {
    perArm: perArm('unpooled'), perArmPooled: perArm('pooled'), perArmArcsine: perArm('arcsine'), total: 2 * perArm('unpooled')
  }
  const meanings = {
    perArm: 'requests per arm',
    perArmPooled: 'requests per arm, pooled variance',
    perArmArcsine: 'requests per arm, arcsine',
    total: 'requests of both arms'
  }
  return timed({ figures, meanings }, figures.total, perDay)
}

/**
 * How long a trial that is looked at all the time takes until one side of its sequence leaves the margin out (or 0,
 * without a margin), and which margin can be shown in a given time.
 * @throws GatewayError BAD_REQUEST when the spread is not given, or there is nothing to show; EvaluatorError for a
 *   number out of range, such as a power below 0.5
 */
export function planSequential (request: SequentialRequest): Plan {
  const { effect, margin = 0, alpha, power, paired, perDay, days } = request
  const gap = effect + margin
  if (!(gap > 0)) {
    throw new GatewayError('BAD_REQUEST', 'nothing can ever be shown: expected --margin, or an --effect above 0, so that --effect plus --margin is above 0')
  }
  if (days !== undefined && perDay === undefined) throw new GatewayError('BAD_REQUEST', '--days needs --per-day')
  const variance = varianceOf(request)
  const plannedSamples = request.planned ?? (paired ? PLANNED.pairs : PLANNED.arms)
  const sequence = { gap, variance, alpha, plannedSamples }
  const units = paired ? 'pairs' : 'requests of both arms'
  const atPower = samplesToDecide({ ...sequence, power })
  const plan = timed({
    figures: {
      median: samplesToDecide(sequence),
      atPower,
      fixed: Math.ceil(variance * ((normalQuantile(1 - alpha) + normalQuantile(power)) / gap) ** 2)
    },
    meanings: {
      median: `${units} until it is decided in half of all trials`,
      atPower: `${units} until it is decided with power ${power}`,
      fixed: `${units} of a fixed sample, looked at once`
    }
  }, atPower, perDay)
  if (days === undefined || perDay === undefined) return plan
  const n = days * perDay
  const se = Math.sqrt(variance / n)
  const shown = oneSidedHalfWidth({ se, n, alpha, plannedSamples }) + normalQuantile(power) * se - effect
  return {
    figures: { ...plan.figures, marginInDays: Math.max(0, shown) },
    meanings: { ...plan.meanings, marginInDays: `margin that can be shown in ${days} days with power ${power}` }
  }
}

/** N · SE², where N counts the units of both arms, or pairs. */
function varianceOf ({ sd, rate, share, paired }: SequentialRequest): number {
  if ((sd === undefined) === (rate === undefined)) throw new GatewayError('BAD_REQUEST', 'expected either --sd or --rate')
  if (paired && sd === undefined) throw new GatewayError('BAD_REQUEST', '--paired needs --sd, the standard deviation of a difference')
  const one = sd === undefined ? rate! * (1 - rate!) : sd ** 2
  return paired ? one : one / share + one / (1 - share)
}

function timed ({ figures, meanings }: Plan, units: number | null, perDay: number | undefined): Plan {
  if (perDay === undefined) return { figures, meanings }
  const days = units === null ? null : units / perDay
  return { figures: { ...figures, days }, meanings: { ...meanings, days: `days at ${perDay} per day` } }
}
