import type { Fault } from '../spec-error.js'
import type { RolloutSpec } from './schema.js'

/** The champion keeps at least this share, for everything is compared with it; per cent. */
const CHAMPION_LEAST = 1

/** What a schema cannot say about a trial of several challengers. */
export function contestFaults (spec: RolloutSpec): Fault[] {
  const { arms } = spec.strategy.abn!
  const path = 'strategy.abn.arms'
  const faults: Fault[] = []
  const add = (place: string, message: string): void => { faults.push({ path: place, message }) }
  arms.forEach(({ version }, index) => {
    if (arms.findIndex((arm) => arm.version === version) < index) add(`${path}[${index}].version`, `${version} is there twice`)
  })
  const sum = arms.reduce((total, { weight }) => total + weight, 0)
  if (sum > 100 - CHAMPION_LEAST) add(path, `weights must leave the champion at least ${CHAMPION_LEAST} %, they add up to ${sum} %`)
  if (spec.challenger !== undefined) add('challenger', 'is not for abn, whose arms name the challengers')
  for (const field of ['gate', 'probes'] as const) {
    if (spec[field] !== undefined) add(field, 'is for one challenger, and abn has several')
  }
  if (spec.affinity.mode !== 'hash') add('affinity.mode', 'must be hash for abn, whose shares never change')
  return [...faults, ...analysisFaults(spec.analysis)]
}

/** What wins must be measurable, within a time or a number of samples, and provably not worse. */
function analysisFaults (analysis: RolloutSpec['analysis']): Fault[] {
  if (analysis === undefined) return [{ path: 'analysis', message: 'is required by abn' }]
  const faults: Fault[] = []
  if (analysis.mode !== 'superiority') faults.push({ path: 'analysis.mode', message: 'must be superiority for abn' })
  if (analysis.maxDuration === undefined && analysis.maxSamples === undefined) {
    faults.push({ path: 'analysis.maxDuration', message: 'this or analysis.maxSamples is required by abn: the horizon' })
  }
  const primaries = (analysis.metrics ?? []).flatMap(({ role, margin, dryRun }, index) =>
    role === 'primary' && dryRun !== true ? [{ index, margin }] : [])
  if (primaries.length !== 1) faults.push({ path: 'analysis.metrics', message: `abn needs exactly one metric of role primary, got ${primaries.length}` })
  for (const { index, margin } of primaries) {
    if (margin === undefined) faults.push({ path: `analysis.metrics[${index}].margin`, message: 'is required by abn' })
  }
  return faults
}
