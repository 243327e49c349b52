import type { Command } from 'commander'
import { RegistryError } from '../errors.js'
import { parseReference, quote } from '../names.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'

interface RmFlags {
  readonly reason: string
  readonly undo?: boolean
  readonly dryRun?: boolean
  readonly quiet?: boolean
}

/** `gauntlet rm`. */
export function addRm (program: Command, { open, actor, print }: RegistryCommandsContext): void {
  program.command('rm')
    .description('remove a version: it is not served or listed any more, and gc frees its bytes in time')
    .argument('<reference>', 'name:version')
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .option('--undo', 'restore a removed version whose bytes are still there')
    .option('--dry-run', 'only tell whether it would be refused')
    .option('--quiet', 'print nothing')
    .action(async (reference: string, { reason, undo = false, dryRun = false, quiet = false }: RmFlags) => {
      const parsed = parseReference(reference)
      if (!('version' in parsed)) {
        throw new RegistryError('INVALID_VERSION', `${quote(reference)} must name one version, as name:version`)
      }
      await withRegistry(open, (registry) => {
        const isChanged = registry.remove({ ...parsed, reason, actor: actor(), isDryRun: dryRun }, undo)
        const done = undo ? 'restored' : 'removed'
        const status = isChanged ? done : 'unchanged'
        if (quiet) return
        print({ ...parsed, status, dryRun }, () => !isChanged
          ? `${reference} ${undo ? 'is not removed' : 'is removed already'}`
          : `${reference} ${dryRun ? 'would be ' : ''}${done}`)
      })
    })
}
