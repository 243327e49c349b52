import { Type, type Static } from 'typebox'
import { Value } from 'typebox/value'
import type { JsonTensor } from '../../models/host-spec.js'

const Element = Type.Union([Type.String(), Type.Number(), Type.Boolean()])
const Expected = Type.Union([Element, Type.Array(Type.Unknown()), Type.Record(Type.String(), Type.Unknown())])

/** One probe, as a row of a file says it. */
export const ProbeSchema = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 256 })),
  model: Type.String({ minLength: 1, maxLength: 128 }),
  version: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  input: Type.Unknown(),
  expect: Type.Optional(Expected),
  tolerance: Type.Number({ minimum: 0, default: 1e-3 }),
  maxLatencyMs: Type.Optional(Type.Number({ exclusiveMinimum: 0 }))
}, { additionalProperties: false })

export type Probe = Static<typeof ProbeSchema>

/** Which field of a row is wrong and what was expected there; null when it is a probe. */
export function probeFault (row: unknown): string | null {
  const [error] = Value.Errors(ProbeSchema, Value.Default(ProbeSchema, structuredClone(row)))
  if (error === undefined) {
    const { expect, maxLatencyMs, input } = row as Probe
    if (input === undefined || input === null) return 'field "input" is missing'
    return expect === undefined && maxLatencyMs === undefined ? 'expected at least one of expect, maxLatencyMs' : null
  }
  const missing = (error.params as { requiredProperties?: string[] }).requiredProperties?.[0]
  if (missing !== undefined) return `field "${missing}" is missing`
  return `field "${error.instancePath.slice(1)}": ${error.message}`
}

/** A row that {@link probeFault} finds nothing wrong with, with its defaults. */
export function parseProbe (row: unknown): Probe {
  return Value.Default(ProbeSchema, structuredClone(row)) as Probe
}

/**
 * A sentence about the first difference between what was expected and the outputs; null when there is none. Expected is
 * the value of the first output, or an object with a value per output; real numbers may differ by
 * `tolerance` * max(1, |expected|), all else must be equal. Pure.
 */
export function findUnexpected (
  expected: NonNullable<Probe['expect']>, tolerance: number, outputs: readonly JsonTensor[]
): string | null {
  if (typeof expected !== 'object' || Array.isArray(expected)) {
    const [first] = outputs
    return first === undefined ? 'there is no output' : differenceOf(first, expected, tolerance)
  }
  for (const [name, value] of Object.entries(expected)) {
    const output = outputs.find((candidate) => candidate.name === name)
    const difference = output === undefined ? `there is no output "${name}"` : differenceOf(output, value, tolerance)
    if (difference !== null) return difference
  }
  return null
}

function differenceOf ({ name, data }: JsonTensor, expected: unknown, tolerance: number): string | null {
  const wanted: unknown[] = Array.isArray(expected) ? expected.flat(16) : [expected]
  if (wanted.length !== data.length) {
    return `output "${name}": expected ${wanted.length} elements, got ${data.length}`
  }
  const at = wanted.findIndex((value, index) => !isEqual(value, data[index], tolerance))
  if (at < 0) return null
  return `output "${name}", element ${at}: expected ${JSON.stringify(wanted[at])}, got ${JSON.stringify(data[at])}`
}

function isEqual (wanted: unknown, got: unknown, tolerance: number): boolean {
  if (typeof wanted !== 'number' || typeof got !== 'number') return wanted === got
  return wanted === got || Math.abs(wanted - got) <= tolerance * Math.max(1, Math.abs(wanted))
}
