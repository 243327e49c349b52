import { HostListener } from './host-listener.js'
import type { HostSpec } from './host-spec.js'
import { HostedModel } from './hosted-model.js'
import type { LiveModel, PoolOptions } from './live-model.js'

export type { LiveModel, PoolOptions } from './live-model.js'

/** All live versions of this gateway, one host process each. */
export class ModelPool {
  readonly #options: PoolOptions
  readonly #listener = new HostListener()
  readonly #models = new Map<string, HostedModel>()
  readonly #leaving = new Set<HostedModel>()
  readonly #listeners: ((model: LiveModel) => void)[] = []

  constructor (options: PoolOptions) {
    this.#options = options
  }

  /** The live version of a spec; starts its host when there is none. One that has failed stays until it is removed. */
  ensure (spec: HostSpec): LiveModel {
    const key = `${spec.name}:${spec.version}`
    let model = this.#models.get(key)
    if (model === undefined) {
      model = new HostedModel(spec, this.#options, this.#listener, (changed) => this.#announce(changed))
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

  #announce (model: LiveModel): void {
    for (const listener of this.#listeners) listener(model)
  }
}
