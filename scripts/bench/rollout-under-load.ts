import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { quantile } from 'simple-statistics'
import { buildModel } from '../support/onnx-builder.js'
import { runLoad } from '../support/load.js'
import { startGateway, stop } from '../support/process.js'
import { publish, requests, writeModel } from './workload.js'

const CONNECTIONS = 32
const WIDTH = 4
const OLD = /^x-gauntlet-version: mlp:1@/im
const FAILOVER = /x-gauntlet-assignment: failover/i

interface RollbackResult {
  /** When the last request that was routed to the challenger was sent, after the answer that told of the breach. */
  readonly lastSentAfterBreachMs: number
  /** When the last of them, all sent before, was answered. */
  readonly lastAnsweredAfterBreachMs: number
  readonly failed: number
  readonly requests: number
}
interface PromotionResult {
  readonly failed: number
  readonly requests: number
  /** When the last answer of the old champion came, after the word was given. */
  readonly settledMs: number
}
interface View { readonly state: string, readonly step: number }
interface LoadingResult { readonly beforeMs: number, readonly duringMs: number, readonly ratio: number }

/**
 * The challenger fails every live request; how long after the breach does the last of its sessions still hear of it?
 */
export async function measureRollback (directory: string): Promise<RollbackResult> {
  await mkdir(directory, { recursive: true })
  const broken = join(directory, 'broken.onnx')
  await writeFile(broken, failingModel())
  await publish(join(directory, 'data'), [await writeModel(directory, [WIDTH, 16, 3], 1), broken])
  const gateway = await startGateway(join(directory, 'data'))
  try {
    const failovers: { readonly sentAt: number, readonly answeredAt: number }[] = []
    const load = runLoad({
      host: '127.0.0.1',
      port: gateway.port,
      connections: CONNECTIONS,
      durationMs: 3_000,
      request: requests('127.0.0.1', WIDTH),
      onResponse: (_status, headers, _body, latencyMs) => {
        const answeredAt = performance.now()
        if (FAILOVER.test(headers)) failovers.push({ sentAt: answeredAt - latencyMs, answeredAt })
      }
    })
    await start(gateway.url, 50, 'rolled-back')
    const { errors, non2xx, requests: count } = await load
    const breachedAt = failovers[BREAKER_MIN_REQUESTS - 1]?.answeredAt ?? NaN
    return {
      lastSentAfterBreachMs: Math.max(0, ...failovers.map(({ sentAt }) => sentAt - breachedAt)),
      lastAnsweredAfterBreachMs: Math.max(0, ...failovers.map(({ answeredAt }) => answeredAt - breachedAt)),
      failed: errors + non2xx,
      requests: count
    }
  } finally {
    await stop(gateway)
  }
}

/** Half of the sessions are on trial when a person promotes: do requests fail, and how long does the old one answer? */
export async function measurePromotion (directory: string): Promise<PromotionResult> {
  const models = [await writeModel(directory, [WIDTH, 16, 3], 1), await writeModel(directory, [WIDTH, 16, 3], 2)]
  await publish(join(directory, 'data'), models)
  const gateway = await startGateway(join(directory, 'data'))
  try {
    const id = await start(gateway.url, 50, 'paused')
    let lastOfOldAt = 0
    const load = runLoad({
      host: '127.0.0.1',
      port: gateway.port,
      connections: CONNECTIONS,
      durationMs: 3_000,
      request: requests('127.0.0.1', WIDTH),
      onResponse: (_status, headers) => { if (OLD.test(headers)) lastOfOldAt = performance.now() }
    })
    await new Promise((resolve) => { setTimeout(resolve, 1_000) })
    const toldAt = performance.now()
    await fetch(`${gateway.url}/api/rollouts/${id}/promote`, { method: 'POST' })
    const { errors, non2xx, requests: count } = await load
    if ((await viewOf(gateway.url, id)).state !== 'promoted') throw new Error('the rollout was not promoted')
    if (lastOfOldAt === 0) throw new Error('no answer of the old champion was seen')
    return { failed: errors + non2xx, requests: count, settledMs: Math.max(0, lastOfOldAt - toldAt) }
  } finally {
    await stop(gateway)
  }
}

/** What the champion's users feel while a 35 MB challenger is loaded and warmed up, beside the seconds before. */
export async function measureLoading (directory: string, times: number): Promise<LoadingResult> {
  const champion = await writeModel(directory, [WIDTH, 16, 3], 1)
  const large = await writeModel(directory, [2_048, 4_096, 100], 1)
  await publish(join(directory, 'data'), [champion, large])
  const gateway = await startGateway(join(directory, 'data'))
  const load = (durationMs: number) => runLoad({ host: '127.0.0.1', port: gateway.port, connections: CONNECTIONS, durationMs, request: requests('127.0.0.1', WIDTH) })
  try {
    await load(1_500)
    const [before, during]: [number[], number[]] = [[], []]
    for (let i = 0; i < times; i++) {
      before.push(...(await load(1_000)).latenciesMs)
      const loaded = load(1_000)
      const id = await start(gateway.url, 0, 'paused')
      during.push(...(await loaded).latenciesMs)
      await fetch(`${gateway.url}/api/rollouts/${id}/rollback`, { method: 'POST' })
    }
    const [beforeMs, duringMs] = [quantile(before, 0.99), quantile(during, 0.99)]
    return { beforeMs, duringMs, ratio: duringMs / beforeMs }
  } finally {
    await stop(gateway)
  }
}

const BREAKER_MIN_REQUESTS = 20

async function start (url: string, weight: number, until: string): Promise<string> {
  const strategy = { canary: { steps: [{ setWeight: weight }, { pause: {} }] } }
  return await openRollout(url, { strategy, allowSignatureChange: true }, ({ state }) => state === until)
}

/** Opens a rollout of version 2 of `mlp` and waits until it is as told; gives its id. */
export async function openRollout (url: string, document: object, until: (view: View) => boolean): Promise<string> {
  const response = await fetch(`${url}/api/rollouts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'mlp', challenger: '2', ...document })
  })
  if (response.status !== 201) throw new Error(await response.text())
  const { id } = await response.json() as { id: string }
  while (!until(await viewOf(url, id))) await new Promise((resolve) => { setTimeout(resolve, 10) })
  return id
}

async function viewOf (url: string, id: string): Promise<View> {
  return await (await fetch(`${url}/api/rollouts/${id}`)).json() as View
}

/** Loads and warms up with zeros, and fails on anything else: an index beyond its table. */
function failingModel (): Uint8Array {
  return buildModel({
    inputs: [{ name: 'input', datatype: 'FP32', shape: ['batch', WIDTH] }],
    outputs: [{ name: 'output', datatype: 'FP32', shape: ['batch', 3] }],
    nodes: [
      { op: 'ReduceSum', inputs: ['input', 'axes'], outputs: ['sum'], attributes: { keepdims: 0 } },
      { op: 'Ceil', inputs: ['sum'], outputs: ['up'] },
      { op: 'Cast', inputs: ['up'], outputs: ['index'], attributes: { to: 7 } },
      { op: 'Gather', inputs: ['table', 'index'], outputs: ['output'] }
    ],
    initializers: [
      { name: 'axes', datatype: 'INT64', shape: [1], data: [1] },
      { name: 'table', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }
    ]
  })
}
