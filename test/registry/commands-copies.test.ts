import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { addRegistryCommands } from '../../registry/commands.js'
import { Registry } from '../../registry/registry.js'
import { FAKE_MODELS } from '../support/registry-fake-model.js'
import { folderOf, modelBytes, temporaryFolder } from '../support/registry-fixtures.js'

/** The commands as a program runs them, on a data directory of their own. */
function commandLine () {
  const dataDir = temporaryFolder()
  const warnings: string[] = []
  const run = async (...words: string[]): Promise<Array<{ json: unknown, text: string }>> => {
    const printed: Array<{ json: unknown, text: string }> = []
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
      .option('--json').option('--data-dir <path>', '', dataDir)
    addRegistryCommands(program, {
      open: async () => Registry.open({ dataDir, now: Date.now }),
      ...FAKE_MODELS,
      actor: () => 'ann',
      print: (json, text) => printed.push({ json, text: text() }),
      warn: (line) => { warnings.push(line) }
    })
    await program.parseAsync(words, { from: 'user' })
    return printed
  }
  return { run, dataDir, warnings }
}

async function published () {
  const line = commandLine()
  const path = folderOf({ 'model.onnx': modelBytes('a') })
  for (const version of ['1', '2']) await line.run('publish', path, '--name', 'm', '--version', version, '--alias', 'champion', '--quiet')
  return { ...line, target: join(temporaryFolder(), 'm.tar') }
}

describe('export and import', () => {
  it('carry a version to another data directory, in text and in JSON', async () => {
    const { run, target } = await published()
    const other = commandLine()

    const [written] = await run('export', 'm@champion', target)
    const [imported] = await other.run('import', target, '--alias', 'champion')
    const [again] = await other.run('import', target)

    expect(written!.text).toMatch(/^wrote m:2 \(sha256:\w+\) to .*m\.tar as oci-archive: 6 files, /)
    expect(imported!.text).toMatch(/^imported m:2 sha256:\w+$/)
    expect(imported!.json).toMatchObject({ dryRun: false, versions: [{ status: 'imported', name: 'm', version: '2', aliases: ['champion'], converted: false }] })
    expect(again!.text).toMatch(/^unchanged m:2 /)
  })

  it('ask which artifact of several is meant, or take all', async () => {
    const { dataDir } = await published()
    const other = commandLine()
    const layout = join(dataDir, 'registry')

    await expect(other.run('import', layout)).rejects.toThrow(/has 2 artifacts: m:1, m:2 = m:champion; name one as PATH:NAME, or import all/)
    const [all] = await other.run('import', layout, '--all')

    expect(all!.text.split('\n')).toHaveLength(2)
  })

  it('only tell in a dry run, and nothing when quiet', async () => {
    const { run, target, dataDir } = await published()
    const other = commandLine()

    expect((await run('export', 'm:1', target, '--dry-run'))[0]!.text).toMatch(/^would write m:1 /)
    expect(existsSync(target)).toBe(false)
    expect((await other.run('import', `${join(dataDir, 'registry')}:1`, '--dry-run'))[0]!.text).toMatch(/^would be imported m:1 /)
    expect((await other.run('models'))[0]!.json).toMatchObject([])
    expect(await run('export', 'm:1', target, '--quiet')).toEqual([])
    expect(await other.run('import', target, '--quiet')).toEqual([])
  })
})

describe('reindex', () => {
  it('tells what it made, and warns of what cannot be made', async () => {
    const { run, dataDir, warnings } = await published()
    for (const ending of ['', '-wal', '-shm']) rmSync(join(dataDir, `gauntlet.db${ending}`), { force: true })

    const [planned] = await run('reindex', '--dry-run')
    const [made] = await run('reindex')
    const [nothing] = await run('reindex')

    expect(planned!.text).toContain('would make 2 versions, 1 alias')
    expect(made!.text).toMatch(/^version m:1 \w{12}\nversion m:2 \w{12}\nalias m@champion is 2\nmade 2 versions, 1 alias, listed 0 signatures; 0 were known$/)
    expect(nothing!.text).toBe('made 0 versions, 0 aliases, listed 0 signatures; 2 were known')
    expect(warnings.join()).toContain('rollouts')
  })
})
