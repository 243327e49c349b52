import type { AnalysisSpec, MetricSpec } from '../../../evaluators/verdict.js'
import { durationMs } from './duration.js'
import type { AnalysisDocument, MetricDocument } from './schema.js'

/** What `decide` needs of an analysis. Pure. */
export function compileAnalysis (analysis: AnalysisDocument): AnalysisSpec {
  const { alpha, mode, minSamples, plannedSamples, maxDuration, maxSamples } = analysis
  const budget = {
    ...maxSamples === undefined ? {} : { samplesMax: maxSamples },
    ...maxDuration === undefined ? {} : { durationMs: durationMs(maxDuration) }
  }
  const spec = { alpha, mode, minSamples, plannedSamples, metrics: analysis.metrics.map(compileMetric) }
  return Object.keys(budget).length === 0 ? spec : { ...spec, budget }
}

function compileMetric ({ limit, direction = 'down', ...metric }: MetricDocument): MetricSpec {
  const limited = limit === undefined ? metric : { ...metric, limitMs: durationMs(limit) }
  return { ...limited, direction } as MetricSpec
}
