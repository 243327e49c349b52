import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pooling } from '../host-spec.js'

/** What a Hugging Face folder's config.json says that matters here. */
export interface TextConfig {
  readonly architecture: string | null
  /** In the order of their ids. */
  readonly labels: readonly string[] | null
  readonly isMultiLabel: boolean
  /** Longest input in tokens; Infinity when unknown. */
  readonly positionsMax: number
}

/** The files beside a model. */
export interface ModelFiles {
  readonly hasTokenizer: boolean
  readonly config: TextConfig
  /** Of sentence-transformers: 1_Pooling/config.json and modules.json. */
  readonly pooling: Pooling | null
  readonly normalize: boolean | null
  /** Whether there is a modules.json. */
  readonly isSentenceTransformer: boolean
  /** The first of its modules that is none of ours; null when there is none. */
  readonly unknownModule: string | null
}

/** The modules of sentence-transformers that a host applies itself, or that the graph is. */
const KNOWN_MODULES = /(^|\.)(Transformer|Pooling|Normalize)$/

/** Reads what stands beside a model; absent files leave their part empty. @throws Error when one is not JSON */
export function readModelFiles (directory: string): ModelFiles {
  const pooling = readJson(join(directory, '1_Pooling', 'config.json'))
  const modules: unknown = readJson(join(directory, 'modules.json'))
  const types = Array.isArray(modules) ? modules.map((module: { type?: unknown } | null) => String(module?.type)) : null
  return {
    hasTokenizer: existsSync(join(directory, 'tokenizer.json')),
    config: parseConfig(readJson(join(directory, 'config.json')) ?? {}),
    pooling: pooling === null ? null : parsePooling(pooling),
    normalize: types === null ? null : types.some((type) => type.endsWith('Normalize')),
    isSentenceTransformer: types !== null,
    unknownModule: types?.find((type) => !KNOWN_MODULES.test(type)) ?? null
  }
}

function parseConfig (config: Record<string, unknown>): TextConfig {
  const architectures = config['architectures']
  const positions = config['max_position_embeddings']
  // Models of the RoBERTa family number their positions from the padding token's id + 1.
  const isRoberta = /roberta|camembert/.test(String(config['model_type']))
  const reserved = isRoberta ? Number(config['pad_token_id'] ?? 1) + 1 : 0
  return {
    architecture: Array.isArray(architectures) && typeof architectures[0] === 'string' ? architectures[0] : null,
    labels: parseLabels(config['id2label']),
    isMultiLabel: config['problem_type'] === 'multi_label_classification',
    positionsMax: typeof positions === 'number' && positions > reserved ? positions - reserved : Infinity
  }
}

function parseLabels (id2label: unknown): string[] | null {
  if (typeof id2label !== 'object' || id2label === null) return null
  const entries = Object.entries(id2label).map(([id, label]) => [Number(id), String(label)] as const)
  return entries.sort(([a], [b]) => a - b).map(([, label]) => label)
}

function parsePooling (pooling: Record<string, unknown>): Pooling {
  if (pooling['pooling_mode_cls_token'] === true) return 'cls'
  if (pooling['pooling_mode_mean_tokens'] === true) return 'mean'
  const modes = Object.keys(pooling).filter((key) => pooling[key] === true)
  throw new Error(`1_Pooling/config.json asks for ${modes.join(', ') || 'no pooling'}, expected cls or mean pooling`)
}

function readJson (path: string): Record<string, unknown> | null {
  if (!existsSync(path)) return null
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  } catch (error) {
    throw new Error(`${path} is not JSON`, { cause: error })
  }
}
