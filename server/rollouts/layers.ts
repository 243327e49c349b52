import { RegistryError } from '../../registry/errors.js'
import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import type { RolloutSpec } from './spec/schema.js'

/**
 * Refuses a rollout that would share sessions with another one of its layer: their slices overlap, or they look for
 * the session's key in different places and so do not mean the same sessions. `open` are those that are not final.
 * @throws RegistryError LAYER_TAKEN
 */
export function refuseShared ({ layer, affinity }: RolloutSpec, open: readonly RolloutRow[]): void {
  if (layer === undefined) return
  for (const { id, spec } of open) {
    const { layer: taken, affinity: { keys } } = spec as RolloutSpec
    if (taken === undefined || taken.name !== layer.name) continue
    if (layer.from < taken.to && taken.from < layer.to) {
      throw new RegistryError('LAYER_TAKEN',
        `rollout ${id} has ${taken.from} to ${taken.to} % of layer ${layer.name}, which ${layer.from} to ${layer.to} % overlaps; choose another range or end it first`)
    }
    if (keys.join() !== affinity.keys.join()) {
      throw new RegistryError('LAYER_TAKEN',
        `rollout ${id} of layer ${layer.name} knows sessions by ${keys.join(', ')}, and this one by ${affinity.keys.join(', ')}; sessions of one layer need the same affinity.keys`)
    }
  }
}
