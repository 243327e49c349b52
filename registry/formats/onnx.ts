import { quote } from '../names.js'
import { FileCursor } from './cursor.js'
import { ONNX_LIMITS, type OnnxLimits } from './limits.js'
import { OnnxCounts } from './onnx-counts.js'
import type { OnnxFunction, OperatorCounts } from './onnx-operators.js'
import { readTensor, type ExternalTensor, type TensorHeader } from './onnx-tensor.js'
import { readValue, type OnnxValue } from './onnx-value.js'
import * as schema from './onnx-schema.js'
import { ProtobufReader, type Frame } from './protobuf.js'

/** What an ONNX file says about itself, without its weights. */
export interface OnnxHeader {
  readonly irVersion: number
  readonly producer: string | null
  readonly opsetImports: ReadonlyArray<{ readonly domain: string, readonly version: number }>
  /** What a caller gives: the inputs of the graph that have no initializer. */
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  /** Nodes of the graph, its sub-graphs and functions, each counted once. */
  readonly nodeCount: number
  /** Operators of the graph and its sub-graphs, by `domain`, type and overload. */
  readonly operators: OperatorCounts
  readonly functions: readonly OnnxFunction[]
  readonly initializerCount: number
  /** Elements of all initializers, those in other files and of sub-graphs included. */
  readonly parameterCount: number
  /** Parameters by precision (`float32`, `int8`), the most frequent first. */
  readonly precisions: ReadonlyArray<{ readonly precision: string, readonly parameterCount: number }>
  readonly externalTensors: readonly ExternalTensor[]
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Reads the structure of an ONNX file in one pass forwards, skipping the weights. What is refused: bytes that are not
 * this protobuf, bounds exceeded, external data that no file could hold, tensors whose bytes do not fill their shape.
 * @param path what the file is called in messages
 * @throws RegistryError SOURCE_INVALID naming the file, what is wrong and at which byte
 */
export async function describeOnnx (
  location: string, path = location, limits: OnnxLimits = ONNX_LIMITS
): Promise<OnnxHeader> {
  return await FileCursor.use(location, { path, format: 'ONNX' }, async (cursor) => {
    if (cursor.sizeBytes > limits.fileBytesMax) {
      throw cursor.fault(`it has ${cursor.sizeBytes} bytes, more than the ${limits.fileBytesMax} that protobuf and ` +
        'the limits allow; keep the weights in a file beside it, as external data', limits.fileBytesMax)
    }
    return await new OnnxWalk(cursor, limits).model()
  })
}

/** One pass over one file. Messages are entered where something in them is wanted; the reader skips all others. */
class OnnxWalk {
  readonly #cursor: FileCursor
  readonly #limits: OnnxLimits
  readonly #reader: ProtobufReader
  readonly #counts: OnnxCounts
  readonly #external: ExternalTensor[] = []
  readonly #parameters = new Map<string, number>()
  readonly #initializers = new Set<string>()
  readonly #inputs: OnnxValue[] = []
  readonly #outputs: OnnxValue[] = []
  readonly #functions: OnnxFunction[] = []

  constructor (cursor: FileCursor, limits: OnnxLimits) {
    this.#cursor = cursor
    this.#limits = limits
    this.#reader = new ProtobufReader(cursor, limits)
    this.#counts = new OnnxCounts(cursor, limits)
  }

  async model (): Promise<OnnxHeader> {
    const reader = this.#reader
    const frame = reader.root(schema.MODEL)
    const operators: Map<string, number> = new Map()
    const opsetImports: Array<{ domain: string, version: number }> = []
    const metadata: Array<[string, string]> = []
    let irVersion = 0
    let producer: string | null = null
    let hasGraph = false
    for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
      if (field === 1) irVersion = frame.value
      if (field === 2) producer = await this.#kept(frame, 'the name of the producer')
      if (field === 7) {
        hasGraph = true
        await this.#graph(reader.enter(frame, schema.GRAPH), operators, true)
      }
      if (field === 8) opsetImports.push(await this.#opset(frame))
      if (field === 14) metadata.push(await this.#metadata(frame))
      if (field === 20) await this.#training(reader.enter(frame, schema.TRAINING), operators)
      if (field === 25) this.#functions.push(await this.#function(reader.enter(frame, schema.FUNCTION)))
    }
    this.#refuseForeign({ irVersion, hasGraph, opsetCount: opsetImports.length })
    return {
      irVersion,
      producer,
      opsetImports,
      inputs: this.#inputs.filter(({ name }) => !this.#initializers.has(name)),
      outputs: this.#outputs,
      nodeCount: this.#counts.of('nodes'),
      operators,
      functions: this.#functions,
      initializerCount: this.#counts.of('initializers'),
      ...this.#parameterSums(),
      externalTensors: this.#external,
      metadata: Object.fromEntries(metadata)
    }
  }

  /** Protobuf has no signature: a file is ONNX when it has what every model has. */
  #refuseForeign ({ irVersion, hasGraph, opsetCount }: {
    irVersion: number, hasGraph: boolean, opsetCount: number
  }): void {
    if (irVersion < 1) throw this.#cursor.fault('it has no IR version, so it is not an ONNX model')
    if (!hasGraph) throw this.#cursor.fault('it has no graph, so it is not an ONNX model')
    if (irVersion >= 3 && opsetCount === 0) throw this.#cursor.fault('it imports no operator set')
    if (this.#outputs.length === 0) throw this.#cursor.fault('its graph has no output')
  }

  #parameterSums (): Pick<OnnxHeader, 'parameterCount' | 'precisions'> {
    const precisions = [...this.#parameters].map(([precision, parameterCount]) => ({ precision, parameterCount }))
    precisions.sort((a, b) => b.parameterCount - a.parameterCount)
    const parameterCount = precisions.reduce((sum, { parameterCount: part }) => sum + part, 0)
    if (!Number.isSafeInteger(parameterCount)) throw this.#cursor.fault('its parameters are too many to be counted')
    return { parameterCount, precisions }
  }

  async #graph (frame: Frame, operators: Map<string, number>, isMain: boolean): Promise<void> {
    const reader = this.#reader
    for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
      if (field === 1) await this.#node(reader.enter(frame, schema.NODE), operators)
      if (field === 5) await this.#initializer(frame, isMain)
      if (field === 15) await this.#sparse(reader.enter(frame, schema.SPARSE_TENSOR), true, isMain)
      if (!isMain || (field !== 11 && field !== 12)) continue
      this.#counts.add('values')
      const value = await readValue(reader, frame, this.#counts)
      if (field === 11) this.#inputs.push(value)
      else this.#outputs.push(value)
    }
  }

  async #node (frame: Frame, operators: Map<string, number>): Promise<void> {
    const reader = this.#reader
    this.#counts.add('nodes')
    let [type, domain, overload] = ['', '', '']
    for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
      if (field === 4) type = await this.#name(frame, 'an operator type')
      if (field === 5) await this.#attribute(reader.enter(frame, schema.ATTRIBUTE), operators)
      if (field === 7) domain = await this.#name(frame, 'an operator domain')
      if (field === 8) overload = await this.#name(frame, 'an overload')
    }
    if (type === '') throw this.#cursor.fault('a node has no operator type')
    const operator = JSON.stringify([domain, type, overload])
    const count = operators.get(operator) ?? 0
    if (count === 0) this.#counts.keep(operator.length)
    operators.set(operator, count + 1)
  }

  async #attribute (frame: Frame, operators: Map<string, number>): Promise<void> {
    const reader = this.#reader
    this.#counts.add('attributes')
    for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
      if (field === 5 || field === 10) await this.#tensor(frame)
      if (field === 22 || field === 23) await this.#sparse(reader.enter(frame, schema.SPARSE_TENSOR), false, false)
      if (field !== 6 && field !== 11) continue
      this.#counts.add('subgraphs')
      await this.#graph(reader.enter(frame, schema.GRAPH), operators, false)
    }
  }

  async #function (frame: Frame): Promise<OnnxFunction> {
    const reader = this.#reader
    this.#counts.add('functions')
    const operators = new Map<string, number>()
    let [name, domain, overload] = ['', '', '']
    for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
      if (field === 1) name = await this.#kept(frame, 'the name of a function')
      if (field === 7) await this.#node(reader.enter(frame, schema.NODE), operators)
      if (field === 10) domain = await this.#kept(frame, 'the domain of a function')
      if (field === 11) await this.#attribute(reader.enter(frame, schema.ATTRIBUTE), operators)
      if (field === 13) overload = await this.#kept(frame, 'the overload of a function')
    }
    if (name === '') throw this.#cursor.fault('a function has no name')
    return { operator: JSON.stringify([domain, name, overload]), operators }
  }

  async #training (frame: Frame, operators: Map<string, number>): Promise<void> {
    for (let field = await this.#reader.next(frame); field !== 0; field = await this.#reader.next(frame)) {
      this.#counts.add('subgraphs')
      await this.#graph(this.#reader.enter(frame, schema.GRAPH), operators, false)
    }
  }

  async #initializer (frame: Frame, isMain: boolean): Promise<void> {
    this.#counts.add('initializers')
    const { name, elementCount, element } = await this.#tensor(frame)
    this.#addParameters(element.precision, elementCount)
    if (!isMain) return
    this.#counts.keep(name.length)
    this.#initializers.add(name)
  }

  /** A sparse initializer is named by its values. */
  async #sparse (frame: Frame, isInitializer: boolean, isMain: boolean): Promise<void> {
    const reader = this.#reader
    for (let field = await reader.next(frame); field !== 0; field = await reader.next(frame)) {
      if (field === 1 && isInitializer) await this.#initializer(frame, isMain)
      else if (field !== 3) await this.#tensor(frame)
    }
  }

  async #tensor (parent: Frame): Promise<TensorHeader> {
    this.#counts.add('tensors')
    const tensor = await readTensor(this.#reader, parent, this.#counts)
    if (tensor.external !== null) {
      this.#counts.keep(tensor.name.length + tensor.external.location.length)
      this.#external.push({ tensor: tensor.name, ...tensor.external })
    }
    return tensor
  }

  #addParameters (precision: string, count: number): void {
    this.#parameters.set(precision, (this.#parameters.get(precision) ?? 0) + count)
  }

  async #opset (parent: Frame): Promise<{ domain: string, version: number }> {
    this.#counts.add('opsetImports')
    const frame = this.#reader.enter(parent, schema.OPSET)
    let domain = ''
    let version = 0
    for (let field = await this.#reader.next(frame); field !== 0; field = await this.#reader.next(frame)) {
      if (field === 1) domain = await this.#kept(frame, 'an operator domain')
      else version = frame.value
    }
    if (version < 1) throw this.#cursor.fault(`it imports the operator set ${quote(domain)} in version ${version}`)
    return { domain, version }
  }

  async #metadata (parent: Frame): Promise<[string, string]> {
    this.#counts.add('metadata')
    const frame = this.#reader.enter(parent, schema.ENTRY)
    let [key, value] = ['', '']
    for (let field = await this.#reader.next(frame); field !== 0; field = await this.#reader.next(frame)) {
      if (field === 1) key = await this.#kept(frame, 'a key of the metadata')
      else value = await this.#kept(frame, 'a value of the metadata', this.#limits.keptBytesMax)
    }
    return [key, value]
  }

  async #name (frame: Frame, what: string): Promise<string> {
    return await this.#reader.text(frame, this.#limits.nameBytesMax, what)
  }

  /** A text that is held until the file is read. */
  async #kept (frame: Frame, what: string, bytesMax = this.#limits.nameBytesMax): Promise<string> {
    this.#counts.keep(frame.lengthBytes)
    return await this.#reader.text(frame, bytesMax, what)
  }
}
