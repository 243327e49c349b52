import type { HostSpec } from '../models/host-spec.js'
import type { Inspect } from '../registry/inspection.js'
import type { ParseRequest, Prove, RunModel, RunnableModel } from '../registry/running.js'
import type { JsonTensor } from '../registry/serving/tensors.js'

interface ModelRuns {
  readonly inspect: Inspect
  readonly prove: Prove
  readonly runModel: RunModel
  readonly parseRequest: ParseRequest
}

/** What the registry needs running models for. What runs them is loaded only when it is used. */
export const MODEL_RUNS: ModelRuns = {
  inspect: async (source) => {
    const { inspectModel } = await import('../models/inspect.js')
    return await inspectModel(source)
  },
  prove: async (model) => {
    const { proveModel } = await import('../models/prove.js')
    return await proveModel(specOf(model))
  },
  runModel: async (model, requests) => {
    const [{ runModel }, { tensorFromJson, tensorToJson }] =
      await Promise.all([import('../models/run.js'), import('../models/json-tensor.js')])
    const answers = await runModel(specOf(model), requests.map((inputs) => ({ inputs: inputs.map(tensorFromJson) })))
    return answers.map((outputs) => outputs.map(tensorToJson)) as JsonTensor[][]
  },
  parseRequest: async (body) => {
    const [{ parseInferBody }, { tensorToJson }] =
      await Promise.all([import('./oip/request.js'), import('../models/json-tensor.js')])
    return parseInferBody(body).inputs.map(tensorToJson) as JsonTensor[]
  }
}

function specOf ({ name, version, directory, serving }: RunnableModel): HostSpec {
  return { name, version, directory, ...serving } as unknown as HostSpec
}
