import { validateHeaderValue } from 'node:http'
import { ModelsError } from '../errors.js'
import type { TensorSpec } from '../tensor.js'
import { CallFault } from './http-client.js'
import { NotNow } from './oip.js'
import type { RemoteBackend, RemoteOptions } from './spec.js'

/** An artifact alone opens nothing. @throws ModelsError LOAD_FAILED for an origin that the operator does not allow */
export function refuseForeign (url: string, origins: readonly string[]): void {
  const { origin } = new URL(url)
  if (origins.includes(origin)) return
  throw new ModelsError('LOAD_FAILED',
    `${origin} may not be opened: the operator allows ${origins.length === 0 ? 'no other server' : origins.join(', ')} (GAUNTLET_REMOTE_ORIGINS)`)
}

/** @throws ModelsError LOAD_FAILED naming the variable that is not set, or cannot be sent */
export function headersOf ({ headers = {} }: RemoteBackend, { variable }: RemoteOptions): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, from]) => {
    const value = variable(from)
    if (value === undefined || value === '') throw new ModelsError('LOAD_FAILED', `${from}, for the header ${name}, is not set`)
    try {
      validateHeaderValue(name, value)
    } catch {
      throw new ModelsError('LOAD_FAILED', `${from} has characters that no header can have`)
    }
    return [name, value]
  }))
}

/** @throws ModelsError LOAD_FAILED when the server states another signature than the version has */
export function refuseOther (kind: string, specs: readonly TensorSpec[], found: readonly TensorSpec[]): void {
  for (const { name, datatype, shape } of specs) {
    const there = found.find((spec) => spec.name === name)
    const isFitting = there?.datatype === datatype && there.shape.length === shape.length &&
      shape.every((size, axis) => size === there.shape[axis] || there.shape[axis] === -1 || size === -1)
    if (isFitting) continue
    const said = there === undefined ? 'does not have it' : `has ${there.datatype} [${there.shape.join(', ')}]`
    throw new ModelsError('LOAD_FAILED',
      `the version has the ${kind} "${name}" ${datatype} [${shape.join(', ')}], and the server ${said}`)
  }
}

/**
 * Whether it may be over soon: the server is away, slow or not ready; or, when it has answered before, refuses or does
 * not know the model at the moment. Another model in its place is no passing thing.
 */
export function isPassing (error: Error, hasAnswered: boolean): boolean {
  if (error instanceof ModelsError) return error.code !== 'LOAD_FAILED' && (hasAnswered || error.code !== 'INFERENCE_FAILED')
  return error instanceof NotNow || (error instanceof CallFault && error.kind !== 'too-long')
}

/** Whether the server is gone, so that nobody is answered until it is found again. */
export function isLost (error: unknown): error is NotNow | CallFault {
  return error instanceof NotNow || (error instanceof CallFault && error.kind === 'unreachable')
}
