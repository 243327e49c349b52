import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type * as Encoding from '../../models/encoder.js'
import type { EncodedText, Encoder, EncoderSource } from '../../models/encoder.js'
import { TextRunner } from '../../models/host/pipelines.js'
import { TokenRunner } from '../../models/host/token-runner.js'
import type { Tensor } from '../../models/tensor.js'
import { writeEncoder } from '../../scripts/support/encoder-model.js'
import { importCompiled } from '../support/compiled.js'
import { FIXTURES } from '../support/fixtures.js'
import { withFixtures } from '../support/models-hosts.js'

const { createEncoder } = await importCompiled<typeof Encoding>('models/encoder.js')
const WORDS = ['the', 'cat', 'sat', 'on', 'mat', 'dog', 'ran', 'home']
const [CLS, SEP, UNKNOWN, THE, CAT, SAT] = [2, 3, 1, 4, 5, 6]
const WIDTH = 16
/** A host that loads stands back behind all else that the machine does. */
const START_MS_MAX = 90_000
const folder = mkdtempSync(join(tmpdir(), 'encoder-test-'))

beforeAll(async () => {
  await Promise.all([
    writeEncoder(join(folder, 'masked'), { words: WORDS, width: WIDTH, seed: 1 }),
    writeEncoder(join(folder, 'unmasked'), { words: WORDS, width: WIDTH, seed: 1, isMasked: false })
  ])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function source (name: string, overrides: Partial<EncoderSource> = {}): EncoderSource {
  return { name, version: '1', directory: join(folder, name), modelFile: 'onnx/model.onnx', ...overrides }
}

function largestDifference (a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Infinity
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!))
  return largest
}

const texts = (count: number): string[] => Array.from({ length: count }, (_, i) =>
  Array.from({ length: 1 + (i * 7) % 23 }, (_, word) => WORDS[(i * 3 + word * 5) % WORDS.length]).join(' '))

describe('createEncoder', () => {
  let encoder: Encoder
  beforeAll(async () => {
    encoder = await createEncoder(source('masked'), { threads: 1, textsPerBatchMax: 8, cachedTextsMax: 2 })
  }, START_MS_MAX)
  afterAll(() => encoder.close())

  it('gives every text its tokens, by the model\'s own tokenizer, in the order of the texts', async () => {
    const [first, empty, unknown] = await encoder.encode(['The CAT sat', '', 'the zebra'])

    expect([...first!.ids]).toEqual([CLS, THE, CAT, SAT, SEP])
    expect([...first!.isSpecial]).toEqual([1, 0, 0, 0, 1])
    expect([first!.width, first!.values.length]).toEqual([WIDTH, 5 * WIDTH])
    expect([[...empty!.ids], [...empty!.isSpecial], empty!.values.length]).toEqual([[CLS, SEP], [1, 1], 2 * WIDTH])
    expect([[...unknown!.ids], [...unknown!.isSpecial]]).toEqual([[CLS, THE, UNKNOWN, SEP], [1, 0, 0, 1]])
  })

  it('answers many texts in batches as it answers each alone', async () => {
    const many = texts(60)

    const together = await encoder.encode(many)
    const vectors = await encoder.embed(many)

    for (const [i, text] of many.entries()) {
      const [[alone], [vector]] = [await encoder.encode([text]), await encoder.embed([text])]
      expect(together[i]!.ids).toEqual(alone!.ids)
      expect(largestDifference(together[i]!.values, alone!.values)).toBeLessThan(1e-5)
      expect(largestDifference(vectors[i]!, vector!)).toBeLessThan(1e-5)
    }
  })

  it('runs equal texts of a call once, and remembers those used last, as many as it may', async () => {
    const first = await encoder.encode(['the cat', 'the dog', 'the cat'])
    const second = await encoder.encode(['home', 'the cat'])
    const third = await encoder.encode(['the dog', 'the cat'])

    expect(first[2]).toBe(first[0])
    expect(second[1]).toBe(first[0])
    expect(third[1]).toBe(first[0])
    expect(third[0]).not.toBe(first[1])
    expect(third[0]).toEqual(first[1])
  })

  it('answers no texts with nothing', async () => {
    expect([await encoder.encode([]), await encoder.embed([])]).toEqual([[], []])
  })

  it('takes lone surrogates and texts beyond the model\'s longest', async () => {
    const [odd, long] = await encoder.encode(['\ud800 cat', 'the cat '.repeat(10_000)])

    expect([...odd!.ids].at(-2)).toBe(CAT)
    expect([long!.ids.length, long!.ids[511]]).toEqual([512, SEP])
  })

  it('passes a failure of the model on, and refuses texts after it was closed', async () => {
    const other = await createEncoder(source('masked', { pooling: 'none', tokens: { countMax: 4 } }), { threads: 1 })

    await expect(other.embed(['the cat'])).rejects.toMatchObject({ name: 'ModelsError', code: 'INFERENCE_FAILED' })
    expect([...(await other.encode(['the cat sat on the mat']))[0]!.ids]).toEqual([CLS, THE, CAT, SEP])
    await other.close()
    await expect(other.encode(['the cat'])).rejects.toMatchObject({ name: 'ModelsError', code: 'HOST_NOT_READY' })
  })

  it('refuses a folder without a model, and limits that are none', async () => {
    await expect(createEncoder(source('nowhere'))).rejects.toMatchObject({ name: 'ModelsError', code: 'LOAD_FAILED' })
    await expect(createEncoder(source('masked'), { textsPerBatchMax: 0 })).rejects.toThrow('textsPerBatchMax must be a whole number of at least 1, got 0')
    await expect(createEncoder(source('masked', { tokens: { countMax: 1 } }))).rejects.toThrow('tokens.countMax must be a whole number of at least 2, got 1')
  })
})

describe('TokenRunner', () => {
  const load = (name: string, batchable = true): Promise<TokenRunner> =>
    TokenRunner.load({ directory: join(folder, name), modelFile: 'onnx/model.onnx', batchable }, 1)
  const run = async (runner: TokenRunner, given: string[]): Promise<Tensor[]> =>
    runner.run([{ name: 'text', datatype: 'BYTES', shape: [given.length], data: given }], null)

  it('takes the output it is told to, and refuses one that is not there', async () => {
    const options = { directory: join(folder, 'masked'), modelFile: 'onnx/model.onnx', batchable: true }

    expect((await TokenRunner.load({ ...options, tokens: { output: 'last_hidden_state' } }, 1)).outputs[0]!.shape).toEqual([-1, -1, WIDTH])
    await expect(TokenRunner.load({ ...options, tokens: { output: 'hidden_7' } }, 1)).rejects.toThrow('the graph has no output "hidden_7"')
  })

  it('pads at the end and says what is padding', async () => {
    const [embeddings, ids, kinds, embedding] = await run(await load('masked'), ['cat', 'the cat sat'])

    expect([embeddings!.shape, ids!.shape, kinds!.shape, embedding!.shape]).toEqual([[2, 5, WIDTH], [2, 5], [2, 5], [2, WIDTH]])
    expect([...ids!.data as BigInt64Array].map(Number)).toEqual([CLS, CAT, SEP, 0, 0, CLS, THE, CAT, SAT, SEP])
    expect([...kinds!.data as Uint8Array]).toEqual([2, 1, 2, 0, 0, 2, 1, 1, 1, 2])
  })

  it.each([['a graph that is told nothing of padding', 'unmasked', true], ['a model that is not batchable', 'unmasked', false]])('never pads for %s', async (_, name, batchable) => {
    const runner = await load(name, batchable)
    const given = ['cat', 'the cat sat', 'dog', 'the dog ran home']

    const [together] = await run(runner, given)
    const alone = await Promise.all(given.map(async (text) => (await run(runner, [text]))[0]!))

    alone.forEach((one, i) => {
      const start = i * 6 * WIDTH
      expect(largestDifference((together!.data as Float32Array).subarray(start, start + one.data.length), one.data as Float32Array)).toBeLessThan(1e-5)
    })
  })
})

describe.skipIf(FIXTURES === null)(withFixtures('createEncoder with a trained model'), () => {
  const directory = join(FIXTURES ?? '', 'models', 'trained-sts-encoder')
  const LONG = 'I was charged twice for the same purchase and would like one of the two payments back. '.repeat(80)
  const GIVEN = ['card', 'How do I activate my new card?', 'a man is playing a guitar', '', LONG]
  let encoder: Encoder
  let encoded: EncodedText[]
  beforeAll(async () => {
    encoder = await createEncoder({ name: 'sts', version: '1', directory, modelFile: 'onnx/model.onnx' })
    encoded = await encoder.encode(GIVEN)
  }, START_MS_MAX)
  afterAll(() => encoder.close())

  it('does not let padding reach a text\'s tokens', async () => {
    const alone = await Promise.all(GIVEN.map(async (text) => (await encoder.encode([text]))[0]!))

    encoded.forEach((text, i) => expect(largestDifference(text.values, alone[i]!.values)).toBeLessThan(1e-5))
  })

  it('marks the tokens that frame a text, and cuts a long one to 512', () => {
    expect(encoded.map(({ ids, isSpecial }) => [ids[0], ids.at(-1), isSpecial.reduce((sum, each) => sum + each)])).toEqual(GIVEN.map(() => [2, 3, 2]))
    expect(encoded.map(({ ids }) => ids.length).slice(3)).toEqual([2, 512])
  })

  it('embeds a text as the served model of task feature-extraction does', async () => {
    const served = await TextRunner.load({ directory, modelFile: 'onnx/model.onnx', task: 'feature-extraction', batchable: true }, 1)
    const [expected] = await served.run([{ name: 'text', datatype: 'BYTES', shape: [GIVEN.length], data: GIVEN }], null)

    const vectors = await encoder.embed(GIVEN)

    expect(largestDifference(vectors.flatMap((vector) => [...vector]), expected!.data as Float32Array)).toBeLessThan(1e-5)
  })

  it('says that a model without token vectors has none, and still embeds with it', async () => {
    const bag = await TokenRunner.load({ directory: join(FIXTURES ?? '', 'models', 'trained-sst2-bow'), modelFile: 'onnx/model.onnx', batchable: true }, 1)
    const text: Tensor = { name: 'text', datatype: 'BYTES', shape: [1], data: ['a text'] }

    await expect(bag.run([text], ['token_embeddings'])).rejects.toThrow('the model gives no vector per token')
    expect((await bag.run([text], null)).map(({ name }) => name)).toEqual(['embedding'])
  })
})
