import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { AutoTokenizer, env, pipeline, type TextClassificationPipeline } from '@huggingface/transformers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseServingDraft } from '../../registry/serving.js'
import { buildDemoModels, type DemoModels } from '../../scripts/demo/models.js'
import { encode, splitWords, type Vocabulary } from '../../scripts/demo/tokenize.js'

const SEED = 11
const VERSIONS = ['1.0.0', '2.0.0', '3.0.0']
const FILES = ['config.json', 'onnx/model.onnx', 'serving.json', 'tokenizer.json', 'tokenizer_config.json']

let directory: string
let built: DemoModels

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'gauntlet-demo-models-'))
  built = await buildDemoModels(path.join(directory, 'models'), SEED)
  env.localModelPath = path.join(directory, 'models')
  env.allowRemoteModels = false
}, 60_000)

afterAll(() => rm(directory, { recursive: true, force: true }))

async function fileOf (version: string, file: string, root = 'models'): Promise<Buffer> {
  return readFile(path.join(directory, root, version, file))
}

async function jsonOf<T> (version: string, file: string): Promise<T> {
  return JSON.parse(String(await fileOf(version, file))) as T
}

function classifier (version: string): Promise<TextClassificationPipeline> {
  return pipeline('text-classification', version, { dtype: 'fp32', device: 'cpu' })
}

async function labelOf (classify: TextClassificationPipeline, text: string): Promise<string> {
  const [answer] = await classify(text) as { label: string, score: number }[]
  return answer?.label as string
}

function accuracyOf (version: string): number {
  return built.versions.find((one) => one.version === version)?.heldOutAccuracy as number
}

describe('buildDemoModels', () => {
  it('writes three versions and gives back held-out tickets in mixed order', () => {
    expect(built.versions.map(({ version }) => version)).toEqual(VERSIONS)
    expect(built.versions.map((version) => path.relative(directory, version.path))).toEqual(VERSIONS.map((version) => `models/${version}`))
    expect(built.heldOut.length).toBeGreaterThanOrEqual(250)
    expect(new Set(built.heldOut.map(({ text }) => text)).size).toBe(built.heldOut.length)
    expect(new Set(built.heldOut.slice(0, 60).map(({ label }) => label)).size).toBe(8)
  })

  it('makes 1.0.0 useful but not good, 2.0.0 clearly better and 3.0.0 clearly worse', () => {
    const [plain, better, broken] = VERSIONS.map(accuracyOf) as [number, number, number]

    expect(plain).toBeGreaterThan(0.68)
    expect(better - plain).toBeGreaterThan(0.08)
    expect(better).toBeLessThan(1)
    expect(better - broken).toBeGreaterThan(0.15)
  })

  it.each(VERSIONS)('reports for %s the accuracy that the transformers pipeline measures on the written folder', async (version) => {
    const classify = await classifier(version)

    let right = 0
    for (const { text, label } of built.heldOut) if (await labelOf(classify, text) === label) right++

    expect(right / built.heldOut.length).toBeCloseTo(accuracyOf(version), 10)
  })

  it.each(VERSIONS)('stores golden examples in %s that the version itself passes', async (version) => {
    const { task, examples = [] } = parseServingDraft(String(await fileOf(version, 'serving.json')))
    const classify = await classifier(version)

    expect(task).toBe('text-classification')
    expect(examples.length).toBeGreaterThanOrEqual(2)
    for (const { inputs, outputs } of examples) {
      expect(outputs.map(({ data }) => data)).toEqual([[await labelOf(classify, String(inputs[0]?.data[0]))]])
    }
  })

  it('breaks 3.0.0 in its weights only: same labels, same tokenizer, and each swapped label answered for the other', async () => {
    for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      expect(await fileOf('3.0.0', file)).toEqual(await fileOf('2.0.0', file))
    }
    const [better, broken] = [await classifier('2.0.0'), await classifier('3.0.0')]
    const mistaken: Readonly<Record<string, string>> = { refund: 'login', login: 'refund' }

    for (const { text } of built.heldOut.slice(0, 200)) {
      const answer = await labelOf(better, text)
      expect(await labelOf(broken, text)).toBe(mistaken[answer] ?? answer)
    }
  })

  it('gives every version the same widths, so that no version is cheaper to run', async () => {
    const widths = await Promise.all(VERSIONS.map(async (version) => {
      const { hidden_size: embedding, intermediate_size: hidden } = await jsonOf<Record<string, unknown>>(version, 'config.json')
      return { embedding, hidden }
    }))

    expect(new Set(widths.map((width) => JSON.stringify(width))).size).toBe(1)
  })

  it('writes the same bytes for the same seed', async () => {
    const again = await buildDemoModels(path.join(directory, 'again'), SEED)

    const digest = async (version: string, file: string, root: string) =>
      createHash('sha256').update(await fileOf(version, file, root)).digest('hex')
    for (const version of VERSIONS) {
      for (const file of FILES) expect(await digest(version, file, 'again')).toBe(await digest(version, file, 'models'))
    }
    expect(again.heldOut).toEqual(built.heldOut)
  }, 60_000)
})

describe('the demo tokenizer', () => {
  const ODD = [
    '', '   ', 'ÉCOLE naïve Straße İstanbul', 'tab\tand\nline\u00A0break\u2003wide', 'e-mail: a.b@c.io ($9.99!) #1 <x> ~`^|',
    'zero\u200Bwidth \u0000nul \uFFFD mark \u0007bell', '返金 please 退款', 'emoji 🎉👍🏽 end', 'x'.repeat(101), 'naïve café', '"quoted" «text» … —'
  ]

  async function vocabularyOf (version: string): Promise<Vocabulary> {
    const { model } = await jsonOf<{ model: { vocab: Record<string, number> } }>(version, 'tokenizer.json')
    const ids = new Map(Object.entries(model.vocab))
    return { ids, pieces: [...ids.keys()] }
  }

  it.each(['1.0.0', '2.0.0'])('cuts the held-out tickets and odd texts as transformers does with the folder of %s', async (version) => {
    const vocabulary = await vocabularyOf(version)
    const tokenizer = await AutoTokenizer.from_pretrained(version)

    const differing = [...ODD, ...built.heldOut.map(({ text }) => text)].filter((text) => {
      const theirs = tokenizer.encode(text)
      return JSON.stringify(theirs) !== JSON.stringify(encode(text, vocabulary))
    })

    expect(differing).toEqual([])
  })

  it('knows almost every held-out word by its pieces', async () => {
    const vocabulary = await vocabularyOf('2.0.0')

    const ids = built.heldOut.flatMap(({ text }) => encode(text, vocabulary))

    expect(ids.filter((id) => id === 1).length / ids.length).toBeLessThan(0.002)
    expect(splitWords('Ça va, l\'été?')).toEqual(['ca', 'va', ',', 'l', "'", 'ete', '?'])
  })
})
