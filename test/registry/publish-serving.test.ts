import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { addRegistryCommands } from '../../registry/commands.js'
import { layerDrafts } from '../../registry/serving/drafts.js'
import { Registry } from '../../registry/registry.js'
import { FAKE_MODELS, folderOf, modelBytes, openRegistry, START_MS, temporaryFolder } from '../support/registry-fixtures.js'

const MODEL = modelBytes('one')
const EXAMPLE = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }],
  tolerance: 0.01
}
const WRONG = { ...EXAMPLE, outputs: [{ ...EXAMPLE.outputs[0], data: [1, 2, 4] }] }

/** Runs a command on a data folder; what it throws is thrown. */
async function gauntlet (dataDir: string, ...args: string[]): Promise<{ out: string, json: never, talk: string[] }> {
  let [out, json] = ['', undefined as never]
  const talk: string[] = []
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} }).option('--json')
  addRegistryCommands(program, {
    ...FAKE_MODELS,
    open: async () => Registry.open({ dataDir, now: () => START_MS }),
    actor: () => 'ann',
    print: (data, text) => { [out, json] = [text(), JSON.parse(JSON.stringify(data)) as never] },
    warn: (line) => { talk.push(line) }
  })
  await program.parseAsync(args, { from: 'user' })
  return { out, json, talk }
}

const publish = (dataDir: string, path: string, ...more: string[]): ReturnType<typeof gauntlet> =>
  gauntlet(dataDir, 'publish', path, '--name', 'm', '--version', '1', ...more)

/** Every path below a folder with size and time of change. */
function listing (folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort().map((path) => {
    const { size, mtimeMs, ino } = statSync(join(folder, path))
    return `${path} ${statSync(join(folder, path)).isDirectory() ? '' : `${size} ${mtimeMs} ${ino}`}`
  })
}

describe('what publish states of serving.json', () => {
  it('takes flags before --serving, that before the folder, that before the model, and says so', async () => {
    const dataDir = temporaryFolder()
    const path = folderOf({
      'model.onnx': MODEL,
      'serving.json': '{"labels":["f","o","l"],"batching":{"maxBatch":2,"maxDelayMs":2},"stateSchema":"folder","metrics":{"f1":0.1,"auc":0.5}}'
    })
    const serving = join(folderOf({ 's.json': '{"$schema":"x","batching":{"maxBatch":3,"maxDelayMs":3},"stateSchema":"file","metrics":{"f1":0.2}}' }), 's.json')

    const { json, out } = await publish(dataDir, path, '--serving', serving, '--max-batch', '4', '--metric', 'f1=0.3', '--accepts-state', 'a, b')

    const { serving: made, inferred } = json as { serving: object, inferred: { field: string, value: unknown, from: string }[] }
    expect(made).toEqual({
      schemaVersion: 1,
      task: 'tensor',
      runtime: 'onnx',
      modelFile: 'model.onnx',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }],
      labels: ['f', 'o', 'l'],
      batching: { batchable: true, maxBatch: 4, maxDelayMs: 3 },
      examples: [],
      stateSchema: 'file',
      acceptsState: ['a', 'b'],
      metrics: { f1: 0.3, auc: 0.5 }
    })
    const from = Object.fromEntries(inferred.map((row) => [row.field, row.from]))
    expect(from).toEqual({
      modelFile: 'the files',
      task: 'the model',
      inputs: 'the model',
      outputs: 'the model',
      labels: 'serving.json',
      stateSchema: '--serving',
      acceptsState: '--accepts-state',
      metrics: '--metric',
      examples: 'default',
      'batching.batchable': 'tried',
      'batching.maxBatch': '--max-batch',
      'batching.maxDelayMs': '--serving'
    })
    expect(out).toMatch(/^FIELD +VALUE +FROM$/m)
    expect(out).toMatch(/^inputs +x FP32 \[-1,4\] +the model$/m)
  })

  it('reads labels from a file of lines or of JSON, and keeps the digest of a parent', async () => {
    const dataDir = temporaryFolder()
    const labels = folderOf({ 'l.txt': 'a\nb\n\nc\n', 'l.json': '["x","y"]' })
    const first = (await publish(dataDir, folderOf({ 'model.onnx': MODEL }), '--labels', `@${join(labels, 'l.txt')}`)).json as { digest: string, serving: { labels: string[] } }
    expect(first.serving.labels).toEqual(['a', 'b', 'c'])

    const second = await gauntlet(dataDir, 'publish', folderOf({ 'model.onnx': MODEL }), '--name', 'm', '--version', '2', '--labels', `@${join(labels, 'l.json')}`, '--parent', 'm:1')
    expect((second.json as { serving: object }).serving).toMatchObject({ labels: ['x', 'y'], lineage: { parent: first.digest } })
  })

  it.each<[string, string[], RegExp]>([
    ['a setting that the task does not apply', ['--pooling', 'cls'], /^serving\.json: \/pooling is for the task feature-extraction/],
    ['tokens of a task without texts', ['--max-tokens', '8'], /\/maxTokens is for text tasks/],
    ['a batch out of bounds', ['--max-batch', '0'], /\/batching\/maxBatch must be >= 1/],
    ['a file that is not there', ['--serving', '/nowhere.json'], /cannot read "\/nowhere\.json"/],
    ['a parent that is not there', ['--parent', 'm:9'], /there is no model "m"/]
  ])('refuses %s', async (_what, flags, message) => {
    await expect(publish(temporaryFolder(), folderOf({ 'model.onnx': MODEL }), ...flags)).rejects.toThrow(message)
  })

  it('layers parts of batching, lineage and metrics one by one, other fields whole', () => {
    const { draft, from } = layerDrafts([
      { from: 'a', draft: { lineage: { parent: 'p' }, examples: [] } }, { from: 'b', draft: { lineage: { parent: 'q', datasets: ['d'] }, task: 'tensor' } }
    ])
    expect(draft).toEqual({ lineage: { parent: 'p', datasets: ['d'] }, examples: [], task: 'tensor' })
    expect(Object.fromEntries(from)).toEqual({ lineage: 'a', 'lineage.parent': 'a', examples: 'a', 'lineage.datasets': 'b', task: 'b' })
  })
})

describe('golden examples at publish', () => {
  it('are run, and one that differs leaves nothing behind', async () => {
    const { registry, dataDir } = openRegistry()
    const path = folderOf({ 'model.onnx': MODEL, 'serving.json': JSON.stringify({ examples: [EXAMPLE, WRONG] }) })
    const before = listing(dataDir)

    await expect(publish(dataDir, path)).rejects.toMatchObject({ code: 'GOLDEN_FAILED', message: 'm:1 does not pass its golden examples: golden example 1 differs' })

    expect(listing(dataDir)).toEqual(before)
    expect(registry.models()).toEqual([])
  })

  it('are left for the load when asked, with a warning', async () => {
    const path = folderOf({ 'model.onnx': MODEL, 'serving.json': JSON.stringify({ examples: [WRONG] }) })
    const { talk } = await publish(temporaryFolder(), path, '--skip-golden')
    expect(talk[0]).toBe('1 golden example of m:1 not run; a version that fails them is not loaded')
  })
})

describe('publish --dry-run', () => {
  it('changes nothing and gives the digest that the publish then has', async () => {
    const { dataDir } = openRegistry()
    const path = folderOf({ 'model.onnx': MODEL, 'vocab.txt': 'a' })
    const before = listing(dataDir)

    const dry = await publish(dataDir, path, '--alias', 'blue', '--dry-run')

    expect(listing(dataDir)).toEqual(before)
    expect(dry.out).toMatch(/^would be published: m:1\n/)
    const real = await publish(dataDir, path, '--alias', 'blue')
    expect((dry.json as { digest: string }).digest).toBe((real.json as { digest: string }).digest)
    expect(dry.json).toMatchObject({ status: 'published', dryRun: true, aliases: ['blue'] })
    expect((await publish(dataDir, path, '--dry-run')).out).toMatch(/^is there already: m:1\n/)
  })

  it('refuses what the publish would', async () => {
    const { dataDir } = openRegistry()
    await publish(dataDir, folderOf({ 'model.onnx': MODEL }))
    const before = listing(dataDir)
    await expect(publish(dataDir, folderOf({ 'model.onnx': modelBytes('two') }), '--dry-run')).rejects.toMatchObject({ code: 'VERSION_CONFLICT' })
    expect(listing(dataDir)).toEqual(before)
  })

  it('prints nothing when quiet but what must be known', async () => {
    const { out, talk } = await publish(temporaryFolder(), folderOf({ 'model.onnx': MODEL }), '--quiet')
    expect(out).toBe('')
    expect(talk).toEqual(['m has no champion yet, so it is only called by version; set the alias champion'])
  })

  it('keeps progress of copying bytes', async () => {
    const { registry } = openRegistry()
    const told: unknown[] = []
    const progress = { start: (label: string, total: number | null) => told.push(label.replace(/ .*/, ''), total), add: (bytes: number) => told.push(bytes), end: () => told.push('end') }
    await registry.publish({ path: folderOf({ 'model.onnx': MODEL, a: 'abc' }), name: 'm', version: '1', actor: 'ann', progress }, FAKE_MODELS.inspect)
    expect(told).toEqual(['copying', 3 + MODEL.length, 3, MODEL.length, 'end'])
  })
})
