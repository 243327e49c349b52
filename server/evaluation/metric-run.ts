import type { Encoder } from '../../models/encoder.js'
import { GatewayError } from '../errors.js'
import { countReferenceTokens } from './embedding-metrics.js'
import { textsOf, type Field } from './fields.js'
import type { Format } from './formats.js'
import { buildScorers, checkMetrics } from './metric-catalogue.js'
import { withRows } from './open-dataset.js'
import { withEncoder } from './open-encoder.js'
import { startProgress } from './progress.js'
import type { Scorer } from './scorer.js'
import type { Table } from './table.js'

/** What every run of metrics over a file needs to be told. */
export interface MetricRunRequest {
  readonly path: string
  readonly format?: Format
  readonly header?: readonly string[]
  readonly lineBytesMax: number
  readonly limit?: number
  readonly metrics: readonly string[]
  readonly stem: boolean
  /** Whether BERTScore weighs tokens by how rare they are among the references. */
  readonly idf?: boolean
  /** The registry model that embeds texts. */
  readonly encoder?: string
  readonly dataDir: string
  readonly isJson: boolean
  readonly signal: AbortSignal
}

/** A run under way: the table, fresh scorers as often as wanted, and somewhere to tell how far it has come. */
export interface MetricRun {
  readonly table: Table
  readonly scorers: () => Scorer[]
  readonly onShare: (share: number) => void
}

/** Token embeddings kept between two looks at a text. */
const CACHED_TEXTS_MAX = 1_024

/**
 * Opens the table and, where a metric needs it, the encoder; closes the latter in any case.
 * @throws GatewayError BAD_REQUEST for metrics that are unknown or lack their encoder, NOT_FOUND without a file
 */
export async function runMetrics<T> (
  request: MetricRunRequest, referenceField: Field, work: (run: MetricRun) => Promise<T>
): Promise<T> {
  const { metrics, encoder: reference, dataDir, signal } = request
  const needs = checkMetrics(metrics)
  if (needs.encoder && reference === undefined) {
    throw new GatewayError('BAD_REQUEST', `${metrics.filter((name) => checkMetrics([name]).encoder).join(', ')}: needs a model that embeds texts, --encoder NAME:VERSION`)
  }
  if (request.idf === true && !metrics.includes('bertscore')) throw new GatewayError('BAD_REQUEST', '--idf is for bertscore')
  return await withRows(request.path, request, async (table) => {
    if (!needs.encoder || reference === undefined) return await runOn(table, null, { request, referenceField, work })
    return await withEncoder({ reference, dataDir, signal, cachedTextsMax: CACHED_TEXTS_MAX },
      async (encoder) => await runOn(table, encoder, { request, referenceField, work }))
  })
}

async function runOn<T> (
  table: Table, encoder: Encoder | null,
  { request, referenceField, work }: {
    readonly request: MetricRunRequest, readonly referenceField: Field, readonly work: (run: MetricRun) => Promise<T>
  }
): Promise<T> {
  const { metrics, stem, idf, isJson, limit } = request
  const progress = startProgress('scoring', { stream: process.stderr, isJson, environment: process.env })
  try {
    const frequencies = encoder !== null && idf === true
      ? await countReferenceTokens(referencesOf(table, referenceField, limit), encoder)
      : null
    const settings = { stem, encoder, frequencies }
    return await work({ table, scorers: () => buildScorers(metrics, settings), onShare: progress.update })
  } finally {
    progress.stop()
  }
}

async function * referencesOf (
  table: Table, field: Field, limit: number | undefined
): AsyncGenerator<readonly string[]> {
  let rows = 0
  for await (const row of table.rows()) {
    if (rows++ === limit) return
    yield textsOf(table, row, field)
  }
}
