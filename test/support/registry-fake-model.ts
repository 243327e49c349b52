import { join } from 'node:path'
import { describeOnnx } from '../../registry/formats/onnx.js'
import type { Inspection, InspectionSource } from '../../registry/inspection.js'
import type { Prove, RunModel } from '../../registry/running.js'
import type { JsonTensor } from '../../registry/serving/tensors.js'
import { ProtobufWriter } from '../../scripts/support/protobuf.js'
import { lazyDatasetReader, lazyReadBaseline } from '../../server/dataset-reads.js'

export const TABULAR: Inspection = {
  task: 'tensor',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }],
  labels: null,
  batchable: true
}

const PART_LENGTH = 100

/**
 * An ONNX model of one output that computes nothing. Its metadata tells what `fakeInspect` shall say about it, in parts
 * so short that the whole file is ASCII, then a seed that makes models differ.
 */
export function modelBytes (seed: string, inspection: Partial<Inspection> = {}): string {
  const text = JSON.stringify({ ...TABULAR, ...inspection, seed })
    .replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const type = new ProtobufWriter().message(1, new ProtobufWriter().int(1, 1))
  const output = new ProtobufWriter().string(1, 'y').message(2, type)
  const model = new ProtobufWriter().int(1, 8).message(7, new ProtobufWriter().message(12, output))
  model.message(8, new ProtobufWriter().int(2, 17))
  for (let from = 0; from < text.length; from += PART_LENGTH) {
    model.message(14, new ProtobufWriter().string(1, `part ${from}`).string(2, text.slice(from, from + PART_LENGTH)))
  }
  return Buffer.from(model.finish()).toString('latin1')
}

/** Reads the model file as the real one does, through the folder it is given, but runs nothing. */
export async function fakeInspect ({ directory, modelFile, task }: InspectionSource): Promise<Inspection> {
  const { metadata } = await describeOnnx(join(directory, modelFile))
  const { seed: _seed, ...inspection } = JSON.parse(Object.values(metadata).join('')) as Inspection & { seed: string }
  return task === undefined ? inspection : { ...inspection, task }
}

/** Answers as a model that gives the first three of four numbers back. */
export const fakeRunModel: RunModel = async (_model, requests) => requests.map(([input]) => {
  const [rows = 0] = input!.shape
  const data = Array.from({ length: rows }, (_, row) => input!.data.slice(row * 4, row * 4 + 3)).flat()
  return [{ name: 'y', datatype: 'FP32', shape: [rows, 3], data }]
})

/** Refuses a version whose golden examples differ from what `fakeRunModel` answers. */
export const fakeProve: Prove = async (model) => {
  const answers = await fakeRunModel(model, model.serving.examples.map(({ inputs }) => inputs))
  const wrong = model.serving.examples.findIndex(({ outputs }, index) => JSON.stringify(outputs) !== JSON.stringify(answers[index]))
  if (wrong >= 0) throw new Error(`golden example ${wrong} differs`)
  return []
}

/** What the composition lends to the commands, without a model that runs. */
export const FAKE_MODELS = {
  datasetReader: lazyDatasetReader(new AbortController().signal),
  readBaseline: lazyReadBaseline(new AbortController().signal),
  inspect: fakeInspect,
  inspectRemote: () => async () => ({ inputs: [], outputs: [] }),
  prove: fakeProve,
  runModel: fakeRunModel,
  parseRequest: async (body: Buffer) => (JSON.parse(body.toString()) as { inputs: JsonTensor[] }).inputs
}
