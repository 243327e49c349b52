import { Environment } from '@marcbachmann/cel-js'
import { type KeyCarrier, readSource, type ValueSource } from './affinity-key.js'

/** What becomes of a request: the challenger answers, the champion does, or the weight decides. */
export type Serve = 'challenger' | 'champion' | 'split'

/** A condition over the attributes of a request, in the Common Expression Language, and what it leads to. */
export interface TargetingRule { readonly when: string, readonly serve: Serve }

/** Rules in order, the first that holds decides; `otherwise` where none does. */
export interface Targeting { readonly rules: readonly TargetingRule[], readonly otherwise: Serve }

/** Where an attribute of a request is found; all values are texts, absent ones the empty text. */
export interface Attribute { readonly name: string, readonly source: ValueSource }

/** Says what the rules make of a request. */
export type Aim = (carrier: KeyCarrier) => Serve

/** Longer attribute values count as absent; a bound on the work that a condition can make. UTF-16 code units. */
const VALUE_LENGTH_MAX = 1_024
const LIMITS = { maxAstNodes: 2_000, maxDepth: 50, maxListElements: 1_000, maxMapEntries: 1_000, maxCallArguments: 32 }
const NAME = /^[a-z][A-Za-z0-9_]{0,63}$/

/** Why an attribute cannot have this name; null when it can. */
export function attributeNameFault (name: string): string | null {
  if (!NAME.test(name)) return 'expected a lower-case letter followed by letters, digits and _'
  try {
    new Environment().registerVariable(name, 'string')
    return null
  } catch {
    return 'is a word of the rule language'
  }
}

/** Why a condition cannot be used with these attributes; null when it parses, fits their types and is true or false. */
export function conditionFault (condition: string, names: readonly string[]): string | null {
  const { valid, type, error } = environment(names).check(condition)
  if (!valid) return firstLine(error?.message ?? 'is not a condition')
  return type === 'bool' ? null : `must be true or false, and is a ${String(type)}`
}

/**
 * Compiles rules once, so that a request costs no parsing. A condition that fails for a request does not hold for it.
 * @throws Error for conditions that `conditionFault` refuses
 */
export function compileTargeting ({ rules, otherwise }: Targeting, attributes: readonly Attribute[]): Aim {
  const environs = environment(attributes.map(({ name }) => name))
  const compiled = rules.map(({ when, serve }) => ({ holds: environs.parse(when), serve }))
  return (carrier) => {
    const values = valuesOf(attributes, carrier)
    for (const { holds, serve } of compiled) {
      if (isTrue(holds, values)) return serve
    }
    return otherwise
  }
}

function valuesOf (attributes: readonly Attribute[], carrier: KeyCarrier): Record<string, string> {
  const values: Record<string, string> = {}
  for (const { name, source } of attributes) {
    const value = readSource(source, carrier) ?? ''
    values[name] = value.length > VALUE_LENGTH_MAX ? '' : value
  }
  return values
}

function isTrue (holds: (context: Record<string, string>) => unknown, values: Record<string, string>): boolean {
  try {
    return holds(values) === true
  } catch {
    return false
  }
}

function environment (names: readonly string[]): Environment {
  const environs = new Environment({ unlistedVariablesAreDyn: false, limits: LIMITS })
  for (const name of names) environs.registerVariable(name, 'string')
  return environs
}

function firstLine (message: string): string {
  return (message.split('\n')[0] ?? '').trim()
}
