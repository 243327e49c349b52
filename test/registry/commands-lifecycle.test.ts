import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../registry/blobs.js'
import { addRegistryCommands } from '../../registry/commands.js'
import { Registry } from '../../registry/registry.js'
import { fakeInspect, folderOf, modelBytes, temporaryFolder } from '../support/registry-fixtures.js'

interface Printed { json: unknown, text: string }

/** The commands as a program runs them; `run` gives what was printed, or throws with it. */
function commandLine () {
  const dataDir = temporaryFolder()
  const run = async (...words: string[]): Promise<Printed[]> => {
    const printed: Printed[] = []
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
      .option('--json').option('--data-dir <path>', '', dataDir)
    addRegistryCommands(program, {
      open: () => Registry.open({ dataDir, now: Date.now }),
      inspect: fakeInspect,
      actor: () => 'ann',
      print: (json, text) => printed.push({ json, text: text() }),
      warn: () => {}
    })
    try {
      await program.parseAsync(words, { from: 'user' })
      return printed
    } catch (error) {
      throw Object.assign(error as Error, { printed })
    }
  }
  const publish = async (version: string, ...words: string[]) =>
    await run('publish', folderOf({ 'model.onnx': modelBytes(version) }), '--name', 'm', '--version', version, ...words)
  const damage = (bytes: string) => {
    const path = join(dataDir, 'registry', 'blobs', 'sha256', digestOf(bytes).slice(7))
    chmodSync(path, 0o644)
    writeFileSync(path, 'x')
  }
  return { run, publish, damage, dataDir }
}

describe('gauntlet fsck', () => {
  it('says that nothing is wrong, or nothing at all', async () => {
    const { run, publish } = commandLine()
    await publish('1')

    const [loud, quiet] = [await run('fsck'), await run('fsck', '--quiet')]

    expect(loud[0]!.json).toMatchObject({ ok: true, blobs: 4, findings: [] })
    expect(loud[0]!.text).toMatch(/^checked 4 blobs, .*\nnothing is wrong$/)
    expect(quiet).toEqual([])
  })

  it('prints each finding and then throws; a dry run changes nothing', async () => {
    const { run, publish, damage } = commandLine()
    await publish('1')
    damage(modelBytes('1'))

    const refusals = []
    for (const words of [['--quiet'], ['--quarantine', '--dry-run'], ['--quarantine'], []]) {
      refusals.push(await run('fsck', ...words).then(() => null, (error) => error))
    }

    expect(refusals.map(({ code, printed }) => [code, printed[0].json.findings.map(({ kind, outcome }: { kind: string, outcome: string }) => `${kind} ${outcome}`)])).toEqual([
      ['DIGEST_MISMATCH', ['blob-corrupt found']], ['DIGEST_MISMATCH', ['blob-corrupt found']],
      ['DIGEST_MISMATCH', ['blob-corrupt quarantined']], ['BLOB_MISSING', ['blob-missing found']]
    ])
    expect(refusals[0].printed[0].text).toMatch(/^FINDING +OUTCOME.*\nblob-corrupt +found +sha256:/)
  })
})
