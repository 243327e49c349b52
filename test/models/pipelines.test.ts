import { join } from 'node:path'
import { pipeline, env } from '@huggingface/transformers'
import { describe, expect, it } from 'vitest'
import { TextRunner } from '../../models/host/pipelines.js'
import type { Tensor } from '../../models/tensor.js'
import { FIXTURES } from '../support/fixtures.js'
import { withFixtures } from '../support/models-hosts.js'

const LONG = 'I was charged twice for the same purchase and would like one of the two payments back. '.repeat(80)
const TEXTS = ['card', 'How do I activate my new card?', 'Why was I charged twice for one purchase, and who gives it back?', '']

function textTensor (texts: string[]): Tensor[] {
  return [{ name: 'text', datatype: 'BYTES', shape: [texts.length], data: texts }]
}

function largestDifference (a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (value, at) => Math.abs(value - (b[at] as number))))
}

describe.skipIf(FIXTURES === null)(withFixtures('TextRunner'), () => {
  const models = join(FIXTURES ?? '', 'models')
  const load = (name: string, task: 'text-classification' | 'feature-extraction', batchable = true): Promise<TextRunner> =>
    TextRunner.load({ directory: join(models, name), modelFile: 'onnx/model.onnx', task, batchable }, 1)

  it.each([
    ['trained-banking77-bow', 'text-classification', 'scores'],
    ['trained-sst2-transformer', 'text-classification', 'scores'],
    ['trained-sts-encoder', 'feature-extraction', 'embedding']
  ] as const)('%s answers short and long texts of one batch as it answers them alone', async (name, task, output) => {
    const runner = await load(name, task)
    const texts = [...TEXTS, LONG]

    const [together] = await runner.run(textTensor(texts), [output])
    const alone = await Promise.all(texts.map((text) => runner.run(textTensor([text]), [output])))

    expect(largestDifference(together?.data as Float32Array, alone.flatMap(([one]) => [...one?.data as Float32Array]))).toBeLessThan(1e-4)
  })

  it('classifies as the transformers.js pipeline does', async () => {
    env.allowRemoteModels = false
    const directory = join(models, 'trained-banking77-bow')
    const reference = await pipeline('text-classification', directory, { dtype: 'fp32', local_files_only: true })
    const expected = await Promise.all(TEXTS.map(async (text) => (await reference(text)) as unknown as [{ label: string, score: number }]))

    const [label, score, scores] = await (await load('trained-banking77-bow', 'text-classification')).run(textTensor(TEXTS), null)

    expect(label?.data).toEqual(expected.map(([{ label }]) => label))
    expect(largestDifference(score?.data as Float32Array, expected.map(([{ score }]) => score))).toBeLessThan(1e-5)
    expect(scores?.shape).toEqual([TEXTS.length, 77])
  })

  it('embeds as the transformers.js pipeline does', async () => {
    env.allowRemoteModels = false
    const reference = await pipeline('feature-extraction', join(models, 'trained-sts-encoder'), { dtype: 'fp32', local_files_only: true })
    const expected = await Promise.all(TEXTS.map(async (text) => [...(await reference(text, { pooling: 'mean', normalize: true })).data as Float32Array]))

    const [embedding] = await (await load('trained-sts-encoder', 'feature-extraction')).run(textTensor(TEXTS), null)

    expect(embedding?.shape).toEqual([TEXTS.length, 128])
    expect(largestDifference(embedding?.data as Float32Array, expected.flat())).toBeLessThan(1e-5)
  })

  it('gives the same without batching', async () => {
    const [batched, single] = await Promise.all([true, false].map((batchable) => load('trained-sts-encoder', 'feature-extraction', batchable)))

    const [a] = await (batched as TextRunner).run(textTensor(TEXTS), null)
    const [b] = await (single as TextRunner).run(textTensor(TEXTS), null)

    expect(largestDifference(a?.data as Float32Array, b?.data as Float32Array)).toBeLessThan(1e-4)
  })
})
