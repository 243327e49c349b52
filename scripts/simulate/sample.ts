import type { Random } from '../../evaluators/statistics/random.js'
import type { ArmMean } from '../../evaluators/statistics/strata.js'

/** One random value. */
export type Draw = (random: Random) => number

export const normal: Draw = (random) => random.normal()

export const lognormal = (sigma: number): Draw => (random) => Math.exp(sigma * random.normal())

export const bernoulli = (p: number): Draw => (random) => random.uniform() < p ? 1 : 0

/** Beta(a, b) for whole a and b: the a-th smallest of a + b − 1 uniforms is a quotient of sums of exponentials. */
export const beta = (a: number, b: number): Draw => (random) => {
  const x = exponentials(random, a)
  return x / (x + exponentials(random, b))
}

/** Sum of so many standard exponentials: minus the logarithm of a product of uniforms. */
function exponentials (random: Random, count: number): number {
  let product = 1
  for (let i = 0; i < count; i++) product *= 1 - random.uniform()
  return -Math.log(product)
}

/** Running sums of one arm: its mean and the variance of that mean at any time. */
export class Sample {
  n = 0
  #sum = 0
  #squares = 0

  add (value: number): void {
    this.n += 1
    this.#sum += value
    this.#squares += value * value
  }

  draw (draw: Draw, random: Random, count: number): void {
    for (let i = 0; i < count; i++) this.add(draw(random))
  }

  arm (): ArmMean {
    const mean = this.#sum / this.n
    const m2 = Math.max(0, this.#squares - this.n * mean * mean)
    return { n: this.n, mean, varianceOfMean: m2 / (this.n - 1) / this.n }
  }
}
