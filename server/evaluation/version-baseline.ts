import { stat } from 'node:fs/promises'
import { parseSketch } from '../../evaluators/drift/parse-sketch.js'
import type { TableSketch } from '../../evaluators/drift/sketch.js'
import { GatewayError } from '../errors.js'

/** `name:version` or `name@alias`; a registry name has no upper case, so a Windows drive is none. */
const REFERENCE = /^[a-z0-9][a-z0-9._/-]*[:@][A-Za-z0-9][A-Za-z0-9._+-]*$/
const DATASET = 'dataset:'

/** Whether a reference means a version of a model: it looks like one, and there is no such file. */
export async function isVersion (text: string): Promise<boolean> {
  if (text.startsWith(DATASET) || !REFERENCE.test(text)) return false
  return await stat(text).then(() => false, () => true)
}

/** A drift baseline, and whose it is. */
export interface VersionBaseline { readonly owner: string, readonly sketch: TableSketch }

/**
 * The drift baseline that was published with a version.
 * @throws GatewayError NOT_FOUND when there is none; RegistryError *_NOT_FOUND, KIND_MISMATCH; EvaluatorError MALFORMED
 */
export async function baselineOfVersion (reference: string, dataDir: string): Promise<VersionBaseline> {
  const { Registry } = await import('../../registry/registry.js')
  const registry = Registry.open({ dataDir, now: Date.now })
  try {
    const { name, version } = registry.resolve(reference)
    const { baseline } = registry.show(name, version).serving
    const owner = `${name}:${version}`
    if (baseline !== undefined) return { owner, sketch: parseSketch(baseline, `${owner} baseline`) }
    throw new GatewayError('NOT_FOUND',
      `${owner} has no drift baseline; expected a version that was published with --baseline`)
  } finally {
    registry.close()
  }
}
