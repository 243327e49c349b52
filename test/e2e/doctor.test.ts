import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Check } from '../../server/doctor/check.js'
import { gauntlet } from '../support/command.js'
import { openRegistry, publishVersions, temporaryFolder } from '../support/registry-fixtures.js'

const NOBODY = 'http://127.0.0.1:9'

beforeEach(() => { vi.stubEnv('GAUNTLET_PORT', '0') })
afterEach(() => { vi.unstubAllEnvs() })

/** What the real command finds, by name. */
async function doctor (dataDir: string, ...words: string[]) {
  const { code, out, talk } = await gauntlet('doctor', '--json', '--data-dir', dataDir, '--server', NOBODY, ...words)
  const { ok, checks } = JSON.parse(out) as { ok: boolean, checks: Check[] }
  return { code, talk, ok, checks: Object.fromEntries(checks.map((check) => [check.name, check])) }
}

/** A data folder with one model, closed. */
async function published (now = Date.now): Promise<{ dataDir: string, blobs: string }> {
  const dataDir = temporaryFolder()
  const { registry } = openRegistry({ dataDir, now })
  await publishVersions(registry, ['1'])
  return { dataDir, blobs: join(dataDir, 'registry', 'blobs', 'sha256') }
}

async function listening (server: Server): Promise<number> {
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  onTestFinished(async () => {
    const closed = new Promise((resolve) => { server.close(resolve) })
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return (server.address() as AddressInfo).port
}

/** A child process that has an exclusive lock until it is killed. */
async function lockedBy (path: string): Promise<number> {
  const script = 'const Database = require(process.argv[1]); new Database(process.argv[2]).exec(\'BEGIN EXCLUSIVE\'); console.log(\'locked\'); setInterval(() => {}, 1000)'
  const child = spawn(process.execPath, ['-e', script, createRequire(import.meta.url).resolve('better-sqlite3'), path], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    const ended = new Promise((resolve) => { child.once('exit', resolve) })
    child.kill('SIGKILL')
    await ended
  })
  await new Promise((resolve) => { child.stdout.once('data', resolve) })
  return child.pid!
}

describe('gauntlet doctor', () => {
  it('finds nothing wrong where nothing is, and leaves the folder as it was', async () => {
    const { dataDir } = await published()
    const nowhere = join(temporaryFolder(), 'a', 'b')
    const before = readdirSync(dataDir)

    const [there, fresh] = [await doctor(dataDir), await doctor(nowhere)]

    expect([there.code, fresh.code, there.talk]).toEqual([0, 0, ''])
    expect(Object.values(there.checks).map(({ name, state }) => `${name} ${state}`)).toEqual([
      'node ok', 'onnxruntime ok', 'sqlite ok', 'configuration ok', 'port ok', 'gateway ok', 'data folder ok', 'disk ok', 'locks ok',
      'database ok', 'registry ok', 'cache ok', 'trust ok', 'clock ok'
    ])
    expect(fresh.checks['data folder']?.detail).toBe(`${nowhere} is not there yet and can be made`)
    expect(existsSync(join(nowhere, '..'))).toBe(false)
    expect(readdirSync(dataDir)).toEqual(expect.arrayContaining(before))
    expect(readdirSync(dataDir).filter((name) => name.includes('doctor'))).toEqual([])
  })

  it('prints one line per check, and what to do below the ones that are not well', async () => {
    const { dataDir, blobs } = await published()
    for (const name of readdirSync(blobs)) rmSync(join(blobs, name))

    const { code, out, talk } = await gauntlet('doctor', '--data-dir', dataDir, '--server', NOBODY)

    expect(code).toBe(6)
    expect(out).toMatch(/^ok {3}node +v\d+/m)
    expect(out).toMatch(/^FAIL registry +.* is needed and not there.*\n +-> gauntlet fsck tells all of it$/m)
    expect(talk).toBe('gauntlet: 1 of 14 checks failed\n')
  })

  it('finds a missing blob by itself, and a flipped byte when told to read', async () => {
    const { dataDir, blobs } = await published()
    const name = readdirSync(blobs).find((each) => readFileSync(join(blobs, each), 'latin1').includes('part 0'))!
    const bytes = readFileSync(join(blobs, name))
    bytes[0]! ^= 1
    chmodSync(join(blobs, name), 0o644)
    writeFileSync(join(blobs, name), bytes)

    const [quick, deep] = [await doctor(dataDir), await doctor(dataDir, '--deep')]

    expect(quick.checks['registry']).toMatchObject({ state: 'ok' })
    expect(deep).toMatchObject({ code: 6, checks: { registry: { state: 'fail', detail: expect.stringContaining('hashes to') as string } } })
  })

  it('tells databases of other releases, and what is none', async () => {
    const { dataDir } = await published()
    const path = join(dataDir, 'gauntlet.db')
    const shift = (by: number): void => {
      const client = new BetterSqlite3(path)
      client.exec(`UPDATE __drizzle_migrations SET created_at = created_at + ${by}`)
      client.close()
    }
    shift(1)
    expect(await doctor(dataDir)).toMatchObject({ code: 6, checks: { database: { state: 'fail', detail: 'of a newer release' } } })
    shift(-2)
    expect(await doctor(dataDir)).toMatchObject({ code: 0, checks: { database: { state: 'warn', detail: 'of an older release' } } })
    const garbage = temporaryFolder()
    writeFileSync(join(garbage, 'gauntlet.db'), 'x'.repeat(5_000))
    expect(await doctor(garbage)).toMatchObject({ code: 6, checks: { database: { state: 'fail', detail: 'cannot be read as a database' } } })
  })

  it('warns of what heals itself: a stale index, a full cache, a clock that was set back', async () => {
    const { dataDir } = await published(() => Date.now() + 3_600_000)
    const { registry } = openRegistry({ dataDir, now: Date.now })
    const copy = await registry.materialise('m', '1')
    copy.release()
    registry.close()
    writeFileSync(join(dataDir, 'registry', 'index.json'), '{"schemaVersion":2,"manifests":[]}')
    vi.stubEnv('GAUNTLET_CACHE_BYTES_MAX', '0')

    const { code, ok, checks } = await doctor(dataDir)

    expect([code, ok]).toEqual([0, true])
    expect(checks['registry']).toMatchObject({ state: 'warn', advice: 'gauntlet fsck --repair mends it' })
    expect(checks['cache']).toMatchObject({ state: 'warn', detail: expect.stringMatching(/^1 copies, \d+ of 0 bytes$/) as string })
    expect(checks['clock']).toMatchObject({ state: 'warn', detail: expect.stringMatching(/but a version was published (59|60) minutes later$/) as string })
  })

  it('reads the trust store: a policy that nothing can meet, and a file that is damaged', async () => {
    const { dataDir } = await published()
    const path = join(dataDir, 'trust.json')
    writeFileSync(path, JSON.stringify({ schemaVersion: 1, policy: 'require', keys: [] }))
    expect((await doctor(dataDir)).checks['trust']).toMatchObject({ state: 'warn', detail: 'policy require, trusted keys: 0' })
    writeFileSync(path, '{')
    expect(await doctor(dataDir)).toMatchObject({ code: 6, checks: { trust: { state: 'fail' } } })
  })

  it('refuses settings out of bounds, and a folder that cannot be one', async () => {
    vi.stubEnv('GAUNTLET_PORT', 'eighty')
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')

    const { code, checks } = await doctor(join(folder, 'file', 'data'))

    expect(code).toBe(6)
    expect(checks['configuration']).toMatchObject({ state: 'fail', detail: expect.stringContaining('GAUNTLET_PORT') as string })
    expect(checks['data folder']).toMatchObject({ state: 'fail', detail: expect.stringContaining('cannot be written to') as string })
  })

  it('tells a port that another program has from one that a gateway has', async () => {
    const dataDir = temporaryFolder()
    const other = createServer((socket) => { socket.end('220 mail ready\r\n') })
    const gateway = createHttpServer((request, response) => { response.writeHead(request.url === '/readyz' ? 503 : 404).end() })

    vi.stubEnv('GAUNTLET_PORT', String(await listening(other)))
    expect((await doctor(dataDir)).checks['port']).toMatchObject({ state: 'warn', advice: 'choose another --port for serve' })
    vi.stubEnv('GAUNTLET_PORT', String(await listening(gateway)))
    expect((await doctor(dataDir)).checks['port']).toMatchObject({ state: 'ok', detail: expect.stringContaining('by a gateway') as string })
  })

  it('names who holds a lock', async () => {
    const dataDir = temporaryFolder()
    mkdirSync(dataDir, { recursive: true })
    const pid = await lockedBy(join(dataDir, 'storage.lock'))

    const { code, checks } = await doctor(dataDir)

    expect(code).toBe(0)
    const who = existsSync('/proc/locks') ? String(pid) : 'some process'
    expect(checks['locks']).toMatchObject({ state: 'warn', detail: `held: storage.lock by ${who}` })
  })
})
