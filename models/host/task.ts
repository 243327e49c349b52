import type { Task } from '../host-spec.js'
import type { TensorSpec } from '../tensor.js'
import type { ModelFiles } from './model-files.js'

/** The part of a graph that tells what it is for. */
interface Graph { readonly inputs: readonly TensorSpec[], readonly outputs: readonly TensorSpec[] }

/** A task, and what it was told from, for people. */
export interface TaskGuess { readonly task: Task, readonly from: string }

/** What a tokenizer gives a graph. */
export const TOKENIZER_INPUTS: ReadonlySet<string> = new Set(['input_ids', 'attention_mask', 'token_type_ids'])
/** Outputs of encoders, as exporters name them: one vector per text, or one per token. */
const EMBEDDINGS = ['sentence_embedding', 'last_hidden_state', 'token_embeddings']
/** Architectures that read a text to describe it; `LMHeadModel` and `DoubleHeadsModel` go on with it instead. */
const ENCODER = /^(?!.*(?:LMHead|DoubleHeads)Model$).*Model$/

/**
 * What a model is for, told from its graph and the files beside it; `tensor` whenever that is not certain. A text task
 * needs a tokenizer, and a graph that takes tokens. Pure.
 */
export function guessTask ({ hasTokenizer, config, isSentenceTransformer }: ModelFiles, graph: Graph): TaskGuess {
  const { architecture } = config
  const named = architecture === null ? 'config.json without architectures' : `config.json ${architecture}`
  if (!hasTokenizer) return { task: 'tensor', from: 'no tokenizer.json' }
  if (!graph.inputs.some(({ name }) => name === 'input_ids')) return { task: 'tensor', from: 'the graph takes no input_ids' }
  const other = graph.inputs.find(({ name }) => !TOKENIZER_INPUTS.has(name))
  if (other !== undefined) return { task: 'tensor', from: `the graph takes ${other.name}, which no tokenizer gives` }
  if (architecture?.endsWith('ForSequenceClassification') === true) return { task: 'text-classification', from: named }
  const embedding = EMBEDDINGS.find((name) => graph.outputs.some((output) => output.name === name))
  // Such models are often trained from another head, whose name stays in config.json.
  if (isSentenceTransformer && embedding !== undefined) {
    return { task: 'feature-extraction', from: `modules.json, and the graph's output ${embedding}` }
  }
  if (architecture !== null && ENCODER.test(architecture)) return { task: 'feature-extraction', from: named }
  if (architecture === null) return guessFromOutputs(config.labels, graph.outputs, embedding)
  return { task: 'tensor', from: `${named}, which no text task is for` }
}

/** Older exports name no architecture; their outputs tell as much. */
function guessFromOutputs (
  labels: readonly string[] | null, outputs: readonly TensorSpec[], embedding: string | undefined
): TaskGuess {
  const logits = outputs.find(({ name }) => name === 'logits')
  if (logits?.shape.length === 2 && labels !== null) {
    return { task: 'text-classification', from: "the graph's output logits, and config.json id2label" }
  }
  if (embedding !== undefined) return { task: 'feature-extraction', from: `the graph's output ${embedding}` }
  return { task: 'tensor', from: 'config.json without architectures, and no output of the graph tells' }
}
