import type { Inspection, ModelSource } from './host-spec.js'
import { withHost } from './one-host.js'

export type { Inspection } from './host-spec.js'

const TIMEOUT_MS = 120_000

/**
 * Runs a model host once to learn from the model itself what it takes and gives, and whether requests may be joined.
 * @throws ModelsError LOAD_FAILED when the model cannot be loaded, crashes its host or takes too long
 */
export async function inspectModel (source: ModelSource, timeoutMs = TIMEOUT_MS): Promise<Inspection> {
  const options = { label: 'inspection', work: 'inspecting the model', timeoutMs }
  return await withHost(options, async (ask) => JSON.parse((await ask('inspect', source)).meta) as Inspection)
}
