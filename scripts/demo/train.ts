import { seededRandom, shuffled } from '../support/random.js'

/** Sizes of the network: pieces known, width of their embedding, width of the hidden layer, labels told apart. */
export interface Dimensions {
  readonly vocabulary: number
  readonly embedding: number
  readonly hidden: number
  readonly labels: number
}

/** Row-major weights: embeddings [vocabulary, embedding], hidden [embedding, hidden], output [hidden, labels]. */
export interface Weights {
  readonly dimensions: Dimensions
  readonly embeddings: Float32Array
  readonly hiddenWeight: Float32Array
  readonly hiddenBias: Float32Array
  readonly outputWeight: Float32Array
  readonly outputBias: Float32Array
}

export interface Example {
  readonly ids: readonly number[]
  readonly label: number
}

export interface TrainingOptions {
  readonly seed: number
  readonly epochs: number
  readonly learningRate: number
  /** Chance that a piece of a training text is left out for one step; keeps single words from deciding alone. */
  readonly pieceDropout: number
  readonly weightDecay: number
}

const BATCH_SIZE = 32
const SLOTS = ['embeddings', 'hiddenWeight', 'hiddenBias', 'outputWeight', 'outputBias'] as const

/**
 * Trains mean-pooled embeddings -> Relu layer -> softmax on the cross entropy, by mini-batches with AdamW
 * (Loshchilov and Hutter 2019, algorithm 2; beta1 0.9, beta2 0.999). Deterministic for a seed.
 */
export function train (examples: readonly Example[], dimensions: Dimensions, options: TrainingOptions): Weights {
  const random = seededRandom(options.seed)
  const weights = initialWeights(dimensions, random)
  const gradients = emptyWeights(dimensions)
  const network = new Network(weights, gradients)
  const optimisers = SLOTS.map((slot) => new AdamW(weights[slot], gradients[slot], options))
  for (let epoch = 0; epoch < options.epochs; epoch++) {
    const order = shuffled(examples, random)
    for (let start = 0; start < order.length; start += BATCH_SIZE) {
      const batch = order.slice(start, start + BATCH_SIZE)
      for (const { ids, label } of batch) {
        const kept = ids.filter(() => random() >= options.pieceDropout)
        network.accumulate(kept.length > 0 ? kept : ids, label)
      }
      for (const optimiser of optimisers) optimiser.step(batch.length)
    }
  }
  return weights
}

function emptyWeights (dimensions: Dimensions): Weights {
  const { vocabulary, embedding, hidden, labels } = dimensions
  return {
    dimensions,
    embeddings: new Float32Array(vocabulary * embedding),
    hiddenWeight: new Float32Array(embedding * hidden),
    hiddenBias: new Float32Array(hidden),
    outputWeight: new Float32Array(hidden * labels),
    outputBias: new Float32Array(labels)
  }
}

function initialWeights (dimensions: Dimensions, random: () => number): Weights {
  const weights = emptyWeights(dimensions)
  const fill = (values: Float32Array, bound: number) => {
    for (let index = 0; index < values.length; index++) values[index] = (2 * random() - 1) * bound
  }
  fill(weights.embeddings, 0.5)
  fill(weights.hiddenWeight, Math.sqrt(6 / dimensions.embedding))
  fill(weights.outputWeight, Math.sqrt(6 / (dimensions.hidden + dimensions.labels)))
  return weights
}

/** Forward and backward pass of one text at a time; the buffers are reused. */
class Network {
  private readonly pooled: Float32Array
  private readonly pooledGradient: Float32Array
  private readonly hidden: Float32Array
  private readonly hiddenGradient: Float32Array
  private readonly logits: Float32Array

  constructor (private readonly weights: Weights, private readonly gradients: Weights) {
    const { embedding, hidden, labels } = weights.dimensions
    this.pooled = new Float32Array(embedding)
    this.pooledGradient = new Float32Array(embedding)
    this.hidden = new Float32Array(hidden)
    this.hiddenGradient = new Float32Array(hidden)
    this.logits = new Float32Array(labels)
  }

  /** Adds the gradient of -log p(label) to the gradients. */
  accumulate (ids: readonly number[], label: number): void {
    this.pool(ids)
    const { weights, gradients, pooled, hidden, logits, hiddenGradient, pooledGradient } = this
    multiply(pooled, weights.hiddenWeight, weights.hiddenBias, hidden)
    for (let unit = 0; unit < hidden.length; unit++) hidden[unit] = Math.max(0, hidden[unit] as number)
    multiply(hidden, weights.outputWeight, weights.outputBias, logits)
    softmax(logits)
    logits[label] = (logits[label] as number) - 1 // the gradient of the cross entropy by the logits
    backward(hidden, weights.outputWeight, logits, hiddenGradient, gradients.outputWeight, gradients.outputBias)
    for (let unit = 0; unit < hidden.length; unit++) if (hidden[unit] === 0) hiddenGradient[unit] = 0
    backward(pooled, weights.hiddenWeight, hiddenGradient, pooledGradient, gradients.hiddenWeight, gradients.hiddenBias)
    const { embeddings } = gradients
    for (const id of ids) {
      for (let at = 0; at < pooled.length; at++) {
        const index = id * pooled.length + at
        embeddings[index] = (embeddings[index] as number) + (pooledGradient[at] as number) / ids.length
      }
    }
  }

  private pool (ids: readonly number[]): void {
    const { pooled, weights: { embeddings } } = this
    pooled.fill(0)
    for (const id of ids) {
      for (let at = 0; at < pooled.length; at++) {
        pooled[at] = (pooled[at] as number) + (embeddings[id * pooled.length + at] as number) / ids.length
      }
    }
  }
}

/** output = input x weight + bias. */
function multiply (input: Float32Array, weight: Float32Array, bias: Float32Array, output: Float32Array): void {
  output.set(bias)
  for (let row = 0; row < input.length; row++) {
    const factor = input[row] as number
    for (let column = 0; column < output.length; column++) {
      output[column] = (output[column] as number) + factor * (weight[row * output.length + column] as number)
    }
  }
}

/** Gradients of `multiply`: sets the input's, adds to the weight's and the bias's. */
function backward (
  input: Float32Array, weight: Float32Array, outputGradient: Float32Array,
  inputGradient: Float32Array, weightGradient: Float32Array, biasGradient: Float32Array
): void {
  const width = outputGradient.length
  for (let row = 0; row < input.length; row++) {
    let sum = 0
    for (let column = 0; column < width; column++) {
      const gradient = outputGradient[column] as number
      const index = row * width + column
      sum += gradient * (weight[index] as number)
      weightGradient[index] = (weightGradient[index] as number) + gradient * (input[row] as number)
    }
    inputGradient[row] = sum
  }
  for (let column = 0; column < width; column++) {
    biasGradient[column] = (biasGradient[column] as number) + (outputGradient[column] as number)
  }
}

function softmax (logits: Float32Array): void {
  const largest = Math.max(...logits)
  let sum = 0
  for (let index = 0; index < logits.length; index++) {
    const raised = Math.exp((logits[index] as number) - largest)
    logits[index] = raised
    sum += raised
  }
  for (let index = 0; index < logits.length; index++) logits[index] = (logits[index] as number) / sum
}

/** AdamW over one array of weights; a step divides the gradient by the batch size and clears it. */
class AdamW {
  private readonly mean: Float32Array
  private readonly square: Float32Array
  private steps = 0

  constructor (
    private readonly values: Float32Array,
    private readonly gradient: Float32Array,
    private readonly options: TrainingOptions
  ) {
    this.mean = new Float32Array(values.length)
    this.square = new Float32Array(values.length)
  }

  step (batchSize: number): void {
    const { values, gradient, mean, square, options: { learningRate, weightDecay } } = this
    this.steps++
    const meanCorrection = 1 - 0.9 ** this.steps
    const squareCorrection = 1 - 0.999 ** this.steps
    for (let index = 0; index < values.length; index++) {
      const slope = (gradient[index] as number) / batchSize
      gradient[index] = 0
      const first = 0.9 * (mean[index] as number) + 0.1 * slope
      const second = 0.999 * (square[index] as number) + 0.001 * slope * slope
      mean[index] = first
      square[index] = second
      const direction = first / meanCorrection / (Math.sqrt(second / squareCorrection) + 1e-8)
      values[index] = (values[index] as number) * (1 - learningRate * weightDecay) - learningRate * direction
    }
  }
}
