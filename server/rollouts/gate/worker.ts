import { parentPort, workerData } from 'node:worker_threads'
import type { Encoder } from '../../../models/encoder.js'
import { joinTables, openDatasetFiles } from '../../evaluation/dataset-rows.js'
import { parseField } from '../../evaluation/fields.js'
import { withEncoder } from '../../evaluation/open-encoder.js'
import type { FromGate, GateWork, ToGate } from './messages.js'
import { replayRows, type Answered } from './replay-rows.js'

/** Token embeddings kept between two looks at a text. */
const CACHED_TEXTS_MAX = 1_024
/** Of a line, or of a document. */
const LINE_BYTES_MAX = 16 * 1024 * 1024

const port = parentPort!
const work = workerData as GateWork
const send = (message: FromGate): void => { port.postMessage(message) }
const waiting = new Map<number, (answered: Answered) => void>()
let lastId = 0

port.on('message', ({ id, answered }: ToGate) => {
  waiting.get(id)?.(answered)
  waiting.delete(id)
})

function ask (input: unknown): Promise<Answered> {
  const id = ++lastId
  return new Promise((resolve) => {
    waiting.set(id, resolve)
    send({ kind: 'ask', id, input })
  })
}

async function run (encoder: Encoder | null): Promise<void> {
  const { label, directory, files, format, header, fields, labels, metrics, limit, concurrency } = work
  const { signal } = new AbortController()
  const [input, right, reference] = [fields.input, fields.label, fields.reference].map(parseField)
  const tables = await openDatasetFiles({
    directory, files, format, lineBytesMax: LINE_BYTES_MAX, signal, ...header === undefined ? {} : { header }
  })
  const replayed = await replayRows({
    table: joinTables(label, tables),
    fields: { input: input!, label: right!, reference: reference! },
    labels,
    metrics,
    limit,
    concurrency,
    encoder,
    ask,
    signal
  })
  send({ kind: 'done', replayed })
}

async function main (): Promise<void> {
  try {
    const { encoder: reference, dataDir } = work
    if (reference === null) return await run(null)
    const { signal } = new AbortController()
    await withEncoder({ reference, dataDir, signal, cachedTextsMax: CACHED_TEXTS_MAX }, run)
  } catch (error) {
    send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  } finally {
    port.close()
  }
}

await main()
