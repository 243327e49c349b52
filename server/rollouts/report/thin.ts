/**
 * At most `max` of a list, in its order: the first and the last, those that `isKept`, and of the others as many as
 * there is room for, evenly. When those alone are too many, they are thinned evenly too. Pure, O(list).
 */
export function thin<T> (list: readonly T[], max: number, isKept: (one: T) => boolean): T[] {
  if (list.length <= max) return [...list]
  const chosen: number[] = []
  const others: number[] = []
  for (const [i, one] of list.entries()) {
    (i === 0 || i === list.length - 1 || isKept(one) ? chosen : others).push(i)
  }
  const indices = chosen.length >= max ? evenly(chosen, max) : [...chosen, ...evenly(others, max - chosen.length)]
  return indices.sort((a, b) => a - b).map((i) => list[i]!)
}

/** So many of a list that is at least so long; of two or more the first and the last. */
function evenly (list: readonly number[], count: number): number[] {
  const stride = (list.length - 1) / Math.max(1, count - 1)
  return Array.from({ length: count }, (_, i) => list[Math.round(i * stride)]!)
}
