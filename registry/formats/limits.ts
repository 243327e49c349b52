import type { ProtobufLimits } from './protobuf.js'

/** Bounds of an ONNX file. Each is a count over the whole file unless it says otherwise. */
export interface OnnxLimits extends ProtobufLimits {
  /** Protobuf cannot have more; larger models keep their weights in files beside it. */
  readonly fileBytesMax: number
  readonly nodesMax: number
  /** Initializers and constants. */
  readonly tensorsMax: number
  readonly attributesMax: number
  readonly subgraphsMax: number
  readonly functionsMax: number
  /** Inputs and outputs of the graph. */
  readonly valuesMax: number
  readonly opsetImportsMax: number
  readonly metadataMax: number
  /** Dimensions of one tensor or value. */
  readonly rankMax: number
  /** Bytes of one name. */
  readonly nameBytesMax: number
  /** Bytes of all names and texts that are kept while the file is read. */
  readonly keptBytesMax: number
}

export const ONNX_LIMITS: OnnxLimits = {
  fileBytesMax: 2 ** 31 - 1,
  headerBytesMax: 128 * 1024 ** 2,
  depthMax: 100,
  nodesMax: 500_000,
  tensorsMax: 500_000,
  attributesMax: 5_000_000,
  subgraphsMax: 20_000,
  functionsMax: 20_000,
  valuesMax: 100_000,
  opsetImportsMax: 256,
  metadataMax: 1_000,
  rankMax: 64,
  nameBytesMax: 4_096,
  keptBytesMax: 8 * 1024 ** 2
}

/** Bounds of the files of a version that are models, or could be taken for models. */
export interface ModelFileLimits {
  readonly onnx: OnnxLimits
  /** Operator domains that are allowed beside those of the runtime and those the model defines itself. */
  readonly allowedOperatorDomains: readonly string[]
  readonly safetensorsHeaderBytesMax: number
  readonly safetensorsTensorsMax: number
  readonly ggufTensorsMax: number
  readonly ggufMetadataMax: number
  /** Bytes of everything in a GGUF file before the weights. */
  readonly ggufHeaderBytesMax: number
  readonly archiveMembersMax: number
  readonly archiveDirectoryBytesMax: number
}

export const MODEL_FILE_LIMITS: ModelFileLimits = {
  onnx: ONNX_LIMITS,
  allowedOperatorDomains: [],
  safetensorsHeaderBytesMax: 100_000_000,
  safetensorsTensorsMax: 1_000_000,
  ggufTensorsMax: 1_000_000,
  ggufMetadataMax: 1_000_000,
  ggufHeaderBytesMax: 256 * 1024 ** 2,
  archiveMembersMax: 100_000,
  archiveDirectoryBytesMax: 16 * 1024 ** 2
}

/** The same limits with more operator domains allowed. */
export function allowingDomains (limits: ModelFileLimits, domains: readonly string[] = []): ModelFileLimits {
  return { ...limits, allowedOperatorDomains: [...limits.allowedOperatorDomains, ...domains] }
}
