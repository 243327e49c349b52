import type { LiveModel, LiveSpec, ModelPool } from '../models/pool.js'
import { RegistryError } from '../registry/errors.js'
import type { Registry } from '../registry/registry.js'
import type { Log } from './log.js'
import type { Arms } from './routing/arms.js'
import { BUCKETS } from './routing/bucket.js'
import type { Conversation, ModelRoute, RoutingSnapshot, Target, Trial } from './routing/snapshot.js'

/** An open trial as the controller wants it routed. `isRouting` is false until its first weight is set. */
export interface TrialSetting extends Omit<Trial<LiveModel>, 'challenger' | 'control' | 'arms'> {
  readonly arms?: Arms
  readonly model: string
  readonly challenger: string
  /** The champion before, while the promotion of the challenger is watched. */
  readonly control?: string
  readonly isRouting: boolean
  /** Switched off by a person: not even testers are served by the challenger. */
  readonly isOff: boolean
}

/** Whose sessions may go on with the champion before, and for how long. */
export type ConversationSetting = Omit<Conversation<LiveModel>, 'previous'>

/** How far the load of a version has come. */
export type LoadState = { readonly state: 'absent' | 'loading' | 'ready' } | { readonly state: 'failed', readonly message: string }

interface Wanted { readonly champion: string | null, readonly previous: string | null }

const keyOf = (model: string, version: string): string => `${model}:${version}`

/**
 * The live versions and the routing snapshot. Keeps warm what the aliases and the open trials ask for: the champion,
 * the champion before it, every challenger on trial; a version that takes over answers only once it is warm.
 */
export class Fleet {
  readonly #registry: Registry
  readonly #pool: ModelPool
  readonly #log: Log
  readonly #targets = new Map<string, Target<LiveModel>>()
  readonly #loads = new Map<string, LoadState>()
  readonly #trials = new Map<string, TrialSetting>()
  readonly #forced = new Map<string, string>()
  readonly #conversations = new Map<string, ConversationSetting>()
  /** The version that answers as champion now; follows the alias once the aliased version is warm. */
  readonly #serving = new Map<string, string>()
  /** Lets go of the files that a target was loaded from. */
  readonly #releases = new Map<string, () => void>()
  readonly #listeners: (() => void)[] = []
  #wanted = new Map<string, Wanted>()
  #snapshot: RoutingSnapshot<LiveModel> = { generation: 0, models: new Map() }
  #isClosed = false

  constructor (registry: Registry, pool: ModelPool, log: Log) {
    this.#registry = registry
    this.#pool = pool
    this.#log = log
    pool.onState((live) => {
      this.#log(live.state === 'failed' ? 'error' : 'info', `host is ${live.state}`, { version: live.key, ...live.error === null ? {} : { error: live.error } })
      this.#changed()
    })
  }

  snapshot (): RoutingSnapshot<LiveModel> {
    return this.#snapshot
  }

  /** Called after every change of what is live or routed. */
  onChange (listener: () => void): void {
    this.#listeners.push(listener)
  }

  /** Reads the registry anew: models, champions, the champions before them. */
  sync (): void {
    const wanted = new Map<string, Wanted>()
    for (const { name, aliases } of this.#registry.models()) {
      wanted.set(name, { champion: aliases['champion'] ?? null, previous: this.#registry.previousChampion(name) })
    }
    this.#wanted = wanted
    for (const [key, load] of this.#loads) if (load.state === 'failed') this.#loads.delete(key)
    this.#changed()
  }

  /** Replaces the trial of a model; null ends it. The next request sees it. */
  setTrial (model: string, trial: TrialSetting | null): void {
    if (trial === null) this.#trials.delete(model)
    else this.#trials.set(model, trial)
    this.#changed()
  }

  /** Lets sessions of a model end with the version they began with; null for none. */
  setConversation (model: string, conversation: ConversationSetting | null): void {
    if (conversation === null) this.#conversations.delete(model)
    else this.#conversations.set(model, conversation)
    this.#changed()
  }

  /** Serves `version` as champion whatever the alias says, until `release`: the retreat acts before it is persisted. */
  force (model: string, version: string): void {
    this.#forced.set(model, version)
    this.#changed()
  }

  release (model: string): void {
    this.#forced.delete(model)
    this.sync()
  }

  /** The load state of a version. */
  load (model: string, version: string): LoadState {
    const live = this.#targets.get(keyOf(model, version))?.live
    if (live?.state === 'ready') return { state: 'ready' }
    if (live?.state === 'failed') return { state: 'failed', message: live.error ?? 'the host could not be started' }
    return this.#loads.get(keyOf(model, version)) ?? { state: 'absent' }
  }

  /** Models whose champion is not warm; empty means ready. */
  unready (): string[] {
    return [...this.#wanted].filter(([model, { champion }]) => {
      const serving = this.#snapshot.models.get(model)?.champion
      return champion !== null && serving?.live.state !== 'ready'
    }).map(([model]) => model)
  }

  close (): void {
    this.#isClosed = true
  }

  #changed (): void {
    if (this.#isClosed) return
    const desired = this.#desired()
    for (const [key, { model, version }] of desired) this.#ensure(key, model, version)
    for (const key of this.#targets.keys()) {
      if (!desired.has(key)) this.#unload(key)
    }
    this.#snapshot = { generation: this.#snapshot.generation + 1, models: this.#routes() }
    for (const listener of this.#listeners) listener()
  }

  #desired (): Map<string, { model: string, version: string }> {
    const desired = new Map<string, { model: string, version: string }>()
    for (const [model, { champion, previous }] of this.#wanted) {
      const versions = [
        champion,
        previous,
        this.#serving.get(model),
        this.#forced.get(model),
        this.#trials.get(model)?.challenger,
        this.#trials.get(model)?.control,
        ...this.#trials.get(model)?.arms?.ranges.map((range) => range.version) ?? []
      ]
      for (const version of versions) if (version != null) desired.set(keyOf(model, version), { model, version })
    }
    return desired
  }

  #ensure (key: string, model: string, version: string): void {
    if (this.#targets.has(key) || this.#loads.has(key)) return
    this.#loads.set(key, { state: 'loading' })
    this.#start(key, model, version).catch((error: Error) => {
      if (this.#isClosed) return
      this.#log('error', 'a version cannot be loaded', { version: key, error: error.message })
      this.#loads.set(key, { state: 'failed', message: error.message })
      for (const listener of this.#listeners) listener()
    })
  }

  async #start (key: string, model: string, version: string): Promise<void> {
    const { directory, serving, digest, release } = await this.#materialise(model, version)
    if (this.#isClosed || !this.#desired().has(key)) {
      release()
      this.#loads.delete(key)
      return
    }
    const live = this.#pool.ensure({ name: model, version, directory, ...serving } as unknown as LiveSpec)
    const label = `${key}@${digest.replace('sha256:', '').slice(0, 12)}`
    this.#targets.set(key, { version, label, live })
    this.#releases.get(key)?.()
    this.#releases.set(key, release)
    this.#changed()
  }

  /** A damaged copy beside the layout is made anew, once; a damaged blob fails again and is named. */
  async #materialise (model: string, version: string): ReturnType<Registry['materialise']> {
    try {
      return await this.#registry.materialise(model, version)
    } catch (error) {
      if (!(error instanceof RegistryError && error.code === 'DIGEST_MISMATCH')) throw error
      return await this.#registry.materialise(model, version)
    }
  }

  #unload (key: string): void {
    this.#targets.delete(key)
    this.#loads.delete(key)
    const release = this.#releases.get(key)
    this.#releases.delete(key)
    this.#pool.remove(key).finally(release).catch((error: Error) => { this.#log('warn', 'a host did not end well', { version: key, error: error.message }) })
  }

  #routes (): Map<string, ModelRoute<LiveModel>> {
    const routes = new Map<string, ModelRoute<LiveModel>>()
    for (const model of this.#wanted.keys()) {
      const versions = new Map<string, Target<LiveModel>>()
      for (const target of this.#targets.values()) {
        if (target.live.spec.name === model) versions.set(target.version, target)
      }
      const champion = this.#champion(model, versions)
      const trial = this.#trial(model, versions)
      const conversation = this.#conversation(model, versions)
      const setting = this.#trials.get(model)
      const switchedOff = setting?.isOff === true ? setting.challenger : null
      routes.set(model, { model, champion, trial, conversation, switchedOff, versions })
    }
    return routes
  }

  #champion (model: string, versions: ReadonlyMap<string, Target<LiveModel>>): Target<LiveModel> | null {
    const aliased = this.#forced.get(model) ?? this.#wanted.get(model)?.champion ?? null
    if (aliased === null) {
      this.#serving.delete(model)
      return null
    }
    const serving = this.#serving.get(model)
    const candidate = versions.get(aliased)
    if (candidate !== undefined && (serving === aliased || serving === undefined || candidate.live.state === 'ready')) {
      this.#serving.set(model, aliased)
      return candidate
    }
    return serving === undefined ? null : versions.get(serving) ?? null
  }

  #conversation (
    model: string, versions: ReadonlyMap<string, Target<LiveModel>>
  ): Conversation<LiveModel> | null {
    const setting = this.#conversations.get(model)
    const previous = versions.get(this.#wanted.get(model)?.previous ?? '')
    return setting === undefined || previous === undefined ? null : { ...setting, previous }
  }

  /**
   * No sessions for a challenger that this gateway is still loading, as after a restart: that is no fault of its own,
   * and must not count against it. One that was warm and has crashed keeps its sessions, and its failures count.
   */
  #trial (model: string, versions: ReadonlyMap<string, Target<LiveModel>>): Trial<LiveModel> | null {
    const setting = this.#trials.get(model)
    if (setting?.arms !== undefined) return contested(setting, setting.arms, versions)
    const challenger = setting === undefined ? undefined : versions.get(setting.challenger)
    if (setting === undefined || challenger === undefined || !setting.isRouting) return null
    if (challenger.live.state === 'loading') return null
    const { control: before, arms: _arms, ...rest } = setting
    return before === undefined ? { ...rest, challenger } : this.#watched({ ...rest, challenger }, versions.get(before))
  }

  /** Without the version it is compared with, a promoted challenger has everybody, and only the breaker watches. */
  #watched (trial: Trial<LiveModel>, control: Target<LiveModel> | undefined): Trial<LiveModel> | null {
    if (this.#serving.get(trial.challenger.live.spec.name) !== trial.challenger.version) return null
    if (control?.live.state === 'ready') return { ...trial, control }
    return { ...trial, weightBps: BUCKETS, control: trial.challenger }
  }
}

/** Of several challengers those that are loading still get no sessions, as if they were alone. */
function contested (
  setting: TrialSetting, arms: Arms, versions: ReadonlyMap<string, Target<LiveModel>>
): Trial<LiveModel> | null {
  const { control: _control, ...routed } = setting
  if (!routed.isRouting) return null
  const ranges = arms.ranges.flatMap((range) => {
    const target = versions.get(range.version)
    return target === undefined || target.live.state === 'loading' ? [] : [{ ...range, target }]
  })
  const challenger = ranges[0]?.target
  return challenger === undefined ? null : { ...routed, challenger, arms: { reservedBps: arms.reservedBps, ranges } }
}
