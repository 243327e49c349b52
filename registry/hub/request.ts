import type { HubLimits } from './client.js'
import type { HubSettings } from './settings.js'

/** How a repository of the hub is fetched. */
export interface HubRequest {
  readonly settings: HubSettings
  /** A branch, a tag or a commit; what the source names, or `main`. */
  readonly revision?: string
  readonly limits?: Partial<HubLimits>
  readonly signal?: AbortSignal
  /** Waits so many milliseconds before another attempt. */
  readonly sleep?: (ms: number) => Promise<void>
}
