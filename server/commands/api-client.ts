import type { RolloutView } from '../routes/rollout-view.js'
import { readServerSentEvents, type ServerSentEvent } from './server-sent-events.js'

/** A refusal by the gateway, or none of it there (`status` 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor (readonly status: number, message: string, options?: ErrorOptions) {
    super(message, options)
  }
}

export interface EventStream {
  readonly events: AsyncIterable<ServerSentEvent>
  /** Ends it, read or not. */
  readonly close: () => void
}

export interface ApiClient {
  get<T> (path: string): Promise<T>
  post<T> (path: string, body: string, contentType: string): Promise<T>
  /** What comes behind `lastEventId`, or from now on; null when the gateway gives no stream here, or no further one. */
  follow (path: string, lastEventId: string | null): Promise<EventStream | null>
}

export type Act = 'pause' | 'resume' | 'skip' | 'off' | 'on' | 'promote' | 'rollback'
export type { RolloutView }

/** Talks to the `/api` of a running gateway. @throws ApiError */
export function apiClient (server: string, actor: string, signal: AbortSignal): ApiClient {
  const send = async (path: string, init: RequestInit): Promise<Response> => {
    const url = new URL(path, server)
    return await fetch(url, { signal, ...init, headers: { ...init.headers, 'x-gauntlet-actor': actor } })
      .catch((error: Error) => {
        throw new ApiError(0, `no gateway answers at ${server}: ${(error.cause as Error | undefined)?.message ?? error.message}`, { cause: error })
      })
  }
  const call = async <T>(path: string, init: RequestInit): Promise<T> => {
    const response = await send(path, init)
    const text = await response.text()
    if (response.ok) return JSON.parse(text) as T
    throw new ApiError(response.status, detailOf(text) ?? `the gateway answered ${response.status}`)
  }
  return {
    get: (path) => call(path, {}),
    post: (path, body, contentType) => call(path, { method: 'POST', body, headers: { 'content-type': contentType } }),
    follow: async (path, lastEventId) => {
      const closing = new AbortController()
      const { ok, headers, body } = await send(path, {
        headers: { accept: 'text/event-stream', ...lastEventId === null ? {} : { 'last-event-id': lastEventId } },
        signal: AbortSignal.any([signal, closing.signal])
      })
      const close = (): void => { closing.abort() }
      const isStream = ok && /^text\/event-stream\b/.test(headers.get('content-type') ?? '')
      if (isStream && body !== null) return { events: readServerSentEvents(body), close }
      close()
      return null
    }
  }
}

function detailOf (text: string): string | null {
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? null
  } catch {
    return null
  }
}
