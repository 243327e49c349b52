import { Option, type Command } from 'commander'

export interface ForceFlags {
  readonly force?: boolean
  readonly reason?: string
}

/** For what moves `champion` without loading the version first. */
export function forceOption (): Option {
  return new Option('--force', 'make it champion without loading it; needs --reason, and the audit trail says so')
}

/** Whoever gets around a guard says why; a default does not count. Ends as wrong usage does. */
export function refuseBareForce (command: Command, { force = false, reason }: ForceFlags): void {
  const isStated = reason !== undefined && command.getOptionValueSource('reason') !== 'default'
  if (force && !isStated) command.error('error: --force needs --reason, which the audit trail keeps', { exitCode: 2 })
}
