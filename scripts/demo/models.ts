import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { seededRandom, shuffled } from '../support/random.js'
import { buildCorpus, type Corpus, type Ticket } from './corpus/index.js'
import { classifierGraph, exportModel, type Golden } from './export.js'
import { encode, learnVocabulary, type Vocabulary } from './tokenize.js'
import { train, type TrainingOptions, type Weights } from './train.js'

export interface DemoVersion {
  readonly version: string
  readonly path: string
  /** Share of the held-out tickets that the exported ONNX file labels rightly. */
  readonly heldOutAccuracy: number
  readonly description: string
}

export interface DemoModels {
  readonly versions: readonly DemoVersion[]
  /** Tickets no version was trained on, in random order; their wording was never seen either. */
  readonly heldOut: readonly { readonly text: string, readonly label: string }[]
}

interface Trained {
  readonly weights: Weights
  readonly vocabulary: Vocabulary
}

const VOCABULARY_MAX = 1800
const EMBEDDING_SIZE = 32
const HIDDEN_SIZE = 32
/** Of every seven training templates of a label, the plain version saw four. */
const PLAIN_TEMPLATES = { of: 7, kept: 4 } as const
const PLAIN: Omit<TrainingOptions, 'seed'> = { epochs: 8, learningRate: 0.005, pieceDropout: 0, weightDecay: 0 }
const BETTER: Omit<TrainingOptions, 'seed'> = { epochs: 20, learningRate: 0.005, pieceDropout: 0.6, weightDecay: 0.3 }
const SWAPPED_LABELS = ['refund', 'login'] as const
const GOLDEN_LABELS = ['refund', 'login', 'shipping'] as const
const EVALUATION_BATCH = 64

/**
 * Trains and writes the three versions of the demo's ticket classifier under `directory`, one folder each. All have the
 * same graph and widths, so they cost the same to run. The same seed gives the same files. Takes some seconds.
 */
export async function buildDemoModels (directory: string, seed: number): Promise<DemoModels> {
  const corpus = buildCorpus(seed)
  const plain = fit(corpus, firstCollection(corpus), { ...PLAIN, seed })
  const better = fit(corpus, corpus.train, { ...BETTER, seed })
  const [first, second] = SWAPPED_LABELS.map((label) => corpus.labels.indexOf(label)) as [number, number]
  const broken = { ...better, weights: swapOutputs(better.weights, first, second) }
  const plans = [
    { version: '1.0.0', model: plain, description: 'trained briefly on a part of the tickets' },
    { version: '2.0.0', model: better, description: 'trained on all tickets, longer and regularised' },
    {
      version: '3.0.0',
      model: broken,
      description: `version 2.0.0 with the outputs of ${SWAPPED_LABELS.join(' and ')} mixed up at export`
    }
  ]
  const versions: DemoVersion[] = []
  for (const { version, model, description } of plans) {
    const folder = path.join(directory, version)
    const examples = await goldenExamples(corpus, model)
    await exportModel(folder, { ...model, labels: corpus.labels, examples })
    const exported = await readFile(path.join(folder, 'onnx', 'model.onnx'))
    const answers = await classify(exported, model.vocabulary, corpus.labels, corpus.heldOut)
    const right = answers.filter((answer, index) => answer === corpus.heldOut[index]?.label).length
    versions.push({ version, path: folder, heldOutAccuracy: right / corpus.heldOut.length, description })
  }
  const heldOut = shuffled(corpus.heldOut, seededRandom(seed)).map(({ text, label }) => ({ text, label }))
  return { versions, heldOut }
}

function fit (corpus: Corpus, tickets: readonly Ticket[], options: TrainingOptions): Trained {
  const vocabulary = learnVocabulary(tickets.map(({ text }) => text), VOCABULARY_MAX)
  const examples = tickets.map(({ text, label }) => (
    { ids: encode(text, vocabulary), label: corpus.labels.indexOf(label) }
  ))
  const dimensions = {
    vocabulary: vocabulary.pieces.length,
    embedding: EMBEDDING_SIZE,
    hidden: HIDDEN_SIZE,
    labels: corpus.labels.length
  }
  return { vocabulary, weights: train(examples, dimensions, options) }
}

/** The training tickets written from a fixed part of each label's templates only. */
function firstCollection (corpus: Corpus): Ticket[] {
  const known = new Set<string>()
  for (const label of corpus.labels) {
    const own = corpus.train.filter((ticket) => ticket.label === label)
    const names = new Set(own.map(({ templates }) => templates[0] as string))
    const isKept = (_: string, index: number) => index % PLAIN_TEMPLATES.of < PLAIN_TEMPLATES.kept
    for (const name of [...names].filter(isKept)) known.add(name)
  }
  return corpus.train.filter(({ templates }) => templates.every((name) => known.has(name)))
}

/** The same network with the output columns of two labels exchanged. */
function swapOutputs (weights: Weights, first: number, second: number): Weights {
  const swapped = (values: Float32Array) => values.map((value, index) => {
    const label = index % weights.dimensions.labels
    if (label === first) return values[index - first + second] as number
    if (label === second) return values[index - second + first] as number
    return value
  })
  return { ...weights, outputWeight: swapped(weights.outputWeight), outputBias: swapped(weights.outputBias) }
}

/** What the model itself answers to one training ticket of each golden label, as its author would record it. */
async function goldenExamples (corpus: Corpus, { weights, vocabulary }: Trained): Promise<Golden[]> {
  const asked = GOLDEN_LABELS.map((label) => corpus.train.find((ticket) => ticket.label === label) as Ticket)
  const answers = await classify(classifierGraph(weights), vocabulary, corpus.labels, asked)
  return asked.map(({ text }, index) => ({ text, label: answers[index] as string }))
}

/** The labels an ONNX classifier gives to the tickets. */
async function classify (
  onnx: Uint8Array, vocabulary: Vocabulary, labels: readonly string[], tickets: readonly { readonly text: string }[]
): Promise<string[]> {
  const session = await InferenceSession.create(onnx, { intraOpNumThreads: 1 })
  const answers: string[] = []
  for (let start = 0; start < tickets.length; start += EVALUATION_BATCH) {
    const batch = tickets.slice(start, start + EVALUATION_BATCH).map(({ text }) => encode(text, vocabulary))
    const { logits } = await session.run(padded(batch))
    const scores = logits?.data as Float32Array
    for (let row = 0; row < batch.length; row++) {
      const own = scores.subarray(row * labels.length, (row + 1) * labels.length)
      answers.push(labels[own.indexOf(Math.max(...own))] as string)
    }
  }
  await session.release()
  return answers
}

function padded (batch: readonly (readonly number[])[]): Record<'input_ids' | 'attention_mask', Tensor> {
  const width = Math.max(...batch.map((ids) => ids.length))
  const ids = new BigInt64Array(batch.length * width)
  const mask = new BigInt64Array(batch.length * width)
  batch.forEach((row, index) => row.forEach((id, at) => {
    ids[index * width + at] = BigInt(id)
    mask[index * width + at] = 1n
  }))
  const shape = [batch.length, width]
  return { input_ids: new Tensor('int64', ids, shape), attention_mask: new Tensor('int64', mask, shape) }
}
