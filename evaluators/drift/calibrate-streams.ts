import { EvaluatorError, requireBetween, requireCount, requireFinite } from '../errors.js'
import { quantileType7 } from '../statistics/quantiles.js'
import { requireMagnitude, requireMagnitudes } from '../statistics/pair-moments.js'
import type { Random } from '../statistics/random.js'
import { outcomeIsError, type DdmSettings } from './ddm.js'
import { meanAndDeviation } from './ascending.js'
import type { PageHinkleySettings } from './page-hinkley.js'

/** Most values that are simulated in all. */
const VALUES_MAX = 20_000_000

export interface CalibrationOptions {
  /** Draws the simulated streams: the same seed gives the same threshold. */
  readonly random: Random
  /** Wanted run length: one false alarm in as many values, whole, 10..1,000,000. */
  readonly valuesPerFalseAlarm: number
  /** Simulated streams, whole, 20..10,000; default 400. */
  readonly streams?: number
  /** Neighbours drawn together, so that dependence over as many values is kept; default ∛n, rounded up. */
  readonly blockLength?: number
}

/**
 * Settings of the Page–Hinkley test with which a stream like the reference raises one false alarm in the wanted number
 * of values: streams of that length are drawn from the reference in circular blocks (Politis, Romano 1992), and the
 * threshold is the quantile 1/e of their greatest deviation, for a detector with that mean run length stays silent with
 * probability 1/e. O(streams × values).
 *
 * @param reference the stream at rest in its own order, finite numbers, at least 50 that are not all equal
 * @param options `shift` is the change of the mean worth finding, in the unit of the values, > 0 (default: one standard
 *   deviation of the reference): delta is half of it
 * @throws EvaluatorError EMPTY, NOT_FINITE or OUT_OF_RANGE
 */
export function calibratePageHinkley (
  reference: ArrayLike<number>,
  options: CalibrationOptions & { readonly shift?: number, readonly instancesMin?: number }
): PageHinkleySettings {
  requireFinite('reference', reference, 50)
  requireMagnitudes('reference', reference)
  const { deviation } = meanAndDeviation(reference)
  if (deviation === 0) throw new EvaluatorError('OUT_OF_RANGE', 'reference', 'expected values that are not all equal')
  const { shift = deviation, instancesMin = 30 } = options
  requireMagnitude('shift', shift)
  requireBetween('shift', shift, Number.MIN_VALUE, Number.MAX_VALUE)
  requireBetween('instancesMin', instancesMin, 1, options.valuesPerFalseAlarm)
  const delta = shift / 2
  const threshold = silentQuantile(reference, options, (draw, values) =>
    greatestDeviation(draw, values, delta, instancesMin))
  return { delta, threshold: Math.max(threshold, deviation / 1_000), instancesMin }
}

/**
 * Settings of the drift detection method with which outcomes like the reference's raise one false alarm in the wanted
 * number: as {@link calibratePageHinkley}, on the greatest (p + s − p_best)/s_best. The detector stays silent until ten
 * errors are expected, and warns at two thirds of the drift level. O(streams × values).
 *
 * @param reference outcomes at rest in their own order, 1 wrong and 0 right, at least 50, some of both
 * @throws EvaluatorError EMPTY or OUT_OF_RANGE
 */
export function calibrateDdm (reference: ArrayLike<number>, options: CalibrationOptions): DdmSettings {
  requireCount('reference', reference, 50)
  let errors = 0
  for (let i = 0; i < reference.length; i++) if (outcomeIsError(`reference[${i}]`, reference[i]!)) errors++
  if (errors === 0 || errors === reference.length) {
    throw new EvaluatorError('OUT_OF_RANGE', 'reference', `expected right and wrong outcomes, got ${errors} wrong of ${reference.length}`)
  }
  const instancesMin = Math.max(30, Math.ceil(10 * reference.length / errors))
  requireBetween('valuesPerFalseAlarm', options.valuesPerFalseAlarm, 2 * instancesMin, 1_000_000)
  const driftLevel = silentQuantile(reference, options, (draw, values) => greatestExcess(draw, values, instancesMin))
  if (!Number.isFinite(driftLevel)) {
    throw new EvaluatorError('OUT_OF_RANGE', 'reference', 'expected more errors: simulated streams begin without any')
  }
  return { instancesMin, warningLevel: driftLevel * 2 / 3, driftLevel }
}

/** The quantile 1/e, over simulated streams, of a statistic that the alarm compares with its threshold. */
function silentQuantile (
  reference: ArrayLike<number>, options: CalibrationOptions, statistic: (draw: () => number, values: number) => number
): number {
  const { random, valuesPerFalseAlarm, streams = 400, blockLength = Math.ceil(Math.cbrt(reference.length)) } = options
  for (const [name, value, min, max] of [
    ['valuesPerFalseAlarm', valuesPerFalseAlarm, 10, 1_000_000], ['streams', streams, 20, 10_000],
    ['blockLength', blockLength, 1, reference.length]
  ] as const) {
    requireBetween(name, value, min, max)
    if (!Number.isInteger(value)) throw new EvaluatorError('OUT_OF_RANGE', name, `expected a whole number, got ${value}`)
  }
  requireBetween('streams × valuesPerFalseAlarm', streams * valuesPerFalseAlarm, 1, VALUES_MAX)
  const greatest = Float64Array.from({ length: streams }, () =>
    statistic(drawBlocks(reference, blockLength, random), valuesPerFalseAlarm)).sort()
  return quantileType7(greatest, Math.exp(-1))
}

function drawBlocks (reference: ArrayLike<number>, blockLength: number, random: Random): () => number {
  let [place, left] = [0, 0]
  return () => {
    if (left === 0) {
      place = random.below(reference.length)
      left = blockLength
    }
    left--
    const value = reference[place]!
    place = (place + 1) % reference.length
    return value
  }
}

/** The greatest Page–Hinkley deviation of one stream, in plain variables for speed. */
function greatestDeviation (draw: () => number, values: number, delta: number, instancesMin: number): number {
  let [mean, rise, riseMin, fall, fallMax, greatest] = [0, 0, 0, 0, 0, 0]
  for (let count = 1; count <= values; count++) {
    const value = draw()
    mean += (value - mean) / count
    rise += value - mean - delta
    fall += value - mean + delta
    if (rise < riseMin) riseMin = rise
    if (fall > fallMax) fallMax = fall
    if (count >= instancesMin) greatest = Math.max(greatest, rise - riseMin, fallMax - fall)
  }
  return greatest
}

function greatestExcess (draw: () => number, values: number, instancesMin: number): number {
  let [errors, bestRate, bestDeviation, greatest] = [0, Infinity, 0, 0]
  for (let count = 1; count <= values; count++) {
    errors += draw()
    if (count < instancesMin) continue
    const rate = errors / count
    const deviation = Math.sqrt(rate * (1 - rate) / count)
    if (rate + deviation < bestRate + bestDeviation) [bestRate, bestDeviation] = [rate, deviation]
    const excess = rate + deviation - bestRate
    if (excess > 0) greatest = Math.max(greatest, excess / bestDeviation)
  }
  return greatest
}
