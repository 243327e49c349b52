import type { TSchema } from 'typebox'
import { Settings } from 'typebox/system'
import { Value } from 'typebox/value'
import { RegistryError } from '../errors.js'
import { sizeFaults } from './sizes.js'

const FAULTS_MAX = 50

/** Documents that people may write by hand, and how it is called when one of them is wrong. */
const CODES = {
  'serving.json': 'SERVING_INVALID', 'dataset.json': 'DATASET_INVALID', 'the remote model': 'SERVING_INVALID'
} as const
type DocumentName = keyof typeof CODES

/** @throws RegistryError SERVING_INVALID, DATASET_INVALID */
export function parseJson (text: string, name: DocumentName = 'serving.json'): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RegistryError(CODES[name], `${name} is not JSON: ${(error as Error).message}`, { cause: error })
  }
}

/** Throws one error that lists every fault. @throws RegistryError SERVING_INVALID, DATASET_INVALID */
export function refuseFaults (faults: readonly string[], name: DocumentName = 'serving.json'): void {
  if (faults.length > 0) throw new RegistryError(CODES[name], `${name}: ${faults.join('; ')}`)
}

/** What of a document a schema does not allow: one sentence per path, at most {@link FAULTS_MAX}. */
export function schemaFaults (schema: TSchema, value: unknown): string[] {
  const large = sizeFaults(schema, value, FAULTS_MAX)
  if (large.length > 0) return large
  const { maxErrors } = Settings.Get()
  Settings.Set({ maxErrors: FAULTS_MAX })
  try {
    return [...new Set(Value.Errors(schema, value).flatMap(describeFault))]
  } finally {
    Settings.Set({ maxErrors })
  }
}

function describeFault (error: ReturnType<typeof Value.Errors>[number]): string[] {
  const { instancePath: path, keyword } = error
  if (keyword === 'additionalProperties') return [] // each such field is also reported by itself, as 'boolean'
  if (keyword === 'boolean') return [`${path} is not a known field`]
  if (keyword === 'required') return error.params.requiredProperties.map((name) => `${path}/${name} is missing`)
  if (keyword === 'enum') return [`${path} must be one of ${error.params.allowedValues.map(String).join(', ')}`]
  if (keyword === 'const') return [`${path} must be ${JSON.stringify(error.params.allowedValue)}`]
  return [`${path === '' ? 'the document' : path} ${error.message}`]
}
