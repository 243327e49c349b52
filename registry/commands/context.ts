import { InvalidArgumentError, type Command } from 'commander'
import type { Inspect } from '../inspection.js'
import type { Registry } from '../registry.js'

/** What the composition lends to the commands. */
export interface RegistryCommandsContext {
  readonly open: () => Registry
  readonly inspect: Inspect
  readonly actor: () => string
  readonly print: (json: unknown, text: () => string) => void
  readonly warn: (line: string) => void
}

/** Opens the registry for one piece of work and closes it, whatever happens. */
export async function withRegistry (
  open: () => Registry, work: (registry: Registry) => Promise<void> | void
): Promise<void> {
  const registry = open()
  try {
    await work(registry)
  } finally {
    registry.close()
  }
}

/** The data directory that the program was told, for what must look at it before it is healed by being opened. */
export function dataDirOf (command: Command): string {
  return command.optsWithGlobals<{ dataDir: string }>().dataDir
}

/** Whole seconds since 1970. @throws InvalidArgumentError */
export function parseSeconds (text: string): number {
  if (/^\d{1,11}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('expected whole seconds since 1970')
}
