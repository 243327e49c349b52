import type { AnalysisSpec, MetricSpec } from '../../../evaluators/verdict.js'
import { agreementKey } from '../../traffic/pairs.js'
import type { Agreement } from '../agreement.js'
import { durationMs } from './duration.js'
import type { AnalysisDocument, MetricDocument } from './schema.js'

const ZERO_TO_ONE = { min: 0, max: 1 }
const TOLERANCE_DEFAULT = 1e-3

/** What `decide` needs of an analysis. Pure. */
export function compileAnalysis (analysis: AnalysisDocument): AnalysisSpec {
  const { alpha, mode, minSamples, plannedSamples, maxDuration, maxSamples } = analysis
  const budget = {
    ...maxSamples === undefined ? {} : { samplesMax: maxSamples },
    ...maxDuration === undefined ? {} : { durationMs: durationMs(maxDuration) }
  }
  const spec = { alpha, mode, minSamples, plannedSamples, metrics: (analysis.metrics ?? []).map(compileMetric) }
  return Object.keys(budget).length === 0 ? spec : { ...spec, budget }
}

/** How each metric of source agreement compares two answers. */
export interface MetricAgreement extends Agreement { readonly name: string }

/** The agreements an analysis asks for. Pure. */
export function compileAgreements (analysis: AnalysisDocument | undefined): MetricAgreement[] {
  return (analysis?.metrics ?? []).filter(({ source }) => source === 'agreement').map((metric) => {
    const { name, output, method, tolerance = TOLERANCE_DEFAULT } = metric
    return { name, tolerance, ...output === undefined ? {} : { output }, ...method === undefined ? {} : { method } }
  })
}

/** Agreement is a score of 0..1 of each mirrored pair, and what is missing to 1 is the effect. */
function compileMetric (document: MetricDocument): MetricSpec {
  const { limit, direction, window, dryRun, ...more } = document
  const { output: _output, method: _method, tolerance: _tolerance, ...rest } = more
  const metric = dryRun === true ? { ...rest, role: 'monitor' as const } : rest
  if (metric.source === 'agreement') {
    const key = agreementKey(metric.name)
    return { ...metric, source: 'feedback', key, direction: 'up', range: ZERO_TO_ONE } as MetricSpec
  }
  const isBinary = metric.source === 'errors' || limit !== undefined
  return {
    ...metric,
    ...limit === undefined ? {} : { limitMs: durationMs(limit) },
    ...window === undefined ? {} : { windowMs: durationMs(window) },
    direction: direction ?? 'down',
    ...isBinary ? { range: ZERO_TO_ONE } : {}
  } as MetricSpec
}
