export type ModelsErrorCode =
  | 'QUEUE_FULL' | 'DEADLINE_EXCEEDED' | 'HOST_CRASHED' | 'HOST_NOT_READY' | 'LOAD_FAILED' | 'INFERENCE_FAILED'
  | 'INVALID_INPUT'

/** Every error the model side raises on purpose; anything else is a bug. */
export class ModelsError extends Error {
  override readonly name = 'ModelsError'

  constructor (readonly code: ModelsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
  }
}
