import { RegistryError } from '../../registry/errors.js'
import type { RolloutEvent } from '../../registry/rollouts/machine.js'
import type { ConcludedVerdict, RolloutRow, RolloutVerdict } from '../../registry/rollouts/rollout.js'
import type { ApplyOptions, CreateRollout } from '../../registry/rollouts/store.js'
import { after, beginning } from '../../registry/rollouts/transition.js'
import type { RolloutStorage } from '../rollouts/controller.js'

/** The one rollout of a simulation, kept in memory by the rules of the real store. Of its verdicts the last is kept. */
export class MemoryRollouts implements RolloutStorage {
  readonly #now: () => number
  readonly #onMove: (row: RolloutRow, event: RolloutEvent) => void
  #row: RolloutRow | null = null
  #verdict: RolloutVerdict | null = null

  constructor (now: () => number, onMove: (row: RolloutRow, event: RolloutEvent) => void) {
    this.#now = now
    this.#onMove = onMove
  }

  create ({ model, champion, challenger, spec, salt, reason }: CreateRollout): RolloutRow {
    this.#row = beginning({ id: 'simulated', model, champion, challenger, spec, salt, reason }, this.#now())
    return this.#row
  }

  get (id: string): RolloutRow {
    if (this.#row?.id !== id) throw new RegistryError('ROLLOUT_NOT_FOUND', `there is no rollout ${id}`)
    return this.#row
  }

  list (): RolloutRow[] {
    return this.#row === null ? [] : [this.#row]
  }

  open (): RolloutRow[] {
    return this.list().filter(({ endedAt }) => endedAt === null)
  }

  latest (): RolloutRow | null {
    return this.#row
  }

  apply (id: string, event: RolloutEvent, { epoch, reason, patch, verdict }: ApplyOptions): RolloutRow {
    const before = this.get(id)
    if (before.epoch !== epoch) throw new RegistryError('ROLLOUT_CONFLICT', `rollout ${id} is at epoch ${before.epoch}, not ${epoch}`)
    if (verdict !== undefined) this.saveVerdict(id, verdict)
    this.#row = after(before, event, { reason, at: this.#now(), ...patch === undefined ? {} : { patch } })
    this.#onMove(this.#row, event)
    return this.#row
  }

  /** A simulation ends with its rollout. */
  revert (id: string): RolloutRow {
    throw new RegistryError('ILLEGAL_TRANSITION', `the simulated rollout ${id} is not reverted`)
  }

  settle (id: string): RolloutRow {
    return this.get(id)
  }

  saveVerdict (_id: string, verdict: ConcludedVerdict): void {
    this.#verdict = { ...verdict, number: 1 }
  }

  verdicts (): RolloutVerdict[] {
    return this.#verdict === null ? [] : [this.#verdict]
  }
}
