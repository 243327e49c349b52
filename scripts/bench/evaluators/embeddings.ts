import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { median } from 'simple-statistics'
import { bertScore } from '../../../evaluators/text/bertscore.js'
import type { TokenEmbeddings } from '../../../evaluators/text/token-embeddings.js'
import { createEncoder, type EncodedText, type Encoder } from '../../../models/encoder.js'
import { writeEncoder } from '../../support/encoder-model.js'
import { seededRandom } from '../../support/random.js'
import type { BenchRow } from './row.js'

interface TextPair { readonly candidate: string, readonly reference: string }

/** The texts, and the encoder they are measured with. */
interface Setting {
  readonly pairs: readonly TextPair[]
  readonly directory: string
  readonly beside: string
}

const SEED = 11
const GENERATED_PAIRS = 1_404
const GENERATED_WORDS = 2_000
const ENCODER_WIDTH = 128
const MATCHING_WIDTH = 384
const ROUNDS = 5
const PAIRS_PER_PIECE = 128
const MATCHING_MS_MIN = 1_000

/** BERTScore with its encoder, warm, the median of 5 rounds; what the matching costs; the matching alone. */
export async function benchEmbeddings (): Promise<BenchRow[]> {
  const folder = await mkdtemp(join(tmpdir(), 'gauntlet-bench-encoder-'))
  try {
    const setting = await realSetting() ?? await generatedSetting(folder)
    return [...await benchWithEncoder(setting), ...[32, 512].map(benchMatching)]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function benchWithEncoder ({ pairs, directory, beside }: Setting): Promise<BenchRow[]> {
  const encoder = await createEncoder({ name: 'encoder', version: 'bench', directory, modelFile: 'onnx/model.onnx' })
  try {
    await run(encoder, pairs, scoreAll)
    const [encodingMs, bothMs, matchingMs]: [number[], number[], number[]] = [[], [], []]
    for (let round = 0; round < ROUNDS; round++) {
      encodingMs.push(await run(encoder, pairs, () => {}))
      let matching = 0
      bothMs.push(await run(encoder, pairs, (encoded) => {
        const startedAt = performance.now()
        scoreAll(encoded)
        matching += performance.now() - startedAt
      }))
      matchingMs.push(matching)
    }
    const [encoding, both, matching] = [median(encodingMs), median(bothMs), median(matchingMs)]
    const perSecond = (tookMs: number): number => pairs.length * 1_000 / tookMs
    return [
      { name: 'BERTScore with its encoder', value: perSecond(both), unit: 'pairs/s', beside },
      { name: 'the encoder alone, in its host', value: perSecond(encoding), unit: 'pairs/s', beside },
      { name: 'BERTScore: what matching adds', value: 100 * (both / encoding - 1), unit: '%', goal: '< 10 %', beside },
      { name: 'BERTScore: matching by itself over encoding', value: 100 * matching / encoding, unit: '%', beside }
    ]
  } finally {
    await encoder.close()
  }
}

/** Encodes piece by piece; while a piece is used, the host works on the next. Milliseconds of wall time. */
async function run (
  encoder: Encoder, pairs: readonly TextPair[], use: (encoded: readonly EncodedText[]) => void
): Promise<number> {
  const encode = (from: number): Promise<EncodedText[]> => encoder.encode(
    pairs.slice(from, from + PAIRS_PER_PIECE).flatMap(({ candidate, reference }) => [candidate, reference])
  )
  const startedAt = performance.now()
  let next = encode(0)
  for (let from = 0; from < pairs.length; from += PAIRS_PER_PIECE) {
    const encoded = await next
    if (from + PAIRS_PER_PIECE < pairs.length) next = encode(from + PAIRS_PER_PIECE)
    // Lets the request leave before this thread is busy.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    use(encoded)
  }
  return performance.now() - startedAt
}

/** Candidate and reference in turn. */
function scoreAll (encoded: readonly EncodedText[]): void {
  for (let i = 0; i < encoded.length; i += 2) bertScore(encoded[i]!, encoded[i + 1]!)
}

function benchMatching (tokens: number): BenchRow {
  const random = seededRandom(SEED)
  const text = (): TokenEmbeddings => ({
    values: Float32Array.from({ length: tokens * MATCHING_WIDTH }, () => 2 * random() - 1), width: MATCHING_WIDTH
  })
  const [candidate, reference] = [text(), text()]
  bertScore(candidate, reference)
  let pairs = 0
  const startedAt = performance.now()
  let tookMs = 0
  for (; tookMs < MATCHING_MS_MIN; tookMs = performance.now() - startedAt) {
    bertScore(candidate, reference)
    pairs++
  }
  return {
    name: `BERTScore matching, ${tokens} x ${tokens} tokens of ${MATCHING_WIDTH}`,
    value: pairs * 1_000 / tookMs,
    unit: 'pairs/s',
    beside: `${(pairs * tokens * tokens * MATCHING_WIDTH / tookMs / 1e6).toFixed(2)} billion multiply-adds/s`
  }
}

/** The summaries of GAUNTLET_FIXTURES and the trained encoder there; null without them. */
async function realSetting (): Promise<Setting | null> {
  const fixtures = process.env['GAUNTLET_FIXTURES']
  if (fixtures === undefined) return null
  const lines = (await readFile(join(fixtures, 'data', 'xsum-systems', 'summaries.jsonl'), 'utf8')).trim().split('\n')
  const pairs = lines.flatMap((line) => {
    const { reference, outputs } = JSON.parse(line) as { reference: string, outputs: Record<string, string> }
    return Object.values(outputs).map((candidate) => ({ candidate: candidate.trim(), reference: reference.trim() }))
  })
  const directory = join(fixtures, 'models', 'trained-sts-encoder')
  return { pairs, directory, beside: `${pairs.length} XSum summaries, trained-sts-encoder` }
}

async function generatedSetting (folder: string): Promise<Setting> {
  const random = seededRandom(SEED)
  const words = Array.from({ length: GENERATED_WORDS }, (_, at) => `w${at}`)
  await writeEncoder(folder, { words, width: ENCODER_WIDTH, seed: SEED })
  const text = (count: number): string =>
    Array.from({ length: count }, () => words[Math.floor(random() * words.length)]).join(' ')
  const pairs = Array.from({ length: GENERATED_PAIRS }, () => ({ candidate: text(18), reference: text(22) }))
  return { pairs, directory: folder, beside: `${pairs.length} generated pairs, an encoder of one lookup` }
}
