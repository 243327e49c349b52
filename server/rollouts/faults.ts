import { type Static, type TSchema } from 'typebox'
import { Settings } from 'typebox/system'
import { Value } from 'typebox/value'
import { type Fault, SpecError } from './spec-error.js'

/** By default only the first few faults of a document are reported. */
Settings.Set({ maxErrors: 1_000 })

/**
 * Fills defaults and checks a document against a schema.
 * @throws SpecError naming each wrong path once, with what was expected there
 */
export function parseDocument<Schema extends TSchema> (schema: Schema, document: unknown): Static<Schema> {
  const candidate = Value.Default(schema, structuredClone(document))
  const faults = schemaFaults(schema, candidate)
  if (faults.length > 0) throw new SpecError(faults)
  return candidate as Static<Schema>
}

function schemaFaults (schema: TSchema, candidate: unknown): Fault[] {
  const faults = new Map<string, string>()
  for (const error of Value.Errors(schema, candidate)) {
    const path = dotted(error.instancePath)
    const params = error.params as Record<string, unknown>
    const missing = params['requiredProperties']
    if (Array.isArray(missing)) {
      for (const key of missing as string[]) faults.set(join(path, key), 'is required')
    } else if (error.keyword === 'boolean') {
      faults.set(path, 'is not a known field')
    } else if (error.keyword !== 'additionalProperties' && !(faults.has(path) && error.keyword === 'const')) {
      const allowed = Array.isArray(params['allowedValues']) ? params['allowedValues'] as unknown[] : []
      faults.set(path, describe(error.keyword, error.message, lookup(schema, error.schemaPath), allowed))
    }
  }
  return withoutParents(faults)
}

/** A union that fails reports itself and its branches; the deepest place says most. */
function withoutParents (faults: ReadonlyMap<string, string>): Fault[] {
  const paths = [...faults.keys()]
  return paths
    .filter((path) => !paths.some((other) => other !== path && (path === '' || other.startsWith(`${path}.`) || other.startsWith(`${path}[`))))
    .map((path) => ({ path, message: faults.get(path)! }))
}

function describe (
  keyword: string, message: string, place: Record<string, unknown> | null, allowed: readonly unknown[]
): string {
  if (keyword === 'enum') return `must be one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}`
  if (keyword === 'anyOf' || keyword === 'const') {
    const branches = place?.['anyOf'] as { const?: unknown }[] | undefined
    const values = branches?.map((branch) => branch.const).filter((value) => value !== undefined)
    if (values !== undefined && values.length > 0) return `must be one of ${values.map((v) => JSON.stringify(v)).join(', ')}`
  }
  if (keyword === 'const' && place?.['const'] !== undefined) return `must be ${JSON.stringify(place['const'])}`
  const description = place?.['description']
  return typeof description === 'string' ? `${message}: ${description}` : message
}

function lookup (schema: TSchema, schemaPath: string): Record<string, unknown> | null {
  let place: unknown = schema
  for (const part of schemaPath.replace(/^#\/?/, '').split('/').filter((p) => p !== '')) {
    if (typeof place !== 'object' || place === null) return null
    place = (place as Record<string, unknown>)[part]
    if ((place as { anyOf?: { const?: unknown }[] } | undefined)?.anyOf?.[0]?.const !== undefined) break
  }
  return typeof place === 'object' ? place as Record<string, unknown> : null
}

function dotted (pointer: string): string {
  return pointer.split('/').slice(1).reduce((path, part) => /^\d+$/.test(part) ? `${path}[${part}]` : join(path, part), '')
}

function join (path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}
