import type { Targeting } from '../routing/targeting.js'

/** One step of what the engine walks. A pause without a duration waits for a person. */
export type PlanStep =
  | { readonly kind: 'setWeight', readonly weightBps: number }
  | { readonly kind: 'setMirror', readonly mirrorBps: number }
  | { readonly kind: 'setTarget', readonly targeting: Targeting | null }
  | { readonly kind: 'pause', readonly durationMs: number | null, readonly reason?: string }
  | { readonly kind: 'analysis' }
  | { readonly kind: 'contest' }

/** What is in force somewhere in a plan: shares in basis points, and rules. */
export interface Setting {
  readonly weightBps: number
  readonly mirrorBps: number
  readonly targeting: Targeting | null
}

/** Nobody is served by the challenger. */
export const NOTHING: Setting = { weightBps: 0, mirrorBps: 0, targeting: null }

/** What is in force once the first `count` steps are done. Pure, O(count). */
export function settingAfter (steps: readonly PlanStep[], count: number): Setting {
  return steps.slice(0, count).reduce(applied, NOTHING)
}

function applied (setting: Setting, step: PlanStep): Setting {
  switch (step.kind) {
    case 'setWeight': return { ...setting, weightBps: step.weightBps }
    case 'setMirror': return { ...setting, mirrorBps: step.mirrorBps }
    case 'setTarget': return { ...setting, targeting: step.targeting }
    case 'pause':
    case 'contest':
    case 'analysis': return setting
  }
}

/** Why an analysis in this setting would compare nothing; null when it compares something. */
export function analysisFault ({ weightBps, mirrorBps, targeting }: Setting): string | null {
  if (mirrorBps > 0) return null
  const isSplit = targeting === null || targeting.otherwise === 'split' || targeting.rules.some(({ serve }) => serve === 'split')
  if (!isSplit) return 'analysis compares nothing where no rule says split and nothing is mirrored'
  if (weightBps > 0 && weightBps < 10_000) return null
  return `analysis at a weight of ${weightBps / 100} % compares nothing; set a weight between 0 and 100 first, or a mirror`
}
