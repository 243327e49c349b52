import { Type, type Static } from 'typebox'
import { parseDocument } from '../rollouts/faults.js'
import { Duration, durationMs } from '../rollouts/spec/duration.js'
import { type Fault, SpecError } from '../rollouts/spec-error.js'

const strict = { additionalProperties: false }
const Share = (description: string, options = {}) => Type.Number({ minimum: 0, maximum: 1, description, ...options })

/** A value with what becomes of it: it changes by `perDay` each day and swings by the share `daily` within a day. */
const moving = (description: string, options = {}) => Type.Union([
  Type.Number({ description, ...options }),
  Type.Object({
    value: Type.Number({ description, ...options }),
    perDay: Type.Optional(Type.Number({ description: 'what is added per day' })),
    daily: Type.Optional(Share('by which share of itself it swings within a day'))
  }, strict)
], { description: `expected ${description}, a number or { value, perDay, daily }` })

const Latency = Type.Object({
  median: Type.Union([Duration, Type.Object({
    value: Duration,
    perDay: Type.Optional(Type.Number({ description: 'milliseconds added per day' })),
    daily: Type.Optional(Share('by which share of itself it swings within a day'))
  }, strict)]),
  sigma: Type.Optional(Type.Number({ minimum: 0, maximum: 5, description: 'deviation of the logarithm; 0.5' }))
}, { ...strict, description: 'lognormal' })

const Delay = Type.Object({
  median: Duration, sigma: Type.Optional(Type.Number({ minimum: 0, maximum: 5 }))
}, { ...strict, description: 'how long after the answer it comes, lognormal' })

const Feedback = Type.Object({
  rate: Type.Optional(moving('a rate, the value being 0 or 1', { minimum: 0, maximum: 1 })),
  mean: Type.Optional(moving('the mean of a normal value')),
  sd: Type.Optional(Type.Number({ minimum: 0, description: 'deviation of one value' })),
  median: Type.Optional(moving('the median of a lognormal value', { exclusiveMinimum: 0 })),
  sigma: Type.Optional(Type.Number({ minimum: 0, maximum: 5, description: 'deviation of the logarithm' })),
  spread: Type.Optional(Type.Number({ minimum: 0, description: 'deviation between sessions of what is expected of one' })),
  share: Type.Optional(Share('share of the answers that it comes for at all')),
  delay: Type.Optional(Delay)
}, { ...strict, description: 'exactly one of rate, mean (with sd) and median (with sigma)' })

const Arm = Type.Object({
  errors: Type.Optional(moving('the share of requests that fail', { minimum: 0, maximum: 1 })),
  latency: Type.Optional(Latency),
  feedback: Type.Optional(Type.Record(Type.String({ minLength: 1, maxLength: 64 }), Feedback)),
  golden: Type.Optional(Type.Record(Type.String({ minLength: 1, maxLength: 64 }), Type.Number(), {
    description: 'per metric of the rollout\'s gate its value over the rows'
  })),
  agreement: Type.Optional(Share('share of mirrored answers that are the champion\'s'))
}, { ...strict, description: 'what it leaves out is as the champion\'s' })

const Person = Type.Object({
  step: Type.Enum(['resume', 'stop'], { default: 'resume', description: 'where the plan waits for somebody' }),
  promotion: Type.Enum(['promote', 'stop'], { default: 'promote', description: 'where every step has passed' }),
  verdict: Type.Enum(['stop', 'resume', 'rollback'], { default: 'stop', description: 'where a verdict asks for somebody' }),
  after: Type.Optional(Duration)
}, { ...strict, default: {}, description: 'what a person does when the rollout waits for one, and after how long' })

/** What a simulated rollout meets. */
export const ScenarioSchema = Type.Object({
  traffic: Type.Object({
    perSecond: Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000, description: 'requests per second, on average' }),
    daily: Share('by which share the traffic swings within a day', { default: 0 }),
    weekend: Type.Number({ minimum: 0, maximum: 100, default: 1, description: 'factor on Saturdays and Sundays, UTC' }),
    sessions: Type.Object({
      requests: Type.Number({ minimum: 1, maximum: 100_000, default: 1, description: 'of a session, on average' }),
      active: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 100, description: 'sessions under way at once' })
    }, { ...strict, default: {} }),
    attributes: Type.Record(Type.String(), Type.Record(Type.String(), Share('share of the sessions')), {
      default: {}, description: 'per attribute of the rollout the shares of its values'
    })
  }, strict),
  start: Type.String({ default: '2026-01-05T00:00:00Z', description: 'when it begins, ISO 8601' }),
  maxDuration: Type.Optional(Duration),
  lookEvery: Type.Optional(Duration),
  person: Person,
  arms: Type.Object({
    champion: Arm,
    challenger: Arm,
    versions: Type.Optional(Type.Record(Type.String(), Arm, { description: 'challengers that differ from the others' }))
  }, strict)
}, strict)

export type ScenarioDocument = Static<typeof ScenarioSchema>
export type ArmDocument = Static<typeof Arm>
export type FeedbackDocument = Static<typeof Feedback>
export type MovingDocument = ArmDocument['errors']

export interface Scenario {
  readonly document: ScenarioDocument
  readonly startAt: number
  readonly maxDurationMs: number
  /** A fixed time between looks, ms; null to look ever more rarely the older a stage is. */
  readonly lookEveryMs: number | null
  readonly personAfterMs: number
  readonly arms: {
    readonly champion: ArmDocument
    readonly challenger: ArmDocument
    readonly versions: Readonly<Record<string, ArmDocument>>
  }
}

const MAX_DURATION_DEFAULT = '30d'

/** Validates a scenario whole. @throws SpecError naming the path of every wrong field */
export function parseScenario (document: unknown): Scenario {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw new SpecError([{ path: '', message: 'expected an object with traffic and arms' }])
  }
  const scenario = parseDocument(ScenarioSchema, document)
  const startAt = Date.parse(scenario.start)
  const faults: Fault[] = Number.isNaN(startAt) ? [{ path: 'start', message: 'expected a time such as 2026-01-05T00:00:00Z' }] : []
  faults.push(...distributionFaults(scenario), ...attributeFaults(scenario))
  if (faults.length > 0) throw new SpecError(faults)
  const { champion, challenger, versions = {} } = scenario.arms
  const beside = (base: ArmDocument, arm: ArmDocument): ArmDocument =>
    ({ ...base, ...arm, feedback: { ...base.feedback, ...arm.feedback } })
  const general = beside(champion, challenger)
  const { lookEvery, maxDuration = MAX_DURATION_DEFAULT, person } = scenario
  return {
    document: scenario,
    startAt,
    maxDurationMs: durationMs(maxDuration),
    lookEveryMs: lookEvery === undefined ? null : durationMs(lookEvery),
    personAfterMs: person.after === undefined ? 0 : durationMs(person.after),
    arms: {
      champion,
      challenger: general,
      versions: Object.fromEntries(Object.entries(versions).map(([version, arm]) => [version, beside(general, arm)]))
    }
  }
}

function distributionFaults ({ arms: { versions = {}, ...arms } }: ScenarioDocument): Fault[] {
  const named = Object.entries(versions).map(([version, arm]): [string, ArmDocument] => [`versions.${version}`, arm])
  const all = [...Object.entries(arms), ...named]
  return all.flatMap(([arm, { feedback = {} }]) => Object.entries(feedback).flatMap(([key, value]) => {
    const path = `arms.${arm}.feedback.${key}`
    const given = (['rate', 'mean', 'median'] as const).filter((name) => value[name] !== undefined)
    if (given.length !== 1) return [{ path, message: 'expected exactly one of rate, mean and median' }]
    const needed = given[0] === 'mean' ? 'sd' : given[0] === 'median' ? 'sigma' : null
    return needed !== null && value[needed] === undefined
      ? [{ path: `${path}.${needed}`, message: `is required beside ${given[0]}` }]
      : []
  }))
}

function attributeFaults ({ traffic: { attributes } }: ScenarioDocument): Fault[] {
  return Object.entries(attributes).flatMap(([name, values]) => {
    const sum = Object.values(values).reduce((total, share) => total + share, 0)
    return Math.abs(sum - 1) <= 1e-6 ? [] : [{ path: `traffic.attributes.${name}`, message: `the shares must add up to 1, they give ${sum}` }]
  })
}
