import type { Random } from '../../evaluators/statistics/random.js'
import { durationMs } from '../rollouts/spec/duration.js'
import type { ArmDocument, FeedbackDocument, MovingDocument } from './scenario.js'

const DAY_MS = 86_400_000

/** One answer as an arm gives it; latency in milliseconds. */
export interface Answer { readonly failed: boolean, readonly latencyMs: number }

/** One value of feedback; `delayMs` after the answer. */
export interface Told { readonly key: string, readonly value: number, readonly delayMs: number }

type At = (elapsedMs: number) => number

/** What one arm does, as random draws. `elapsedMs` counts from the beginning of the scenario. */
export interface ArmModel {
  answer (elapsedMs: number): Answer
  /** What becomes known of an answer; `lean` is how the session differs from others, standard normal. */
  tell (elapsedMs: number, lean: number): Told[]
}

/** The draws of an arm from one source of randomness. */
export function createArm ({ errors = 0, latency, feedback = {} }: ArmDocument, random: Random): ArmModel {
  const errorRate = moving(errors)
  const { median, sigma = 0.5 } = latency ?? { median: '50ms' }
  const latencyMedian = typeof median === 'object'
    ? moving({ ...median, value: durationMs(median.value) })
    : moving(durationMs(median))
  const told = Object.entries(feedback).map(([key, document]) => ({ key, draw: drawOf(document, random), document }))
  return {
    answer: (elapsedMs) => ({
      failed: random.uniform() < errorRate(elapsedMs),
      latencyMs: latencyMedian(elapsedMs) * Math.exp(sigma * random.normal())
    }),
    tell: (elapsedMs, lean) => told.flatMap(({ key, draw, document }) => {
      const { share = 1, delay, spread = 0 } = document
      const value = draw(elapsedMs, spread * lean)
      if (share < 1 && random.uniform() >= share) return []
      if (delay === undefined) return [{ key, value, delayMs: 0 }]
      const { median, sigma = 0 } = delay
      return [{ key, value, delayMs: durationMs(median) * Math.exp(sigma * random.normal()) }]
    })
  }
}

/** A value of the distribution, moved by `shift`. */
function drawOf (
  { rate, mean, sd, median, sigma }: FeedbackDocument, random: Random
): (elapsedMs: number, shift: number) => number {
  if (rate !== undefined) {
    const at = moving(rate)
    return (elapsedMs, shift) => random.uniform() < at(elapsedMs) + shift ? 1 : 0
  }
  if (mean !== undefined) {
    const at = moving(mean)
    return (elapsedMs, shift) => at(elapsedMs) + shift + sd! * random.normal()
  }
  const at = moving(median)
  return (elapsedMs, shift) => at(elapsedMs) * Math.exp(shift + sigma! * random.normal())
}

function moving (document: Exclude<MovingDocument, undefined> | undefined): At {
  if (document === undefined) return () => 0
  if (typeof document === 'number') return () => document
  const { value, perDay = 0, daily = 0 } = document
  return (elapsedMs) => (value + perDay * elapsedMs / DAY_MS) * (1 + swing(daily, elapsedMs))
}

/** What a daily swing of a share adds to 1: nothing at the beginning of a day, most after a quarter of it. */
export function swing (share: number, elapsedMs: number): number {
  return share === 0 ? 0 : share * Math.sin(2 * Math.PI * elapsedMs / DAY_MS)
}
