import { EvaluatorError, requireBetween } from '../errors.js'

/** What a stream detector says after a value. */
export type StreamLevel = 'stable' | 'warning' | 'drift'

/** The detector's next state, and what it says after the value. */
export interface StreamStep<State> { readonly state: State, readonly level: StreamLevel }

export interface PageHinkleySettings {
  /** Drift per value that is ignored, in the unit of the values, >= 0: half of the shift worth finding. */
  readonly delta: number
  /** Accumulated deviation at which the alarm is raised, in the unit of the values, > 0. */
  readonly threshold: number
  /** No alarm before as many values, whole, >= 1. */
  readonly instancesMin: number
}

/** Plain JSON. `rise` and `fall` are the accumulated deviations, `riseMin` and `fallMax` their extremes so far. */
export interface PageHinkleyState {
  readonly version: 1
  readonly settings: PageHinkleySettings
  readonly count: number
  readonly mean: number
  readonly rise: number
  readonly riseMin: number
  readonly fall: number
  readonly fallMax: number
}

/**
 * A detector that has seen nothing. Take the threshold from {@link calibratePageHinkley}, not from a textbook.
 * @throws EvaluatorError OUT_OF_RANGE
 */
export function startPageHinkley (settings: PageHinkleySettings): PageHinkleyState {
  requireBetween('delta', settings.delta, 0, Number.MAX_VALUE)
  requireBetween('threshold', settings.threshold, Number.MIN_VALUE, Number.MAX_VALUE)
  requireBetween('instancesMin', settings.instancesMin, 1, Number.MAX_SAFE_INTEGER)
  return { version: 1, settings, count: 0, mean: 0, rise: 0, riseMin: 0, fall: 0, fallMax: 0 }
}

/**
 * Page–Hinkley test for a change of the mean in either direction: the running mean takes in the value first; then
 * rise += x − mean − delta, an alarm when rise − min(rise) > threshold; fall += x − mean + delta, an alarm when
 * max(fall) − fall > threshold; the extremes start at 0. After an alarm the detector starts anew. Page (1954),
 * Biometrika 41; Hinkley (1971), Biometrika 58. O(1).
 *
 * @param state stays as it is
 * @param value finite, any unit
 * @returns the next state, and `drift` or `stable`
 * @throws EvaluatorError NOT_FINITE
 */
export function updatePageHinkley (state: PageHinkleyState, value: number): StreamStep<PageHinkleyState> {
  requireState(state)
  const next = accumulate(state, value)
  const isAlarm = next.count >= state.settings.instancesMin && pageHinkleyStatistic(next) > state.settings.threshold
  return isAlarm ? { state: startPageHinkley(state.settings), level: 'drift' } : { state: next, level: 'stable' }
}

/** The greater of the two deviations that are held against the threshold, in the unit of the values, >= 0. O(1). */
export function pageHinkleyStatistic ({ rise, riseMin, fall, fallMax }: PageHinkleyState): number {
  return Math.max(rise - riseMin, fallMax - fall)
}

/** The state with one more value taken in, whatever the threshold says. O(1). @throws EvaluatorError NOT_FINITE */
export function accumulate (state: PageHinkleyState, value: number): PageHinkleyState {
  if (!Number.isFinite(value)) throw new EvaluatorError('NOT_FINITE', 'value', `expected a finite number, got ${value}`)
  const count = state.count + 1
  const mean = state.mean + (value - state.mean) / count
  const rise = state.rise + value - mean - state.settings.delta
  const fall = state.fall + value - mean + state.settings.delta
  return {
    ...state, count, mean, rise, fall, riseMin: Math.min(state.riseMin, rise), fallMax: Math.max(state.fallMax, fall)
  }
}

/** A state may come from where it was stored. O(1). */
function requireState (state: PageHinkleyState): void {
  const { version, settings } = state
  requireBetween('state.version', version, 1, 1)
  requireBetween('state.settings.delta', settings.delta, 0, Number.MAX_VALUE)
  requireBetween('state.settings.threshold', settings.threshold, Number.MIN_VALUE, Number.MAX_VALUE)
  requireBetween('state.settings.instancesMin', settings.instancesMin, 1, Number.MAX_SAFE_INTEGER)
  requireBetween('state.count', state.count, 0, Number.MAX_SAFE_INTEGER)
  for (const field of ['mean', 'rise', 'riseMin', 'fall', 'fallMax'] as const) {
    requireBetween(`state.${field}`, state[field], -Number.MAX_VALUE, Number.MAX_VALUE)
  }
}
