/** What one look at the machine or the data folder found. */
export interface Check {
  readonly name: string
  /** `warn` heals itself or can wait; `fail` keeps the gateway from working. */
  readonly state: 'ok' | 'warn' | 'fail'
  readonly detail: string
  /** What to do about it; null when there is nothing to do. */
  readonly advice: string | null
}

type Found = Omit<Check, 'name'>

/** One thing to look at; what it throws is a failure. */
export interface Probe { readonly name: string, readonly look: () => Promise<Found> | Found }

/** Nothing to do. */
export function fine (detail: string): Found {
  return { state: 'ok', detail, advice: null }
}

/** It works, but should not stay so. */
export function odd (detail: string, advice: string): Found {
  return { state: 'warn', detail, advice }
}

/** It does not work. */
export function broken (detail: string, advice: string): Found {
  return { state: 'fail', detail, advice }
}

/** Looks at one thing after the other, for they may use the same. */
export async function lookAtAll (probes: readonly Probe[]): Promise<Check[]> {
  const checks: Check[] = []
  for (const { name, look } of probes) {
    try {
      checks.push({ name, ...await look() })
    } catch (error) {
      checks.push({ name, ...broken((error as Error).message, 'see the message; gauntlet cannot work before') })
    }
  }
  return checks
}
