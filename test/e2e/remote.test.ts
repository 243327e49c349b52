import { once } from 'node:events'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { type Listening, startGateway, stop } from '../../scripts/support/process.js'
import type { Gateway } from '../../server/gateway.js'
import { fileFolder, gauntlet, type Outcome } from '../support/command.js'
import { compiledFile } from '../support/compiled.js'
import { ask, call, publishedTemplate, rolloutOf, runGateway, startRollout } from '../support/gateway.js'
import { eventually } from '../support/wait.js'

const SESSIONS = Array.from({ length: 60 }, (_, i) => `user-${i}`)
const main = pathToFileURL(compiledFile('server/main.js'))

let here: Awaited<ReturnType<typeof publishedTemplate>>
let there: Awaited<ReturnType<typeof publishedTemplate>>
let files: ReturnType<typeof fileFolder>
let peer: Listening
let folder: ReturnType<typeof here.copy>
let gateway: Gateway | null = null

beforeAll(async () => {
  files = fileFolder()
  here = await publishedTemplate({ 1: 1 }, '1')
  there = await publishedTemplate({ 3: 3 }, '3')
  peer = await startGateway(there.dataDir, main)
})

afterAll(async () => {
  await stop(peer)
  for (const { remove } of [here, there, files]) remove()
})

beforeEach(() => { folder = here.copy() })

afterEach(async () => {
  vi.unstubAllEnvs()
  await gateway?.close()
  gateway = null
  folder.remove()
})

/** Publishes what a gateway at `url` answers by as a version here. */
async function publish (version: string, { url }: Listening, ...more: string[]): Promise<Outcome> {
  const path = files.write('remote.yaml',
    `runtime: remote\nbackend: { protocol: oip-v2-http, url: "${url}", modelName: lookup, modelVersion: "3" }\n`)
  return await gauntlet('publish', path, '--name', 'lookup', '--version', version, '--data-dir', folder.dataDir, ...more)
}

const spec = { model: 'lookup', challenger: '2', strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } } }

async function start (remoteOrigins: string): Promise<string> {
  gateway = await runGateway(folder.dataDir, { remoteOrigins })
  return gateway.url
}

async function paused (url: string): Promise<string> {
  const { id } = await startRollout(url, spec)
  await eventually('the canary', async () => (await rolloutOf(url, id)).state === 'paused')
  return id
}

describe('a challenger that another gateway runs', () => {
  it('is published by what its server says, answers its share of a canary, becomes champion and is left again', async () => {
    const published = await publish('2', peer, '--remote-origin', peer.url, '--json')
    const url = await start(peer.url)
    const id = await paused(url)

    const answers = await Promise.all(SESSIONS.map((session) => ask(url, 4, session)))

    expect(published.code).toBe(0)
    expect(JSON.parse(published.out)).toMatchObject({
      status: 'published',
      serving: {
        runtime: 'remote',
        inputs: [{ name: 'index', datatype: 'INT64', shape: [-1] }],
        outputs: [{ name: 'value', datatype: 'FP32', shape: [-1] }]
      }
    })
    expect(answers.filter(({ status, assignment }) => status !== 200 || assignment !== 'hash')).toEqual([])
    expect(answers.map(({ value }) => value)).toEqual(answers.map(({ arm }) => arm === 'challenger' ? 12 : 4))
    expect(new Set(answers.map(({ arm }) => arm))).toEqual(new Set(['champion', 'challenger']))
    await call(url, `/api/rollouts/${id}/promote`, {})
    expect(await ask(url, 4, 'anybody')).toMatchObject({ status: 200, value: 12, version: expect.stringMatching(/^lookup:2@/) as string })
    await call(url, `/api/rollouts/${id}/rollback`, {})
    expect(await ask(url, 4, 'anybody')).toMatchObject({ status: 200, value: 4 })
  })

  it('is rolled back when its server is killed, while the champion answers for it and no request fails', async () => {
    const mortalFolder = there.copy()
    const mortal = await startGateway(mortalFolder.dataDir, main)
    onTestFinished(async () => {
      await stop(mortal)
      mortalFolder.remove()
    })
    await publish('2', mortal, '--remote-origin', mortal.url)
    const url = await start(mortal.url)
    const id = await paused(url)
    const answers: Awaited<ReturnType<typeof ask>>[] = []
    const isOver = async (): Promise<boolean> => (await rolloutOf(url, id)).state === 'rolled-back'
    const users = SESSIONS.slice(0, 12).map(async (session) => {
      do answers.push(await ask(url, 5, session)); while (!await isOver())
    })
    await eventually('an answer of the peer', () => answers.some(({ value }) => value === 15))

    const ended = once(mortal.child, 'exit')
    mortal.child.kill('SIGKILL')
    await Promise.all([ended, ...users])

    expect(answers.filter(({ status, value, arm }) => status !== 200 || value !== (arm === 'challenger' ? 15 : 5))).toEqual([])
    expect(answers.filter(({ assignment }) => assignment === 'failover').length).toBeGreaterThan(0)
    expect(await rolloutOf(url, id)).toMatchObject({
      state: 'rolled-back', weightBps: 0, reason: expect.stringContaining('circuit breaker') as string
    })
    expect(await ask(url, 5, 'anybody')).toMatchObject({ status: 200, value: 5, arm: 'champion' })
  })

  it('opens no server that is not in GAUNTLET_REMOTE_ORIGINS: neither to publish, nor as champion, nor on trial', async () => {
    const refusal = `${peer.url} may not be opened: the operator allows no other server (GAUNTLET_REMOTE_ORIGINS)`
    const setChampion = async () => await gauntlet('alias', 'set', 'lookup', 'champion', '2', '--reason', 'better', '--data-dir', folder.dataDir)

    const refused = await publish('2', peer)
    await publish('2', peer, '--remote-origin', peer.url)
    const refusedChampion = await setChampion()
    const url = await start('https://other.example')
    const { id } = await startRollout(url, spec)
    const view = await eventually('the end', async () => {
      const now = await rolloutOf(url, id)
      return now.state !== 'warming' && now
    })

    expect(refused).toMatchObject({ code: 8, talk: expect.stringContaining(refusal) as string })
    expect(refusedChampion).toMatchObject({ code: 4, talk: expect.stringContaining(refusal) as string })
    expect(view).toMatchObject({ state: 'failed', reason: expect.stringContaining('the operator allows https://other.example') as string })
    expect(await ask(url, 4, 'anybody')).toMatchObject({ status: 200, value: 4 })
  })

  it('keeps a golden example of what its server answers, and is champion only while it answers so', async () => {
    const input = files.write('in.json', JSON.stringify({ inputs: [{ name: 'index', datatype: 'INT64', shape: [2], data: [2, 7] }] }))
    const untrue = {
      inputs: [{ name: 'index', datatype: 'INT64', shape: [1], data: [2] }],
      outputs: [{ name: 'value', datatype: 'FP32', shape: [1], data: [2] }],
      tolerance: 0
    }
    const wrong = files.write('wrong.json', JSON.stringify({ examples: [untrue] }))
    vi.stubEnv('GAUNTLET_REMOTE_ORIGINS', peer.url)
    const inFolder = ['--data-dir', folder.dataDir]

    await publish('2', peer)
    const added = await gauntlet('golden', 'add', 'lookup:2', '--input', input, '--as', '2-checked', '--alias', 'champion', '--json', ...inFolder)
    const checked = await gauntlet('golden', 'check', 'lookup@champion', ...inFolder)
    const refused = await publish('3', peer, '--serving', wrong, '--alias', 'champion')

    expect(JSON.parse(added.out)).toMatchObject({ version: '2-checked', aliases: ['champion'], example: { outputs: [{ name: 'value', data: [6, 21] }] } })
    expect(checked.code).toBe(0)
    expect(refused).toMatchObject({ code: 7, talk: expect.stringContaining('golden example 0') as string })
    const url = await start(peer.url)
    expect(await ask(url, 4, null)).toMatchObject({ status: 200, value: 12, version: expect.stringMatching(/^lookup:2-checked@/) as string })
  })
})
