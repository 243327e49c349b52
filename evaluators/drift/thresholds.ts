import type { DriftEffect } from './drift-result.js'

/**
 * From which effect on a drift warns, and from which on it is severe, per measure of distance; `none` is its value when
 * nothing drifts, from which "twice the threshold" is counted.
 */
export type DriftThresholds = Readonly<Record<DriftEffect['name'], {
  readonly none: number, readonly warning: number, readonly severe: number
}>>

/**
 * Thresholds when none are given. They are calibrated on normal data: repeat on your own reference where it matters.
 */
export const DRIFT_THRESHOLDS: DriftThresholds = {
  'wasserstein1/sd': { none: 0, warning: 0.1, severe: 0.25 },
  'js-distance': { none: 0, warning: 0.1, severe: 0.2 },
  auc: { none: 0.5, warning: 0.55, severe: 0.65 },
  mmd2: { none: 0, warning: 0.015, severe: 0.05 }
}
