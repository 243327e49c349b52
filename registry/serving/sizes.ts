/** What of a JSON Schema says how large a value may be, and what is in it. */
interface SizedSchema {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, SizedSchema>>
  readonly additionalProperties?: unknown
  readonly maxProperties?: number
  readonly items?: SizedSchema
  readonly maxItems?: number
  readonly anyOf?: readonly SizedSchema[]
}

/** Up to so many members everything is looked at one by one, so that all faults are told at once. */
const MANY = 1_000
const SCALARS = new Set(['string', 'number', 'integer', 'boolean'])

/**
 * What is wrong with the large parts of a document, at most `max` sentences: more members than allowed, many unknown
 * fields, long lists of the wrong things. It takes a fraction of what a validator takes that describes each member, so
 * it comes first; a document of modest size has no such faults. O(members).
 */
export function sizeFaults (schema: object, document: unknown, max: number): string[] {
  const faults: string[] = []
  const waiting: Array<{ schema: SizedSchema, value: unknown, path: string }> = [{ schema, value: document, path: '' }]
  for (let next = waiting.pop(); next !== undefined && faults.length < max; next = waiting.pop()) {
    const { schema: { properties = {}, items }, value, path } = next
    if (Array.isArray(value)) {
      const found = listFaults(next.schema, value, path)
      faults.push(...found)
      if (found.length > 0 || items === undefined || scalarsOf(items) !== null) continue
      value.forEach((each: unknown, index) => waiting.push({ schema: items, value: each, path: `${path}/${index}` }))
    } else if (typeof value === 'object' && value !== null) {
      faults.push(...objectFaults(next.schema, value, path, max - faults.length))
      for (const [name, inner] of Object.entries(properties)) {
        if (Object.hasOwn(value, name)) {
          waiting.push({ schema: inner, value: (value as Record<string, unknown>)[name], path: `${path}/${name}` })
        }
      }
    }
  }
  return faults
}

function listFaults ({ items, maxItems = Infinity }: SizedSchema, list: readonly unknown[], path: string): string[] {
  if (list.length > maxItems) return [`${path} must not have more than ${maxItems} items`]
  const scalars = items === undefined || list.length <= MANY ? null : scalarsOf(items)
  const wrong = scalars === null ? -1 : list.findIndex((each) => !scalars.has(typeof each))
  return wrong < 0 ? [] : [`${path}/${wrong} must be ${[...scalars ?? []].join(' or ')}`]
}

function objectFaults (
  { properties = {}, additionalProperties, maxProperties = Infinity }: SizedSchema, value: object, path: string,
  max: number
): string[] {
  const names = Object.keys(value)
  if (names.length > maxProperties && names.length > MANY) return [`${path} must not have more than ${maxProperties} properties`]
  if (additionalProperties !== false || names.length <= MANY) return []
  return names.filter((name) => !Object.hasOwn(properties, name)).slice(0, max)
    .map((name) => `${path}/${name} is not a known field`)
}

/** The types of JavaScript that a schema of plain values allows; null for any other schema. */
function scalarsOf ({ type, anyOf = [] }: SizedSchema): Set<string> | null {
  const types = type === undefined ? anyOf.flatMap((each) => each.type ?? '') : [type].flat()
  if (types.length === 0 || !types.every((each) => SCALARS.has(each))) return null
  return new Set(types.map((each) => each === 'integer' ? 'number' : each))
}
