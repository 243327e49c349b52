import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../registry/blobs.js'
import { addRegistryCommands } from '../../registry/commands.js'
import { Registry } from '../../registry/registry.js'
import { FAKE_MODELS, folderOf, modelBytes, START_MS, temporaryFolder } from '../support/registry-fixtures.js'

/** The commands as a program runs them, with their output instead of a terminal. */
function commandLine () {
  const dataDir = temporaryFolder()
  const warnings: string[] = []
  const run = async (...words: string[]): Promise<{ json: unknown, text: string }> => {
    const printed: Array<{ json: unknown, text: string }> = []
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
      .option('--json').option('--data-dir <path>', '', dataDir)
    addRegistryCommands(program, {
      open: async () => Registry.open({ dataDir: program.opts<{ dataDir: string }>().dataDir, now: () => START_MS }),
      ...FAKE_MODELS,
      actor: () => 'ann',
      print: (json, text) => printed.push({ json, text: text() }),
      warn: (line) => warnings.push(line)
    })
    try {
      await program.parseAsync(words, { from: 'user' })
    } catch (error) {
      throw Object.assign(error as Error, { printed })
    }
    expect(printed).toHaveLength(1)
    return printed[0]!
  }
  const publish = async (version: string, ...words: string[]) =>
    await run('publish', folderOf({ 'model.onnx': modelBytes(version) }), '--name', 'm', '--version', version, ...words)
  return { run, publish, dataDir, warnings }
}

describe('gauntlet publish', () => {
  it('publishes and prints what it made', async () => {
    const { publish } = commandLine()

    const { json, text } = await publish('1', '--alias', 'champion')

    expect(json).toMatchObject({
      status: 'published',
      name: 'm',
      version: '1',
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      aliases: ['champion'],
      task: 'tensor',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }],
      sizeBytes: expect.any(Number),
      createdAt: START_MS
    })
    expect(text.split('\n')[0]).toBe('published m:1')
    expect(text).toContain('\ninput      x FP32 [-1,4]\noutput     y FP32 [-1,3]')
  })

  it('takes options before, after and between arguments', async () => {
    const { run, dataDir } = commandLine()
    const path = folderOf({ 'model.onnx': modelBytes('1') })
    const orders = [
      ['publish', '--name', 'm', '--version', '1', path],
      ['publish', '--version=1', path, '--name=m'],
      ['--json', 'publish', path, '--name', 'm', '--version', '1'],
      ['publish', path, '--name', 'm', '--data-dir', dataDir, '--version', '1', '--json']
    ]
    const statuses = []
    for (const order of orders) statuses.push((await run(...order)).json)
    expect(statuses).toMatchObject([{ status: 'published' }, { status: 'unchanged' }, { status: 'unchanged' }, { status: 'unchanged' }])
  })

  it('needs a name and a version, a known task, and whole seconds', async () => {
    const { run, publish } = commandLine()
    const wrong = [
      run('publish', 'x', '--name', 'm'), run('publish', 'x', '--version', '1'), run('publish', '--name', 'm', '--version', '1'),
      publish('1', '--task', 'chat'), publish('1', '--source-date-epoch', 'now')
    ]
    for (const refused of wrong) await expect(refused).rejects.toBeInstanceOf(CommanderError)
  })

  it('hands on task, reason and source date', async () => {
    const { publish, run, dataDir } = commandLine()
    const dated = await publish('1', '--task', 'feature-extraction', '--reason', 'nightly', '--source-date-epoch', '86400')
    const { digest } = dated.json as { digest: string }
    const manifest = JSON.parse(readFileSync(join(dataDir, 'registry', 'blobs', 'sha256', digest.slice(7)), 'utf8'))
    expect(manifest.annotations['org.opencontainers.image.created']).toBe('1970-01-02T00:00:00.000Z')
    expect((await run('show', 'm:1')).json).toMatchObject({ task: 'feature-extraction' })
    const registry = Registry.open({ dataDir, now: () => START_MS })
    expect(registry.audit().list()[0]).toMatchObject({ actor: 'ann', reason: 'nightly' })
    registry.close()
  })

  it('warns when the model has no champion yet', async () => {
    const { publish, warnings } = commandLine()
    await publish('1')
    expect(warnings).toEqual(['m has no champion yet, so it is only called by version; set the alias champion'])
    await publish('2', '--alias', 'champion')
    expect(warnings).toHaveLength(1)
  })

  it('throws, not prints, what the registry refuses', async () => {
    const { run } = commandLine()
    await expect(run('publish', '/no/such/place', '--name', 'm', '--version', '1')).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND', printed: [] })
  })
})

describe('gauntlet models', () => {
  it('prints an aligned table and the same as JSON', async () => {
    const { run, publish } = commandLine()
    expect(await run('models')).toEqual({ json: [], text: 'no models yet; publish one' })
    const first = (await publish('1', '--alias', 'champion')).json as { digest: string }
    const second = (await publish('2.0.0')).json as { digest: string }

    const { json, text } = await run('models', '--versions')

    expect(json).toMatchObject([{ name: 'm', versions: [{ version: '1', aliases: ['champion'] }, { version: '2.0.0', aliases: [] }], aliases: { champion: '1' } }])
    expect(text.split('\n')).toEqual([
      'MODEL  VERSION  ALIASES   PUBLISHED                 DIGEST',
      `m      1        champion  2023-11-14T22:13:20.000Z  ${first.digest.slice(7, 19)}`,
      `m      2.0.0    -         2023-11-14T22:13:20.000Z  ${second.digest.slice(7, 19)}`
    ])
  })
})

describe('gauntlet models without --versions', () => {
  it('counts the versions of each model and names its aliases; removed versions do not count', async () => {
    const { run, publish } = commandLine()
    await publish('1', '--alias', 'champion')
    await publish('2', '--alias', 'blue')
    await publish('3')
    await run('rm', 'm:3', '--reason', 'bad')

    const { json, text } = await run('models')

    expect(json).toEqual([{ name: 'm', kind: 'model', versions: 2, sizeBytes: expect.any(Number), updatedAt: START_MS, aliases: { blue: '2', champion: '1' } }])
    expect(text.split('\n')[1]).toMatch(/^m +2 +1 +blue=2 +2023-11-14T22:13:20.000Z +\d/)
  })
})

describe('gauntlet show with a name alone', () => {
  it('shows the newest versions with their metrics, what is signed, and how many more there are', async () => {
    const { run, publish, dataDir } = commandLine()
    for (const version of ['1', '2', '3']) await publish(version, ...version === '1' ? ['--alias', 'champion'] : [])
    const key = join(folderOf({}), 'key.pem')
    await run('keys', 'generate', key)
    await run('keys', 'trust', `${key}.pub`, '--name', 'build')
    await run('sign', 'm:2', '--key', key)

    const { json, text } = await run('show', 'm', '--limit', '2', '--data-dir', dataDir)

    expect(json).toMatchObject({ name: 'm', total: 3, aliases: { champion: '1' }, versions: [{ version: '3', signature: 'unsigned' }, { version: '2', signature: 'signed' }] })
    expect(text.split('\n')[0]).toMatch(/^m: 3 versions, .*, champion 1$/)
    expect(text).toContain('and 1 more; --limit shows them')
    await expect(run('show', 'm', '--limit', '0')).rejects.toBeInstanceOf(CommanderError)
  })
})

describe('gauntlet show', () => {
  it('shows a version by name, version or alias', async () => {
    const { run, publish } = commandLine()
    await publish('1', '--alias', 'champion')
    await publish('2', '--alias', 'blue')

    const versions = []
    for (const reference of ['m@champion', 'm:2', 'm@blue']) versions.push((await run('show', reference)).json)

    expect(versions).toMatchObject([{ version: '1' }, { version: '2' }, { version: '2', aliases: ['blue'] }])
    await expect(run('show', 'q')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })

  it('tells what a version was made from, how good it was, and on request its files', async () => {
    const { run, publish } = commandLine()
    const parent = (await publish('1')).json as { digest: string }
    const serving = join(folderOf({ 'serving.json': JSON.stringify({ lineage: { datasets: ['sms:1'] }, labels: ['ham', 'spam'] }) }), 'serving.json')
    await publish('2', '--serving', serving, '--parent', 'm:1', '--metric', 'accuracy=0.93')

    const [bare, full] = [await run('show', 'm:2'), await run('show', 'm:2', '--files')]

    expect(bare.text.split('\n').slice(-4)).toEqual([
      'labels     2: ham, spam', `parent     m:1 ${parent.digest}`, 'dataset    sms:1', 'metric     accuracy 0.93'
    ])
    expect(bare.json).not.toHaveProperty('files')
    expect(full.json).toMatchObject({ provenance: {}, files: [{ path: 'model.onnx', digest: expect.any(String), sizeBytes: expect.any(Number) }, { path: 'serving.json' }] })
    expect(full.text).toMatch(/\n\nFILE +SIZE +DIGEST\nmodel.onnx +[\d.]+ \w+ +[0-9a-f]{12}\nserving.json /)
  })

  it('shows a version whose manifest is damaged, and says so', async () => {
    const { run, publish, dataDir, warnings } = commandLine()
    const { digest } = (await publish('1', '--alias', 'champion')).json as { digest: string }
    const path = join(dataDir, 'registry', 'blobs', 'sha256', digest.slice(7))
    chmodSync(path, 0o644)
    writeFileSync(path, 'x')

    expect((await run('show', 'm:1')).json).toMatchObject({ version: '1' })
    expect(warnings).toEqual([expect.stringContaining('does not match its digest')])
  })

  it('does not let a hostile tensor name reach the terminal', async () => {
    const { run } = commandLine()
    const path = folderOf({ 'model.onnx': modelBytes('1', { inputs: [{ name: 'x\u001b[2J', datatype: 'FP32', shape: [1] }] }) })
    const { text } = await run('publish', path, '--name', 'm', '--version', '1')
    expect(text).toContain('input      x?[2J FP32 [1]')
  })
})

describe('gauntlet alias set', () => {
  it('moves an alias and says from where', async () => {
    const { run, publish } = commandLine()
    await publish('1', '--alias', 'champion')
    await publish('2')

    expect(await run('alias', 'set', 'm', 'champion', '2', '--reason', 'better')).toEqual({
      json: { name: 'm', alias: 'champion', version: '2', previous: '1' }, text: 'm@champion is now 2 (was 1)'
    })
    expect((await run('alias', 'set', '--reason', 'again', 'm', 'champion', '2')).text).toBe('m@champion is 2 already')
    expect((await run('alias', 'set', 'm', '--reason', 'new', 'blue', '1')).text).toBe('m@blue is now 1')
    await expect(run('alias', 'set', 'm', 'champion', '1')).rejects.toBeInstanceOf(CommanderError)
  })

  it('moves the champion to another signature only when told to', async () => {
    const { run, publish } = commandLine()
    await publish('1', '--alias', 'champion')
    const path = folderOf({ 'model.onnx': modelBytes('w', { inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 5] }] }) })
    await run('publish', path, '--name', 'm', '--version', 'w')

    await expect(run('alias', 'set', 'm', 'champion', 'w', '--reason', 'r')).rejects.toMatchObject({ code: 'SIGNATURE_CHANGED' })
    await run('alias', 'set', 'm', 'champion', 'w', '--reason', 'r', '--allow-signature-change')
    expect((await run('show', 'm@champion')).json).toMatchObject({ version: 'w' })
  })
})

describe('gauntlet alias', () => {
  it('moves only from where it is expected, and plans without moving', async () => {
    const { run, publish } = commandLine()
    await publish('1', '--alias', 'champion')
    const set = async (...words: string[]) => await run('alias', 'set', 'm', 'blue', '1', '--reason', 'r', ...words)

    expect((await set('--expect', 'none', '--dry-run')).text).toBe('m@blue would be 1')
    expect((await set('--expect', 'none')).text).toBe('m@blue is now 1')
    await expect(set('--expect', 'none')).rejects.toMatchObject({ code: 'ALIAS_CONFLICT' })
    await expect(set('--expect', '9')).rejects.toMatchObject({ code: 'ALIAS_CONFLICT' })
  })

  it('is removed and listed, with who, when and why', async () => {
    const { run, publish } = commandLine()
    await publish('1', '--alias', 'champion', '--reason', 'first')
    await run('tag', 'm', 'blue', 'green', '--reason', 'colours')
    const rm = async (...words: string[]) => (await run('alias', 'rm', 'm', ...words)).text

    expect([await rm('blue', '--reason', 'old', '--dry-run'), await rm('blue', '--reason', 'old')]).toEqual(['m@blue would be removed (was 1)', 'm@blue is removed (was 1)'])
    await expect(rm('champion', '--reason', 'r')).rejects.toMatchObject({ code: 'ALIAS_LOCKED' })
    expect((await run('alias', 'list', 'm')).text.split('\n').map((line) => line.split(/ +/).slice(0, 2))).toEqual([['ALIAS', 'VERSION'], ['champion', '1'], ['green', '1']])
    expect((await run('alias', 'history', 'm', 'blue')).text.split('\n').map((line) => line.split(/ +/).slice(1))).toEqual([
      ['VERSION', 'BEFORE', 'WHO', 'WHY'], ['(removed)', '1', 'ann', 'old'], ['1', '-', 'ann', 'colours']
    ])
    await expect(run('alias', 'history', 'm', 'red')).rejects.toMatchObject({ code: 'ALIAS_NOT_FOUND' })
  })
})

describe('gauntlet verify', () => {
  it('prints every blob, and throws after printing when one is damaged', async () => {
    const { run, publish, dataDir } = commandLine()
    await publish('1', '--alias', 'champion')
    const good = await run('verify', 'm:1')
    expect(good.json).toMatchObject({ name: 'm', version: '1', ok: true })
    expect(good.text.split('\n')[0]).toBe('STATUS  BYTES  DIGEST        PATH')

    const blob = join(dataDir, 'registry', 'blobs', 'sha256', digestOf(modelBytes('1')).slice(7))
    chmodSync(blob, 0o644)
    writeFileSync(blob, 'something else')

    const failed = await run('verify', 'm').then(() => null, (error) => error)
    expect(failed).toMatchObject({ code: 'DIGEST_MISMATCH', message: expect.stringContaining(`m:1 failed verification: blob ${digestOf(modelBytes('1'))} (model.onnx)`) })
    expect(failed.printed[0].json).toMatchObject({ ok: false })
    expect(failed.printed[0].text).toMatch(/^damaged .* model\.onnx$/m)
  })
})
