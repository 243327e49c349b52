import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../registry/blobs.js'
import { addRegistryCommands } from '../../registry/commands.js'
import { Registry } from '../../registry/registry.js'
import { FAKE_MODELS, folderOf, modelBytes, temporaryFolder } from '../support/registry-fixtures.js'

interface Printed { json: unknown, text: string }

/** The commands as a program runs them; `run` gives what was printed, or throws with it. */
function commandLine () {
  const dataDir = temporaryFolder()
  const run = async (...words: string[]): Promise<Printed[]> => {
    const printed: Printed[] = []
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
      .option('--json').option('--data-dir <path>', '', dataDir)
    addRegistryCommands(program, {
      open: async () => Registry.open({ dataDir, now: Date.now }),
      ...FAKE_MODELS,
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

describe('gauntlet rm', () => {
  it('removes, says so again, restores, and only plans in a dry run', async () => {
    const { run, publish } = commandLine()
    await publish('1', '--alias', 'champion')
    await publish('2')
    const rm = async (...words: string[]) => (await run('rm', 'm:2', '--reason', 'bad', ...words))[0]?.text

    const said = [await rm('--dry-run'), await rm(), await rm(), await rm('--undo'), await rm('--undo'), await rm('--quiet')]

    expect(said).toEqual(['m:2 would be removed', 'm:2 removed', 'm:2 is removed already', 'm:2 restored', 'm:2 is not removed', undefined])
    expect((await run('models'))[0]!.text).not.toContain('(removed)')
    expect((await run('models', '--all'))[0]!.text).toMatch(/^m +2 +\(removed\)/m)
    expect((await run('rm', 'm:2', '--reason', 'bad'))[0]!.json).toEqual({ name: 'm', version: '2', status: 'unchanged', dryRun: false })
    await expect(run('rm', 'm:1', '--reason', 'bad')).rejects.toMatchObject({ code: 'VERSION_IN_USE' })
    await expect(run('rm', 'm', '--reason', 'bad')).rejects.toMatchObject({ code: 'INVALID_VERSION' })
  })
})

describe('gauntlet gc', () => {
  it('says what it would free, frees that, and keeps what is young', async () => {
    const { run, publish } = commandLine()
    await publish('1', '--alias', 'champion')
    await publish('2')
    await run('rm', 'm:2', '--reason', 'bad')

    expect((await run('gc'))[0]!.json).toMatchObject({ dryRun: false, blobs: [], versions: [] })
    const [planned] = await run('gc', '--grace', '0', '--dry-run')
    const [done] = await run('gc', '--grace', '0')

    expect(done!.json).toEqual({ ...planned!.json as object, dryRun: false })
    expect(planned!.text).toMatch(/^BYTES +DIGEST\n[^]*\nm:2 could not be restored any more\nwould free 3 blobs, \d+ bytes/)
    expect(await run('gc', '--quiet')).toEqual([])
    await expect(run('gc', '--grace', 'soon')).rejects.toMatchObject({ code: 'commander.invalidArgument' })
  })
})
