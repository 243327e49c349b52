/** Halvings before giving up: more than the 1,074 + 52 that separate any two doubles are never needed. */
const HALVINGS_MAX = 1_200

/**
 * Where a predicate that is true at `inside` and false at `outside` turns false, by bisection down to neighbouring
 * doubles. The returned point is the last one found on the `outside` side, so an interval bounded by it is never too
 * short. The predicate must change once between the two ends. O(64) calls for ordinary magnitudes.
 *
 * @param holds the predicate
 * @param inside an end where it holds; finite
 * @param outside an end where it does not; finite, on either side of `inside`
 */
export function boundary (holds: (x: number) => boolean, inside: number, outside: number): number {
  for (let i = 0; i < HALVINGS_MAX; i++) {
    const middle = inside + (outside - inside) / 2
    if (middle === inside || middle === outside) break
    if (holds(middle)) inside = middle
    else outside = middle
  }
  return outside
}
