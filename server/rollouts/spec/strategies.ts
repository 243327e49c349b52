import type { Fault } from '../spec-error.js'
import { analysisFault, settingAfter, type PlanStep } from '../plan.js'
import { contestFaults } from './contest-faults.js'
import { durationMs } from './duration.js'
import type { RolloutSpec, StrategyDocument, StrategyName } from './schema.js'

type Body<Name extends StrategyName> = NonNullable<StrategyDocument[Name]>
type Step = Body<'canary'>['steps'][number]

/** More steps than that are a slip, such as a growth of a thousandth of a per cent. */
const STEPS_MAX = 500
const BY_HAND: ReadonlySet<StrategyName> = new Set(['shadow', 'featureFlag', 'darkLaunch'])

/** The strategies a document names; a valid one names exactly one. */
export function strategyNames ({ strategy }: Pick<RolloutSpec, 'strategy'>): StrategyName[] {
  return (Object.keys(strategy) as StrategyName[]).filter((name) => strategy[name] !== undefined)
}

/** What follows the last step: as told, else a person's word for strategies that only show or single out. */
export function promotionOf (spec: RolloutSpec): 'automatic' | 'manual' {
  const [name] = strategyNames(spec)
  return spec.promotion ?? (name !== undefined && BY_HAND.has(name) ? 'manual' : 'automatic')
}

/** Compiles the one strategy of a valid document into steps. Pure. */
export function compileStrategy (spec: RolloutSpec): PlanStep[] {
  const { canary, progressive, blueGreen, shadow, featureFlag, darkLaunch, abn } = spec.strategy
  const hasAnalysis = spec.analysis !== undefined
  if (canary !== undefined) return canary.steps.map(compileStep)
  if (progressive !== undefined) return compileProgressive(progressive, hasAnalysis)
  if (blueGreen !== undefined) return compileBlueGreen(blueGreen, hasAnalysis)
  if (shadow !== undefined) {
    return [setMirror(shadow.mirror), ...waits(shadow.duration), ...analyses(hasAnalysis)]
  }
  if (abn !== undefined) {
    const weight = abn.arms.reduce((sum, arm) => sum + Math.round(arm.weight * 100), 0)
    return [{ kind: 'setWeight', weightBps: weight }, { kind: 'contest' }]
  }
  if (featureFlag !== undefined) return compileFeatureFlag(featureFlag, hasAnalysis)
  return darkLaunch === undefined ? [] : compileDarkLaunch(darkLaunch, hasAnalysis)
}

/** What a schema cannot say about a strategy. */
export function strategyFaults (spec: RolloutSpec): Fault[] {
  const names = strategyNames(spec)
  if (names.length !== 1) {
    const known = 'canary, progressive, blueGreen, shadow, featureFlag, darkLaunch, abn'
    return [{ path: 'strategy', message: `expected exactly one of ${known}, got ${names.join(', ') || 'none'}` }]
  }
  const [name] = names as [StrategyName]
  if (name === 'abn') return contestFaults(spec)
  if (spec.challenger === undefined) return [{ path: 'challenger', message: 'is required' }]
  if (name === 'canary') return canaryFaults(spec)
  const faults = name === 'progressive' ? progressiveFaults(spec.strategy.progressive!) : []
  if (faults.length > 0) return faults
  const { progressive } = spec.strategy
  if (progressive?.gate === 'each' && spec.analysis === undefined) {
    return [{ path: 'analysis', message: 'is required by gate each' }]
  }
  return []
}

function compileStep (step: Step): PlanStep {
  if (step.setWeight !== undefined) return setWeight(step.setWeight)
  if (step.setMirror !== undefined) return setMirror(step.setMirror)
  if (step.setTarget !== undefined) return { kind: 'setTarget', targeting: step.setTarget }
  if (step.pause === undefined) return { kind: 'analysis' }
  return { kind: 'pause', durationMs: step.pause.duration === undefined ? null : durationMs(step.pause.duration) }
}

function compileProgressive (progressive: Body<'progressive'>, hasAnalysis: boolean): PlanStep[] {
  const { interval, gate } = progressive
  const weights = weightsOf(progressive)
  return weights.flatMap((weight, index): PlanStep[] => [
    setWeight(weight),
    { kind: 'pause', durationMs: durationMs(interval) },
    ...analyses(hasAnalysis && weight < 100 && (gate === 'each' || index === weights.length - 1))
  ])
}

/** Start, start + step, … up to and with the greatest weight. */
function weightsOf ({ stepWeight, startWeight = stepWeight, maxWeight }: Body<'progressive'>): number[] {
  const count = Math.max(0, Math.ceil((maxWeight - startWeight) / stepWeight - 1e-9))
  return Array.from({ length: count + 1 }, (_, index) => Math.min(maxWeight, startWeight + index * stepWeight))
}

/** Nothing but the preview reaches the new version before everything does. */
function compileBlueGreen (
  { preview, mirror, autoPromotion, holdFor }: Body<'blueGreen'>, hasAnalysis: boolean
): PlanStep[] {
  const targeting = preview === undefined
    ? null
    : { rules: [{ when: preview.when, serve: 'challenger' as const }], otherwise: 'champion' as const }
  return [
    ...targeting === null ? [] : [{ kind: 'setTarget' as const, targeting }],
    ...mirror === 0 ? [] : [setMirror(mirror), ...analyses(hasAnalysis)],
    ...autoPromotion ? [] : [{ kind: 'pause' as const, durationMs: null, reason: 'waits for a person to switch' }],
    ...mirror === 0 ? [] : [setMirror(0)],
    ...targeting === null ? [] : [{ kind: 'setTarget' as const, targeting: null }],
    setWeight(100),
    { kind: 'pause', durationMs: durationMs(holdFor), reason: 'the switch is watched' }
  ]
}

function compileFeatureFlag (
  { rules, otherwise, weight, duration }: Body<'featureFlag'>, hasAnalysis: boolean
): PlanStep[] {
  const steps: PlanStep[] = [{ kind: 'setTarget', targeting: { rules, otherwise } }, setWeight(weight)]
  const isCompared = analysisFault(settingAfter(steps, steps.length)) === null
  return [...steps, ...waits(duration), ...analyses(hasAnalysis && isCompared)]
}

function compileDarkLaunch ({ when, mirror, duration }: Body<'darkLaunch'>, hasAnalysis: boolean): PlanStep[] {
  const targeting = { rules: [{ when, serve: 'challenger' as const }], otherwise: 'champion' as const }
  return [
    { kind: 'setTarget', targeting },
    ...mirror === 0 ? [] : [setMirror(mirror)],
    ...waits(duration),
    ...analyses(hasAnalysis && mirror > 0)
  ]
}

function canaryFaults (spec: RolloutSpec): Fault[] {
  const { steps } = spec.strategy.canary!
  const faults: Fault[] = steps.flatMap((step, index) => Object.keys(step).length === 1
    ? []
    : [{
        path: `strategy.canary.steps[${index}]`,
        message: 'expected exactly one of setWeight, setMirror, setTarget, pause, analysis'
      }])
  if (faults.length > 0) return faults
  const compiled = steps.map(compileStep)
  compiled.forEach((step, index) => {
    if (step.kind !== 'analysis') return
    if (spec.analysis === undefined) faults.push({ path: 'analysis', message: 'is required by an analysis step' })
    const message = analysisFault(settingAfter(compiled, index))
    if (message !== null) faults.push({ path: `strategy.canary.steps[${index}]`, message })
  })
  return faults
}

function progressiveFaults (progressive: Body<'progressive'>): Fault[] {
  const path = 'strategy.progressive'
  const { stepWeight, startWeight = stepWeight, maxWeight } = progressive
  if (startWeight > maxWeight) {
    return [{ path: `${path}.maxWeight`, message: `must not be less than the first weight, ${startWeight}` }]
  }
  if (startWeight === 0) return [{ path: `${path}.startWeight`, message: 'must be above 0' }]
  const count = (maxWeight - startWeight) / stepWeight
  return count <= STEPS_MAX ? [] : [{ path: `${path}.stepWeight`, message: `makes more than ${STEPS_MAX} steps` }]
}

function setWeight (percent: number): PlanStep {
  return { kind: 'setWeight', weightBps: Math.round(percent * 100) }
}

function setMirror (percent: number): PlanStep {
  return { kind: 'setMirror', mirrorBps: Math.round(percent * 100) }
}

function waits (duration: string | number | undefined): PlanStep[] {
  return duration === undefined ? [] : [{ kind: 'pause', durationMs: durationMs(duration) }]
}

function analyses (isWanted: boolean): PlanStep[] {
  return isWanted ? [{ kind: 'analysis' }] : []
}
