const BLOCKS = '▁▂▃▄▅▆▇█'
const ASCII = '_.-=+*%#'

/**
 * Numbers as one character each, the least lowest and the greatest highest; equal ones in the middle, a space where
 * there is none. Pure.
 */
export function sparkline (values: ReadonlyArray<number | null>, isAscii = false): string {
  const levels = isAscii ? ASCII : BLOCKS
  const known = values.filter((value) => value !== null && Number.isFinite(value)) as number[]
  const least = Math.min(...known)
  const range = Math.max(...known) - least
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return ' '
    const share = range > 0 ? (value - least) / range : 0.5
    return levels[Math.round(share * (levels.length - 1))]
  }).join('')
}
