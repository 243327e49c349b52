import type { RolloutView } from '../routes/rollout-view.js'

/** A refusal by the gateway, or none of it there (`status` 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor (readonly status: number, message: string, options?: ErrorOptions) {
    super(message, options)
  }
}

export interface ApiClient {
  get<T> (path: string): Promise<T>
  post<T> (path: string, body: string, contentType: string): Promise<T>
}

export type Act = 'pause' | 'resume' | 'skip' | 'off' | 'on' | 'promote' | 'rollback'
export type { RolloutView }

/** Talks to the `/api` of a running gateway. @throws ApiError */
export function apiClient (server: string, actor: string, signal: AbortSignal): ApiClient {
  const call = async <T>(path: string, init: RequestInit): Promise<T> => {
    const url = new URL(path, server)
    const response = await fetch(url, { ...init, signal, headers: { ...init.headers, 'x-gauntlet-actor': actor } })
      .catch((error: Error) => {
        throw new ApiError(0, `no gateway answers at ${server}: ${(error.cause as Error | undefined)?.message ?? error.message}`, { cause: error })
      })
    const text = await response.text()
    if (response.ok) return JSON.parse(text) as T
    throw new ApiError(response.status, detailOf(text) ?? `the gateway answered ${response.status}`)
  }
  return {
    get: (path) => call(path, {}),
    post: (path, body, contentType) => call(path, { method: 'POST', body, headers: { 'content-type': contentType } })
  }
}

function detailOf (text: string): string | null {
  try {
    return (JSON.parse(text) as { detail?: string }).detail ?? null
  } catch {
    return null
  }
}
