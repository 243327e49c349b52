import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, writeSync, closeSync, chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Gateway } from '../../server/gateway.js'
import { gauntlet as command, type Outcome } from '../support/command.js'
import { compiledFile } from '../support/compiled.js'
import { runGateway, temporaryDataDir } from '../support/gateway.js'
import { writeLookup } from '../support/lookup-model.js'

const { dataDir, remove } = temporaryDataDir()
const main = compiledFile('server/main.js')
let gateway: Gateway
let first: string
let second: string

const here = (args: string[]): string[] => ['--data-dir', dataDir, ...gateway === undefined ? [] : ['--server', gateway.url], ...args]

/** The real command in a process of its own. */
function gauntlet (...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...here(args)], (error, out, talk) => {
      resolve({ code: error === null ? 0 : error.code as number, out, talk })
    })
  })
}

/** The same in this process, which is much quicker. */
const run = (...args: string[]): Promise<Outcome> => command(...here(args))

beforeAll(async () => {
  first = writeLookup(join(dataDir, 'sources'), 'first', 1)
  second = writeLookup(join(dataDir, 'sources'), 'second', 2)
  await gauntlet('publish', first, '--name', 'lookup', '--version', '1.0.0', '--alias', 'champion')
  await gauntlet('publish', '--name', 'lookup', '--version', '2.0.0', second)
  gateway = await runGateway(dataDir)
})

afterAll(async () => {
  await gateway.close()
  remove()
})

describe('gauntlet', () => {
  it('explains itself, and exits 2 on what it does not know', async () => {
    const [help, wrong] = await Promise.all([gauntlet('--help'), gauntlet('publsh')])

    expect(help).toMatchObject({ code: 0 })
    for (const command of ['publish', 'models', 'show', 'alias', 'verify', 'serve', 'rollout', 'doctor']) expect(help.out).toContain(command)
    expect(wrong.code).toBe(2)
    expect(wrong.out).toBe('')
  })

  it('publishes once: the same bytes are unchanged, others a conflict', async () => {
    const [same, other] = [
      await gauntlet('publish', first, '--name', 'lookup', '--version', '1.0.0', '--json'),
      await gauntlet('publish', second, '--name', 'lookup', '--version', '1.0.0')
    ]

    expect(same.code).toBe(0)
    expect(JSON.parse(same.out)).toMatchObject({ status: 'unchanged' })
    expect(other.code).toBe(9)
    expect(other.talk).toMatch(/1\.0\.0/)
  })

  it('shows a version with what it takes and gives', async () => {
    const { code, out } = await gauntlet('show', 'lookup:1.0.0', '--json')

    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      name: 'lookup',
      version: '1.0.0',
      digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
      aliases: ['champion'],
      inputs: [{ name: 'index', datatype: 'INT64', shape: [-1] }],
      outputs: [{ name: 'value', datatype: 'FP32', shape: [-1] }]
    })
  })

  it('ends without a word when its reader has seen enough', async () => {
    const child = spawn('sh', ['-c', '"$0" "$@" | true', process.execPath, main, ...here(['--help'])], { stdio: ['ignore', 'ignore', 'pipe'] })
    let talk = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => { talk += text })
    await once(child, 'close')

    expect(talk).toBe('')
  })

  it('tells its version, asked either way', async () => {
    const [word, option] = [await run('version'), await command('--version')]

    expect(word).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string })
    expect(option).toEqual(word)
    expect(JSON.parse((await command('--version', '--json')).out)).toEqual({ version: word.out.trim() })
  })

  it('takes options before and after the arguments', async () => {
    const [before, after] = await Promise.all([gauntlet('--json', 'show', 'lookup@champion'), gauntlet('show', '--json', 'lookup@champion')])

    expect(JSON.parse(before.out)).toEqual(JSON.parse(after.out))
  })

  it.each<[string, number, string[]]>([
    ['a path that is not there', 3, ['publish', '/nowhere.onnx', '--name', 'x', '--version', '1']],
    ['a name of the wrong form', 4, ['publish', 'FIRST', '--name', 'X Y', '--version', '1']],
    ['a file that is no model', 4, ['publish', 'JUNK', '--name', 'junk', '--version', '1']],
    ['a missing option', 2, ['publish', 'FIRST', '--name', 'x']],
    ['an unknown model', 3, ['show', 'nobody']],
    ['an unknown version', 3, ['verify', 'lookup:9']],
    ['an unknown rollout', 3, ['rollout', 'status', 'none']],
    ['a bad spec', 4, ['rollout', 'start', '-f', 'BAD']]
  ])('exits with its code on %s', async (_what, expected, args) => {
    const junk = join(dataDir, 'sources', 'junk.onnx')
    const bad = join(dataDir, 'sources', 'bad.yaml')
    writeFileSync(junk, 'not a model')
    writeFileSync(bad, 'model: lookup\n')

    const { code, out, talk } = await run(...args.map((arg) => ({ FIRST: first, JUNK: junk, BAD: bad })[arg] ?? arg))

    expect({ code, out }).toEqual({ code: expected, out: '' })
    expect(talk).not.toMatch(/\n\s+at /)
  })

  it('runs a rollout from start to the way back', async () => {
    const document = join(dataDir, 'sources', 'rollout.yaml')
    writeFileSync(document, 'model: lookup\nchallenger: "2.0.0"\nstrategy: { canary: { steps: [ { setWeight: 10 }, { pause: {} } ] } }\n')

    const started = JSON.parse((await run('rollout', 'start', '-f', document, '--json')).out) as { id: string }
    const second = await run('rollout', 'start', '-f', document)
    const locked = await run('alias', 'set', 'lookup', 'champion', '2.0.0', '--reason', 'now')
    const status = await run('rollout', 'status', started.id)
    const promoted = await run('rollout', 'promote', started.id, '--reason', 'good', '--json')
    const watched = await run('rollout', 'watch', started.id, '--json')
    const reverted = await run('rollout', 'rollback', '--reason', 'bad after all', started.id, '--json')
    const again = await run('rollout', 'pause', started.id)

    expect([second.code, locked.code, again.code]).toEqual([9, 9, 9])
    expect(status.out).toMatch(/champion 1\.0\.0, challenger 2\.0\.0/)
    expect(JSON.parse(promoted.out)).toMatchObject({ id: started.id })
    expect(JSON.parse(watched.out)).toMatchObject({ state: 'promoted' })
    expect(JSON.parse(reverted.out)).toMatchObject({ state: 'promoted', reverted: { reason: 'bad after all' } })
    expect(JSON.parse((await run('show', 'lookup@champion', '--json')).out)).toMatchObject({ version: '1.0.0' })
  })

  it('says what is wrong with this machine, or that nothing is', async () => {
    const { code, out } = await run('doctor', '--json')

    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ ok: true })
  })

  it('says that no gateway answers, with exit code 8', async () => {
    const { code, talk } = await run('rollout', 'list', '--server', 'http://127.0.0.1:9')

    expect(code).toBe(8)
    expect(talk).toMatch(/no gateway answers/)
  })

  it('verifies every blob, and names one with a flipped byte', async () => {
    expect((await run('verify', 'lookup:2.0.0')).code).toBe(0)
    const { out } = await run('verify', 'lookup:2.0.0', '--json')
    const { blobs } = JSON.parse(out) as { blobs: { digest: string, path: string }[] }
    const { digest } = blobs.find(({ path }) => path === 'model.onnx')!
    const blob = join(dataDir, 'registry', 'blobs', 'sha256', digest.replace('sha256:', ''))
    const bytes = readFileSync(blob)
    chmodSync(blob, 0o644)
    const file = openSync(blob, 'r+')
    writeSync(file, Buffer.of(bytes[100]! ^ 1), 0, 1, 100)
    closeSync(file)

    const failed = await run('verify', 'lookup:2.0.0')

    expect(failed.code).toBe(7)
    expect(failed.talk).toContain(digest)
  })
})
