import type { AuditStore } from '../../../registry/audit.js'
import { RegistryError } from '../../../registry/errors.js'
import type { RolloutStore } from '../../../registry/rollouts/store.js'
import { settingAfter } from '../plan.js'
import { parseRolloutSpec } from '../spec.js'
import { buildReport } from './build.js'
import { reportAsHtml } from './html.js'
import { reportAsMarkdown } from './markdown.js'
import type { RolloutReport } from './model.js'

/** What a report is read from. */
export interface ReportRegistry {
  readonly rollouts: Pick<RolloutStore, 'get' | 'history' | 'eachVerdict' | 'countVerdicts'>
  readonly audit: () => Pick<AuditStore, 'list'>
  readonly show: (model: string, version: string) => { readonly digest: string }
}

export const REPORT_FORMATS = ['md', 'html', 'json'] as const
export type ReportFormat = typeof REPORT_FORMATS[number]

const AUDIT_ENTRIES_MAX = 100_000

/** Tells a rollout from the registry alone. @throws RegistryError ROLLOUT_NOT_FOUND */
export function readReport (registry: ReportRegistry, id: string, now: number): RolloutReport {
  const row = registry.rollouts.get(id)
  const entries = registry.audit().list({ subject: id, limit: AUDIT_ENTRIES_MAX })
  return buildReport({
    row,
    history: registry.rollouts.history(id),
    verdicts: registry.rollouts.eachVerdict(id),
    counts: registry.rollouts.countVerdicts(id),
    opened: entries.findLast(({ action }) => action === 'rollout.create') ?? null,
    digests: {
      champion: digestOf(registry, row.model, row.champion),
      challenger: digestOf(registry, row.model, row.challenger)
    },
    mirrorBps: mirrorOf(row.spec),
    now
  })
}

/** A report in one of the formats it is given to people in. Pure. */
export function renderReport (report: RolloutReport, format: ReportFormat): string {
  switch (format) {
    case 'md': return reportAsMarkdown(report)
    case 'html': return reportAsHtml(report)
    case 'json': return `${JSON.stringify(report, null, 2)}\n`
  }
}

/** A version may have been removed since. */
function digestOf (registry: ReportRegistry, model: string, version: string): string | null {
  try {
    return registry.show(model, version).digest
  } catch (error) {
    if (error instanceof RegistryError) return null
    throw error
  }
}

/** A document that this release does not take any more says nothing of mirrors. */
function mirrorOf (spec: unknown): (step: number) => number {
  try {
    const { steps } = parseRolloutSpec(spec)
    return (step) => settingAfter(steps, step).mirrorBps
  } catch {
    return () => 0
  }
}
