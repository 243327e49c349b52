import { bucketOf } from './bucket.js'

/**
 * A slice of the sessions that a rollout has for itself: those whose bucket in the layer, 0..9999, is in
 * `[fromBps, toBps)`. Rollouts of one layer with slices that do not overlap never share a session.
 */
export interface Layer { readonly name: string, readonly fromBps: number, readonly toBps: number }

/**
 * Whether a session is in the slice. The hash has a salt of the layer's own, the same for all of its rollouts, so that
 * it has nothing to do with which arm a session is on. Pure, O(key).
 */
export function isInLayer ({ name, fromBps, toBps }: Layer, key: string): boolean {
  const bucket = bucketOf(`layer:${name}`, key)
  return bucket >= fromBps && bucket < toBps
}
