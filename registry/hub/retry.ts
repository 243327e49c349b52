import { RegistryError } from '../errors.js'

export interface RetryLimits {
  /** In a row without getting on. */
  readonly attemptsMax: number
  /** Before the second attempt; twice as long before each further one. */
  readonly backoffMs: number
  /** The longest that a server may ask for and is given. */
  readonly waitMsMax: number
}

interface RetryContext {
  readonly limits: RetryLimits
  readonly sleep: (ms: number) => Promise<void>
}

/** A fault that another attempt may not meet; how long the server asks to wait before it, if it says so. */
export class Temporary extends Error {
  constructor (message: string, readonly waitMs: number | null = null) {
    super(message)
  }
}

/**
 * Tries until it works or cannot be expected to. `work` says by `gotOn` that an attempt was worth it though it failed.
 * @throws RegistryError SOURCE_UNAVAILABLE naming the last fault; and whatever `work` throws that is not temporary
 */
export async function retrying<Result> (
  { limits: { attemptsMax, backoffMs, waitMsMax }, sleep }: RetryContext, label: string,
  work: (gotOn: () => void) => Promise<Result>
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(() => { attempt = 0 })
    } catch (error) {
      if (!(error instanceof Temporary)) throw error
      const waitMs = error.waitMs ?? backoffMs * 2 ** Math.max(0, attempt - 1)
      if (waitMs > waitMsMax) {
        throw new RegistryError('SOURCE_UNAVAILABLE',
          `the hub asks to wait ${Math.ceil(waitMs / 1000)} s before it gives ${label} (${error.message}); try again then`, { cause: error })
      }
      if (attempt >= attemptsMax) {
        throw new RegistryError('SOURCE_UNAVAILABLE',
          `the hub does not give ${label}: ${error.message}; what has come so far is kept for a day, so try again`, { cause: error })
      }
      await sleep(waitMs)
    }
  }
}

/** Retry-After: seconds or a date. Null when there is none. */
export function waitAsked (headers: Headers, now = Date.now()): number | null {
  const text = headers.get('retry-after')
  if (text === null) return null
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}
