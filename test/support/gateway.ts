import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as Models from '../../models/inspect.js'
import { Registry } from '../../registry/registry.js'
import { loadConfig } from '../../server/config.js'
import type * as Server from '../../server/gateway.js'
import type { RolloutView } from '../../server/routes/rollout-view.js'
import { importCompiled } from './compiled.js'
import { writeLookup } from './lookup-model.js'

/** A reply as tests look at it. */
export interface Reply { readonly status: number, readonly headers: Headers, readonly json: never }

/** A data folder of its own, removed at the end. */
export function temporaryDataDir (): { dataDir: string, remove: () => void } {
  const dataDir = mkdtempSync(join(tmpdir(), 'gauntlet-test-'))
  return { dataDir, remove: () => { rmSync(dataDir, { recursive: true, force: true }) } }
}

/** Publishes versions of the model `lookup`: `scales` by version; a version called `broken` fails on indices above 0. */
export async function publishLookups (dataDir: string, scales: Readonly<Record<string, number>>, champion?: string): Promise<void> {
  const { inspectModel } = await importCompiled<typeof Models>('models/inspect.js')
  const registry = Registry.open({ dataDir, now: Date.now })
  try {
    for (const [version, scale] of Object.entries(scales)) {
      const path = writeLookup(join(dataDir, 'sources'), version, scale, version === 'broken' ? 1 : 10)
      await registry.publish({ path, name: 'lookup', version, actor: 'test', ...version === champion ? { alias: 'champion' } : {} }, inspectModel)
    }
  } finally {
    registry.close()
  }
}

/** Publishes once, and gives a function that makes a data folder of that content: publishing runs a process per version. */
export async function publishedTemplate (scales: Readonly<Record<string, number>>, champion: string): Promise<ReturnType<typeof temporaryDataDir> & { copy: () => ReturnType<typeof temporaryDataDir> }> {
  const template = temporaryDataDir()
  await publishLookups(template.dataDir, scales, champion)
  const copy = (): ReturnType<typeof temporaryDataDir> => {
    const folder = temporaryDataDir()
    cpSync(template.dataDir, folder.dataDir, { recursive: true })
    return folder
  }
  return { ...template, copy }
}

/** A real gateway in this process, on a free port. */
export async function runGateway (dataDir: string, settings: Readonly<Record<string, unknown>> = {}): Promise<Server.Gateway> {
  const { startGateway } = await importCompiled<typeof Server>('server/gateway.js')
  const gateway = await startGateway(loadConfig({}, { dataDir, port: 0, analysisIntervalMs: 50, registryPollMs: 50, ...settings }), () => {})
  await gateway.settled
  return gateway
}

/** Calls a gateway. A body that is not a string is sent as JSON. */
export async function call (url: string, path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}, method?: string): Promise<Reply> {
  const response = await fetch(`${url}${path}`, {
    method: method ?? (body === undefined ? 'GET' : 'POST'),
    headers: { ...body === undefined ? {} : { 'content-type': 'application/json' }, ...headers },
    ...body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: (/json/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text) as never }
}

/** Asks the lookup model for `index` in a session. */
export async function ask (url: string, index: number, session: string | null, more: Readonly<Record<string, string>> = {}): Promise<{ status: number, value: number, arm: string | null, assignment: string | null, version: string | null, requestId: string }> {
  const body = { inputs: [{ name: 'index', datatype: 'INT64', shape: [1], data: [index] }] }
  const reply = await call(url, '/v2/models/lookup/infer', body, { ...session === null ? {} : { 'x-session-id': session }, ...more })
  const { outputs } = reply.json as { outputs?: { data: number[] }[] }
  const header = (name: string): string | null => reply.headers.get(name)
  return {
    status: reply.status,
    value: outputs?.[0]?.data[0] ?? NaN,
    arm: header('x-gauntlet-arm'),
    assignment: header('x-gauntlet-assignment'),
    version: header('x-gauntlet-version'),
    requestId: header('x-request-id') ?? ''
  }
}

/** Starts a rollout and gives its first view. Unless asked for, none leaves a post-mortem, which takes a thread. */
export async function startRollout (url: string, document: Readonly<Record<string, unknown>>): Promise<RolloutView> {
  const reply = await call(url, '/api/rollouts', { postMortem: 'never', ...document })
  if (reply.status !== 201) throw new Error(`${reply.status}: ${JSON.stringify(reply.json)}`)
  return reply.json
}

/** The rollout as it is now. */
export async function rolloutOf (url: string, id: string): Promise<RolloutView> {
  return (await call(url, `/api/rollouts/${id}`)).json
}
