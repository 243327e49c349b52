import type { Frame } from './frames.js'
import type { HostSpec } from './host-spec.js'
import { withHost } from './one-host.js'
import type { Tensor } from './tensor.js'
import { decodeTensors, encodeTensors, type TensorHeader } from './wire.js'

const TIMEOUT_MS = 120_000
const THREADS = 1

/** One request: its inputs, and the outputs wanted, all of them unless told. */
export interface RunRequest { readonly inputs: readonly Tensor[], readonly outputs?: readonly string[] }

/**
 * Loads a version in a host of its own without checking its golden examples, and answers requests one after the other.
 * @throws ModelsError LOAD_FAILED, or INFERENCE_FAILED with what the model said of the first request that it refused
 */
export async function runModel (
  spec: HostSpec, requests: readonly RunRequest[], timeoutMs = TIMEOUT_MS
): Promise<Tensor[][]> {
  const options = { label: `${spec.name}:${spec.version}`, work: 'running the model', timeoutMs }
  return await withHost(options, async (ask) => {
    await ask('load', { spec: { ...spec, examples: [] }, threads: THREADS })
    const answers: Tensor[][] = []
    for (const { inputs, outputs = null } of requests) {
      const { headers, parts } = encodeTensors(inputs)
      answers.push(outputsOf(await ask('run', { inputs: headers, outputs }, parts)))
    }
    return answers
  })
}

function outputsOf ({ meta, payload }: Frame): Tensor[] {
  const { outputs } = JSON.parse(meta) as { outputs: TensorHeader[] }
  return decodeTensors(outputs, payload)
}
