import { RegistryError } from '../errors.js'

/** One signature of a version and what is to be thought of it. */
export interface SignatureCheck {
  /** Of the key that it names; null when it cannot be read. */
  readonly fingerprint: string | null
  /** The name of that key here; null for a key nobody decided about. */
  readonly name: string | null
  /** Why it does not count; null when it does. */
  readonly problem: string | null
}

/** `signed` when one signature counts, `invalid` when there are only others, `unsigned` without any. */
export interface SignatureReport {
  readonly state: 'signed' | 'invalid' | 'unsigned'
  readonly signatures: readonly SignatureCheck[]
}

export const UNSIGNED: SignatureReport = { state: 'unsigned', signatures: [] }

/** In one line: `signed by build (1f2e…)`, `unsigned`, `invalid: …`. Pure. */
export function describeReport ({ state, signatures }: SignatureReport): string {
  if (state === 'unsigned') return state
  if (state === 'invalid') return `invalid: ${signatures.map(({ problem }) => problem).join('; ')}`
  return `signed by ${signatures.filter(({ problem }) => problem === null)
    .map(({ name, fingerprint }) => `${name} (${fingerprint})`).join(', ')}`
}

/** @throws RegistryError SIGNATURE_REQUIRED, SIGNATURE_INVALID unless one signature counts */
export function refuseUnsigned (report: SignatureReport, label: string): void {
  if (report.state !== 'signed') throw refusal(report, label)
}

/** The error for a version whose signatures do not suffice. Pure. */
export function refusal (report: SignatureReport, label: string): RegistryError {
  if (report.state === 'unsigned') {
    return new RegistryError('SIGNATURE_REQUIRED', `${label} is unsigned, and the policy requires a signature by a trusted key`)
  }
  return new RegistryError('SIGNATURE_INVALID', `${label} has no valid signature by a trusted key, which the policy requires: ${
    report.signatures.map(({ problem }) => problem).join('; ')}`)
}
