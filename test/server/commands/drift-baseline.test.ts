import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../evaluators/statistics/random.js'
import { addRegistryCommands } from '../../../registry/commands.js'
import { Registry } from '../../../registry/registry.js'
import { BASELINE_BYTES_MAX } from '../../../registry/serving/provenance.js'
import type { DriftReport } from '../../../server/evaluation/drift-files.js'
import { gauntlet, jsonLines } from '../../support/command.js'
import { FIXTURES } from '../../support/fixtures.js'
import { FAKE_MODELS, folderOf, modelBytes, START_MS, temporaryFolder } from '../../support/registry-fixtures.js'

/** The real commands of the registry with a model that runs nothing, and the real drift command. */
function place () {
  const dataDir = temporaryFolder()
  const folder = temporaryFolder()
  const warnings: string[] = []
  const open = () => Registry.open({ dataDir, now: () => START_MS })
  const publish = async (version: string, ...words: string[]): Promise<void> => {
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} }).option('--json').option('--data-dir <path>', '', dataDir)
    addRegistryCommands(program, { open: async () => open(), ...FAKE_MODELS, actor: () => 'ann', print: () => {}, warn: (line) => warnings.push(line) })
    const source = folderOf({ 'model.onnx': modelBytes(version) })
    await program.parseAsync(['publish', source, '--name', 'm', '--version', version, '--alias', 'champion', '--quiet', ...words], { from: 'user' })
  }
  const drift = async (...words: string[]) => await gauntlet('drift', ...words, '--data-dir', dataDir, '--json')
  const report = async (...words: string[]): Promise<DriftReport> => JSON.parse((await drift(...words, '--fail-on', 'never')).out) as DriftReport
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  return { dataDir, open, publish, drift, report, write, warnings }
}

const people = (seed: number, older = 0, n = 1_000): string => {
  const random = seededRandom(seed)
  return jsonLines(Array.from({ length: n }, () => ({
    age: 40 + older + 10 * random.normal(),
    plan: ['free', 'team', 'pro'][random.below(3)],
    text: `please send ${random.below(9)} boxes of ${['tea', 'rice', 'figs'][random.below(3)]} to number ${random.below(500)}`,
    vector: [random.normal(), random.normal()],
    nested: { a: 1 }
  })))
}

describe('publish --baseline and drift NAME:VERSION', () => {
  it('keep a sketch with the model, and tell drift by it as by the file', async () => {
    const { publish, report, drift, write, warnings, open } = place()
    const [train, today, older] = [write('train.jsonl', people(1)), write('today.jsonl', people(2)), write('older.jsonl', people(3, 20))]

    await publish('1', '--baseline', train)

    expect(warnings).toEqual([
      '--baseline: nested holds objects and was left out: --columns nested.FIELD compares a field of them',
      '--baseline: vector holds vectors and was left out: a sketch of them would be some of them'
    ])
    const columns = ['--columns', 'age,plan,text']
    for (const current of [today, older]) {
      const [sketched, raw] = [await report('m:1', current), await report(train, current, ...columns)]
      expect(sketched.reference).toEqual({ file: 'm:1', rows: 1_000 })
      const statusOf = new Map(raw.rows.map(({ column, measure, status, n }) => [`${column} ${measure}`, { status, n }]))
      for (const { column, measure, status, n } of sketched.rows) expect({ status, n }).toEqual(statusOf.get(`${column} ${measure}`))
      expect(raw.rows.length - sketched.rows.length).toBe(1)
      expect(sketched.notes).toEqual(['text: no domain classifier, for the reference keeps no texts'])
    }
    expect(await drift('m', older)).toMatchObject({ code: 4 })
    const refused = await drift('m@champion', older)
    expect(refused).toMatchObject({ code: 6, talk: expect.stringContaining('severe') as string })
    expect(JSON.parse(refused.out)).toMatchObject({ reference: { file: 'm:1', rows: 1_000 } })
    const registry = open()
    const { baseline } = registry.show('m', '1').serving
    registry.close()
    expect(Object.keys(baseline!.columns)).toEqual(['age', 'plan', 'text'])
    expect(Buffer.byteLength(JSON.stringify(baseline))).toBeLessThan(BASELINE_BYTES_MAX)
  })

  it('keep rows only when asked for, the same ones each time', async () => {
    const { publish, open, write } = place()
    const train = write('train.jsonl', people(1))
    await publish('1', '--baseline', train, '--baseline-columns', 'age,plan')
    await publish('2', '--baseline', train, '--baseline-columns', 'age,plan', '--baseline-rows', '25')

    const registry = open()
    const [bare, full] = [await registry.materialise('m', '1'), await registry.materialise('m', '2')]
    const rows = readFileSync(join(full.directory, 'baseline', 'rows.jsonl'), 'utf8')
    registry.close()

    expect(() => readFileSync(join(bare.directory, 'baseline', 'rows.jsonl'))).toThrow('ENOENT')
    const source = readFileSync(train, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as { age: number, plan: string })
    const kept = rows.split('\n').slice(0, -1).map((line) => JSON.parse(line) as { age: number, plan: string })
    expect(kept).toHaveLength(25)
    expect(kept.every((row) => source.some(({ age, plan }) => age === row.age && plan === row.plan))).toBe(true)
  })

  it('give the same artifact for the same data', async () => {
    const [a, b] = [place(), place()]
    const digests = []
    for (const { publish, open, write } of [a, b]) {
      await publish('1', '--baseline', write('train.jsonl', people(1)), '--baseline-rows', '10')
      const registry = open()
      digests.push(registry.show('m', '1').digest)
      registry.close()
    }
    expect(digests[0]).toBe(digests[1])
  })

  it('refuse what means nothing, and say what is missing', async () => {
    const { publish, drift, write } = place()
    const train = write('train.jsonl', people(1))

    await expect(publish('1', '--baseline-rows', '5')).rejects.toMatchObject({ code: 'commander.error' })
    await expect(publish('1', '--baseline', train, '--kind', 'dataset')).rejects.toMatchObject({ code: 'commander.error' })
    await expect(publish('1', '--baseline', join(train, 'nothing.csv'))).rejects.toMatchObject({ code: expect.stringMatching(/NOT_FOUND|BAD_REQUEST/) as string })
    await expect(publish('1', '--baseline', train, '--baseline-columns', 'height')).rejects.toThrow('no row has a field "height"')
    await publish('1')
    expect(await drift('m:1', train)).toMatchObject({ code: 3, talk: expect.stringContaining('m:1 has no drift baseline') as string })
    expect(await drift('m:2', train)).toMatchObject({ code: 3, talk: expect.stringContaining('has no version "2"') as string })
    await publish('3', '--baseline', train)
    expect(await drift('m:3', train, '--sketch', 'x.json')).toMatchObject({ code: 4, talk: expect.stringContaining('is a sketch already') as string })
  })
})

describe.skipIf(FIXTURES === null)('on real data', () => {
  const data = (path: string): string => readFileSync(join(FIXTURES!, 'data', path), 'utf8')
  const halves = (text: string): [string, string, string] => {
    const [head = '', ...rows] = text.trimEnd().split('\n')
    const order = rows.map((row, i) => ({ row, key: (i * 7919) % rows.length })).sort((a, b) => a.key - b.key).map(({ row }) => row)
    const half = Math.floor(order.length / 2)
    const skewed = [...rows].sort((a, b) => Number(a.split(',')[0]) - Number(b.split(',')[0])).slice(half)
    return [order.slice(0, half), order.slice(half), skewed].map((part) => [head, ...part, ''].join('\n')) as [string, string, string]
  }

  it('a baseline and the file that it was made of agree: effects within 0.05, and at least 95 of 100 statuses', async () => {
    const { publish, report, write } = place()
    const cancer = halves(data('uci-toy/breast_cancer-sklearn.csv'))
    const messages = halves(`label\ttext\n${data('sms-spam/SMSSpamCollection.tsv')}`)
    const cases = [
      { version: 'cancer', files: cancer.map((text, i) => write(`cancer-${i}.csv`, text)) },
      { version: 'digits', files: halves(data('uci-toy/digits-sklearn.csv')).map((text, i) => write(`digits-${i}.csv`, text)) },
      { version: 'sms', files: messages.slice(0, 2).map((text, i) => write(`sms-${i}.tsv`, text)) }
    ]
    let [same, all, largest] = [0, 0, 0]
    for (const { version, files: [train, ...others] } of cases) {
      await publish(version, '--baseline', train!)
      for (const current of others) {
        const [sketched, raw] = [await report(`m:${version}`, current), await report(train!, current)]
        for (const row of sketched.rows) {
          const other = raw.rows.find(({ column, measure }) => column === row.column && measure === row.measure)!
          if (row.measure !== 'out-of-vocabulary') largest = Math.max(largest, Math.abs((row.effect?.value ?? 0) - (other.effect?.value ?? 0)))
          all++
          if (row.status === other.status) same++
        }
      }
    }

    expect(all).toBeGreaterThan(150)
    expect(largest).toBeLessThan(0.05)
    expect(same / all).toBeGreaterThanOrEqual(0.95)
  })
})
