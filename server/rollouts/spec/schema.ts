import { Type, type Static } from 'typebox'
import { CanaryJudgeSchema } from './canary-judge.js'
import { Duration } from './duration.js'
import { GateSchema } from './gate.js'
import { ProbesSchema } from './probes.js'

const strict = { additionalProperties: false }

const literals = <const Values extends string[]>(values: [...Values], options = {}) => Type.Enum(values, options)

const Percent = (description: string, options = {}) =>
  Type.Number({ minimum: 0, maximum: 100, description: `${description}, per cent`, ...options })

const Margin = Type.Object({
  absolute: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  relative: Type.Optional(Type.Number({ exclusiveMinimum: 0 }))
}, strict)

const Metric = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 64 }),
  source: literals(['errors', 'latency', 'feedback', 'agreement']),
  key: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'key of the feedback' })),
  quantile: Type.Optional(Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 })),
  limit: Type.Optional(Duration),
  output: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'output that must agree; the first one' })),
  method: Type.Optional(literals(['exact', 'close', 'argmax', 'cosine'], { description: 'how outputs agree' })),
  tolerance: Type.Optional(Type.Number({ minimum: 0, description: 'for method close' })),
  role: literals(['primary', 'critical', 'monitor']),
  direction: Type.Optional(literals(['up', 'down'], { description: 'which way is better' })),
  margin: Type.Optional(Margin),
  twoSided: Type.Optional(Type.Boolean()),
  heavyTailed: Type.Optional(Type.Boolean()),
  window: Type.Optional(Type.Union([Duration], { description: 'feedback that comes later after its answer is not counted' })),
  minSamples: Type.Optional(Type.Integer({ minimum: 2, maximum: 1_000_000_000, description: 'instead of that of the analysis' })),
  dryRun: Type.Optional(Type.Boolean({ description: 'only shown, whatever its role' }))
}, strict)

const Rule = Type.Object({
  when: Type.String({
    minLength: 1, maxLength: 4_096, description: 'condition over the attributes, in the Common Expression Language'
  }),
  serve: literals(['challenger', 'champion', 'split'], { default: 'challenger' })
}, strict)

const Targeting = Type.Object({
  rules: Type.Array(Rule, { minItems: 1, maxItems: 100, description: 'the first that holds decides' }),
  otherwise: literals(['split', 'champion'], { default: 'split', description: 'where no rule holds' })
}, strict)

const Pause = Type.Object({ duration: Type.Optional(Duration) }, strict)

const Step = Type.Object({
  setWeight: Type.Optional(Percent('share of the sessions on the challenger')),
  setMirror: Type.Optional(Percent('share of the requests that the challenger computes too, unseen')),
  setTarget: Type.Optional(Type.Union([Targeting, Type.Null()], { description: 'rules of who is served what; null for none' })),
  pause: Type.Optional(Pause),
  analysis: Type.Optional(Type.Object({}, strict))
}, strict)

const Strategy = Type.Object({
  canary: Type.Optional(Type.Object({
    steps: Type.Array(Step, { minItems: 1, maxItems: 100 })
  }, { ...strict, description: 'explicit steps' })),
  progressive: Type.Optional(Type.Object({
    startWeight: Type.Optional(Percent('first weight; that of a step without it')),
    stepWeight: Percent('what the weight grows by', { exclusiveMinimum: 0 }),
    maxWeight: Percent('last weight before promotion', { default: 50 }),
    interval: Duration,
    gate: literals(['each', 'final'], { default: 'final', description: 'a verdict is needed at each weight, or at the last' })
  }, { ...strict, description: 'steps made from a start, a growth and an end' })),
  blueGreen: Type.Optional(Type.Object({
    preview: Type.Optional(Type.Object({ when: Rule.properties.when }, strict)),
    mirror: Percent('mirrored before the switch', { default: 0 }),
    autoPromotion: Type.Boolean({ default: true, description: 'switch without a person' }),
    holdFor: Type.Union([Duration], { default: '10m', description: 'how long the switch is watched before it is final' })
  }, { ...strict, description: 'preview, one switch of everything, then watch' })),
  shadow: Type.Optional(Type.Object({
    mirror: Percent('mirrored', { exclusiveMinimum: 0, default: 100 }),
    duration: Type.Optional(Duration)
  }, { ...strict, description: 'the challenger computes unseen, the champion answers' })),
  featureFlag: Type.Optional(Type.Object({
    rules: Targeting.properties.rules,
    otherwise: literals(['champion', 'split'], { default: 'champion' }),
    weight: Percent('share of the sessions where a rule says split', { default: 50 }),
    duration: Type.Optional(Duration)
  }, { ...strict, description: 'rules on attributes, and a switch' })),
  abn: Type.Optional(Type.Object({
    arms: Type.Array(Type.Object({
      version: Type.String({ minLength: 1, maxLength: 128, description: 'a challenger' }),
      weight: Percent('its share of the sessions', { minimum: 0.01 })
    }, strict), { minItems: 1, maxItems: 7, description: 'the challengers; the champion has the rest' })
  }, { ...strict, description: 'several challengers with fixed shares until one of them wins' })),
  darkLaunch: Type.Optional(Type.Object({
    when: Rule.properties.when,
    mirror: Percent('mirrored', { default: 0 }),
    duration: Type.Optional(Duration)
  }, { ...strict, description: 'internal users only' }))
}, { ...strict, description: 'exactly one of them' })

/** What an analysis says where nothing is said. */
export const ANALYSIS_DEFAULTS = { alpha: 0.05, mode: 'superiority', minSamples: 200, plannedSamples: 5_000 } as const

const Analysis = Type.Object({
  alpha: Type.Number({ exclusiveMinimum: 0, maximum: 0.5, default: ANALYSIS_DEFAULTS.alpha }),
  mode: literals(['superiority', 'equivalence'], { default: ANALYSIS_DEFAULTS.mode }),
  minSamples: Type.Integer({ minimum: 2, maximum: 1_000_000_000, default: ANALYSIS_DEFAULTS.minSamples }),
  plannedSamples: Type.Integer({ minimum: 2, maximum: 1_000_000_000, default: ANALYSIS_DEFAULTS.plannedSamples }),
  minDuration: Type.Optional(Duration),
  maxDuration: Type.Optional(Duration),
  maxSamples: Type.Optional(Type.Integer({ minimum: 2, maximum: 1_000_000_000 })),
  metrics: Type.Optional(Type.Array(Metric, { minItems: 1, maxItems: 50 })),
  judge: Type.Optional(Type.Object({ kayenta: CanaryJudgeSchema }, { ...strict, description: 'decides instead of the metrics' }))
}, strict)

const Layer = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 128 }),
  from: Percent('where its slice of the sessions begins', { default: 0 }),
  to: Percent('where its slice of the sessions ends', { exclusiveMinimum: 0 })
}, { ...strict, description: 'rollouts of one layer never share a session' })

const Breaker = Type.Object({
  maxErrorRate: Type.Number({ minimum: 0, maximum: 1, default: 0.5 }),
  minRequests: Type.Integer({ minimum: 1, maximum: 1_000_000, default: 20 }),
  windowSeconds: Type.Number({ minimum: 1, maximum: 3_600, default: 10 })
}, strict)

/** The document a rollout is started with; immutable afterwards. */
export const RolloutSpecSchema = Type.Object({
  model: Type.String({ minLength: 1, maxLength: 128 }),
  challenger: Type.Optional(Type.String({
    minLength: 1, maxLength: 128, description: 'a version, quoted in YAML: "2.0.0"; for abn its arms instead'
  })),
  affinity: Type.Object({
    keys: Type.Array(Type.String({ maxLength: 256 }), {
      minItems: 1, maxItems: 10, default: ['header:x-session-id', 'cookie:gauntlet_session']
    }),
    issue: Type.Optional(Type.String({
      minLength: 1, maxLength: 249, description: 'name of the cookie among the keys that sessions without a key are given'
    })),
    mode: literals(['hash', 'pin', 'conversation'], {
      default: 'hash', description: 'whether a session stays with the version that first answered it, and across promotion'
    }),
    ttl: Type.Union([Duration], { default: '30m', description: 'a pinned session is over when it was quiet for so long' })
  }, { ...strict, default: {} }),
  attributes: Type.Record(Type.String(), Type.String({ maxLength: 256 }), {
    default: {}, maxProperties: 32, description: 'what rules may ask about: name to header:NAME, cookie:NAME or body:/pointer'
  }),
  layer: Type.Optional(Layer),
  strategy: Strategy,
  gate: Type.Optional(GateSchema),
  probes: Type.Optional(ProbesSchema),
  analysis: Type.Optional(Analysis),
  breaker: Type.Object({ ...Breaker.properties }, { ...strict, default: {} }),
  onFailure: literals(['rollback', 'pause'], { default: 'rollback' }),
  postMortem: Type.Optional(literals(['always', 'rollback', 'breaker', 'never'], {
    description: 'after which end its report is written to the data directory; rollback: every one but a promotion that stays'
  })),
  promotion: Type.Optional(literals(['automatic', 'manual'], {
    description: 'what follows the last step; automatic unless the strategy is shadow, featureFlag or darkLaunch'
  })),
  afterPromotion: Type.Optional(Type.Object({
    watch: Duration,
    onFailure: literals(['rollback', 'notify'], { default: 'rollback', description: 'the champion before returns, or only an event tells' }),
    holdback: Percent('share of the sessions that keep the champion before, for comparison', { maximum: 50, default: 0 })
  }, { ...strict, description: 'the promoted version is watched against the champion before' })),
  progressDeadline: Type.Optional(Type.Union([Duration], { description: 'rolled back when it has not ended by then' })),
  allowSignatureChange: Type.Boolean({ default: false })
}, strict)

export type RolloutSpec = Readonly<Static<typeof RolloutSpecSchema>>
export type AnalysisDocument = NonNullable<RolloutSpec['analysis']>
export type MetricDocument = NonNullable<AnalysisDocument['metrics']>[number]
export type StrategyDocument = RolloutSpec['strategy']
export type PostMortemWish = NonNullable<RolloutSpec['postMortem']>
export type StrategyName = keyof StrategyDocument
