import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { drizzle } from 'drizzle-orm/better-sqlite3'
import { migrate } from 'drizzle-orm/better-sqlite3/migrator'
import fc from 'fast-check'
import { Command } from 'commander'
import { describe, expect, it, onTestFinished } from 'vitest'
import { auditHash, BEFORE_ALL, type ChainedEntry, ChainVerifier } from '../../registry/audit-chain.js'
import { addRegistryCommands } from '../../registry/commands.js'
import { Registry } from '../../registry/registry.js'
import { generateKeyFiles } from '../../registry/signing/keys.js'
import { FAKE_MODELS, openRegistry, publishVersions, START_MS, temporaryFolder } from '../support/registry-fixtures.js'

const entry = (reason: string, details: Record<string, unknown> = {}) =>
  ({ at: START_MS, actor: 'ann', action: 'key.create', subject: 'k1', reason, details })

/** A chain of entries as the table holds them. */
function chainOf (reasons: readonly string[]): ChainedEntry[] {
  let previous = BEFORE_ALL
  return reasons.map((reason, index) => {
    const row = { id: index + 1, at: START_MS, actor: 'ann', action: 'a.b', subject: 's', reason, details: '{}', previous }
    previous = auditHash(row)
    return { ...row, hash: previous }
  })
}

function faultsOf (entries: readonly ChainedEntry[], ...rest: ConstructorParameters<typeof ChainVerifier>): string[] {
  const verifier = new ChainVerifier(...rest)
  for (const each of entries) verifier.add(each)
  return verifier.finish().faults.map(({ id, kind }) => `${id} ${kind}`)
}

/** A connection to the database of a registry with nothing that keeps the audit table from being changed. */
function unguarded (dataDir: string): BetterSqlite3.Database {
  const client = new BetterSqlite3(join(dataDir, 'gauntlet.db'))
  onTestFinished(() => { client.close() })
  for (const name of ['audit_no_update', 'audit_no_delete', 'audit_in_order']) client.exec(`DROP TRIGGER ${name}`)
  return client
}

/** The commands on one data directory; `run` gives what was printed, or the error that was thrown. */
function commandLine (dataDir: string) {
  return async (...words: string[]): Promise<{ json: never[], text: string, code: string | null }> => {
    const printed: Array<{ json: never, text: string }> = []
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
      .option('--json').option('--data-dir <path>', '', dataDir)
    addRegistryCommands(program, {
      open: async () => Registry.open({ dataDir, now: () => START_MS }),
      ...FAKE_MODELS,
      actor: () => 'ann',
      print: (json, text) => printed.push({ json: json as never, text: text() }),
      warn: () => {}
    })
    const code = await program.parseAsync(words, { from: 'user' }).then(() => null, (error: { code: string }) => error.code)
    return { json: printed.map(({ json }) => json), text: printed.map(({ text }) => text).join('\n'), code }
  }
}

describe('the chain of the audit trail', () => {
  it('has hashes that anybody can compute from what is documented', () => {
    const [first] = chainOf(['hello "ann"'])

    // printf '%s' '["gauntlet-audit/v1",1,1700000000000,"ann","a.b","s","hello \"ann\"","{}","000…0"]' | sha256sum
    expect(first!.hash).toBe('7d68cd22faaffcd22c2e7b160d1f729e2352674f7587ff52707d04b8ea895c7e')
  })

  it('is whole when nothing was changed', () => {
    expect(faultsOf(chainOf(['a', 'b', 'c']))).toEqual([])
    expect(faultsOf([])).toEqual([])
  })

  it('names what happened', () => {
    const [a, b, c, d] = chainOf(['a', 'b', 'c', 'd']) as [ChainedEntry, ChainedEntry, ChainedEntry, ChainedEntry]
    const forged = { ...b, reason: 'x' }

    expect(faultsOf([a, forged, c, d])).toEqual(['2 edited'])
    expect(faultsOf([a, { ...forged, hash: auditHash(forged) }, c, d])).toEqual(['3 unlinked'])
    expect(faultsOf([a, c, d])).toEqual(['3 missing', '3 unlinked'])
    expect(faultsOf([a, c, b, d])).toEqual(['3 missing', '3 unlinked', '2 disordered', '2 unlinked', '4 missing', '4 unlinked'])
    expect(faultsOf([a, b, b, c, d])).toEqual(['2 disordered', '2 unlinked'])
  })

  it('cannot know that its end was cut off, but for an anchor', () => {
    const chain = chainOf(['a', 'b', 'c'])
    const anchor = { id: 3, hash: chain[2]!.hash }

    expect(faultsOf(chain.slice(0, 2))).toEqual([])
    expect(faultsOf(chain.slice(0, 2), [anchor])).toEqual(['3 anchor'])
    expect(faultsOf(chain, [anchor])).toEqual([])
    expect(faultsOf(chainOf(['a', 'b', 'C']), [anchor])).toEqual(['3 anchor'])
  })

  it('keeps the first 100 faults and counts all of them', () => {
    const verifier = new ChainVerifier()
    for (const each of chainOf(Array.from({ length: 150 }, String))) verifier.add({ ...each, actor: 'eve' })
    const { faults, faultCount } = verifier.finish()

    expect([faults.length, faultCount]).toEqual([100, 150])
  })
})

describe('the audit trail', () => {
  it('is a whole chain over acts of several processes, in and out of transactions', async () => {
    const { registry, dataDir } = openRegistry()
    const other = openRegistry({ dataDir })
    await publishVersions(registry, ['1', '2'])
    other.registry.audit().append(entry('theirs'))
    await publishVersions(other.registry, ['3'])
    registry.audit().append(entry('ours'))

    expect(registry.audit().verify()).toMatchObject({ ok: true, entries: 7, head: registry.audit().head() })
    expect(registry.audit().list().map(({ id }) => id)).toEqual([7, 6, 5, 4, 3, 2, 1])
  })

  it('chains texts of any kind, and gives them back', () => {
    const { registry } = openRegistry()
    const anything = fc.record({
      at: fc.maxSafeInteger(),
      actor: fc.string({ unit: 'binary' }),
      action: fc.string(),
      subject: fc.string({ unit: 'grapheme' }),
      reason: fc.string({ unit: 'binary' }),
      details: fc.dictionary(fc.string(), fc.jsonValue()).map((value) => value as Record<string, unknown>)
    })
    fc.assert(fc.property(anything, (given) => {
      registry.audit().append(given)
      const { id: _id, hash: _hash, previous: _previous, ...back } = registry.audit().list({ limit: 1 })[0]!
      expect(back).toEqual({ ...given, details: JSON.parse(JSON.stringify(given.details)) })
    }), { numRuns: 200 })
    registry.audit().append(entry('half a pair: \ud83d', { text: '\ud83d' }))

    expect(registry.audit().verify()).toMatchObject({ ok: true, faults: [] })
  })

  it('refuses entries out of order', () => {
    const { registry, dataDir } = openRegistry()
    registry.audit().append(entry('a'))
    const client = new BetterSqlite3(join(dataDir, 'gauntlet.db'))
    onTestFinished(() => { client.close() })
    const insert = (id: number, previous: string) => () => client.prepare(
      "INSERT INTO audit (id, at, actor, action, subject, reason, details, previous, hash) VALUES (?, 1, '', '', '', '', '{}', ?, 'x')").run(id, previous)
    const { hash } = registry.audit().head()!

    expect(insert(3, hash)).toThrow(/each entry continues/)
    expect(insert(2, BEFORE_ALL)).toThrow(/each entry continues/)
    expect(insert(1, hash)).toThrow(/each entry continues/)
  })

  it('shows every single change that is made to the table behind its back', () => {
    const { registry, dataDir } = openRegistry()
    for (const reason of ['a', 'b', 'c', 'd', 'e', 'f']) registry.audit().append(entry(reason, { reason, n: 1 }))
    const anchor = registry.audit().head()!
    const client = unguarded(dataDir)
    const id = fc.integer({ min: 1, max: 6 })
    const column = fc.constantFrom('at', 'actor', 'action', 'subject', 'reason', 'details', 'previous', 'hash')
    const mutation = fc.oneof(
      fc.record({ kind: fc.constant('edit' as const), id, column, value: fc.oneof(fc.string(), fc.integer()) }),
      fc.record({ kind: fc.constant('space' as const), id }),
      fc.record({ kind: fc.constant('remove' as const), id }),
      fc.record({ kind: fc.constant('renumber' as const), id, to: fc.integer({ min: -2, max: 12 }) }),
      fc.record({ kind: fc.constant('swap' as const), id, other: id }),
      fc.record({ kind: fc.constant('insert' as const), id: fc.integer({ min: 7, max: 9 }) })
    )
    const rows = () => client.prepare('SELECT * FROM audit ORDER BY id').all()
    const before = rows()
    fc.assert(fc.property(mutation, (change) => {
      client.exec('BEGIN')
      try {
        switch (change.kind) {
          case 'edit': client.prepare(`UPDATE audit SET ${change.column} = ? WHERE id = ?`).run(change.value, change.id); break
          case 'space': client.prepare("UPDATE audit SET details = details || ' ' WHERE id = ?").run(change.id); break
          case 'remove': client.prepare('DELETE FROM audit WHERE id = ?').run(change.id); break
          case 'renumber': client.prepare('UPDATE OR REPLACE audit SET id = ? WHERE id = ?').run(change.to, change.id); break
          case 'swap': {
            const swap = client.prepare('UPDATE audit SET id = ? WHERE id = ?')
            swap.run(-1, change.id)
            swap.run(change.id, change.other)
            swap.run(change.other, -1)
            break
          }
          case 'insert': client.prepare(`INSERT INTO audit SELECT ?, at, actor, action, subject, reason, details, previous, hash
            FROM audit WHERE id = 6`).run(change.id)
        }
        const after = rows() as ChainedEntry[]
        const verifier = new ChainVerifier([anchor])
        for (const each of after) verifier.add(each)
        expect(verifier.finish().ok).toBe(JSON.stringify(after) === JSON.stringify(before))
      } finally {
        client.exec('ROLLBACK')
      }
    }), { numRuns: 500 })
  })

  it('shows an end that was cut off in this very database, without an anchor', () => {
    const { registry, dataDir } = openRegistry()
    for (const reason of ['a', 'b', 'c']) registry.audit().append(entry(reason))

    unguarded(dataDir).exec('DELETE FROM audit WHERE id > 1')

    expect(registry.audit().verify()).toMatchObject({ ok: false, faults: [{ id: 3, kind: 'missing', problem: 'entries 2 to 3 are missing at the end' }] })
  })

  it('becomes a chain when a database of an older release is opened', () => {
    const dataDir = temporaryFolder()
    const migrations = temporaryFolder()
    cpSync('registry/migrations', migrations, { recursive: true })
    const journalPath = join(migrations, 'meta', '_journal.json')
    const journal = JSON.parse(readFileSync(journalPath, 'utf8')) as { entries: unknown[] }
    writeFileSync(journalPath, JSON.stringify({ ...journal, entries: journal.entries.slice(0, 5) }))
    const client = new BetterSqlite3(join(dataDir, 'gauntlet.db'))
    migrate(drizzle({ client }), { migrationsFolder: migrations })
    const insert = client.prepare('INSERT INTO audit (at, actor, action, subject, reason, details) VALUES (?, ?, ?, ?, ?, ?)')
    for (let i = 0; i < 2_500; i++) insert.run(i, 'ann', 'alias.set', `m@${i}`, 'é', JSON.stringify({ version: '2', previous: i }))
    client.close()

    const { registry } = openRegistry({ dataDir })

    expect(registry.audit().verify()).toMatchObject({ ok: true, entries: 2_500 })
    expect(registry.audit().list({ limit: 1 })).toMatchObject([{ id: 2_500, at: 2_499, reason: 'é', details: { version: '2', previous: 2_499 } }])
    registry.audit().append(entry('and on'))
    expect(registry.audit().verify()).toMatchObject({ ok: true, entries: 2_501 })
  })
})

describe('gauntlet audit', () => {
  it('lists, exports and verifies', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    const run = commandLine(dataDir)
    const out = join(temporaryFolder(), 'audit.jsonl')

    const listed = await run('audit', 'list', '--subject', 'm:2')
    const exported = await run('audit', 'export')
    const written = await run('audit', 'export', '--out', out)
    const [verified, fromFile, again] = [await run('audit', 'verify'), await run('audit', 'verify', '--file', out), await run('audit', 'export', '--out', out)]

    expect(listed.json).toMatchObject([[{ id: 3, action: 'version.publish', actor: 'ann' }]])
    expect(listed.text).toMatch(/^ENTRY +AT +ACTOR +ACTION +SUBJECT +REASON\n3 +2023-11-14T22:13:20.000Z +ann +version.publish +m:2/)
    expect([written.code, exported.text]).toEqual([null, readFileSync(out, 'utf8').trimEnd()])
    expect(exported.text.split('\n')).toHaveLength(3)
    expect(verified.text).toMatch(/^the audit trail is whole: 3 entries; the last is 3:[0-9a-f]{64}$/)
    expect(fromFile.json).toEqual(verified.json)
    expect(again.code).toBe('TARGET_INVALID')
  })

  it('refuses a trail, or an export, that was tampered with', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    const run = commandLine(dataDir)
    const out = join(temporaryFolder(), 'audit.jsonl')
    await run('audit', 'export', '--out', out)
    writeFileSync(out, readFileSync(out, 'utf8').replace('"ann"', '"eve"'))
    unguarded(dataDir).exec("UPDATE audit SET actor = 'eve' WHERE id = 2")

    const [verified, fromFile] = [await run('audit', 'verify'), await run('audit', 'verify', '--file', out)]

    expect([verified.code, fromFile.code]).toEqual(['AUDIT_BROKEN', 'AUDIT_BROKEN'])
    expect(verified.text).toMatch(/^ENTRY +FAULT +PROBLEM\n2 +edited +entry 2 is not what its hash says\n1 fault in 3 entries/)
    expect((await run('audit', 'verify', '--file', join(dataDir, 'none'))).code).toBe('SOURCE_NOT_FOUND')
    writeFileSync(out, '{"id":1}\n')
    expect((await run('audit', 'verify', '--file', out)).code).toBe('SOURCE_INVALID')
  })

  it('finds with an anchor that was kept elsewhere what the database alone does not show', async () => {
    const { registry, dataDir } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    const run = commandLine(dataDir)
    const folder = temporaryFolder()
    generateKeyFiles(join(folder, 'key'), 'P-256')
    generateKeyFiles(join(folder, 'other'), 'P-256')
    const { text } = await run('audit', 'anchor', '--key', join(folder, 'key'))
    const anchor = join(folder, 'anchor.json')
    writeFileSync(anchor, text)
    const verify = async (...words: string[]) => (await run('audit', 'verify', '--anchor', anchor, ...words)).code

    expect(await verify('--public-key', join(folder, 'key.pub'))).toBeNull()
    expect(await verify('--public-key', join(folder, 'other.pub'))).toBe('SIGNATURE_INVALID')
    unguarded(dataDir).exec("DELETE FROM audit WHERE id = 3; UPDATE sqlite_sequence SET seq = 2 WHERE name = 'audit'")
    expect((await run('audit', 'verify')).code).toBeNull()
    expect(await verify()).toBe('AUDIT_BROKEN')
    writeFileSync(anchor, text.replace('"id":3', '"id":2'))
    expect(await verify('--public-key', join(folder, 'key.pub'))).toBe('SIGNATURE_INVALID')
    writeFileSync(anchor, '[]')
    expect(await verify()).toBe('SOURCE_INVALID')
    expect((await run('audit', 'verify', '--anchor', `3:${'0'.repeat(64)}`)).code).toBe('AUDIT_BROKEN')
  })
})
