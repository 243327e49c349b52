import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildModel, type NodeSpec } from './onnx-builder.js'
import { seededRandom } from './random.js'

export interface EncoderModel {
  /** Lower case; every other word is unknown. */
  readonly words: readonly string[]
  /** Numbers per token. */
  readonly width: number
  readonly seed: number
  /** Longest text in tokens; 512. */
  readonly tokensMax?: number
  /** false: the graph takes no attention mask, so that padding changes its answer. */
  readonly isMasked?: boolean
}

const SPECIAL_TOKENS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'] as const

/**
 * Writes a small encoder in the Hugging Face layout: a token's vector is a random one of its own plus the mean of all
 * of its text, so that it depends on the words around it. [CLS] has id 2, [SEP] 3, the first word 4.
 */
export async function writeEncoder (directory: string, model: EncoderModel): Promise<void> {
  const { words, tokensMax = 512 } = model
  await mkdir(join(directory, 'onnx'), { recursive: true })
  const json = (file: string, content: unknown): Promise<void> =>
    writeFile(join(directory, file), JSON.stringify(content))
  await Promise.all([
    writeFile(join(directory, 'onnx', 'model.onnx'), encoderGraph(model)),
    json('tokenizer.json', tokenizer(words)),
    json('tokenizer_config.json', {
      tokenizer_class: 'BertTokenizer',
      model_max_length: tokensMax,
      pad_token: '[PAD]',
      unk_token: '[UNK]',
      cls_token: '[CLS]',
      sep_token: '[SEP]'
    }),
    json('config.json', { model_type: 'bert', architectures: ['BertModel'], max_position_embeddings: tokensMax })
  ])
}

function encoderGraph ({ words, width, seed, isMasked = true }: EncoderModel): Uint8Array {
  const random = seededRandom(seed)
  const rows = SPECIAL_TOKENS.length + words.length
  const vectors = Float32Array.from({ length: rows * width }, () => 2 * random() - 1)
  const masked: NodeSpec[] = [
    { op: 'Cast', inputs: ['attention_mask'], outputs: ['flat_mask'], attributes: { to: 1 } },
    { op: 'Unsqueeze', inputs: ['flat_mask', 'last_axis'], outputs: ['mask'] },
    { op: 'Mul', inputs: ['tokens', 'mask'], outputs: ['masked'] },
    { op: 'ReduceSum', inputs: ['masked', 'sequence_axis'], outputs: ['sum'], attributes: { keepdims: 1 } },
    { op: 'ReduceSum', inputs: ['mask', 'sequence_axis'], outputs: ['count'], attributes: { keepdims: 1 } },
    { op: 'Div', inputs: ['sum', 'count'], outputs: ['mean'] }
  ]
  const unmasked: NodeSpec[] = [
    { op: 'ReduceMean', inputs: ['tokens'], outputs: ['mean'], attributes: { axes: [1], keepdims: 1 } }
  ]
  const inputs = isMasked ? ['input_ids', 'attention_mask'] : ['input_ids']
  return buildModel({
    name: 'encoder',
    inputs: inputs.map((name) => ({ name, datatype: 'INT64', shape: ['batch', 'sequence'] })),
    outputs: [{ name: 'last_hidden_state', datatype: 'FP32', shape: ['batch', 'sequence', width] }],
    nodes: [
      { op: 'Gather', inputs: ['vectors', 'input_ids'], outputs: ['tokens'] },
      ...isMasked ? masked : unmasked,
      { op: 'Add', inputs: ['tokens', 'mean'], outputs: ['last_hidden_state'] }
    ],
    initializers: [
      { name: 'vectors', datatype: 'FP32', shape: [rows, width], data: vectors },
      { name: 'last_axis', datatype: 'INT64', shape: [1], data: [2] },
      { name: 'sequence_axis', datatype: 'INT64', shape: [1], data: [1] }
    ]
  })
}

function tokenizer (words: readonly string[]): unknown {
  const pieces = [...SPECIAL_TOKENS, ...words]
  const special = (name: string): unknown => ({ id: name, ids: [pieces.indexOf(name)], tokens: [name] })
  const mark = (name: string): unknown => ({ SpecialToken: { id: name, type_id: 0 } })
  const part = (name: string): unknown => ({ Sequence: { id: name, type_id: 0 } })
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
      single: [mark('[CLS]'), part('A'), mark('[SEP]')],
      pair: [mark('[CLS]'), part('A'), mark('[SEP]'), part('B'), mark('[SEP]')],
      special_tokens: { '[CLS]': special('[CLS]'), '[SEP]': special('[SEP]') }
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id]))
    }
  }
}
