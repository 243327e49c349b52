import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { addRegistryCommands } from '../../registry/commands.js'
import { compareExamples, exampleOf, inputsOf } from '../../registry/golden.js'
import { Registry } from '../../registry/registry.js'
import type { Serving } from '../../registry/serving.js'
import { servingSchemaDocument } from '../../registry/serving/document.js'
import type { JsonTensor } from '../../registry/serving/tensors.js'
import { FAKE_MODELS, folderOf, modelBytes, START_MS, temporaryFolder } from '../support/registry-fixtures.js'

const X: JsonTensor = { name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }
const Y: JsonTensor = { name: 'y', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }
const REQUEST = JSON.stringify({ inputs: [X] })

async function gauntlet (dataDir: string, ...args: string[]): Promise<{ out: string, json: never }> {
  let [out, json] = ['', undefined as never]
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} }).option('--json')
  addRegistryCommands(program, {
    ...FAKE_MODELS,
    open: async () => Registry.open({ dataDir, now: () => START_MS }),
    actor: () => 'ann',
    print: (data, text) => { [out, json] = [text(), JSON.parse(JSON.stringify(data)) as never] },
    warn: () => {}
  })
  await program.parseAsync(args, { from: 'user' })
  return { out, json }
}

describe('golden add', () => {
  it('keeps the input and the output of a folder\'s model in its serving.json, which then publishes', async () => {
    const dataDir = temporaryFolder()
    const path = folderOf({ 'model.onnx': modelBytes('one'), 'serving.json': '{"labels":["a","b","c"]}', 'in.json': REQUEST })
    const input = join(folderOf({ 'in.json': REQUEST }), 'in.json')

    await gauntlet(dataDir, 'golden', 'add', path, '--input', input, '--tolerance', '0.5')
    await gauntlet(dataDir, 'golden', 'add', path, '--input', input, '--dry-run')

    expect(JSON.parse(readFileSync(join(path, 'serving.json'), 'utf8'))).toEqual({
      labels: ['a', 'b', 'c'], examples: [{ inputs: [X], outputs: [Y], tolerance: 0.5 }]
    })
    expect(readdirSync(path).sort()).toEqual(['in.json', 'model.onnx', 'serving.json'])
    await gauntlet(dataDir, 'publish', path, '--name', 'm', '--version', '1')
    expect((await gauntlet(dataDir, 'golden', 'list', 'm:1')).out).toMatch(/^x FP32 \[1,4\] +y FP32 \[1,3\] +0\.5$/m)
    expect((await gauntlet(dataDir, 'golden', 'check', 'm:1')).json).toMatchObject({ outputs: [{ example: 0, output: 'y', largest: 0, ok: true }] })
  })

  it('writes beside a single file, whose version is published with --serving', async () => {
    const dataDir = temporaryFolder()
    const folder = folderOf({ 'iris.onnx': modelBytes('one'), 'in.json': REQUEST })
    await gauntlet(dataDir, 'golden', 'add', join(folder, 'iris.onnx'), '--input', join(folder, 'in.json'))
    const { json } = await gauntlet(dataDir, 'publish', join(folder, 'iris.onnx'), '--name', 'm', '--version', '1', '--serving', join(folder, 'iris.serving.json'))
    expect((json as { serving: Serving }).serving.examples).toHaveLength(1)
  })

  it('makes a version of a published one that shares all its other files, and names it as its parent', async () => {
    const dataDir = temporaryFolder()
    const input = join(folderOf({ 'in.json': REQUEST }), 'in.json')
    const first = (await gauntlet(dataDir, 'publish', folderOf({ 'model.onnx': modelBytes('one'), a: 'a' }), '--name', 'm', '--version', '1')).json as { digest: string }
    const blobs = () => readdirSync(join(dataDir, 'registry', 'blobs', 'sha256')).length
    const before = blobs()

    await expect(gauntlet(dataDir, 'golden', 'add', 'm:1', '--input', input)).rejects.toThrow('m:1 is immutable; --as NEWVERSION')
    await gauntlet(dataDir, 'golden', 'add', 'm:1', '--input', input, '--as', '2', '--dry-run')
    expect(blobs()).toBe(before)
    const { out, json } = await gauntlet(dataDir, 'golden', 'add', 'm:1', '--input', input, '--as', '2', '--alias', 'blue')

    expect(out).toMatch(/^published m:2, made from m:1\n/)
    expect(json).toMatchObject({ serving: { lineage: { parent: first.digest }, examples: [{ inputs: [X], outputs: [Y] }] }, aliases: ['blue'] })
    expect(blobs()).toBe(before + 3)
    const { out: verified } = await gauntlet(dataDir, 'verify', 'm:2')
    expect(verified).not.toContain('damaged')
  })

  it('is told apart from what the model answers now, naming the output', async () => {
    const dataDir = temporaryFolder()
    const wrong = { examples: [{ inputs: [X], outputs: [{ ...Y, data: [1, 2, 4] }], tolerance: 0.1 }] }
    await gauntlet(dataDir, 'publish', folderOf({ 'model.onnx': modelBytes('one'), 'serving.json': JSON.stringify(wrong) }), '--name', 'm', '--version', '1', '--skip-golden')
    await expect(gauntlet(dataDir, 'golden', 'check', 'm:1')).rejects.toMatchObject({
      code: 'GOLDEN_FAILED', message: 'm:1 differs from its golden examples in 1 output, first in "y" of example 0'
    })
    await expect(gauntlet(dataDir, 'publish', folderOf({ 'model.onnx': modelBytes('one'), 'serving.json': JSON.stringify(wrong) }), '--name', 'm', '--version', '2', '--skip-golden', '--alias', 'champion'))
      .rejects.toMatchObject({ code: 'VERSION_UNFIT' })
  })
})

describe('golden examples', () => {
  it('compare real numbers by a share of what is expected, all else exactly', () => {
    const outputs: JsonTensor[] = [{ name: 'n', datatype: 'FP32', shape: [2], data: [100, 0] }, { name: 's', datatype: 'BYTES', shape: [1], data: ['a'] }]
    const differences = compareExamples([{ inputs: [X], outputs, tolerance: 0.01 }], [[{ ...outputs[0]!, data: [100.5, 0.005] }, { ...outputs[1]!, data: ['b'] }]])
    expect(differences).toEqual([
      { example: 0, output: 'n', largest: 0.005, tolerance: 0.01, ok: true },
      { example: 0, output: 's', largest: null, tolerance: 0.01, ok: false }
    ])
    expect(compareExamples([{ inputs: [X], outputs: [outputs[0]!], tolerance: 9 }], [[{ ...outputs[0]!, shape: [1, 2] }]])[0]!.ok).toBe(false)
    expect(compareExamples([{ inputs: [X], outputs: [outputs[0]!], tolerance: 9 }], [[{ ...outputs[0]!, data: [NaN, 0] }]])[0]!.ok).toBe(false)
  })

  it('are refused where the output is not finite', () => {
    expect(() => exampleOf([X], [{ ...Y, data: [1, NaN, 2] }], 0)).toThrow('the output "y" is not finite')
  })

  it.each<[string, string, string[]]>([
    ['lines', 'one\ntwo words\n', ['one', 'two words']], ['a JSON list', '["one\\ntwo"]', ['one\ntwo']], ['a JSON text', '"one"', ['one']]
  ])('take %s as texts', async (_what, content, data) => {
    const serving = { task: 'feature-extraction', inputs: [{ name: 'text', datatype: 'BYTES', shape: [-1] }] } as unknown as Serving
    await expect(inputsOf(content, serving, FAKE_MODELS.parseRequest)).resolves.toEqual([{ name: 'text', datatype: 'BYTES', shape: [data.length], data }])
  })

  it('refuse texts that are none, and texts for a tensor model', async () => {
    const serving = { task: 'feature-extraction', inputs: [{ name: 'text' }] } as unknown as Serving
    for (const content of ['', '[1]', '["a']) await expect(inputsOf(content, serving, FAKE_MODELS.parseRequest)).rejects.toMatchObject({ code: 'SERVING_INVALID' })
    await expect(inputsOf('a', { ...serving, task: 'tensor' }, FAKE_MODELS.parseRequest)).rejects.toThrow('must be a request')
  })
})

describe('the published schema', () => {
  it('is the one that is enforced', () => {
    expect(JSON.parse(readFileSync(new URL('../../docs/serving.schema.json', import.meta.url), 'utf8'))).toEqual(servingSchemaDocument())
  })

  it('is printed, and checks a part, a whole, and all faults of a file at once', async () => {
    const dataDir = temporaryFolder()
    const { json } = await gauntlet(dataDir, 'publish', folderOf({ 'model.onnx': modelBytes('one') }), '--name', 'm', '--version', '1')
    const files = folderOf({ 'part.json': '{"labels":["a"]}', 'whole.json': JSON.stringify((json as { serving: Serving }).serving), 'wrong.json': '{"task":"chat","x":1}' })
    const validate = (file: string) => gauntlet(dataDir, 'serving', 'validate', join(files, file))
    expect((await gauntlet(dataDir, 'serving', 'schema')).json).toEqual(servingSchemaDocument())
    expect((await validate('part.json')).json).toMatchObject({ valid: true, complete: false })
    expect((await validate('whole.json')).json).toMatchObject({ valid: true, complete: true })
    await expect(validate('wrong.json')).rejects.toThrow(/\/task must be one of .*\/x is not a known field|\/x is not a known field.*\/task must be/)
  })
})
