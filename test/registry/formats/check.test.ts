import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkModelFiles } from '../../../registry/formats/check.js'
import { allowingDomains, MODEL_FILE_LIMITS } from '../../../registry/formats/limits.js'
import { ProtobufWriter } from '../../../scripts/support/protobuf.js'
import { externalTensor, graph, localFunction, model, node, writeModelFiles, zip } from '../../support/model-files.js'
import { folderOf, openRegistry, temporaryFolder } from '../../support/registry-fixtures.js'

const check = (files: Readonly<Record<string, string | Buffer>>, limits = MODEL_FILE_LIMITS) =>
  checkModelFiles(writeModelFiles(temporaryFolder(), files), limits)
const refusal = (files: Readonly<Record<string, string | Buffer>>, limits = MODEL_FILE_LIMITS) =>
  check(files, limits).then(() => { throw new Error('accepted') }, (error: unknown) => error)
const refused = (what: string) => ({ code: 'SOURCE_INVALID', message: expect.stringContaining(what) })
const WEIGHTS = Buffer.alloc(64)
const withExternal = (...tensor: Parameters<typeof externalTensor>) => model(graph({ initializers: [externalTensor(...tensor)] }))

describe('external data', () => {
  it('is found beside the model, in the folder the model is in', async () => {
    const bytes = withExternal({ location: 'data/w.bin', offset: '48', length: '16' })
    const { onnx } = await check({ 'onnx/model.onnx': bytes, 'onnx/data/w.bin': WEIGHTS })
    expect(onnx.get('onnx/model.onnx')?.externalTensors).toEqual([{ tensor: 'w', location: 'data/w.bin', offsetBytes: 48, lengthBytes: 16 }])
  })

  it.each<[string, Record<string, string> | Array<[string, string]>, string]>([
    ['absolute', { location: '/etc/passwd' }, 'is absolute'],
    ['outside', { location: '../secret' }, 'has a .. segment'],
    ['outside by a detour', { location: 'a/../../secret' }, 'has a .. segment'],
    ['with a backslash', { location: '..\\secret' }, 'has a backslash'],
    ['not a file of the version', { location: 'none.bin' }, 'is not among the files of this version'],
    ['spelled in another case', { location: 'W.BIN' }, 'is not among the files of this version'],
    ['a digest of another version', { location: `../blobs/sha256/${'0'.repeat(64)}` }, 'has a .. segment'],
    ['the description of serving', { location: 'serving.json' }, 'is written anew'],
    ['an address in memory', { location: '*/_ORT_MEM_ADDR_/*', offset: '4096' }, 'an address in memory'],
    ['an address in memory, newer', { location: '*/_ORT_NATIVE_ENDIAN_MEM_ADDR_/*' }, 'an address in memory'],
    ['nowhere', {}, 'without a location'],
    ['stated twice', [['location', 'w.bin'], ['location', '../x']], 'external data has "location" twice'],
    ['beyond the file', { location: 'w.bin', offset: '49' }, 'is to have 16 bytes from 49 on, and "w.bin" has 64'],
    ['before the file', { location: 'w.bin', offset: '-16' }, 'the external data offset "-16", which must be a whole number'],
    ['at no number', { location: 'w.bin', offset: '0x10' }, 'which must be a whole number'],
    ['of no length', { location: 'w.bin', length: '1e3' }, 'the external data length "1e3"'],
    ['of another length', { location: 'w.bin', length: '12' }, 'has 12 bytes of external data and must have 16'],
    ['at an offset that no file has', { location: 'w.bin', offset: '9007199254740990' }, 'which no file has'],
    ['with a key nobody knows', { location: 'w.bin', basepath: '/' }, 'external data with the key "basepath"']
  ])('is refused when it is %s', async (_what, entries, reason) => {
    expect(await refusal({ 'model.onnx': withExternal(entries), 'w.bin': WEIGHTS, 'serving.json': WEIGHTS })).toMatchObject(refused(reason))
  })

  it('is refused where the tensor says that its data is inside', async () => {
    const tensor = externalTensor({ location: 'w.bin' })
    const bytes = Buffer.from(tensor.finish())
    bytes[bytes.length - 1] = 0 // data_location, the last field, becomes DEFAULT
    const content = graph({ more: (built) => built.bytes(5, bytes) })
    expect(await refusal({ 'model.onnx': model(content), 'w.bin': WEIGHTS })).toMatchObject(refused('says that its data is inside'))
  })
})

describe('operators', () => {
  const custom = model(graph({ nodes: [node('Evil', { domain: 'com.example' })] }))

  it('of the runtime are allowed', async () => {
    const nodes = ['', 'ai.onnx', 'ai.onnx.ml', 'com.microsoft'].map((domain) => node('Any', { domain }))
    await expect(check({ 'model.onnx': model(graph({ nodes })) })).resolves.toBeDefined()
  })

  it('of another domain are refused unless the domain is allowed', async () => {
    expect(await refusal({ 'model.onnx': custom })).toMatchObject(refused('the operator "Evil" of the domain "com.example" is not one of the runtime\'s own'))
    await expect(check({ 'model.onnx': custom }, allowingDomains(MODEL_FILE_LIMITS, ['com.example']))).resolves.toBeDefined()
  })

  it('of another domain are found in sub-graphs and in functions', async () => {
    const evil = node('Evil', { domain: 'com.example' })
    const inFunction = model(graph(), (built) => built.message(25, localFunction('f', ['Evil'], 'com.example')))
    const nestedIn = model(graph({ nodes: [node('If', { attributes: [graphAttribute(graph({ nodes: [evil] }))] })] }))
    expect(await refusal({ 'model.onnx': nestedIn })).toMatchObject(refused('"Evil"'))
    expect(await refusal({ 'model.onnx': inFunction })).toMatchObject(refused('"Evil"'))
  })

  it('that the model defines itself are allowed', async () => {
    const bytes = model(graph({ nodes: [node('f', { domain: 'local' })] }), (built) => built.message(25, localFunction('f', [])))
    await expect(check({ 'model.onnx': bytes })).resolves.toBeDefined()
  })

  it('that call themselves are refused', async () => {
    const bytes = model(graph({ nodes: [node('a', { domain: 'local' })] }), (built) => built
      .message(25, localFunction('a', ['b'])).message(25, localFunction('b', ['a'])))
    expect(await refusal({ 'model.onnx': bytes })).toMatchObject(refused('calls itself, perhaps through others'))
  })

  it('that unfold without end are refused: forty functions that each call the next one twice', async () => {
    const bytes = model(graph({ nodes: [node('f0', { domain: 'local' })] }), (built) => {
      for (let index = 0; index < 40; index++) built.message(25, localFunction(`f${index}`, [`f${index + 1}`, `f${index + 1}`]))
      built.message(25, localFunction('f40', []))
      built.message(25, localFunction('unused', []))
    })
    await expect(check({ 'model.onnx': bytes })).resolves.toBeDefined() // f40 is empty, so this unfolds to nothing
    const full = model(graph({ nodes: [node('f0', { domain: 'local' })] }), (built) => {
      for (let index = 0; index < 40; index++) built.message(25, localFunction(`f${index}`, [`f${index + 1}`, `f${index + 1}`]))
      built.message(25, localFunction('f40', ['leaf']))
    })
    expect(await refusal({ 'model.onnx': full }, allowingDomains(MODEL_FILE_LIMITS, ['local']))).toMatchObject(refused('its functions unfold to more than 500000 nodes'))
  })

  it('that name a compiled file are refused', async () => {
    expect(await refusal({ 'model.onnx': model(graph({ nodes: [node('EPContext', { domain: 'com.microsoft' })] })) }))
      .toMatchObject(refused('an EPContext node'))
  })
})

describe('the files of a version', () => {
  it('are each checked, not only the model', async () => {
    expect(await refusal({ 'model.onnx': model(), 'onnx/other.onnx': 'x' })).toMatchObject(refused('"onnx/other.onnx" is not a sound ONNX file'))
    expect(await refusal({ 'model.onnx': model(), 'MODEL2.ONNX': 'x' })).toMatchObject(refused('"MODEL2.ONNX" is not a sound ONNX file'))
  })

  it('are never opened through a symbolic link', async () => {
    const folder = temporaryFolder()
    const [file] = writeModelFiles(folder, { 'real.onnx': model() })
    symlinkSync(file!.location, join(folder, 'model.onnx'))
    await expect(checkModelFiles([{ ...file!, path: 'model.onnx', location: join(folder, 'model.onnx') }], MODEL_FILE_LIMITS))
      .rejects.toMatchObject(refused('cannot read "model.onnx"'))
  })

  it.each<[string, string[], string]>([
    ['torch', ['archive/data.pkl', 'archive/data/0'], 'pickle file, "archive/data.pkl"'],
    ['Keras', ['metadata.json', 'config.json', 'model.weights.h5'], 'Keras archive file, "model.weights.h5"'],
    ['a pickle deep in', ['a/b/c/model.joblib'], 'joblib pickle file']
  ])('may not be archives of %s, under any name', async (_what, names, reason) => {
    expect(await refusal({ 'data.zip': zip(names) })).toMatchObject(refused(reason))
    expect(await refusal({ 'vocab.txt': zip(names, { prefix: '#!/bin/sh\n' }) })).toMatchObject(refused(reason))
  })

  it('may be archives of data', async () => {
    await expect(check({ 'rows.zip': zip(['rows.csv', 'notes/README.md']) })).resolves.toBeDefined()
  })

  it('may not be archives whose directory cannot be read', async () => {
    const whole = zip(['rows.csv'])
    expect(await refusal({ 'rows.zip': whole.subarray(0, 40) })).toMatchObject(refused('it has no directory'))
    const lying = Buffer.from(whole)
    lying.writeUInt16LE(9, lying.length - 12)
    expect(await refusal({ 'rows.zip': lying })).toMatchObject(refused('member 1 of its directory cannot be read'))
    expect(await refusal({ 'rows.zip': zip(['a', 'b']) }, { ...MODEL_FILE_LIMITS, archiveMembersMax: 1 })).toMatchObject(refused('it has 2 members'))
  })

  it('are checked before the model is run, and nothing is kept of what is refused', async () => {
    const { registry } = openRegistry()
    let runs = 0
    const inspect = async () => { runs++; throw new Error('ran') }
    const path = folderOf({ 'model.onnx': withExternal({ location: '../../../etc/passwd' }) })

    await expect(registry.publish({ path, name: 'm', version: '1', actor: 'ann' }, inspect)).rejects.toMatchObject(refused('has a .. segment'))

    expect(runs).toBe(0)
    expect(registry.models()).toEqual([])
    expect((await registry.fsck()).findings).toEqual([])
  })

  it('may use a domain that the publisher allows', async () => {
    const { registry } = openRegistry()
    const path = folderOf({ 'model.onnx': model(graph({ nodes: [node('Op', { domain: 'com.example' })] })) })
    let runs = 0
    const inspect = async () => { runs++; throw new Error('no such operator here') }
    const request = { path, name: 'm', version: '1', actor: 'ann', allowedOperatorDomains: ['com.example'] }
    await expect(registry.publish(request, inspect)).rejects.toMatchObject(refused('no such operator here'))
    expect(runs).toBe(1)
  })
})

function graphAttribute (content: ProtobufWriter): ProtobufWriter {
  return new ProtobufWriter().string(1, 'then_branch').message(6, content).int(20, 5)
}
