import type { LiveModel } from '../live-model.js'
import type { Tensor, TensorSpec } from '../tensor.js'
import { headersOf, refuseForeign } from './allow.js'
import { HttpClient } from './http-client.js'
import { OipClient } from './oip.js'
import { RemoteModel } from './remote-model.js'
import type { RemoteBackend, RemoteOptions, RemoteSpec } from './spec.js'

/**
 * What a server says that a model takes and gives.
 * @throws ModelsError LOAD_FAILED when its origin is not allowed, INFERENCE_FAILED; CallFault or NotNow without answer
 */
export async function inspectRemote (
  backend: RemoteBackend, remote: RemoteOptions
): Promise<{ inputs: TensorSpec[], outputs: TensorSpec[] }> {
  refuseForeign(backend.url, remote.origins)
  const http = new HttpClient({
    headers: headersOf(backend, remote), connectionsMax: 1, replyBytesMax: remote.replyBytesMax
  })
  try {
    return await new OipClient(http, backend).signature(backend.timeoutMs)
  } finally {
    http.close()
  }
}

/**
 * Proves that a version can be served: its server is ready, has its inputs and outputs, and passes its golden examples.
 * @throws ModelsError LOAD_FAILED
 */
export async function proveRemote (spec: RemoteSpec, remote: RemoteOptions): Promise<void> {
  await withRemote(spec, remote, async () => {})
}

/** Answers requests one after the other, whatever the golden examples say. @throws ModelsError */
export async function runRemote (
  spec: RemoteSpec, remote: RemoteOptions, requests: ReadonlyArray<readonly Tensor[]>
): Promise<Tensor[][]> {
  return await withRemote({ ...spec, examples: [] }, remote, async (model) => {
    const answers: Tensor[][] = []
    for (const inputs of requests) {
      answers.push(await model.infer(inputs, { deadlineAt: Date.now() + spec.backend.timeoutMs, retryOnCrash: false }))
    }
    return answers
  })
}

async function withRemote<Result> (
  spec: RemoteSpec, remote: RemoteOptions, work: (model: LiveModel) => Promise<Result>
): Promise<Result> {
  const options = {
    queueMax: 1, restartsMax: 1, restartBackoffMs: { first: 1, max: 1 }, now: Date.now, log: () => {}, remote
  }
  const model = new RemoteModel(spec, options, () => {})
  try {
    await model.whenReady()
    return await work(model)
  } finally {
    await model.stop(0)
  }
}
