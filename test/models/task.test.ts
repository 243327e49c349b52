import { describe, expect, it } from 'vitest'
import type { ModelFiles } from '../../models/host/model-files.js'
import { guessTask } from '../../models/host/task.js'
import type { TensorSpec } from '../../models/tensor.js'

const tokens: TensorSpec = { name: 'input_ids', datatype: 'INT64', shape: [-1, -1] }
const output = (name: string, rank: number): TensorSpec => ({ name, datatype: 'FP32', shape: Array.from({ length: rank }, () => -1) })
function guess (architecture: string | null, { outputs = ['last_hidden_state'], inputs = [tokens], labels = null, logitsRank = 2, ...files }: Partial<ModelFiles> & {
  outputs?: string[], inputs?: TensorSpec[], labels?: string[] | null, logitsRank?: number
} = {}) {
  const config = { architecture, labels, isMultiLabel: false, positionsMax: Infinity }
  return guessTask({ hasTokenizer: true, config, pooling: null, normalize: null, isSentenceTransformer: false, unknownModule: null, ...files },
    { inputs, outputs: outputs.map((name) => output(name, name === 'logits' ? logitsRank : 3)) })
}

describe('the task of a model', () => {
  it.each(['BertForSequenceClassification', 'DebertaV2ForSequenceClassification', 'ModernBertForSequenceClassification'])('%s is text-classification', (architecture) => {
    expect(guess(architecture, { outputs: ['logits'] })).toEqual({ task: 'text-classification', from: `config.json ${architecture}` })
  })

  it.each(['BertModel', 'XLMRobertaModel', 'T5EncoderModel', 'NomicBertModel'])('%s is feature-extraction', (architecture) => {
    expect(guess(architecture)).toEqual({ task: 'feature-extraction', from: `config.json ${architecture}` })
  })

  it.each(['GPT2LMHeadModel', 'OpenAIGPTDoubleHeadsModel', 'LlamaForCausalLM', 'BertForTokenClassification', 'T5ForConditionalGeneration', 'BertForMaskedLM'])('%s, for which there is no text task, is tensor and says so', (architecture) => {
    expect(guess(architecture, { outputs: ['logits'], logitsRank: 3 })).toEqual({ task: 'tensor', from: `config.json ${architecture}, which no text task is for` })
  })

  it('of sentence-transformers is feature-extraction whatever head it was trained from', () => {
    expect(guess('RobertaForMaskedLM', { isSentenceTransformer: true })).toEqual({ task: 'feature-extraction', from: 'modules.json, and the graph\'s output last_hidden_state' })
    expect(guess('RobertaForMaskedLM', { isSentenceTransformer: true, outputs: ['logits'] }).task).toBe('tensor')
    expect(guess('BertForSequenceClassification', { isSentenceTransformer: true, outputs: ['logits'] }).task).toBe('text-classification')
  })

  it('without an architecture is told from the outputs and the labels, if they tell', () => {
    expect(guess(null, { outputs: ['logits'], labels: ['a', 'b'] }).task).toBe('text-classification')
    expect(guess(null, { outputs: ['logits'], labels: ['a', 'b'], logitsRank: 3 }).task).toBe('tensor')
    expect(guess(null, { outputs: ['logits'] }).task).toBe('tensor')
    expect(guess(null, { outputs: ['sentence_embedding'] })).toEqual({ task: 'feature-extraction', from: 'the graph\'s output sentence_embedding' })
    expect(guess(null, { outputs: ['y'] })).toEqual({ task: 'tensor', from: 'config.json without architectures, and no output of the graph tells' })
  })

  it('is tensor without a tokenizer, or when the graph takes no tokens', () => {
    expect(guess('BertModel', { hasTokenizer: false })).toEqual({ task: 'tensor', from: 'no tokenizer.json' })
    expect(guess('BertModel', { inputs: [{ name: 'pixel_values', datatype: 'FP32', shape: [-1, 3] }] })).toEqual({ task: 'tensor', from: 'the graph takes no input_ids' })
    expect(guess('CLIPModel', { inputs: [tokens, { name: 'pixel_values', datatype: 'FP32', shape: [-1, 3] }] }))
      .toEqual({ task: 'tensor', from: 'the graph takes pixel_values, which no tokenizer gives' })
  })
})
