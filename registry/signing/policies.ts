export const SIGNATURE_POLICIES = ['off', 'warn', 'require'] as const
/** What becomes of a version without a valid signature: nothing, a warning, a refusal. */
export type SignaturePolicy = typeof SIGNATURE_POLICIES[number]

/** The stricter of two policies. Pure. */
export function stricter (a: SignaturePolicy, b: SignaturePolicy): SignaturePolicy {
  return SIGNATURE_POLICIES.indexOf(a) > SIGNATURE_POLICIES.indexOf(b) ? a : b
}
