import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DTYPES, type Dtype } from '../../registry/dtype.js'
import { excluding } from '../../registry/exclude.js'
import type { Registry } from '../../registry/registry.js'
import { scanSource, SOURCE_LIMITS, type SourceSelection } from '../../registry/source.js'
import { fakeInspect, folderOf, modelBytes, openRegistry } from '../support/registry-fixtures.js'

const ENDINGS: Record<Exclude<Dtype, 'auto'>, string> = {
  fp32: '', fp16: '_fp16', q8: '_quantized', int8: '_int8', uint8: '_uint8', q4: '_q4', q4f16: '_q4f16', bnb4: '_bnb4', q2: '_q2', q2f16: '_q2f16', q1: '_q1', q1f16: '_q1f16'
}
/** A folder as the hub has them: every variant, two of them with external data. */
const variants = (): Record<string, string> => Object.fromEntries([
  ...Object.entries(ENDINGS).map(([dtype, ending]) => [`onnx/model${ending}.onnx`, modelBytes(dtype)]),
  ['onnx/model.onnx_data', 'w0'], ['onnx/model.onnx_data_1', 'w1'], ['onnx/model_fp16.onnx_data', 'w2'], ['onnx/model_q4.onnx.data', 'w3'],
  ['config.json', '{}'], ['tokenizer.json', '{}'], ['onnx/weights.bin', 'shared']
])
const scan = async (files: Record<string, string>, selection: SourceSelection = {}) => {
  const source = await scanSource(folderOf(files), SOURCE_LIMITS, selection, 'the source')
  return { ...source, paths: source.files.map(({ path }) => path) }
}
const publish = (registry: Registry, path: string, change: object = {}) =>
  registry.publish({ path, name: 'm', version: '1', actor: 'ann', ...change }, fakeInspect)

describe('a folder with several variants of a model', () => {
  it.each(Object.entries(ENDINGS))('gives the one with the data type %s, named by the ending "%s"', async (dtype, ending) => {
    const { modelFile, paths } = await scan(variants(), { dtype: dtype as Dtype })
    expect(modelFile).toBe(`onnx/model${ending}.onnx`)
    expect(paths.filter((path) => path.endsWith('.onnx'))).toEqual([modelFile])
  })

  it('knows exactly these data types', () => {
    expect(DTYPES).toEqual(['auto', ...Object.keys(ENDINGS)])
  })

  it('takes the external data of the chosen one along and leaves the rest out, but not what may belong to any of them', async () => {
    const fp16 = await scan(variants(), { dtype: 'fp16' })
    expect(fp16.paths).toEqual(['config.json', 'onnx/model_fp16.onnx', 'onnx/model_fp16.onnx_data', 'onnx/weights.bin', 'tokenizer.json'])
    expect(fp16.omitted).toContain('onnx/model.onnx_data_1')
    expect(fp16.omitted).toContain('onnx/model_q4.onnx.data')
    const fp32 = await scan(variants())
    expect(fp32.paths).toEqual(['config.json', 'onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model.onnx_data_1', 'onnx/weights.bin', 'tokenizer.json'])
  })

  it('gives fp32 unless told, also for the data type auto', async () => {
    expect((await scan(variants(), { dtype: 'auto' })).modelFile).toBe('onnx/model.onnx')
    expect((await scan(variants())).modelFile).toBe('onnx/model.onnx')
  })

  it('gives the only one whatever it is called', async () => {
    expect((await scan({ 'onnx/model_quantized.onnx': 'x' })).modelFile).toBe('onnx/model_quantized.onnx')
    expect((await scan({ 'onnx/model_qint8_avx512.onnx': 'x' })).modelFile).toBe('onnx/model_qint8_avx512.onnx')
  })

  it('prefers the root over the folder onnx', async () => {
    const { modelFile, paths } = await scan({ 'model.onnx': 'a', 'onnx/model.onnx': 'b', 'onnx/model_q4.onnx': 'c' })
    expect([modelFile, paths]).toEqual(['model.onnx', ['model.onnx']])
    expect((await scan({ 'model.onnx': 'a', 'onnx/model_q4.onnx': 'c' }, { dtype: 'q4' })).modelFile).toBe('onnx/model_q4.onnx')
  })

  it('without fp32 lists them and names the option', async () => {
    const files = { 'onnx/model_fp16.onnx': 'a', 'onnx/model_quantized.onnx': 'b', 'onnx/model_O2.onnx': 'c' }
    await expect(scan(files)).rejects.toMatchObject({
      code: 'SOURCE_INVALID',
      message: '"the source" has several variants of the model and none in fp32: "onnx/model_O2.onnx", "onnx/model_fp16.onnx" (fp16), ' +
        '"onnx/model_quantized.onnx" (q8); choose one with --dtype, or name it as modelFile in serving.json'
    })
  })

  it('without the data type asked for lists what there is', async () => {
    await expect(scan({ 'model.onnx': 'a' }, { dtype: 'q4' })).rejects.toMatchObject({
      code: 'SOURCE_INVALID', message: '"the source" has no variant with the data type q4; it has "model.onnx" (fp32)'
    })
  })

  it('gives what serving.json names, which the data type must not contradict', async () => {
    const files = { ...variants(), 'serving.json': '{"modelFile":"onnx/model_q4.onnx"}' }
    const { modelFile, paths } = await scan(files)
    expect(modelFile).toBe('onnx/model_q4.onnx')
    expect(paths.filter((path) => path.startsWith('onnx/model'))).toEqual(['onnx/model_q4.onnx', 'onnx/model_q4.onnx.data'])
    expect((await scan(files, { dtype: 'q4' })).modelFile).toBe('onnx/model_q4.onnx')
    await expect(scan(files, { dtype: 'fp16' })).rejects.toMatchObject({ code: 'SERVING_INVALID', message: expect.stringContaining('/modelFile is "onnx/model_q4.onnx" but the data type asked for is fp16') })
  })

  it('is served from the chosen file, and says what was left out', async () => {
    const { registry } = openRegistry()
    const { detail, omitted } = await publish(registry, folderOf(variants()), { dtype: 'q8' })
    expect(detail.serving.modelFile).toBe('onnx/model_quantized.onnx')
    expect(omitted).toContain('onnx/model.onnx')
    const { directory } = await registry.materialise('m', '1')
    expect(readFileSync(join(directory, 'onnx/model_quantized.onnx'), 'utf8')).toBe(modelBytes('q8'))
  })
})

describe('a file that is published by itself', () => {
  it.each([{ dtype: 'q8' as const }, { exclude: ['*.md'] }])('leaves nothing to choose: %o', async (selection) => {
    const path = join(folderOf({ 'iris.onnx': 'x' }), 'iris.onnx')
    await expect(scanSource(path, SOURCE_LIMITS, selection)).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('is a file, so there is nothing to choose') })
  })
})

describe('a clone of a repository of the hub', () => {
  const clone = { 'onnx/model.onnx': modelBytes('a'), 'config.json': '{}', 'pytorch_model.bin': 'x', '.cache/huggingface/download/a.lock': '', '.gitattributes': '', '.git/HEAD': '' }

  it('with pickled weights is refused with a sentence that says how to leave them out', async () => {
    await expect(scan(clone)).rejects.toMatchObject({
      code: 'SOURCE_INVALID', message: expect.stringMatching(/"pytorch_model.bin" is a PyTorch pickle file.*; to publish the rest, add --exclude "pytorch_model.bin"$/)
    })
    const { paths, omitted } = await scan(clone, { exclude: ['pytorch_model.bin'] })
    expect(paths).toEqual(['config.json', 'onnx/model.onnx'])
    expect(omitted).toEqual(['pytorch_model.bin'])
  })

  it('may leave out whole folders, whatever is in them', async () => {
    const path = folderOf({ ...clone, 'openvino/a/b.bin': 'x' })
    symlinkSync('/etc', join(path, 'openvino', 'link'))
    const { files, omitted } = await scanSource(path, SOURCE_LIMITS, { exclude: ['*.bin', 'openvino/'] })
    expect(files.map((file) => file.path)).toEqual(['config.json', 'onnx/model.onnx'])
    expect(omitted).toEqual(['openvino/', 'pytorch_model.bin'])
  })
})

describe('a pattern', () => {
  it.each([
    ['*.bin', ['a.bin', 'x/y/a.bin', '.bin'], ['a.bin2', 'abin']],
    ['openvino', ['openvino', 'openvino/a', 'x/openvino/a/b'], ['openvino2', 'a-openvino']],
    ['onnx/*.onnx', ['onnx/a.onnx'], ['a.onnx', 'x/onnx/a.onnx', 'onnx/b/a.onnx']],
    ['onnx/**', ['onnx/a', 'onnx/a/b'], ['onnx2/a']],
    ['**/test/*', ['test/a', 'x/test/a', 'x/y/test/a/b'], ['test']],
    ['a?.txt', ['ab.txt', 'x/ac.txt'], ['a.txt', 'abc.txt', 'a/.txt']],
    ['./a+(b)[c].{md}', ['a+(b)[c].{md}', 'x/a+(b)[c].{md}'], ['aab.md', 'ac.md']]
  ])('%s leaves out what it fits and nothing else', (pattern, fitting, others) => {
    const isExcluded = excluding([pattern])
    expect(fitting.filter((path) => !isExcluded(path))).toEqual([])
    expect(others.filter(isExcluded)).toEqual([])
  })

  it.each(['', '/', '/etc/*', '../x', 'a/../b', 'x'.repeat(257)])('%j is refused', (pattern) => {
    expect(() => excluding([pattern])).toThrow(/the pattern .* must be/)
  })

  it('takes no time to speak of, however many stars it has', () => {
    expect(excluding(['*a'.repeat(100)])('a'.repeat(255) + 'b')).toBe(false)
    expect(excluding([Array(50).fill('**').join('/a/') + '/b'])(Array(32).fill('a').join('/'))).toBe(false)
  })
})

describe('where an artifact comes from', () => {
  it('is part of it', async () => {
    const { registry, dataDir } = openRegistry()
    const provenance = { sourceUrl: 'https://hub.example/a/b', revision: 'c'.repeat(40), licenses: ['MIT'] }
    const { detail } = await publish(registry, folderOf({ 'model.onnx': modelBytes('a') }), { provenance })
    const blob = (digest: string) => JSON.parse(readFileSync(join(dataDir, 'registry', 'blobs', 'sha256', digest.slice(7)), 'utf8'))
    const manifest = blob(detail.digest)
    expect(manifest.annotations).toMatchObject({
      'org.opencontainers.image.source': 'https://hub.example/a/b',
      'org.opencontainers.image.revision': 'c'.repeat(40),
      'org.opencontainers.image.licenses': 'MIT'
    })
    expect(blob(manifest.config.digest).descriptor).toEqual({
      name: 'm', version: '1', sourceURL: 'https://hub.example/a/b', revision: 'c'.repeat(40), licenses: ['MIT']
    })
  })
})
