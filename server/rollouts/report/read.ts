import type { AuditStore } from '../../../registry/audit.js'
import { RegistryError } from '../../../registry/errors.js'
import type { RolloutStore } from '../../../registry/rollouts/store.js'
import { settingAfter } from '../plan.js'
import { parseRolloutSpec } from '../spec.js'
import { buildReport } from './build.js'
import { reportAsHtml } from './html.js'
import { reportAsMarkdown } from './markdown.js'
import { thin } from './thin.js'
import type { RolloutReport } from './model.js'

/** What a report is read from. */
export interface ReportRegistry {
  readonly rollouts: Pick<RolloutStore, 'get' | 'history' | 'verdictNumbers' | 'verdictSaid' | 'verdict' | 'countVerdicts'>
  readonly audit: () => Pick<AuditStore, 'list'>
  readonly show: (model: string, version: string) => { readonly digest: string }
}

export const REPORT_FORMATS = ['md', 'html', 'json'] as const
export type ReportFormat = typeof REPORT_FORMATS[number]

const AUDIT_ENTRIES_MAX = 100_000

/** Verdicts that a report shows: the first, the last, those that moved the rollout, and some of the others, evenly. */
const VERDICTS_SHOWN = 500

/**
 * Tells a rollout from the registry alone. Evidence is large, so only that of two verdicts is read.
 * @throws RegistryError ROLLOUT_NOT_FOUND
 */
export function readReport (
  registry: ReportRegistry, id: string, now: number, verdictsShown = VERDICTS_SHOWN
): RolloutReport {
  const { rollouts } = registry
  const row = rollouts.get(id)
  const numbers = rollouts.verdictNumbers(id)
  const verdictOf = (one: { number: number } | undefined) => one === undefined ? null : rollouts.verdict(id, one.number)
  const shown = thin(numbers, verdictsShown, ({ acted }) => acted)
  const entries = registry.audit().list({ subject: id, limit: AUDIT_ENTRIES_MAX })
  return buildReport({
    row,
    history: rollouts.history(id),
    said: shown.map(({ number }) => rollouts.verdictSaid(id, number)).filter((said) => said !== null),
    last: verdictOf(numbers.at(-1)),
    lastActed: verdictOf(numbers.findLast(({ acted }) => acted)),
    counts: rollouts.countVerdicts(id),
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
