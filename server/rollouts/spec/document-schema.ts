import { RolloutSpecSchema } from './schema.js'

/**
 * The JSON Schema of rollout documents as people write them: what has a default may be left out. (The schema that the
 * engine goes by is of documents whose defaults have been filled in.)
 */
export function documentSchema (): object {
  const schema = optional(JSON.parse(JSON.stringify(RolloutSpecSchema))) as object
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'Gauntlet rollout', ...schema }
}

function optional (schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(optional)
  if (typeof schema !== 'object' || schema === null) return schema
  const parts = Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, optional(part)]))
  const { properties, required } = parts as { properties?: Record<string, object>, required?: unknown }
  if (properties === undefined || !Array.isArray(required)) return parts
  return { ...parts, required: required.filter((name: string) => !Object.hasOwn(properties[name] ?? {}, 'default')) }
}
