import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Inspection, InspectionSource } from '../../registry/inspection.js'
import type { Prove, RunModel } from '../../registry/running.js'
import type { JsonTensor } from '../../registry/serving/tensors.js'

export const TABULAR: Inspection = {
  task: 'tensor',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }],
  labels: null,
  batchable: true
}

/** Bytes that stand for a model: what `fakeInspect` shall say about them, then a seed that makes them differ. */
export function modelBytes (seed: string, inspection: Partial<Inspection> = {}): string {
  return JSON.stringify({ ...TABULAR, ...inspection, seed })
}

/** Reads the model file as the real one does, through the folder it is given, but runs nothing. */
export async function fakeInspect ({ directory, modelFile, task }: InspectionSource): Promise<Inspection> {
  const text = await readFile(join(directory, modelFile), 'utf8')
  const { seed: _seed, ...inspection } = JSON.parse(text) as Inspection & { seed: string }
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
  inspect: fakeInspect,
  prove: fakeProve,
  runModel: fakeRunModel,
  parseRequest: async (body: Buffer) => (JSON.parse(body.toString()) as { inputs: JsonTensor[] }).inputs
}
