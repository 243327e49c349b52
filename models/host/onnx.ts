import { InferenceSession, Tensor as OnnxTensor } from 'onnxruntime-node'
import type { Datatype, Tensor, TensorData, TensorSpec } from '../tensor.js'

/** Something that answers tensors with tensors. */
export interface Runner {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  /** The outputs named in `fetch`, in that order, or all. */
  run (inputs: readonly Tensor[], fetch: readonly string[] | null): Promise<Tensor[]>
}

/** A graph input or output as the model file declares it; a free dimension is -1. */
type ValueMetadata = InferenceSession.ValueMetadata

const DATATYPE_OF_TYPE: Readonly<Record<string, Datatype>> = {
  bool: 'BOOL',
  uint8: 'UINT8',
  uint16: 'UINT16',
  uint32: 'UINT32',
  uint64: 'UINT64',
  int8: 'INT8',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  float16: 'FP16',
  float32: 'FP32',
  float64: 'FP64',
  string: 'BYTES'
}

const TYPE_OF_DATATYPE = Object.fromEntries(
  Object.entries(DATATYPE_OF_TYPE).map(([type, datatype]) => [datatype, type])
) as Readonly<Record<Datatype, OnnxTensor.Type>>

/** An ONNX graph, run as it is. Outputs that are not tensors (maps, sequences) cannot be fetched and are left out. */
export class OnnxRunner implements Runner {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
  readonly #session: InferenceSession
  readonly #outputNames: readonly string[]

  private constructor (session: InferenceSession) {
    this.#session = session
    this.inputs = tensorSpecs(session.inputMetadata)
    this.outputs = tensorSpecs(session.outputMetadata)
    this.#outputNames = this.outputs.map((output) => output.name)
  }

  /** Loads by path, so that external data beside the file is found. */
  static async load (path: string, threads: number): Promise<OnnxRunner> {
    return new OnnxRunner(await InferenceSession.create(path, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      logSeverityLevel: 3,
      // Threads that spin while they wait would take the processor from the gateway and from other hosts.
      extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } }
    }))
  }

  async run (inputs: readonly Tensor[], fetch: readonly string[] | null): Promise<Tensor[]> {
    const feeds: Record<string, OnnxTensor> = {}
    for (const input of inputs) {
      feeds[input.name] = new OnnxTensor(TYPE_OF_DATATYPE[input.datatype], input.data as Float32Array, input.shape)
    }
    const names = fetch ?? this.#outputNames
    const results = await this.#session.run(feeds, names)
    return names.map((name) => fromOnnx(name, results[name] as OnnxTensor))
  }
}

function tensorSpecs (metadata: readonly ValueMetadata[]): TensorSpec[] {
  const specs: TensorSpec[] = []
  for (const value of metadata) {
    if (!value.isTensor) continue
    const datatype = DATATYPE_OF_TYPE[value.type]
    if (datatype === undefined) throw new Error(`"${value.name}" has element type ${value.type}, which is not supported`)
    specs.push({ name: value.name, datatype, shape: value.shape.map((size) => typeof size === 'number' ? size : -1) })
  }
  return specs
}

function fromOnnx (name: string, tensor: OnnxTensor): Tensor {
  const datatype = DATATYPE_OF_TYPE[tensor.type]
  if (datatype === undefined) throw new Error(`output "${name}" has element type ${tensor.type}, which is not supported`)
  const data = tensor.data as TensorData
  // Where Float16Array exists, onnxruntime-node gives that; we carry the bits.
  const isHalfClass = datatype === 'FP16' && !(data instanceof Uint16Array) && !Array.isArray(data)
  return {
    name,
    datatype,
    shape: tensor.dims,
    data: isHalfClass ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data
  }
}
