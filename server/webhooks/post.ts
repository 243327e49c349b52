/** How an attempt ended. */
export type Posted =
  | { readonly isDelivered: true }
  | {
    readonly isDelivered: false
    readonly error: string
    /** The receiver says that it wants no more (410): to try again is of no use. */
    readonly isGone: boolean
    /** What the receiver asks to wait; 0 when it does not say. */
    readonly retryAfterMs: number
  }

export interface PostOptions {
  readonly headers: Record<string, string>
  readonly body: string
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly now: () => number
}

/** One attempt. Only 2xx counts; redirects are not followed, and what the answer says is not read. Never throws. */
export async function post (url: string, { headers, body, timeoutMs, signal, now }: PostOptions): Promise<Posted> {
  // Not `AbortSignal.any`: what it makes of a signal that lives long is kept as long, in Node 20.
  const attempt = new AbortController()
  const abandon = (): void => { attempt.abort() }
  signal.addEventListener('abort', abandon, { once: true })
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    abandon()
  }, timeoutMs)
  try {
    if (signal.aborted) abandon()
    const response = await fetch(url, { method: 'POST', redirect: 'manual', headers, body, signal: attempt.signal })
    await response.body?.cancel()
    if (response.ok) return { isDelivered: true }
    const { status } = response
    const retryAfterMs = waitOf(response.headers.get('retry-after'), now())
    return { isDelivered: false, error: `answered ${status}`, isGone: status === 410, retryAfterMs }
  } catch (error) {
    const { message, cause } = error as Error
    const told = isLate ? `no answer within ${timeoutMs} ms` : (cause as Error | undefined)?.message || message
    return { isDelivered: false, error: told, isGone: false, retryAfterMs: 0 }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abandon)
  }
}

/** `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3). */
function waitOf (header: string | null, now: number): number {
  if (header === null) return 0
  const wait = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - now
  return Number.isFinite(wait) ? Math.max(0, wait) : 0
}

/**
 * How long to wait behind failed attempt `attempts` (from 1): doubling from `firstMs` to `maxMs`, of which between a
 * half and all, so that many that failed together do not come back together. Pure.
 * @param random 0 to 1
 */
export function retryDelayMs (
  attempts: number, { firstMs, maxMs }: { firstMs: number, maxMs: number }, random: number
): number {
  const full = Math.min(maxMs, firstMs * 2 ** (attempts - 1))
  return Math.round(full * (0.5 + random / 2))
}
