import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { complete, type Known } from '../../../server/completion/complete.js'
import { gauntlet } from '../../support/command.js'
import { openRegistry, publishVersions, temporaryFolder } from '../../support/registry-fixtures.js'
import { createIn } from '../../support/registry-rollouts.js'

/** A registry with two models, and what the tab key offers there. */
async function tabKey () {
  const { registry, dataDir, tick } = openRegistry()
  await publishVersions(registry, ['1.0.0'], {}, 'sentiment')
  tick(1_000)
  await publishVersions(registry, ['1.0.0'], {}, 'spam/filter')
  tick(1_000)
  registry.setAlias({ name: 'sentiment', alias: 'stable', version: '1.0.0', actor: 'ann', reason: 'x' })
  const tab = async (...words: string[]): Promise<string[]> => {
    const { code, out, talk } = await gauntlet('--data-dir', dataDir, '__complete', '--', ...words)
    expect({ code, talk }).toEqual({ code: 0, talk: '' })
    return out.split('\n').slice(0, -1)
  }
  const values = async (...words: string[]): Promise<string[]> => (await tab(...words)).map((line) => line.split('\t')[0]!)
  return { registry, dataDir, tab, values }
}

it('offers commands with what they do, and those within commands', async () => {
  const { tab, values } = await tabKey()

  expect(await tab('publ')).toEqual([expect.stringMatching(/^publish\tpublish /)])
  expect(await values('alias', '')).toEqual(['set', 'rm', 'list', 'history', 'help'])
  expect(await values('')).not.toContain('__complete')
  expect(await values('nonsense', '')).toEqual([])
})

it('offers options of the command and of the program, and choices of their values', async () => {
  const { values } = await tabKey()

  expect(await values('show', '--')).toEqual(expect.arrayContaining(['--limit', '--data-dir', '--json', '--help']))
  expect(await values('publish', '--signature-policy', '')).toEqual(['off', 'warn', 'require'])
  expect(await values('publish', '--signature-policy=w')).toEqual(['--signature-policy=warn'])
  expect(await values('keys', 'policy', '')).toEqual(['off', 'warn', 'require'])
  expect(await values('publish', '--', '--')).toEqual([''])
})

it('offers names, then versions and aliases of the one that is meant', async () => {
  const { tab, values } = await tabKey()

  expect(await values('show', 's')).toEqual(['sentiment', 'spam/filter'])
  expect(await tab('show', 'se')).toEqual(['sentiment', 'sentiment@champion\t1.0.0', 'sentiment@stable\t1.0.0', 'sentiment:1.0.0\tchampion, stable'])
  expect(await values('show', 'sentiment:')).toEqual(['sentiment:1.0.0'])
  expect(await values('diff', 'sentiment:1.0.0', 'spam/filter@c')).toEqual(['spam/filter@champion'])
  expect(await values('alias', 'set', 'sen')).toEqual(['sentiment'])
  expect(await values('alias', 'set', 'sentiment', '')).toEqual(['champion', 'stable'])
  expect(await values('alias', 'set', 'sentiment', 'champion', '')).toEqual(['1.0.0'])
  expect(await values('alias', 'set', '--reason', 'why not', 'spam/filter', 'champion', '')).toEqual(['1.0.0'])
  expect(await values('tag', 'sentiment:1.0.0', 'x', 'st')).toEqual(['stable'])
  expect(await values('publish', 'x.onnx', '--name', 'sp')).toEqual(['spam/filter'])
  expect(await values('keys', 'trust', 'key.pub', '--name', '')).toEqual([])
})

it('offers rollouts by id', async () => {
  const { registry, tab } = await tabKey()
  await publishVersions(registry, ['1', '2'], {}, 'm')
  const { id } = createIn(registry, 'pending')

  expect(await tab('rollout', 'status', '')).toEqual([`${id}\tm, pending`])
})

it('asks for paths where they are wanted, beside names where both will do', async () => {
  const { tab, values } = await tabKey()

  expect(await tab('publish', '')).toEqual(['\tfiles'])
  expect(await tab('publish', '--key=x')).toEqual(['\tfiles'])
  expect(await values('golden', 'add', 'sp')).toEqual(['spam/filter', 'spam/filter@champion', 'spam/filter:1.0.0', ''])
})

it('offers datasets where rows are read, and what else may stand there', async () => {
  const { dataDir, tab, values } = await tabKey()
  const rows = join(temporaryFolder(), 'rows.jsonl')
  writeFileSync(rows, '{"a":1}\n')
  expect((await gauntlet('publish', rows, '--kind', 'dataset', '--name', 'spam/rows', '--version', '1', '--quiet', '--data-dir', dataDir)).code).toBe(0)

  expect(await tab('score', 'da')).toEqual(['dataset:spam/rows', '\tfiles'])
  expect(await values('publish', 'x.onnx', '--baseline', '')).toEqual(['dataset:spam/rows', ''])
  expect(await values('drift', 'se')).toEqual(['sentiment', 'sentiment@champion', 'sentiment@stable', 'sentiment:1.0.0', ''])
  expect(await values('drift', 'sentiment:1.0.0', 'd')).toEqual(['dataset:spam/rows', ''])
  expect(await values('show', 'spam/r')).toEqual(['spam/rows', 'spam/rows:1'])
})

it('looks where the command line says, and is silent where there is nothing or something broken', async () => {
  const { dataDir } = await tabKey()
  const broken = temporaryFolder()
  writeFileSync(join(broken, 'gauntlet.db'), 'not a database')
  const silent = { code: 0, out: '', talk: '' }

  expect((await gauntlet('__complete', '--', '--data-dir', dataDir, 'show', 'sp')).out).toContain('spam/filter')
  expect((await gauntlet('__complete', '--', '--data-dir', `'${dataDir}'`, 'show', 'sp')).out).toContain('spam/filter')
  expect(await gauntlet('__complete', '--', '--data-dir', broken, 'show', '')).toEqual(silent)
  expect(await gauntlet('__complete', '--', '--data-dir', join(broken, 'nowhere'), 'show', '')).toEqual(silent)
  expect(await gauntlet('__complete', '--', 'alias', 'set', '--reason')).toMatchObject({ code: 0, talk: '' })
})

it('takes any command line, and offers only what the current word is the beginning of', () => {
  const program = new Command('gauntlet').option('--json').option('--data-dir <folder>')
  program.command('show').argument('<reference>').option('-l, --limit <count>')
  const alias = program.command('alias')
  alias.command('set').argument('<name>').argument('<alias>').argument('<version>').addOption(new Option('--mode [mode]').choices(['a', 'b']))
  program.command('tag').argument('<reference>').argument('<aliases...>')
  const known: Known = {
    models: () => ['m', 'mm'], datasets: () => ['d'], versions: () => ['2', '1'], aliases: () => [{ alias: 'champion', version: '1' }], rollouts: () => []
  }
  const word = fc.oneof(
    fc.constantFrom('show', 'alias', 'set', 'tag', 'm', 'm:', 'm@', 'm:1', '--', '-', '--limit', '-l', '--limit=', '--mode=', '--mode', '--data-dir', '--nope=x', ''),
    fc.string({ maxLength: 5 }))

  fc.assert(fc.property(fc.array(word, { maxLength: 6 }), (words) => {
    const { candidates } = complete(program, words, () => known)

    expect(candidates.filter(({ value }) => !value.startsWith(words.at(-1) ?? ''))).toEqual([])
  }), { seed: 5, numRuns: 2_000 })
})
