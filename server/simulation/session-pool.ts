import type { Random } from '../../evaluators/statistics/random.js'
import type { Arm } from '../routing/assign.js'
import type { KeyCarrier, KeySource } from '../routing/affinity-key.js'
import type { Attribute } from '../routing/targeting.js'
import type { ScenarioDocument } from './scenario.js'

/** One user's session: what its requests carry, and what became of it. */
export interface Session {
  readonly carrier: KeyCarrier
  /** How it differs from other sessions, standard normal. */
  readonly lean: number
  pin: Arm | null
  isExposed: boolean
}

export interface SessionPoolOptions {
  readonly traffic: ScenarioDocument['traffic']
  readonly keys: readonly KeySource[]
  readonly attributes: readonly Attribute[]
  readonly random: Random
}

/**
 * The sessions that are under way. Each request belongs to one of them, drawn evenly; before that, with the chance of
 * 1 to the mean number of requests of a session, the drawn one ends and a new one takes its place.
 */
export class SessionPool {
  readonly #options: SessionPoolOptions
  readonly #sessions: Session[] = []
  begun = 0

  constructor (options: SessionPoolOptions) {
    this.#options = options
  }

  next (): Session {
    const { random, traffic: { sessions: { active, requests } } } = this.#options
    const place = random.below(active)
    const present = this.#sessions[place]
    if (present !== undefined && random.uniform() * requests >= 1) return present
    const begun = this.#begin()
    this.#sessions[place] = begun
    return begun
  }

  #begin (): Session {
    const { random, keys, attributes, traffic } = this.#options
    const values: Array<readonly [KeySource, string]> = [[keys[0]!, `s${this.begun++}`]]
    for (const { name, source } of attributes) {
      const shares = traffic.attributes[name]
      if (shares !== undefined) values.push([source, drawn(shares, random.uniform())])
    }
    return { carrier: carrierOf(values), lean: random.normal(), pin: null, isExposed: false }
  }
}

function drawn (shares: Readonly<Record<string, number>>, at: number): string {
  const names = Object.keys(shares)
  let sum = 0
  return names.find((name) => (sum += shares[name]!) > at) ?? names.at(-1)!
}

/** A request that carries these values where their sources look for them. */
function carrierOf (values: ReadonlyArray<readonly [KeySource, string]>): KeyCarrier {
  const headers: Record<string, string> = {}
  const body: Record<string, unknown> = {}
  for (const [source, value] of values) {
    if (source.kind === 'header') headers[source.name] = value
    else if (source.kind === 'apiKey') headers[source.name ?? 'authorization'] = source.name === null ? `Bearer ${value}` : value
    else if (source.kind === 'body') place(body, source.pointer, value)
    else if (source.kind === 'sequence') place(body, ['parameters', 'sequence_id'], value)
    else headers['cookie'] = [headers['cookie'], `${source.name}=${value}`].filter((pair) => pair !== undefined).join('; ')
  }
  return { headers, body }
}

function place (body: Record<string, unknown>, [name, ...rest]: readonly string[], value: string): void {
  if (rest.length === 0) body[name!] = value
  else place((body[name!] ??= {}) as Record<string, unknown>, rest, value)
}
