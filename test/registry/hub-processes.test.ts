import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Registry } from '../../registry/registry.js'
import { mlp } from '../../scripts/support/onnx-builder.js'
import { compiledFile } from '../support/compiled.js'
import { startHub, type HubServer } from '../support/hub-server.js'
import { temporaryFolder } from '../support/registry-fixtures.js'
import { eventually } from '../support/wait.js'

const MODEL = Buffer.from(mlp({ sizes: [200, 500, 3], seed: 7 }))
const HALF = Math.floor(MODEL.length / 2)

function start (hub: HubServer, dataDir: string, ...words: string[]): { child: ChildProcess, talk: () => string } {
  let talk = ''
  const child = spawn(process.execPath, [compiledFile('server/main.js'), '--json', '--data-dir', dataDir, 'publish', 'hf:ann/tiny', '--name', 'm', '--version', '1', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HF_ENDPOINT: hub.endpoint, HF_HOME: dataDir, HF_TOKEN: '' }
  })
  child.stderr?.on('data', (chunk) => { talk += chunk })
  onTestFinished(() => { child.kill('SIGKILL') })
  return { child, talk: () => talk }
}

/** How much of the model has come to the disk. */
function bytesKept (dataDir: string): number {
  const tmp = join(dataDir, 'tmp')
  if (!existsSync(tmp)) return 0
  const parts = readdirSync(tmp).map((name) => join(tmp, name, 'parts')).filter(existsSync)
  const sizes = parts.flatMap((folder) => readdirSync(folder).map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0))
  return Math.max(0, ...sizes)
}

describe('gauntlet publish hf:…', () => {
  it('killed with SIGKILL in the middle leaves a whole registry, and the next run fetches no byte twice', async () => {
    const hub = await startHub()
    hub.commit({ 'onnx/model.onnx': MODEL, 'config.json': '{}' })
    const dataDir = temporaryFolder()
    hub.meddle = ({ headers: { host } }, response) => {
      if (host !== new URL(hub.storage).host) return false
      response.writeHead(200, { 'content-length': MODEL.length })
      response.write(MODEL.subarray(0, HALF)) // and nothing more
      return true
    }
    const { child } = start(hub, dataDir)
    await eventually('half of the model is on the disk', () => bytesKept(dataDir) === HALF, 60_000)
    child.kill('SIGKILL')
    await once(child, 'exit')

    const ranges: Array<string | undefined> = []
    hub.meddle = ({ headers: { host, range } }) => {
      if (host === new URL(hub.storage).host) ranges.push(range)
      return false
    }
    hub.seen.length = 0
    const again = start(hub, dataDir)
    let out = ''
    again.child.stdout?.on('data', (chunk) => { out += chunk })
    const [code] = await once(again.child, 'close')

    expect(again.talk()).not.toContain('gauntlet: ')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ status: 'published', name: 'm', version: '1', task: 'tensor' })
    expect(ranges).toEqual([`bytes=${HALF}-`])
    expect(hub.seen.filter(({ url }) => url.endsWith('/config.json'))).toEqual([])
    const registry = Registry.open({ dataDir, now: Date.now })
    onTestFinished(() => registry.close())
    expect((await registry.verify('m', '1')).ok).toBe(true)
    const { directory } = await registry.materialise('m', '1')
    expect(readFileSync(join(directory, 'onnx/model.onnx')).equals(MODEL)).toBe(true)
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
  }, 90_000)

  it('interrupted once ends with 130 and keeps what came', async () => {
    const hub = await startHub()
    hub.commit({ 'onnx/model.onnx': MODEL })
    const dataDir = temporaryFolder()
    hub.meddle = ({ headers: { host } }, response) => {
      if (host !== new URL(hub.storage).host) return false
      response.writeHead(200, { 'content-length': MODEL.length })
      response.write(MODEL.subarray(0, HALF))
      return true
    }
    const { child } = start(hub, dataDir)
    await eventually('half of the model is on the disk', () => bytesKept(dataDir) === HALF, 60_000)
    child.kill('SIGINT')
    expect(await once(child, 'exit')).toEqual([130, null])
    expect(bytesKept(dataDir)).toBe(HALF)
  }, 90_000)

  it('that is gated ends with 5, that is not there with 3, without a network with 8', async () => {
    const hub = await startHub()
    hub.commit({ 'onnx/model.onnx': MODEL })
    const answers: Record<string, [number, Record<string, string>]> = {
      gated: [401, { 'x-error-code': 'GatedRepo' }], absent: [404, { 'x-error-code': 'RepoNotFound' }], busy: [429, { 'retry-after': '9999' }]
    }
    hub.meddle = ({ url = '' }, response) => {
      const [status, headers] = answers[url.slice(url.lastIndexOf('/') + 1)] ?? [500, {}]
      response.writeHead(status, headers).end()
      return true
    }
    const codes = await Promise.all(Object.keys(answers).map(async (revision) => {
      const [code] = await once(start(hub, temporaryFolder(), '--revision', revision).child, 'exit')
      return code as number
    }))
    expect(codes).toEqual([5, 3, 8])
  }, 90_000)
})
