import { describe, expect, it } from 'vitest'
import { checkModelFiles } from '../../../registry/formats/check.js'
import { MODEL_FILE_LIMITS } from '../../../registry/formats/limits.js'
import { gguf, ggufEntry, ggufNumbers, safetensors, writeModelFiles } from '../../support/model-files.js'
import { temporaryFolder } from '../../support/registry-fixtures.js'

const check = (path: string, bytes: Buffer) => checkModelFiles(writeModelFiles(temporaryFolder(), { [path]: bytes }), MODEL_FILE_LIMITS)
const refused = (what: string) => ({ code: 'SOURCE_INVALID', message: expect.stringContaining(what) })
const tensor = (begin: number, end: number, shape: unknown = [(end - begin) / 4], dtype: unknown = 'F32') => ({ dtype, shape, data_offsets: [begin, end] })
const { u32, u64 } = ggufNumbers

describe('a safetensors file', () => {
  it('of tensors side by side is accepted, whatever their names and order', async () => {
    const header = { __metadata__: { format: 'pt' }, '../b': tensor(8, 16), a: tensor(0, 8, [2, 1]), empty: tensor(16, 16, [0]) }
    await expect(check('m.safetensors', safetensors(header, 16))).resolves.toBeDefined()
  })

  it.each<[string, Buffer, string]>([
    ['is shorter than its length', Buffer.alloc(7), 'is not a sound safetensors file: it is shorter'],
    ['has a header longer than itself', Buffer.from('ffffffffffffffff7b7d', 'hex'), 'its header is to have 18446744073709551615 bytes, where at most 2'],
    ['has a header that is not JSON', safetensors('{'), 'its header is not JSON'],
    ['has a header that is not UTF-8', Buffer.concat([safetensors('  ').subarray(0, 8), Buffer.from([0xff, 0xff])]), 'its header is not JSON'],
    ['has a header that is a list', safetensors([]), 'not a JSON object'],
    ['has metadata that are not texts', safetensors({ __metadata__: { a: 1 } }), '__metadata__ is not an object of texts'],
    ['has an unknown dtype', safetensors({ a: tensor(0, 4, [1], 'toString') }, 4), 'has the dtype "toString"'],
    ['has a negative dimension', safetensors({ a: tensor(0, 4, [-1]) }, 4), 'has no shape'],
    ['has another size than its shape', safetensors({ a: tensor(0, 4, [2]) }, 4), 'has 4 bytes and must have 8'],
    ['has a tensor that begins after its end', safetensors({ a: tensor(8, 4, [1]) }, 8), 'has -4 bytes and must have 4'],
    ['has a tensor beyond its end', safetensors({ a: tensor(0, 8) }, 4), 'its tensors end at 8 of the data, which has 4 bytes'],
    ['has tensors that overlap', safetensors({ a: tensor(0, 8), b: tensor(4, 12) }, 12), 'within another one that ends at 8'],
    ['has a gap', safetensors({ a: tensor(0, 4), b: tensor(8, 12) }, 12), 'after a gap that begins at 4'],
    ['has bytes that belong to no tensor', safetensors({ a: tensor(0, 4) }, 8), 'which has 8 bytes'],
    ['is nested like a bomb', safetensors('['.repeat(100_000)), 'its header is not JSON']
  ])('that %s is refused', async (_what, bytes, reason) => {
    await expect(check('m.safetensors', bytes)).rejects.toMatchObject(refused(reason))
  })
})

describe('a GGUF file', () => {
  it('of tensors side by side is accepted, also under another name', async () => {
    await expect(check('m.gguf', gguf([[0, 8], [32, 8]], { dataBytes: 64 }))).resolves.toBeDefined()
    await expect(check('weights.bin', gguf([[0, 8]], { dataBytes: 32 }))).resolves.toBeDefined()
  })

  it.each<[string, Buffer, string]>([
    ['is something else', Buffer.from('GGML'), 'it does not begin with GGUF'],
    ['ends at once', Buffer.from('GGUF'), 'it ends in the middle'],
    ['is big-endian', gguf([], { version: 0x03000000 }), 'it has the version 50331648'],
    ['counts more tensors than it has bytes', gguf([], { count: 2n ** 62n }), 'tensors, where at most'],
    ['counts more metadata than it has bytes', gguf([], { entries: 2n ** 40n }), 'entries of metadata, where at most'],
    ['has a text longer than itself', gguf([], { metadata: [ggufEntry('k', 8, u64(2n ** 40n))] }), 'bytes of a text, where at most'],
    ['has an array longer than itself', gguf([], { metadata: [ggufEntry('k', 9, Buffer.concat([u32(10), u64(2n ** 61n)]))] }), 'elements of an array, where at most'],
    ['has a value of an unknown type', gguf([], { metadata: [ggufEntry('k', 13, u32(0))] }), 'the value type 13, which is not known'],
    ['has an array of an unknown type', gguf([], { metadata: [ggufEntry('k', 9, Buffer.concat([u32(99), u64(0)]))] }), 'an array has the value type 99'],
    ['has arrays in arrays without end', gguf([], { metadata: [ggufEntry('k', 9, Buffer.concat(Array.from({ length: 50 }, () => Buffer.concat([u32(9), u64(1)]))))] }), 'arrays are nested deeper than 4'],
    ['has an alignment of nothing', gguf([], { metadata: [ggufEntry('general.alignment', 4, u32(0))] }), 'general.alignment is 0'],
    ['has a tensor at an odd place', gguf([[1, 8]], { dataBytes: 64 }), 'not a multiple of 32'],
    ['has a tensor beyond its end', gguf([[0, 9]], { dataBytes: 32 }), 'tensor "t0" ends at'],
    ['has a tensor larger than any file', gguf([[0, 2n ** 63n]], { dataBytes: 32 }), 'a size or offset that no file has'],
    ['has tensors that overlap', gguf([[0, 16], [32, 8]], { dataBytes: 64 }), 'tensor "t1" overlaps another one']
  ])('that %s is refused', async (_what, bytes, reason) => {
    await expect(check('m.gguf', bytes)).rejects.toMatchObject(refused(reason))
  })
})
