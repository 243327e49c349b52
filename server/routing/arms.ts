/** One of several challengers: it owns the buckets `[fromBps, toBps)`. */
export interface ArmRange { readonly version: string, readonly fromBps: number, readonly toBps: number }

/**
 * Several challengers at once. Sessions whose bucket is below `reservedBps` but in no range belong to a challenger that
 * is not in use: the champion answers them outside the analysis, for they may have met that challenger before. So no
 * other session ever changes its version, and what the others are compared by stays as it was.
 */
export interface Arms<Range extends ArmRange = ArmRange> {
  readonly reservedBps: number
  readonly ranges: readonly Range[]
}

/** Ranges one after the other from bucket 0; the champion has the rest. Pure, O(arms). */
export function rangesOf (arms: ReadonlyArray<{ readonly version: string, readonly weightBps: number }>): ArmRange[] {
  let toBps = 0
  return arms.map(({ version, weightBps }) => {
    toBps += weightBps
    return { version, fromBps: toBps - weightBps, toBps }
  })
}

/** The challenger that a bucket belongs to; null when it is none's. Pure, O(arms). */
export function armOf<Range extends ArmRange> (ranges: readonly Range[], bucket: number): Range | null {
  return ranges.find(({ fromBps, toBps }) => bucket >= fromBps && bucket < toBps) ?? null
}
