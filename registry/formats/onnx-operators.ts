import { RegistryError } from '../errors.js'
import { quote } from '../names.js'

/** How often each operator is used; the key is the JSON of domain, type and overload. */
export type OperatorCounts = ReadonlyMap<string, number>

/** A function that the model defines itself: the operator it makes, and those its body uses. */
export interface OnnxFunction { readonly operator: string, readonly operators: OperatorCounts }

/** The domains whose operators ONNX Runtime brings along. */
const RUNTIME_DOMAINS: ReadonlySet<string> = new Set([
  '', 'ai.onnx', 'ai.onnx.ml', 'ai.onnx.training', 'ai.onnx.preview', 'ai.onnx.preview.training',
  'com.microsoft', 'com.microsoft.nchwc', 'com.ms.internal.nhwc'
])

export interface OperatorLimits { readonly allowedOperatorDomains: readonly string[], readonly nodesMax: number }

/**
 * Refuses operators that would need code of somebody else, functions that call each other in a circle, and functions
 * that unfold to more nodes than a model may have: the runtime unfolds every call. Cost: linear in distinct operators.
 * @param path what the file is called in messages
 * @throws RegistryError SOURCE_INVALID
 */
export function checkOperators (
  path: string, { operators, functions }: { operators: OperatorCounts, functions: readonly OnnxFunction[] },
  { allowedOperatorDomains, nodesMax }: OperatorLimits
): void {
  const refuse = (what: string): RegistryError => new RegistryError('SOURCE_INVALID', `${quote(path)} is refused: ${what}`)
  const bodies = new Map(functions.map((item) => [item.operator, item.operators]))
  if (bodies.size < functions.length) throw refuse('it defines a function twice')
  const allowed = new Set([...RUNTIME_DOMAINS, ...allowedOperatorDomains])
  for (const operator of [operators, ...bodies.values()].flatMap((counts) => [...counts.keys()])) {
    const [domain, type] = parse(operator)
    if (type === 'EPContext' && domain === 'com.microsoft') {
      throw refuse('an EPContext node names a compiled file for one device, which cannot be checked')
    }
    if (allowed.has(domain) || bodies.has(operator)) continue
    throw refuse(`the operator ${quote(type)} of the domain ${quote(domain)} is not one of the runtime's own and would run ` +
      `somebody's code; export the model without it, or publish with --allow-domain ${quote(domain)}`)
  }
  const unfolded = unfold(operators, bodies, nodesMax, refuse)
  if (unfolded > nodesMax) throw refuse(`its functions unfold to more than ${nodesMax} nodes`)
}

/** Nodes of a graph once every call is replaced by the body of its function; not recursive, so that depth is free. */
function unfold (
  graph: OperatorCounts, bodies: ReadonlyMap<string, OperatorCounts>, nodesMax: number,
  refuse: (what: string) => RegistryError
): number {
  const sizes = new Map<string, number>()
  const open = new Set<string>()
  const sizeOf = (counts: OperatorCounts): number => [...counts].reduce((sum, [operator, count]) =>
    Math.min(nodesMax + 1, sum + count * (sizes.get(operator) ?? 1)), 0)
  const stack = [...graph.keys()].filter((operator) => bodies.has(operator))
  for (let operator = stack.at(-1); operator !== undefined; operator = stack.at(-1)) {
    const body = bodies.get(operator) as OperatorCounts
    const called = sizes.has(operator) ? [] : [...body.keys()]
    const missing = called.filter((inner) => bodies.has(inner) && !sizes.has(inner))
    if (missing.length === 0) {
      sizes.set(operator, sizeOf(body))
      open.delete(operator)
      stack.pop()
      continue
    }
    if (open.has(operator) || missing.includes(operator)) throw refuse(`the function ${quote(parse(operator)[1])} calls itself, perhaps through others`)
    open.add(operator)
    stack.push(...missing)
  }
  return sizeOf(graph)
}

function parse (operator: string): [domain: string, type: string] {
  return JSON.parse(operator) as [string, string]
}
