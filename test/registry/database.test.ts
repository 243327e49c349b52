import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { join, relative } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { onTestFinished, describe, expect, it } from 'vitest'
import { Registry } from '../../registry/registry.js'
import { hostTag } from '../../registry/temporary.js'
import { openRegistry, publishVersions, START_MS, temporaryFolder } from '../support/registry-fixtures.js'

function rawDatabase (dataDir: string): BetterSqlite3.Database {
  const client = new BetterSqlite3(join(dataDir, 'gauntlet.db'))
  onTestFinished(() => { client.close() })
  return client
}

describe('the audit trail', () => {
  it('lists newest first, by subject, in pages', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1', '2', '3'])
    const audit = registry.audit()

    expect(audit.list().map(({ subject }) => subject)).toEqual(['m:3', 'm:2', 'm@champion', 'm:1'])
    expect(audit.list({ subject: 'm:2' })).toHaveLength(1)
    const [first] = audit.list({ limit: 1 })
    expect(audit.list({ limit: 2, before: first!.id }).map(({ subject }) => subject)).toEqual(['m:2', 'm@champion'])
  })

  it('takes entries of others', () => {
    const { registry } = openRegistry()
    const entry = { at: 5, actor: 'eve', action: 'key.create', subject: 'k1', reason: 'ops', details: { scopes: ['read'] } }
    registry.audit().append(entry)
    expect(registry.audit().list()).toMatchObject([{ id: 1, ...entry }])
  })

  it.each(['audit', 'alias_history', 'rollout_history'])('table %s only grows', async (table) => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    registry.rollouts.create({ model: 'm', champion: '1', challenger: '2', spec: {}, salt: 's', actor: 'ann', reason: 'try' })
    registry.rollouts.apply('r1', 'start', { epoch: 0, actor: 'ann', reason: 'go' })
    const client = rawDatabase(dataDir)
    const before = client.prepare(`SELECT * FROM ${table}`).all()
    expect(before.length).toBeGreaterThan(0)

    expect(() => client.exec(`UPDATE ${table} SET reason = 'nothing'`)).toThrow(/append-only/)
    expect(() => client.exec(`DELETE FROM ${table}`)).toThrow(/append-only/)
    expect(() => client.exec(`INSERT OR REPLACE INTO ${table} SELECT * FROM ${table}`)).toThrow(/append-only/)

    expect(client.prepare(`SELECT * FROM ${table}`).all()).toEqual(before)
  })
})

describe('the database', () => {
  it('refuses to change a version', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1'])
    const client = rawDatabase(dataDir)
    expect(() => client.exec("UPDATE versions SET digest = 'x'")).toThrow(/immutable/)
    expect(() => client.exec('INSERT OR REPLACE INTO versions SELECT * FROM versions')).toThrow(/immutable/)
  })

  it('is durable and shared: WAL, full synchronisation, foreign keys', () => {
    const { dataDir } = openRegistry()
    const client = rawDatabase(dataDir)
    expect(client.pragma('journal_mode', { simple: true })).toBe('wal')
    expect(client.pragma('foreign_key_check')).toEqual([])
  })

  it('tells when another connection wrote, and only then', async () => {
    const { registry, dataDir } = openRegistry()
    const other = openRegistry({ dataDir })
    const before = registry.dataVersion()
    await publishVersions(registry, ['1'])
    expect(registry.dataVersion()).toBe(before)

    await publishVersions(other.registry, ['2'])

    expect(registry.dataVersion()).not.toBe(before)
    expect(registry.alias('m', 'champion')).toBe('2')
  })

  it('has a migration for everything in its schema', () => {
    const migrations = temporaryFolder()
    cpSync('registry/migrations', migrations, { recursive: true })
    const options = ['--dialect', 'sqlite', '--schema', './registry/schema.ts', '--out', relative('.', migrations)]

    const { stdout } = spawnSync('node_modules/.bin/drizzle-kit', ['generate', ...options], { encoding: 'utf8' })

    expect(stdout).toContain('No schema changes')
  })
})

describe('opening a data directory', () => {
  const open = (dataDir: string, now = () => START_MS) => {
    const registry = Registry.open({ dataDir, now })
    onTestFinished(() => registry.close())
    return registry
  }
  const indexPath = (dataDir: string) => join(dataDir, 'registry', 'index.json')

  it('keeps everything', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    const models = registry.models()
    registry.close()
    expect(open(dataDir).models()).toEqual(models)
  })

  it.each([
    ['missing', (path: string) => rmSync(path)],
    ['cut short', (path: string) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, 50))],
    ['stale', (path: string) => writeFileSync(path, '{"schemaVersion":2,"manifests":[]}')]
  ])('derives an index.json that is %s', async (_what, damage) => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    registry.close()
    const before = readFileSync(indexPath(dataDir), 'utf8')
    damage(indexPath(dataDir))

    open(dataDir)

    expect(readFileSync(indexPath(dataDir), 'utf8')).toBe(before)
  })

  it('keeps index entries that another tool added and drops aliases we do not have', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1'])
    registry.close()
    const before = JSON.parse(readFileSync(indexPath(dataDir), 'utf8'))
    const digest = `sha256:${'0'.repeat(64)}`
    const entry = (name: string) => ({ mediaType: 'x', digest, size: 1, annotations: { 'org.opencontainers.image.ref.name': name } })
    const foreign = [entry('theirs:1'), entry('localhost:5000/theirs:1'), { mediaType: 'x', digest, size: 1 }]
    writeFileSync(indexPath(dataDir), JSON.stringify({ ...before, manifests: [...foreign, entry('m:blue'), ...before.manifests, 5, null] }))

    open(dataDir)

    expect(JSON.parse(readFileSync(indexPath(dataDir), 'utf8')).manifests).toEqual([...before.manifests, ...foreign])
  })

  it('refuses a layout of another version', () => {
    const dataDir = temporaryFolder()
    mkdirSync(join(dataDir, 'registry'))
    writeFileSync(join(dataDir, 'registry', 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}')
    expect(() => open(dataDir)).toThrow(expect.objectContaining({ code: 'LAYOUT_CORRUPT' }))
  })

  it('refuses a database that is none, naming it', () => {
    const dataDir = temporaryFolder()
    writeFileSync(join(dataDir, 'gauntlet.db'), 'x'.repeat(4_096))
    expect(() => open(dataDir)).toThrow(expect.objectContaining({
      code: 'LAYOUT_CORRUPT', message: `"${join(dataDir, 'gauntlet.db')}" cannot be read as a database: file is not a database`
    }))
  })

  it('goes on when index.json cannot be written, and says so', async () => {
    const warnings: string[] = []
    const { registry, dataDir } = openRegistry({ warn: (message) => warnings.push(message) })
    rmSync(indexPath(dataDir), { force: true })
    mkdirSync(indexPath(dataDir))

    await publishVersions(registry, ['1'])

    expect(registry.show('m', '1').aliases).toEqual(['champion'])
    expect(warnings[0]).toMatch(/^index\.json could not be written and will be at the next change or start/)
  })

  it('removes temporary files whose writer is gone, or unknown and a day old, and no others', () => {
    const { dataDir } = openRegistry()
    const host = hostTag()
    const gone = spawnSync(process.execPath, ['-e', '']).pid
    const names = {
      gone: `${host}-${gone}-a`, alive: `${host}-${process.pid}-a`, elsewhere: `00000000-${gone}-a`, unknown: 'something', old: '00000000-1-old'
    }
    for (const name of Object.values(names)) {
      mkdirSync(join(dataDir, 'tmp', name, 'files'), { recursive: true })
      utimesSync(join(dataDir, 'tmp', name), START_MS / 1000, name === names.old ? START_MS / 1000 - 86_401 : START_MS / 1000)
    }

    open(dataDir)

    expect(Object.entries(names).filter(([, name]) => existsSync(join(dataDir, 'tmp', name))).map(([what]) => what)).toEqual(['alive', 'elsewhere', 'unknown'])
  })
})
