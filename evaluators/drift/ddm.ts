import { EvaluatorError, requireBetween, requireFlag } from '../errors.js'
import type { StreamStep } from './page-hinkley.js'

export interface DdmSettings {
  /** Nothing is said before as many outcomes, whole, >= 1; default 30. */
  readonly instancesMin: number
  /** Standard deviations above the best error rate at which to warn; default 2. */
  readonly warningLevel: number
  /** … and at which drift is told, at least the warning level; default 3. */
  readonly driftLevel: number
}

/** Plain JSON. `best` is the error rate with its standard deviation at the least sum of both, null until told. */
export interface DdmState {
  readonly version: 1
  readonly settings: DdmSettings
  readonly count: number
  readonly errors: number
  readonly best: { readonly rate: number, readonly deviation: number } | null
}

/** A detector that has seen nothing. @throws EvaluatorError OUT_OF_RANGE */
export function startDdm (settings: Partial<DdmSettings> = {}): DdmState {
  const { instancesMin = 30, warningLevel = 2, driftLevel = 3 } = settings
  requireBetween('instancesMin', instancesMin, 1, Number.MAX_SAFE_INTEGER)
  requireBetween('warningLevel', warningLevel, 0, Number.MAX_VALUE)
  requireBetween('driftLevel', driftLevel, warningLevel, Number.MAX_VALUE)
  return { version: 1, settings: { instancesMin, warningLevel, driftLevel }, count: 0, errors: 0, best: null }
}

/**
 * Drift detection method for a stream of outcomes: p is the error rate so far and s = √(p(1−p)/t); from `instancesMin`
 * outcomes on the pair with the least p + s is kept, and p + s above p_best + level·s_best warns (2) or tells drift
 * (3), after which the detector starts anew. Finds a rise only. A stream without any error so far has s_best = 0, so
 * that its first error is drift: calibrate `driftLevel`, or start with enough outcomes. Gama, Medas, Castillo,
 * Rodrigues (2004), SBIA, LNCS 3171. O(1).
 *
 * @param state stays as it is
 * @param isError whether the outcome was wrong
 * @returns the next state and what it says
 * @throws EvaluatorError MALFORMED or OUT_OF_RANGE for a state that no detector has, or what is no flag
 */
export function updateDdm (state: DdmState, isError: boolean): StreamStep<DdmState> {
  requireState(state)
  requireFlag('isError', isError)
  const { instancesMin, warningLevel, driftLevel } = state.settings
  const count = state.count + 1
  const errors = state.errors + (isError ? 1 : 0)
  const rate = errors / count
  const deviation = Math.sqrt(rate * (1 - rate) / count)
  if (count < instancesMin) return { state: { ...state, count, errors }, level: 'stable' }
  const isBest = state.best === null || rate + deviation < state.best.rate + state.best.deviation
  const best = isBest ? { rate, deviation } : state.best!
  const excess = rate + deviation - best.rate
  if (excess > driftLevel * best.deviation) return { state: startDdm(state.settings), level: 'drift' }
  const level = excess > warningLevel * best.deviation ? 'warning' : 'stable'
  return { state: { ...state, count, errors, best }, level }
}

/** A state may come from where it was stored. O(1). */
function requireState ({ version, settings, count, errors, best }: DdmState): void {
  requireBetween('state.version', version, 1, 1)
  requireBetween('state.settings.instancesMin', settings.instancesMin, 1, Number.MAX_SAFE_INTEGER)
  requireBetween('state.settings.warningLevel', settings.warningLevel, 0, Number.MAX_VALUE)
  requireBetween('state.settings.driftLevel', settings.driftLevel, settings.warningLevel, Number.MAX_VALUE)
  requireBetween('state.count', count, 0, Number.MAX_SAFE_INTEGER)
  requireBetween('state.errors', errors, 0, count)
  if (best === null) return
  requireBetween('state.best.rate', best?.rate, 0, 1)
  requireBetween('state.best.deviation', best?.deviation, 0, 1)
}

/** A 0/1 outcome of a log as a boolean. @throws EvaluatorError OUT_OF_RANGE when it is another number */
export function outcomeIsError (argument: string, outcome: number): boolean {
  if (outcome === 0 || outcome === 1) return outcome === 1
  throw new EvaluatorError('OUT_OF_RANGE', argument, `expected 0 or 1, got ${outcome}`)
}
