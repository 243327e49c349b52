import type { HostSpec } from '../models/host-spec.js'
import type { RemoteOptions, RemoteSpec } from '../models/remote/spec.js'
import type { Tensor } from '../models/tensor.js'
import type { Inspect } from '../registry/inspection.js'
import type { InspectRemote } from '../registry/remote/prepare.js'
import type { ParseRequest, Prove, RunModel, RunnableModel } from '../registry/running.js'
import type { JsonTensor } from '../registry/serving/tensors.js'

interface ModelRuns {
  readonly inspect: Inspect
  readonly inspectRemote: (origins: readonly string[]) => InspectRemote
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
  inspectRemote: (origins) => async (backend) => {
    const [{ inspectRemote }, options] = await Promise.all([import('../models/remote/prove.js'), remoteOptions(origins)])
    return await inspectRemote(backend, options)
  },
  prove: async (model) => {
    const spec = specOf(model)
    if ('backend' in spec) {
      const [{ proveRemote }, options] = await Promise.all([import('../models/remote/prove.js'), remoteOptions()])
      await proveRemote(spec, options)
      return []
    }
    const { proveModel } = await import('../models/prove.js')
    return await proveModel(spec)
  },
  runModel: async (model, requests) => {
    const { tensorFromJson, tensorToJson } = await import('../models/json-tensor.js')
    const answers = await answersOf(specOf(model), requests.map((inputs) => inputs.map(tensorFromJson)))
    return answers.map((outputs) => outputs.map(tensorToJson)) as JsonTensor[][]
  },
  parseRequest: async (body) => {
    const [{ parseInferBody }, { tensorToJson }] =
      await Promise.all([import('./oip/request.js'), import('../models/json-tensor.js')])
    return parseInferBody(body).inputs.map(tensorToJson) as JsonTensor[]
  }
}

async function answersOf (spec: HostSpec | RemoteSpec, requests: readonly Tensor[][]): Promise<Tensor[][]> {
  if ('backend' in spec) {
    const [{ runRemote }, options] = await Promise.all([import('../models/remote/prove.js'), remoteOptions()])
    return await runRemote(spec, options, requests)
  }
  const { runModel } = await import('../models/run.js')
  return await runModel(spec, requests.map((inputs) => ({ inputs })))
}

async function remoteOptions (origins: readonly string[] = []): Promise<RemoteOptions> {
  const { remoteOptionsOf } = await import('./remote-options.js')
  return remoteOptionsOf(process.env, origins)
}

function specOf ({ name, version, directory, serving }: RunnableModel): HostSpec | RemoteSpec {
  return { name, version, directory, ...serving } as unknown as HostSpec | RemoteSpec
}
