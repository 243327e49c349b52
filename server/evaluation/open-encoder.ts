import { createEncoder, type Encoder, type EncoderSource } from '../../models/encoder.js'
import { RegistryError } from '../../registry/errors.js'
import { Registry } from '../../registry/registry.js'
import { cacheBytesMax } from '../config.js'

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
  const encoder = await open(reference, dataDir, cachedTextsMax)
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

/** The files stay where they are until the encoder has read them. */
async function open (reference: string, dataDir: string, cachedTextsMax: number): Promise<Encoder> {
  const registry = Registry.open({ dataDir, now: Date.now, cacheBytesMax: cacheBytesMax(process.env) })
  try {
    const { name, version } = registry.resolve(reference)
    const { directory, serving } = await registry.materialise(name, version)
    if (serving.runtime === 'remote') {
      throw new RegistryError('SERVING_INVALID', `${name}:${version} is run by another server; an encoder must be a model that is run here`)
    }
    return await createEncoder({ name, version, directory, ...serving } as EncoderSource, { cachedTextsMax })
  } finally {
    registry.close()
  }
}
