import type { DocumentFrequencies } from '../../evaluators/text/inverse-document-frequency.js'
import type { Encoder } from '../../models/encoder.js'
import { GatewayError } from '../errors.js'
import { comparesEmbeddings, EMBEDDING_METRICS, embeddingScorers } from './embedding-metrics.js'
import type { Scorer } from './scorer.js'
import { needsReference, TEXT_METRICS, textScorers } from './text-metrics.js'

/** Every metric that `score` and `compare` know. */
export const METRICS: readonly string[] = [...TEXT_METRICS, ...EMBEDDING_METRICS]

export interface MetricSettings {
  /** Whether ROUGE compares stems. */
  readonly stem: boolean
  /** Runs the model of the metrics that need one. */
  readonly encoder: Encoder | null
  /** In how many references a token occurs, for BERTScore to weigh it; null weighs all tokens alike. */
  readonly frequencies: DocumentFrequencies | null
}

/** What a choice of metrics asks for. */
export interface Needs { readonly reference: boolean, readonly encoder: boolean }

/**
 * Refuses a metric that is not known, or named twice, before any work is done.
 * @throws GatewayError BAD_REQUEST, listing those that are known
 */
export function checkMetrics (names: readonly string[]): Needs {
  names.forEach((name, i) => {
    if (!METRICS.includes(name)) {
      throw new GatewayError('BAD_REQUEST', `--metrics: unknown metric "${name}", expected some of ${METRICS.join(', ')}`)
    }
    if (names.indexOf(name) !== i) throw new GatewayError('BAD_REQUEST', `--metrics: "${name}" is named twice`)
  })
  const isEmbedding = (name: string): boolean => EMBEDDING_METRICS.includes(name)
  return {
    reference: names.some((name) => isEmbedding(name) ? comparesEmbeddings(name) : needsReference(name)),
    encoder: names.some(isEmbedding)
  }
}

/** Fresh scorers for the metrics, those of text first. @throws GatewayError as {@link checkMetrics} */
export function buildScorers (names: readonly string[], { stem, encoder, frequencies }: MetricSettings): Scorer[] {
  checkMetrics(names)
  return [...textScorers(names, stem), ...encoder === null ? [] : embeddingScorers(names, encoder, frequencies)]
}
