import { requireBetween } from '../errors.js'

/** A reproducible source of randomness: uniform on [0, 1), standard normal, and integers below a bound. */
export interface Random {
  uniform (): number
  normal (): number
  below (bound: number): number
}

/**
 * Seeded generator sfc32 (Chris Doty-Humphrey's small fast counter), 128 bits of state, warmed up by 15 draws; of the
 * seed its lower 32 bits count. What it gives is not checked: `below` wants a whole bound of at least 1.
 * @throws EvaluatorError OUT_OF_RANGE for a seed that is not a finite number
 */
export function seededRandom (seed: number): Random {
  requireBetween('seed', seed, -Number.MAX_VALUE, Number.MAX_VALUE)
  let [a, b, c, counter] = [seed | 0, 0x9e3779b9 | 0, 0x243f6a88, 1]
  const next = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21 | c >>> 11) + sum) | 0
    return (sum >>> 0) / 4_294_967_296
  }
  for (let i = 0; i < 15; i++) next()
  let spare: number | null = null
  return {
    uniform: next,
    below: (bound) => Math.floor(next() * bound),
    normal () {
      if (spare !== null) {
        const value = spare
        spare = null
        return value
      }
      const radius = Math.sqrt(-2 * Math.log(1 - next()))
      const angle = 2 * Math.PI * next()
      spare = radius * Math.sin(angle)
      return radius * Math.cos(angle)
    }
  }
}
