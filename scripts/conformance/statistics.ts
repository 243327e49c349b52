import type { Compute, Format } from './format.js'
import type { Report, Tolerance } from './report.js'
import { classificationStatistics } from './statistics/classification.js'
import { driftStatistics } from './statistics/drift.js'
import { sequenceStatistics } from './statistics/sequences.js'
import { testStatistics } from './statistics/tests.js'

interface Case { readonly id: string, readonly input: Record<string, unknown>, readonly expected: unknown }
interface Statistic { readonly convention: string, readonly tolerance: Tolerance, readonly cases: readonly Case[] }

const STATISTICS: Readonly<Record<string, Compute>> = {
  ...driftStatistics, ...testStatistics, ...classificationStatistics, ...sequenceStatistics
}

/** Statistics with their cases; each states its convention and tolerance. */
export const statistics: Format = {
  name: 'statistics',
  recognises (parsed) {
    const found = 'document' in parsed ? (parsed.document as { statistics?: unknown } | null)?.statistics : undefined
    return typeof found === 'object' && found !== null && !Array.isArray(found)
  },
  check (parsed, report) {
    if (!('document' in parsed)) return
    const file = parsed.document as { statistics: Record<string, Statistic> }
    for (const [name, statistic] of Object.entries(file.statistics)) checkStatistic(report, name, statistic)
  }
}

function checkStatistic (report: Report, name: string, { cases, tolerance }: Statistic): void {
  const section = report.section(name)
  const compute = STATISTICS[name]
  for (const { id, input, expected } of cases) {
    if (compute === undefined) {
      section.fail(id, expected, 'unknown statistic')
      continue
    }
    try {
      section.compare(id, compute(input), expected, tolerance)
    } catch (error) {
      section.fail(id, expected, String(error))
    }
  }
}
