import type { DatasetFormat } from '../../../registry/datasets/words.js'
import type { GateEvidence } from './judge.js'
import type { Answered } from './replay-rows.js'

/** What the thread of a gate is started with: a dataset whose files stay where they are, and what to compute. */
export interface GateWork {
  readonly label: string
  readonly directory: string
  readonly files: readonly string[]
  readonly format: DatasetFormat
  readonly header?: readonly string[]
  readonly fields: { readonly input: string, readonly label: string, readonly reference: string }
  readonly labels: readonly string[] | undefined
  readonly metrics: readonly string[]
  readonly limit: number
  readonly concurrency: number
  readonly encoder: string | null
  readonly dataDir: string
}

/** What the thread says: an input to be answered, and how it ended. */
export type FromGate =
  | { readonly kind: 'ask', readonly id: number, readonly input: unknown }
  | { readonly kind: 'done', readonly replayed: Pick<GateEvidence['gate'], 'rows' | 'failures' | 'values'> }
  | { readonly kind: 'failed', readonly message: string }

/** An answer to what it asked. */
export interface ToGate { readonly id: number, readonly answered: Answered }
