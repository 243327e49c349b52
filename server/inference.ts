import { randomBytes } from 'node:crypto'
import { ModelsError } from '../models/errors.js'
import type { LiveModel } from '../models/pool.js'
import type { Tensor } from '../models/tensor.js'
import { validateInputs } from '../models/validate.js'
import { GatewayError } from './errors.js'
import type { Metrics } from './metrics.js'
import { affinityKey, type KeyCarrier } from './routing/affinity-key.js'
import { type Arm, assign, type Assignment } from './routing/assign.js'
import type { Pins } from './routing/pins.js'
import { OVERRIDE_HEADER, parseOverride } from './routing/override.js'
import { cookieFor, SESSION_ID_BYTES, type SessionCookie } from './routing/session-cookie.js'
import type { Conversation, ModelRoute, RoutingSnapshot, Target, Trial } from './routing/snapshot.js'
import type { Prediction } from './traffic/messages.js'
import type { Mirror } from './traffic/mirror.js'

export interface InferenceCall {
  readonly model: string
  /** Null is routed; a version is called directly, outside any trial. */
  readonly version: string | null
  readonly requestId: string
  readonly carrier: KeyCarrier
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly string[]
}

export interface InferenceAnswer {
  readonly target: Target<LiveModel>
  readonly arm: Arm | 'none'
  readonly rolloutId: string | null
  readonly assignment: 'override' | 'target' | 'pin' | 'hash' | 'failover' | 'none'
  readonly outputs: readonly Tensor[]
  /** What the reply sets, so that the session has a key, or keeps it. */
  readonly cookie?: SessionCookie | null
}

/** How one routed request of a trial ended; `failed` tells of the arm it was assigned to. */
export type Outcome = Omit<Prediction, 'at'>

export interface InferenceOptions {
  readonly snapshot: () => RoutingSnapshot<LiveModel>
  readonly now: () => number
  readonly requestTimeoutMs: number
  readonly failoverAfterMs: number
  readonly metrics: Metrics
  readonly observe: (outcome: Outcome) => void
  readonly mirror: Pick<Mirror, 'offer'>
  readonly pins: Pick<Pins, 'find' | 'keep'>
  /** What testers' overrides are signed with; null ignores them. */
  readonly overrideSecret: Buffer | null
  /** Throws when the registry does not know the version; called only for versions that are not live. */
  readonly mustExist: (model: string, version: string) => void
  /** What the registry has as champion; called only when none is live. @throws RegistryError MODEL_NOT_FOUND */
  readonly championOf: (model: string) => string | null
}

/** Routes an inference request, runs it, and lets the champion answer for a challenger that fails. */
export class Inference {
  readonly #options: InferenceOptions

  constructor (options: InferenceOptions) {
    this.#options = options
  }

  /**
   * Answers one request. Routing reads one snapshot, once.
   * @throws RegistryError MODEL_NOT_FOUND, VERSION_NOT_FOUND; GatewayError NOT_SERVED, NO_CHAMPION; ModelsError
   */
  async infer (call: InferenceCall): Promise<InferenceAnswer> {
    const deadlineAt = this.#options.now() + this.#options.requestTimeoutMs
    const route = this.#options.snapshot().models.get(call.model)
    if (call.version !== null) return this.#direct(call, route, call.version, deadlineAt)
    const champion = this.#champion(call.model, route)
    const override = this.#overrideOf(call)
    if (override !== null) return this.#overridden(call, route!, champion, override, deadlineAt)
    const { trial, conversation } = route!
    const older = conversation === null ? null : await this.#converse(call, conversation, champion, deadlineAt)
    if (older !== null) return older
    if (trial === null) {
      const outputs = await this.#run(champion, 'champion', call, deadlineAt, true)
      return { target: champion, arm: 'champion', rolloutId: null, assignment: 'none', outputs }
    }
    const control = trial.control ?? champion
    const assignment = assign(trial, call.carrier, { pinned: this.#pinned(call.model, trial, control), newId })
    const defender = assignment.isOutside === true ? champion : control
    const answer = await (assignment.arm === 'challenger'
      ? this.#challenge(call, trial, control, assignment, deadlineAt)
      : this.#defend(call, trial, defender, assignment, deadlineAt))
    return assignment.cookie === null ? answer : { ...answer, cookie: assignment.cookie }
  }

  /** Which arm a session of this trial is pinned to. */
  #pinned (
    model: string, { pinTtlMs, rolloutId, challenger }: Trial<LiveModel>, champion: Target<LiveModel>
  ): ((key: string) => Arm | null) | undefined {
    if (pinTtlMs === null) return undefined
    return (key) => {
      const pin = this.#options.pins.find(model, key)
      if (pin?.rolloutId !== rolloutId) return null
      return pin.version === challenger.version ? 'challenger' : pin.version === champion.version ? 'champion' : null
    }
  }

  /** The session keeps the version that has answered it, if it has none yet. */
  #keep (
    { model }: InferenceCall, { pinTtlMs: ttlMs, rolloutId }: Trial<LiveModel>, key: string | null, version: string
  ): void {
    if (ttlMs !== null && key !== null) this.#options.pins.keep(model, key, { version, rolloutId, ttlMs })
  }

  /**
   * The champion before the present one answers the sessions that began with it; outside any trial. Null for everybody
   * else, and for those it fails: the champion answers them.
   */
  async #converse (
    call: InferenceCall, { keys, issue, ttlMs, previous }: Conversation<LiveModel>, champion: Target<LiveModel>,
    deadlineAt: number
  ): Promise<InferenceAnswer | null> {
    const key = affinityKey(keys, call.carrier)
    const pin = key === null ? null : this.#options.pins.find(call.model, key)
    if (key === null || pin?.version !== previous.version || previous.version === champion.version) return null
    if (previous.live.state !== 'ready') return null
    try {
      const outputs = await this.#run(previous, 'none', call, deadlineAt, true)
      this.#options.pins.keep(call.model, key, { version: pin.version, rolloutId: pin.rolloutId, ttlMs })
      return { target: previous, arm: 'none', rolloutId: null, assignment: 'pin', outputs, cookie: cookieFor(issue, key, call.carrier, newId) }
    } catch (error) {
      if (isInvalid(error)) throw error
      return null
    }
  }

  #champion (model: string, route: ModelRoute<LiveModel> | undefined): Target<LiveModel> {
    if (route?.champion != null) return route.champion
    const version = this.#options.championOf(model)
    throw new GatewayError('NO_CHAMPION', version === null
      ? `model ${model} has no champion: set the alias champion to a version`
      : `the champion of model ${model}, ${version}, is not loaded: it is loading still, or the log says why it cannot be`)
  }

  #overrideOf ({ carrier: { headers }, model }: InferenceCall): string | null {
    const header = headers[OVERRIDE_HEADER]
    const { overrideSecret, now } = this.#options
    return header === undefined || overrideSecret === null ? null : parseOverride(header, model, overrideSecret, now())
  }

  /** A tester is answered by the version asked for or by none, outside of the analysis; only what is off stays off. */
  async #overridden (
    call: InferenceCall, route: ModelRoute<LiveModel>, champion: Target<LiveModel>,
    asked: string, deadlineAt: number
  ): Promise<InferenceAnswer> {
    const { trial, switchedOff } = route
    const challenger = trial?.challenger.version ?? switchedOff
    const version = asked === 'champion' ? champion.version : asked === 'challenger' ? challenger : asked
    if (version === null) throw new GatewayError('NOT_SERVED', `model ${call.model} has no challenger on trial now, which ${OVERRIDE_HEADER} asks for`)
    const isOff = version === switchedOff
    const target = isOff || version === champion.version ? champion : this.#live(call.model, route, version)
    const arm = target === champion ? 'champion' : version === challenger ? 'challenger' : 'none'
    const outputs = await this.#run(target, arm, call, deadlineAt, true)
    return { target, arm, rolloutId: trial?.rolloutId ?? null, assignment: isOff ? 'none' : 'override', outputs }
  }

  /** A loaded version. @throws RegistryError VERSION_NOT_FOUND; GatewayError NOT_SERVED */
  #live (model: string, route: ModelRoute<LiveModel> | undefined, version: string): Target<LiveModel> {
    const target = route?.versions.get(version)
    if (target !== undefined) return target
    this.#options.mustExist(model, version)
    throw new GatewayError('NOT_SERVED', `version ${version} of model ${model} is not loaded: only the champion, the champion before it and challengers on trial are`)
  }

  async #direct (
    call: InferenceCall, route: ModelRoute<LiveModel> | undefined, version: string, deadlineAt: number
  ): Promise<InferenceAnswer> {
    const target = this.#live(call.model, route, version)
    const outputs = await this.#run(target, 'none', call, deadlineAt, true)
    return { target, arm: 'none', rolloutId: null, assignment: 'none', outputs }
  }

  async #defend (
    call: InferenceCall, trial: Trial<LiveModel>, champion: Target<LiveModel>,
    { bucket, source, key, isOutside = false }: Assignment,
    deadlineAt: number
  ): Promise<InferenceAnswer> {
    const startedAt = performance.now()
    try {
      const outputs = await this.#run(champion, 'champion', call, deadlineAt, true)
      this.#keep(call, trial, key, champion.version)
      this.#observe(call, trial, 'champion', bucket, false, startedAt)
      if (!isOutside) this.#mirror(call, trial, bucket, startedAt, outputs)
      return { target: champion, arm: 'champion', rolloutId: trial.rolloutId, assignment: source, outputs }
    } catch (error) {
      if (!isInvalid(error)) {
        this.#observe(call, trial, 'champion', bucket, true, startedAt)
        if (!isOutside) this.#mirror(call, trial, bucket, startedAt, null)
      }
      throw error
    }
  }

  /** The challenger's turn. What goes wrong on its side counts against it, and the user gets the champion's answer. */
  async #challenge (
    call: InferenceCall, trial: Trial<LiveModel>, champion: Target<LiveModel>,
    { bucket, source, key, version }: Assignment, deadlineAt: number
  ): Promise<InferenceAnswer> {
    const { rolloutId } = trial
    const challenger = trial.arms?.ranges.find((range) => range.version === version)?.target ?? trial.challenger
    const startedAt = performance.now()
    try {
      const failoverAt = Math.min(deadlineAt, this.#options.now() + this.#options.failoverAfterMs)
      if (challenger.live.state !== 'ready') throw new ModelsError('HOST_NOT_READY', `${challenger.label} is ${challenger.live.state}`)
      const outputs = await this.#run(challenger, 'challenger', call, failoverAt, false)
      this.#keep(call, trial, key, challenger.version)
      this.#observe(call, trial, 'challenger', bucket, false, startedAt)
      return { target: challenger, arm: 'challenger', rolloutId, assignment: source, outputs }
    } catch (error) {
      if (isInvalid(error)) checkCall(call, champion.live)
      this.#observe(call, trial, 'challenger', bucket, true, startedAt)
      this.#options.metrics.failovers.inc({ model: call.model, rollout: rolloutId })
      const outputs = await this.#run(champion, 'champion', call, deadlineAt, true)
      return { target: champion, arm: 'champion', rolloutId, assignment: 'failover', outputs }
    }
  }

  async #run (
    { live }: Target<LiveModel>, arm: Arm | 'none', call: InferenceCall, deadlineAt: number, retryOnCrash: boolean
  ): Promise<readonly Tensor[]> {
    const { metrics } = this.#options
    const { name: model, version } = live.spec
    checkCall(call, live)
    const startedAt = performance.now()
    try {
      const wanted = call.outputs.length > 0 ? { outputs: call.outputs } : {}
      const answer = await live.infer(call.inputs, { deadlineAt, retryOnCrash, ...wanted })
      metrics.latency.observe({ model, version, arm }, (performance.now() - startedAt) / 1_000)
      metrics.requests.inc({ model, version, arm, outcome: 'ok' })
      return answer
    } catch (error) {
      metrics.requests.inc({ model, version, arm, outcome: outcomeOf(error) })
      throw error
    }
  }

  #mirror (
    { requestId, inputs, outputs: wanted }: InferenceCall, trial: Trial<LiveModel>, bucket: number | null,
    startedAt: number, outputs: readonly Tensor[] | null
  ): void {
    if (trial.mirrorBps === 0) return
    const champion = { failed: outputs === null, latencyMs: performance.now() - startedAt, outputs }
    this.#options.mirror.offer(trial, { requestId, inputs, outputs: wanted, bucket, champion })
  }

  #observe (
    { requestId }: InferenceCall, { rolloutId, stage, weightBps }: Trial<LiveModel>, arm: Arm, bucket: number | null,
    failed: boolean, startedAt: number
  ): void {
    const latencyMs = performance.now() - startedAt
    this.#options.observe({ requestId, rolloutId, stage, weightBps, arm, bucket, failed, latencyMs })
  }
}

function newId (): string {
  return randomBytes(SESSION_ID_BYTES).toString('base64url')
}

/** @throws ModelsError INVALID_INPUT when the inputs or wanted outputs do not fit the version's signature */
function checkCall (call: InferenceCall, { spec }: LiveModel): void {
  validateInputs(call.inputs, spec.inputs)
  const unknown = call.outputs.find((wanted) => !spec.outputs.some((output) => output.name === wanted))
  if (unknown === undefined) return
  const names = spec.outputs.map((output) => output.name).join(', ')
  throw new ModelsError('INVALID_INPUT', `output "${unknown}" is not one of ${names}`)
}

function isInvalid (error: unknown): boolean {
  return error instanceof ModelsError && error.code === 'INVALID_INPUT'
}

function outcomeOf (error: unknown): string {
  const code = error instanceof ModelsError ? error.code : 'INFERENCE_FAILED'
  if (code === 'QUEUE_FULL') return 'rejected'
  return code === 'DEADLINE_EXCEEDED' ? 'timeout' : 'error'
}
