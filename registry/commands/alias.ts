import type { Command } from 'commander'
import { withRegistry, type RegistryCommandsContext } from './context.js'

/** `gauntlet alias`. */
export function addAlias (program: Command, { open, actor, print }: RegistryCommandsContext): void {
  program.command('alias')
    .description('movable names for versions')
    .command('set')
    .description('point an alias to a version')
    .argument('<name>', 'model name')
    .argument('<alias>', 'alias, for example champion')
    .argument('<version>', 'version it shall point to')
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .option('--allow-signature-change', 'move champion even to a version with other inputs or outputs')
    .action(async (name: string, alias: string, version: string, flags: {
      reason: string, allowSignatureChange?: boolean
    }) => {
      await withRegistry(open, (registry) => {
        const previous = registry.alias(name, alias)
        registry.setAlias({ name, alias, version, actor: actor(), ...flags })
        print({ name, alias, version, previous }, () => previous === version
          ? `${name}@${alias} is ${version} already`
          : `${name}@${alias} is now ${version}${previous === null ? '' : ` (was ${previous})`}`)
      })
    })
}
