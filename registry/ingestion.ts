import type { DatasetReader } from './datasets/inspection.js'
import type { Kind } from './datasets/words.js'
import type { MaterialisedFiles } from './materialise.js'
import type { PartialBlobs } from './partial.js'
import type { TransferProgress } from './progress.js'
import type { PublishContext, PublishResult } from './publish.js'
import type { RecordRequest } from './record.js'
import type { Prove } from './running.js'
import type { Serving } from './serving.js'
import type { DatasetDetail, VersionDetail } from './versions.js'

/** How far it has come; `blob` after each. A kill after `committed` leaves the version, before it leaves none. */
export type IngestStep = 'manifest' | 'blob' | 'stored' | 'committed' | 'indexed'

export interface IngestRequest {
  /** Of the manifest. */
  readonly digest: string
  /** What the artifact is called here; without it, what its manifest says. */
  readonly name?: string
  readonly version?: string
  readonly alias?: string
  /** Makes it champion without proof that it can be served. */
  readonly isForced?: boolean
  /** What of an artifact of another tool that has both is wanted; what is nothing else is refused as the other. */
  readonly kind?: Kind
  /** Reads the rows of datasets that another tool packaged; without it these are refused. */
  readonly datasetReader?: DatasetReader
  /** Only for what says nothing of how it is served, and so is inspected. */
  readonly task?: Serving['task']
  /** The same: which file of it is the model. */
  readonly modelFile?: string
  /** The same: what of it is left out. See `excluding`. */
  readonly exclude?: readonly string[]
  /** Operator domains that are allowed beside those of the runtime and those the model defines. */
  readonly allowedOperatorDomains?: readonly string[]
  readonly actor: string
  readonly reason?: string
  readonly signaturePolicy?: RecordRequest['signaturePolicy']
  /** Only tells what would be done. Nothing is stored; files of ours are not even read. */
  readonly dryRun?: boolean
  /** Blobs that are on their way at a time; 3 unless told. */
  readonly parallel?: number
  /**
   * Runs the golden examples, and loads what shall become champion; without it both are left to when it is loaded. What
   * fails its own examples is not imported; what is only unfit as champion is, without the alias.
   */
  readonly prove?: Prove
  /** Imports also what fails its golden examples, but never as champion. */
  readonly skipGolden?: boolean
  readonly progress?: TransferProgress
  readonly onStep?: (step: IngestStep) => void
}

export interface IngestResult extends Omit<PublishResult, 'detail'> {
  readonly detail: VersionDetail | DatasetDetail
  /** Whether the manifest had to be made anew, so that the digest is another one. */
  readonly converted: boolean
  /** Signatures of what was converted: they are about other bytes, so they were left. */
  readonly signaturesLeft?: number
  /** Layers of datasets beside the model that was converted: a model's version has none. */
  readonly datasetsLeft?: number
}

export interface IngestContext extends PublishContext {
  readonly partials: PartialBlobs
  /** A stored manifest as files. */
  readonly materialise: (digest: string, label: string) => Promise<Pick<MaterialisedFiles, 'directory' | 'release'>>
}
