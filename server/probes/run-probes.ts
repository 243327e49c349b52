import type { JsonTensor } from '../../models/host-spec.js'
import { tensorToJson } from '../../models/json-tensor.js'
import type { TensorSpec } from '../../models/tensor.js'
import { badRow } from '../evaluation/fields.js'
import { withRows } from '../evaluation/open-dataset.js'
import { tensorsOf } from '../rollouts/gate/row-tensors.js'
import { findUnexpected, parseProbe, type Probe, probeFault } from './probe.js'

/** How one probe went; `latencyMs` from the first byte sent to the last one read. */
export interface ProbeResult {
  readonly row: number
  readonly name: string
  readonly passed: boolean
  readonly latencyMs: number
  /** The version that answered, as `name:version@digest`, and the arm of a trial; null when nothing did. */
  readonly version: string | null
  readonly arm: string | null
  /** Why it did not pass. */
  readonly reason: string | null
}

export interface ProbeReport {
  readonly server: string
  readonly probes: number
  readonly failed: number
  readonly results: readonly ProbeResult[]
}

export interface ProbesRequest {
  /** JSONL, or `dataset:NAME[:VERSION|@ALIAS]` of the registry in `dataDir`. */
  readonly path: string
  readonly dataDir: string
  readonly server: string
  /** Sent with every request, such as the key of a session. */
  readonly headers: Readonly<Record<string, string>>
  /** Probes at most, in one file; a longer one is refused. */
  readonly probesMax: number
  readonly lineBytesMax: number
  readonly concurrency: number
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

interface Numbered { readonly row: number, readonly probe: Probe }

/**
 * Sends every probe of a file to a gateway, some at a time. One that is refused, not answered in time or answered in
 * another way has failed.
 * @throws GatewayError NOT_FOUND without the file, BAD_REQUEST naming the row and field that is wrong: then nothing was
 *   sent
 */
export async function runProbes (request: ProbesRequest): Promise<ProbeReport> {
  const probes = await readProbes(request)
  const results: ProbeResult[] = []
  const inputs = new Map<string, Promise<TensorSpec[]>>()
  let next = 0
  const work = async (): Promise<void> => {
    for (let at = next++; at < probes.length; at = next++) {
      request.signal.throwIfAborted()
      results[at] = await runProbe(probes[at]!, request, inputs)
    }
  }
  await Promise.all(Array.from({ length: Math.min(request.concurrency, probes.length) }, work))
  request.signal.throwIfAborted()
  const failed = results.filter(({ passed }) => !passed).length
  return { server: request.server, probes: results.length, failed, results }
}

async function readProbes ({ path, dataDir, lineBytesMax, probesMax, signal }: ProbesRequest): Promise<Numbered[]> {
  return await withRows(path, { dataDir, lineBytesMax, signal }, async (table) => {
    const probes: Numbered[] = []
    for await (const row of table.rows()) {
      const fault = probes.length === probesMax ? `there are more than ${probesMax} probes` : probeFault(row.fields)
      if (fault !== null) throw badRow(table, row, fault)
      probes.push({ row: row.number, probe: parseProbe(row.fields) })
    }
    return probes
  })
}

async function runProbe (
  { row, probe }: Numbered, request: ProbesRequest, known: Map<string, Promise<TensorSpec[]>>
): Promise<ProbeResult> {
  const { model, version, input, expect, tolerance, maxLatencyMs, name = `row ${row}` } = probe
  const path = `/v2/models/${encodeURIComponent(model)}${version === undefined ? '' : `/versions/${encodeURIComponent(version)}`}`
  let startedAt = performance.now()
  const result = { row, name, version: null, arm: null }
  try {
    if (!known.has(path)) known.set(path, inputsOf(path, request))
    const inputs = tensorsOf(input, await known.get(path)!).map(tensorToJson)
    startedAt = performance.now()
    const { json, headers } = await fetchJson(`${path}/infer`, request, JSON.stringify({ inputs }))
    const latencyMs = performance.now() - startedAt
    const outputs = (json as { outputs: JsonTensor[] }).outputs
    const difference = expect === undefined ? null : findUnexpected(expect, tolerance, outputs)
    const isLate = maxLatencyMs !== undefined && latencyMs > maxLatencyMs
    const reason = difference ?? (isLate ? `took ${latencyMs.toFixed(1)} ms, at most ${maxLatencyMs} are allowed` : null)
    const answered = { version: headers.get('x-gauntlet-version'), arm: headers.get('x-gauntlet-arm') }
    return { ...result, ...answered, passed: reason === null, latencyMs, reason }
  } catch (error) {
    return { ...result, passed: false, latencyMs: performance.now() - startedAt, reason: messageOf(error) }
  }
}

/** What a model takes, asked for once. */
async function inputsOf (path: string, request: ProbesRequest): Promise<TensorSpec[]> {
  const { json } = await fetchJson(path, request)
  return (json as { inputs: TensorSpec[] }).inputs
}

async function fetchJson (
  path: string, { server, headers, timeoutMs, signal }: ProbesRequest, body?: string
): Promise<{ json: unknown, headers: Headers }> {
  const response = await fetch(new URL(path, server), {
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    headers: { ...headers, ...body === undefined ? {} : { 'content-type': 'application/json' } },
    ...body === undefined ? {} : { method: 'POST', body }
  })
  const text = await response.text()
  if (response.ok) return { json: JSON.parse(text), headers: response.headers }
  throw new Error(`answered ${response.status}: ${text.slice(0, 1_000)}`)
}

/** What a fetch that failed says is in its cause. */
function messageOf (error: unknown): string {
  const { message, cause } = error as Error & { cause?: Error }
  return cause?.message === undefined || cause.message === '' ? message : `${message}: ${cause.message}`
}
