import { HostListener } from './host-listener.js'
import { HostedModel } from './hosted-model.js'
import type { LiveModel, LiveSpec, PoolOptions } from './live-model.js'
import { RemoteModel } from './remote/remote-model.js'
import type { RemoteOptions } from './remote/spec.js'

export type { LiveModel, LiveSpec, PoolOptions } from './live-model.js'

const NOTHING_REMOTE: RemoteOptions = {
  origins: [], variable: () => undefined, replyBytesMax: 0, healthIntervalMs: 60_000
}

type PooledModel = HostedModel | RemoteModel

/** All live versions of this gateway: one host process each, but for those that another server runs. */
export class ModelPool {
  readonly #options: PoolOptions
  readonly #listener = new HostListener()
  readonly #models = new Map<string, PooledModel>()
  readonly #leaving = new Set<PooledModel>()
  readonly #listeners: ((model: LiveModel) => void)[] = []

  constructor (options: PoolOptions) {
    this.#options = options
  }

  /**
   * The live version of a spec; starts its host, or looks for its server, when there is none. One that has failed
   * stays until it is removed.
   */
  ensure (spec: LiveSpec): LiveModel {
    const key = `${spec.name}:${spec.version}`
    let model = this.#models.get(key)
    if (model === undefined) {
      model = this.#create(spec)
      this.#models.set(key, model)
    }
    return model
  }

  get (key: string): LiveModel | undefined {
    return this.#models.get(key)
  }

  list (): readonly LiveModel[] {
    return [...this.#models.values()]
  }

  /** Gives it no new work, lets what waits or runs finish within `hangTimeoutMs`, then ends the host. */
  async remove (key: string): Promise<void> {
    const model = this.#models.get(key)
    if (model === undefined) return
    this.#models.delete(key)
    this.#leaving.add(model)
    await model.stop(this.#options.hangTimeoutMs)
    this.#leaving.delete(model)
  }

  /** Ends all hosts; what still waits is refused. */
  async close (): Promise<void> {
    const models = [...this.#models.values(), ...this.#leaving]
    this.#models.clear()
    await Promise.all(models.map((model) => model.stop(0)))
    await this.#listener.close()
  }

  onState (listener: (model: LiveModel) => void): void {
    this.#listeners.push(listener)
  }

  #create (spec: LiveSpec): PooledModel {
    const onState = (changed: LiveModel): void => { this.#announce(changed) }
    if (!('backend' in spec)) return new HostedModel(spec, this.#options, this.#listener, onState)
    return new RemoteModel(spec, { ...this.#options, remote: this.#options.remote ?? NOTHING_REMOTE }, onState)
  }

  #announce (model: LiveModel): void {
    for (const listener of this.#listeners) listener(model)
  }
}
