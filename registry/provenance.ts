/** Where an artifact was made from; part of its bytes, so only what does not change by itself. */
export interface Provenance {
  readonly sourceUrl?: string
  /** A commit, never a branch. */
  readonly revision?: string
  /** SPDX identifiers. */
  readonly licenses?: readonly string[]
}
