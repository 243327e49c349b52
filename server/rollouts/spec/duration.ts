import { Type } from 'typebox'

/** How long something takes, as people write it. */
export const Duration = Type.Union([
  Type.String({ pattern: '^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$' }), Type.Number({ minimum: 0 })
], { description: 'expected a duration such as 500ms, 5s, 10m, 1h or 1d, or a number of seconds' })

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of `5s`, `500ms`, `10m`, `1h`, `1d`, or of a number of seconds. */
export function durationMs (duration: string | number): number {
  if (typeof duration === 'number') return duration * 1_000
  const unit = duration.match(/[a-z]+$/)![0] as keyof typeof UNIT_MS
  return Number.parseFloat(duration) * UNIT_MS[unit]
}
