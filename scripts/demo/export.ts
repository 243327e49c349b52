import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { buildModel } from '../support/onnx-builder.js'
import { SPECIAL_TOKENS, type Vocabulary } from './tokenize.js'
import { type Weights } from './train.js'

/** A text as it is asked and the label the model answers. */
export interface Golden {
  readonly text: string
  readonly label: string
}

export interface ModelFolder {
  readonly weights: Weights
  readonly vocabulary: Vocabulary
  readonly labels: readonly string[]
  readonly examples: readonly Golden[]
}

const TEXT_PIECES_MAX = 512

/**
 * Writes a model folder in the Hugging Face layout: tokenizer.json, tokenizer_config.json, config.json,
 * onnx/model.onnx; and serving.json with the golden examples.
 */
export async function exportModel (directory: string, model: ModelFolder): Promise<void> {
  await mkdir(path.join(directory, 'onnx'), { recursive: true })
  const json = (file: string, content: unknown) =>
    writeFile(path.join(directory, file), `${JSON.stringify(content, null, 2)}\n`)
  await Promise.all([
    writeFile(path.join(directory, 'onnx', 'model.onnx'), classifierGraph(model.weights)),
    json('tokenizer.json', tokenizer(model.vocabulary)),
    json('tokenizer_config.json', TOKENIZER_CONFIG),
    json('config.json', modelConfig(model)),
    json('serving.json', serving(model.examples))
  ])
}

/** The trained network as ONNX: gather, mask, mean, Relu layer, logits. The same weights give the same bytes. */
export function classifierGraph (weights: Weights): Uint8Array {
  const { vocabulary, embedding, hidden, labels } = weights.dimensions
  const fp32 = (name: string, shape: number[], data: Float32Array) => ({ name, datatype: 'FP32' as const, shape, data })
  return buildModel({
    name: 'bag-of-pieces',
    inputs: [
      { name: 'input_ids', datatype: 'INT64', shape: ['batch', 'sequence'] },
      { name: 'attention_mask', datatype: 'INT64', shape: ['batch', 'sequence'] }
    ],
    outputs: [{ name: 'logits', datatype: 'FP32', shape: ['batch', labels] }],
    nodes: [
      { op: 'Gather', inputs: ['embeddings', 'input_ids'], outputs: ['gathered'] },
      { op: 'Cast', inputs: ['attention_mask'], outputs: ['flat_mask'], attributes: { to: 1 } },
      { op: 'Unsqueeze', inputs: ['flat_mask', 'last_axis'], outputs: ['mask'] },
      { op: 'Mul', inputs: ['gathered', 'mask'], outputs: ['masked'] },
      { op: 'ReduceSum', inputs: ['masked', 'sequence_axis'], outputs: ['sum'], attributes: { keepdims: 0 } },
      { op: 'ReduceSum', inputs: ['mask', 'sequence_axis'], outputs: ['count'], attributes: { keepdims: 0 } },
      { op: 'Max', inputs: ['count', 'one'], outputs: ['divisor'] },
      { op: 'Div', inputs: ['sum', 'divisor'], outputs: ['pooled'] },
      { op: 'Gemm', inputs: ['pooled', 'hidden_weight', 'hidden_bias'], outputs: ['hidden_sum'] },
      { op: 'Relu', inputs: ['hidden_sum'], outputs: ['hidden'] },
      { op: 'Gemm', inputs: ['hidden', 'output_weight', 'output_bias'], outputs: ['logits'] }
    ],
    initializers: [
      fp32('embeddings', [vocabulary, embedding], weights.embeddings),
      fp32('hidden_weight', [embedding, hidden], weights.hiddenWeight),
      fp32('hidden_bias', [hidden], weights.hiddenBias),
      fp32('output_weight', [hidden, labels], weights.outputWeight),
      fp32('output_bias', [labels], weights.outputBias),
      { name: 'last_axis', datatype: 'INT64', shape: [1], data: [2] },
      { name: 'sequence_axis', datatype: 'INT64', shape: [1], data: [1] },
      { name: 'one', datatype: 'FP32', shape: [1], data: [1] }
    ]
  })
}

function tokenizer (vocabulary: Vocabulary): unknown {
  const special = (name: string, id: number) => ({ id: name, ids: [id], tokens: [name] })
  const mark = (name: string, type: number) => ({ SpecialToken: { id: name, type_id: type } })
  const part = (name: string, type: number) => ({ Sequence: { id: name, type_id: type } })
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content, id) => (
      { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
    )),
    normalizer: {
      type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [mark('[CLS]', 0), part('A', 0), mark('[SEP]', 0)],
      pair: [mark('[CLS]', 0), part('A', 0), mark('[SEP]', 0), part('B', 1), mark('[SEP]', 1)],
      special_tokens: { '[CLS]': special('[CLS]', 2), '[SEP]': special('[SEP]', 3) }
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.ids)
    }
  }
}

const TOKENIZER_CONFIG = {
  tokenizer_class: 'BertTokenizer',
  do_lower_case: true,
  strip_accents: null,
  tokenize_chinese_chars: true,
  model_max_length: TEXT_PIECES_MAX,
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  mask_token: '[MASK]'
}

function modelConfig ({ weights: { dimensions }, labels }: ModelFolder): unknown {
  return {
    model_type: 'bert',
    architectures: ['BertForSequenceClassification'],
    problem_type: 'single_label_classification',
    vocab_size: dimensions.vocabulary,
    hidden_size: dimensions.embedding,
    intermediate_size: dimensions.hidden,
    num_labels: labels.length,
    max_position_embeddings: TEXT_PIECES_MAX,
    pad_token_id: 0,
    id2label: Object.fromEntries(labels.map((label, id) => [String(id), label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id]))
  }
}

function serving (examples: readonly Golden[]): unknown {
  const one = (name: string, value: string) => ({ name, datatype: 'BYTES', shape: [1], data: [value] })
  return {
    schemaVersion: 1,
    task: 'text-classification',
    examples: examples.map(({ text, label }) => (
      { inputs: [one('text', text)], outputs: [one('label', label)], tolerance: 0 }
    ))
  }
}
