export type RegistryErrorCode =
  | 'INVALID_NAME' | 'INVALID_VERSION' | 'INVALID_ALIAS' | 'SOURCE_NOT_FOUND' | 'SOURCE_INVALID' | 'SERVING_INVALID'
  | 'DATASET_INVALID' | 'KIND_MISMATCH' | 'GOLDEN_FAILED'
  | 'SOURCE_FORBIDDEN' | 'SOURCE_UNAVAILABLE' | 'TARGET_INVALID'
  | 'MODEL_NOT_FOUND' | 'VERSION_NOT_FOUND' | 'ALIAS_NOT_FOUND' | 'VERSION_CONFLICT' | 'ALIAS_CONFLICT' | 'ALIAS_LOCKED'
  | 'VERSION_IN_USE' | 'VERSION_REMOVED' | 'VERSION_UNFIT'
  | 'SIGNATURE_CHANGED' | 'DIGEST_MISMATCH' | 'BLOB_MISSING' | 'LAYOUT_CORRUPT' | 'REGISTRY_BUSY'
  | 'SIGNATURE_REQUIRED' | 'SIGNATURE_INVALID' | 'KEY_INVALID' | 'KEY_NOT_FOUND' | 'KEY_CONFLICT'
  | 'INVALID_REFERENCE' | 'CREDENTIALS_INVALID' | 'REMOTE_UNAUTHORIZED' | 'REMOTE_NOT_FOUND' | 'REMOTE_REFUSED' | 'REMOTE_UNAVAILABLE'
  | 'ROLLOUT_NOT_FOUND' | 'ROLLOUT_CONFLICT' | 'ROLLOUT_OPEN' | 'ILLEGAL_TRANSITION'

/** Every error the registry raises on purpose; anything else is a bug. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'

  constructor (readonly code: RegistryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
  }
}
