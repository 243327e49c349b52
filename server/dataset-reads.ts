import type { DatasetReader } from '../registry/datasets/inspection.js'
import type { ReadBaseline } from '../registry/serving/baseline-request.js'

/** What the registry needs reading rows for. What reads them is loaded only when it is used. */
export function lazyDatasetReader (signal: AbortSignal): DatasetReader {
  const reader = async (): Promise<DatasetReader> => {
    const { datasetReader } = await import('./evaluation/read-dataset.js')
    return datasetReader(signal)
  }
  return {
    inspect: async (source) => await (await reader()).inspect(source),
    check: async (source, rules) => { await (await reader()).check(source, rules) }
  }
}

/** What the registry needs reading training data for. What reads and sketches them is loaded only when it is used. */
export function lazyReadBaseline (signal: AbortSignal): ReadBaseline {
  return async (request) => {
    const { readBaseline } = await import('./evaluation/read-baseline.js')
    return await readBaseline(request, signal)
  }
}
