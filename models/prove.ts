import type { HostSpec } from './host-spec.js'
import { withHost } from './one-host.js'

const TIMEOUT_MS = 120_000
const THREADS = 1

/**
 * Proves that a version can be served: a model host loads it, warms it up and runs its golden examples, as before it
 * gets traffic, and is ended. O(model).
 * @returns what was odd on the way and is no failure
 * @throws ModelsError LOAD_FAILED naming the example and output that differ, or why it cannot be loaded
 */
export async function proveModel (spec: HostSpec, timeoutMs = TIMEOUT_MS): Promise<string[]> {
  const options = { label: `${spec.name}:${spec.version}`, work: `loading ${spec.name}:${spec.version}`, timeoutMs }
  const { meta } = await withHost(options, (ask) => ask('load', { spec, threads: THREADS }))
  return (JSON.parse(meta) as { warnings: string[] }).warnings
}
