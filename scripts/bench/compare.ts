import { median, quantileSorted } from 'simple-statistics'
import { runLoad } from '../support/load.js'

/** One side of a comparison. */
export interface Side { readonly name: string, readonly port: number, readonly request: (i: number) => Buffer }

export interface SideResult {
  readonly name: string
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
}

export interface Comparison { readonly baseline: SideResult, readonly candidate: SideResult, readonly ratio: number }

/** `thinkMs`: pause of each connection between an answer and its next request; 0 saturates the server. */
export interface Rounds { readonly rounds: number, readonly durationMs: number, readonly thinkMs?: number }

interface Run { readonly perSecond: number, readonly latencies: Float64Array, readonly failed: number }

const CONNECTIONS = 32

/**
 * Loads two servers in turn, in alternating order, and compares them: the ratio of throughputs is the median over the
 * rounds, each of them measured back to back.
 */
export async function compare (
  baseline: Side,
  candidate: Side,
  { rounds, durationMs, thinkMs = 0 }: Rounds
): Promise<Comparison> {
  const sides = [baseline, candidate]
  for (const side of sides) await load(side, durationMs / 2, thinkMs)
  const runs: Run[][] = [[], []]
  for (let round = 0; round < rounds; round++) {
    for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) {
      runs[index]!.push(await load(sides[index]!, durationMs, thinkMs))
    }
  }
  const ratio = median(runs[1]!.map((run, round) => run.perSecond / runs[0]![round]!.perSecond))
  return { baseline: summarise(baseline.name, runs[0]!), candidate: summarise(candidate.name, runs[1]!), ratio }
}

async function load ({ port, request }: Side, durationMs: number, thinkMs: number): Promise<Run> {
  const result = await runLoad({ host: '127.0.0.1', port, connections: CONNECTIONS, durationMs, request, thinkMs })
  return {
    perSecond: result.requests / result.seconds,
    latencies: result.latenciesMs,
    failed: result.errors + result.non2xx
  }
}

function summarise (name: string, runs: readonly Run[]): SideResult {
  const latencies = runs.flatMap((run) => [...run.latencies]).sort((a, b) => a - b)
  return {
    name,
    perSecond: Math.round(median(runs.map((run) => run.perSecond))),
    p50Ms: quantileSorted(latencies, 0.5),
    p99Ms: quantileSorted(latencies, 0.99),
    failed: runs.reduce((sum, run) => sum + run.failed, 0)
  }
}
