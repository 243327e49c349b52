import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect } from 'vitest'
import { seededRandom } from '../../evaluators/statistics/random.js'
import type { HubRequest } from '../../registry/hub/request.js'
import type { PublishRequest } from '../../registry/publish.js'
import type { HubServer } from './hub-server.js'
import { fakeInspect, modelBytes, openRegistry } from './registry-fixtures.js'

const random = seededRandom(20_260_401)
export const WEIGHTS = Buffer.from(Array.from({ length: 300_000 }, () => random.below(256)))
const README = '---\nlicense: mit\ntags: [a]\n---\n# tiny\n'
export const REPOSITORY = {
  '.gitattributes': '*.onnx filter=lfs',
  'README.md': README,
  'config.json': '{"architectures":["BertModel"]}',
  'tokenizer.json': '{}',
  'tokenizer_config.json': '{}',
  '1_Pooling/config.json': '{}',
  'pytorch_model.bin': 'PK\x03\x04',
  'model.safetensors': 'w',
  'training_args.bin': 'w',
  'openvino/openvino_model.bin': 'w',
  'onnx/model.onnx': modelBytes('fp32'),
  'onnx/model.onnx_data': WEIGHTS,
  'onnx/model_quantized.onnx': modelBytes('q8'),
  'onnx/decoder_model.onnx': modelBytes('decoder')
}
export const NEEDED = ['1_Pooling/config.json', 'README.md', 'config.json', 'onnx/model.onnx', 'onnx/model.onnx_data', 'serving.json', 'tokenizer.json', 'tokenizer_config.json']

/** A registry with a way to publish from a hub, and to look at what that left. */
export function publisher (hub: HubServer, options: Parameters<typeof openRegistry>[0] = {}) {
  const opened = openRegistry(options)
  const waits: number[] = []
  const publish = async (change: Partial<PublishRequest> & { with?: Partial<HubRequest>, token?: string } = {}) => {
    const { with: asked, token = null, ...request } = change
    const settings = { endpoint: hub.endpoint, token, isOffline: false }
    const sleep = async (ms: number): Promise<void> => { waits.push(ms) }
    return await opened.registry.publish({ path: 'hf:ann/tiny', name: 'm', version: '1', actor: 'ann', hub: { settings, sleep, ...asked }, ...request }, fakeInspect)
  }
  const manifestOf = (digest: string) => JSON.parse(readFileSync(join(opened.dataDir, 'registry', 'blobs', 'sha256', digest.slice(7)), 'utf8'))
  const pathsOf = (digest: string): string[] => manifestOf(digest).layers.map((layer: { annotations: object }) => Object.values(layer.annotations)[0])
  const temporaries = () => readdirSync(join(opened.dataDir, 'tmp'))
  const nothing = () => {
    expect(opened.registry.models()).toEqual([])
    expect(readdirSync(join(opened.dataDir, 'registry', 'blobs', 'sha256'))).toEqual([])
  }
  return { ...opened, publish, manifestOf, pathsOf, temporaries, nothing, waits }
}
/** Where nobody listens any more. */
export async function closedEndpoint (): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}`
}

/** The paths that were asked for. */
export const fetched = (hub: HubServer) => hub.seen.filter(({ url }) => url.includes('/resolve/')).map(({ url }) => url.replace(/^.*\/resolve\/[0-9a-f]+\//, '')).sort()
