import { samplesToDecide } from '../statistics/power.js'
import { anytimeP, oneSidedHalfWidth } from '../statistics/sequences.js'
import { orNull, type Effect, type EffectOptions, type Gate, type Question, type Sign, type Unmet } from './effect.js'

/** What one arm adds to the variance of an estimate: `n` units, `variance` in the estimate's unit squared. */
export interface ArmPart { readonly n: number, readonly variance: number }

/**
 * An estimate on the scale on which it is asymptotically normal, not yet turned by the metric's direction. `arms` are
 * absent for pairs, which have one variance and no share of traffic. `ratio`: the scale is the logarithm of a ratio and
 * the effect the ratio − 1.
 */
export interface SequenceParts {
  readonly estimator: string
  readonly raw: number
  readonly sign: Sign
  readonly scale: 'linear' | 'ratio'
  readonly units: number
  readonly variance: number
  readonly arms?: { readonly champion: ArmPart, readonly challenger: ArmPart }
  readonly gates?: readonly Gate[]
  readonly note: string
}

/**
 * An effect through the one-sided asymptotic confidence sequence, provided that its standard error is finite and above
 * 0: no spread is "no information", never "equal". O(1).
 */
export function sequenceEffect (parts: SequenceParts, options: EffectOptions): Effect | Unmet {
  const { estimator, sign, units, note } = parts
  const se = Math.sqrt(parts.variance)
  const spread: Gate = { gate: 'standard error above 0', have: orNull(se), need: 0, met: se > 0 && Number.isFinite(se) }
  const gates = [...parts.gates ?? [], spread]
  if (!spread.met) return { unmet: `standard error ${se}: ${spreadFault(se)}`, gates }
  const scale = parts.scale === 'linear' ? LINEAR : ratioScale(sign)
  const signed = sign * parts.raw
  const { plannedSamples } = options
  const half = (alpha: number): number => oneSidedHalfWidth({ se, n: units, alpha, plannedSamples })
  const perUnit = variancePerUnit(parts, options.share)
  return {
    estimator,
    estimate: scale.toEffect(signed),
    units,
    lower: (alpha) => scale.toEffect(signed - half(alpha)),
    upper: (alpha) => scale.toEffect(signed + half(alpha)),
    anytimeP: (reference) => {
      const truth = scale.fromEffect(reference)
      if (!Number.isFinite(truth)) return 0
      return orNull(anytimeP({ se, n: units, alpha: options.alpha, plannedSamples }, signed, truth).p)
    },
    unitsUntil: (question) => untilGap(scale, question, perUnit, plannedSamples),
    gates,
    note
  }
}

/**
 * V = N·SE² at the current share θ of the traffic: σ²_B/θ + σ²_A/(1 − θ), with σ² an arm's n times what it adds to the
 * variance; at the share so far when the current one is unknown.
 */
function variancePerUnit ({ variance, units, arms }: SequenceParts, share: number | null): number {
  if (arms === undefined || share === null) return variance * units
  const { champion, challenger } = arms
  return challenger.variance * challenger.n / share + champion.variance * champion.n / (1 - share)
}

function untilGap (
  scale: Scale, { assumed, above, alpha, power }: Question, variance: number, plannedSamples: number
): number | null {
  const gap = scale.fromEffect(assumed) - scale.fromEffect(above)
  if (gap === Infinity) return 1
  return gap > 0 && Number.isFinite(variance) ? samplesToDecide({ gap, variance, alpha, plannedSamples, power }) : null
}

interface Scale { readonly toEffect: (x: number) => number, readonly fromEffect: (effect: number) => number }

const LINEAR: Scale = { toEffect: (x) => x, fromEffect: (effect) => effect }

/** Between ±ln(ratio), positive = better, and ±(ratio − 1); both increase together. */
function ratioScale (sign: Sign): Scale {
  return {
    toEffect: (x) => sign * Math.expm1(sign * x),
    fromEffect: (effect) => sign * Math.log1p(Math.max(-1, sign * effect))
  }
}

function spreadFault (se: number): string {
  return se === 0 ? 'the values do not vary, which is no information' : 'the spread cannot be told from a single session'
}
