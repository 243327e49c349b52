import { createEncoder, type Encoder, type EncoderSource } from '../../models/encoder.js'
import { Registry } from '../../registry/registry.js'

export interface EncoderRequest {
  /** `name:version`, `name@alias`, or a name alone for its champion. */
  readonly reference: string
  readonly dataDir: string
  readonly signal: AbortSignal
  /** Texts whose token embeddings are kept, so that a reference is not run twice. */
  readonly cachedTextsMax: number
}

/**
 * Runs `work` with an encoder from the registry, in a host process that is ended in any case, also when the signal
 * aborts.
 * @throws RegistryError when there is no such version or its bytes are damaged, ModelsError when it cannot be loaded
 */
export async function withEncoder<T> (request: EncoderRequest, work: (encoder: Encoder) => Promise<T>): Promise<T> {
  const { reference, dataDir, signal, cachedTextsMax } = request
  const encoder = await createEncoder(await materialise(reference, dataDir), { cachedTextsMax })
  const close = (): void => { encoder.close().catch(() => {}) }
  signal.addEventListener('abort', close, { once: true })
  try {
    signal.throwIfAborted()
    return await work(encoder)
  } finally {
    signal.removeEventListener('abort', close)
    await encoder.close()
  }
}

async function materialise (reference: string, dataDir: string): Promise<EncoderSource> {
  const registry = Registry.open({ dataDir, now: Date.now })
  try {
    const { name, version } = registry.resolve(reference)
    const { directory, serving } = await registry.materialise(name, version)
    return { name, version, directory, ...serving } as EncoderSource
  } finally {
    registry.close()
  }
}
