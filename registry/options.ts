import type { PartialLimits } from './partial.js'
import type { SignaturePolicy } from './signing/policies.js'
import type { SourceLimits } from './source.js'

/** How a registry is opened. */
export interface RegistryOptions {
  readonly dataDir: string
  readonly now: () => number
  readonly newId?: () => string
  readonly limits?: Partial<SourceLimits>
  /** How much is kept, and how long, of transfers that ended early. */
  readonly partialLimits?: Partial<PartialLimits>
  /** Whether opening heals: removes abandoned temporaries and rewrites index.json. What looks for damage does not. */
  readonly heal?: boolean
  /** What copies of versions may have together, in bytes; those in use stay, whatever they have. */
  readonly cacheBytesMax?: number
  /** Verdicts kept per rollout. */
  readonly verdictsMax?: number
  /** The least that holds for signatures; the trust store of the data directory may be stricter. */
  readonly signaturePolicy?: SignaturePolicy
  /** Fingerprints of the only keys that count among the trusted ones; null for all of them. */
  readonly signatureKeys?: readonly string[] | null
  /** Told about what heals itself but is odd. */
  readonly warn?: (message: string) => void
}
