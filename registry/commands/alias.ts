import type { Command } from 'commander'
import type { AliasHistoryEntry } from '../aliases.js'
import type { Registry } from '../registry.js'
import { formatTable } from '../table.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'
import { timeOf } from './words.js'

interface MoveFlags {
  readonly reason: string
  readonly expect?: string
  readonly allowSignatureChange?: true
  readonly force?: true
  readonly dryRun?: true
  readonly quiet?: true
}

/** One alias of one model, and where it shall point. */
interface WantedAlias { readonly name: string, readonly alias: string, readonly version: string }

interface Moved extends WantedAlias { readonly previous: string | null, readonly dryRun?: true }

/** `gauntlet alias`. */
export function addAlias (program: Command, context: RegistryCommandsContext): void {
  const alias = program.command('alias').description('movable names for versions')
  addSet(alias, context)
  addRemove(alias, context)
  addList(alias, context)
  addHistory(alias, context)
}

/** `gauntlet tag`: `alias set` for several aliases of one version, with the same guards. */
export function addTag (program: Command, context: RegistryCommandsContext): void {
  moveOptions(program.command('tag'))
    .description('point aliases to a version; the same as alias set')
    .argument('<reference>', 'name:version, name@alias or name (its champion)')
    .argument('<aliases...>', 'aliases, for example stable latest')
    .action(async (reference: string, aliases: string[], flags: MoveFlags) => {
      await withRegistry(context.open, async (registry) => {
        const target = registry.resolve(reference)
        const moves: Moved[] = []
        for (const alias of aliases) moves.push(await move(registry, context, { ...target, alias }, flags))
        if (flags.quiet === true) return
        context.print(moves, () => moves.map((each) => describeMove(each, flags.dryRun === true)).join('\n'))
      })
    })
}

function addSet (parent: Command, context: RegistryCommandsContext): void {
  moveOptions(parent.command('set'))
    .description('point an alias to a version; champion only to one that loads and passes its golden examples')
    .argument('<name>', 'model name')
    .argument('<alias>', 'alias, for example champion')
    .argument('<version>', 'version it shall point to')
    .action(async (name: string, alias: string, version: string, flags: MoveFlags) => {
      await withRegistry(context.open, async (registry) => {
        const moved = await move(registry, context, { name, alias, version }, flags)
        if (flags.quiet !== true) context.print(moved, () => describeMove(moved, flags.dryRun === true))
      })
    })
}

function moveOptions (command: Command): Command {
  return command
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .option('--expect <version>', 'move only when it points to this version now; none for an alias that is not there')
    .option('--allow-signature-change', 'move champion even to a version with other inputs or outputs')
    .option('--force', 'move champion without loading the version; the audit trail says so')
    .option('--dry-run', 'check everything and move nothing')
    .option('--quiet', 'print nothing')
}

async function move (
  registry: Registry, { actor, prove }: RegistryCommandsContext, wanted: WantedAlias, flags: MoveFlags
): Promise<Moved> {
  const previous = registry.alias(wanted.name, wanted.alias)
  const { reason, expect, allowSignatureChange = false, force = false, dryRun = false } = flags
  await registry.moveAlias({
    ...wanted,
    reason,
    actor: actor(),
    allowSignatureChange,
    isForced: force,
    isDryRun: dryRun,
    ...expect === undefined ? {} : { expected: expect === 'none' ? null : expect }
  }, prove)
  return { ...wanted, previous, ...dryRun ? { dryRun } : {} }
}

function describeMove ({ name, alias, version, previous }: Moved, isDryRun: boolean): string {
  if (previous === version) return `${name}@${alias} is ${version} already`
  return `${name}@${alias} ${isDryRun ? 'would be' : 'is now'} ${version}${previous === null ? '' : ` (was ${previous})`}`
}

function addRemove (parent: Command, { open, actor, print }: RegistryCommandsContext): void {
  parent.command('rm')
    .description('take an alias away; its history stays')
    .argument('<name>', 'model name')
    .argument('<alias>', 'alias')
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .option('--expect <version>', 'only when it points to this version now')
    .option('--force', 'even champion, without which the model is only called by version')
    .option('--dry-run', 'check everything and remove nothing')
    .option('--quiet', 'print nothing')
    .action(async (name: string, alias: string, flags: MoveFlags) => {
      const { reason, expect, force = false, dryRun = false, quiet } = flags
      await withRegistry(open, (registry) => {
        const wanted = { name, alias, reason, actor: actor(), isForced: force, isDryRun: dryRun }
        const previous = registry.removeAlias(expect === undefined ? wanted : { ...wanted, expected: expect })
        if (quiet === true) return
        print({ name, alias, previous, dryRun }, () => `${name}@${alias} ${dryRun ? 'would be' : 'is'} removed (was ${previous})`)
      })
    })
}

function addList (parent: Command, { open, print }: RegistryCommandsContext): void {
  parent.command('list')
    .description('list the aliases of a model')
    .argument('<name>', 'model name')
    .action(async (name: string) => {
      await withRegistry(open, (registry) => {
        const aliases = registry.aliasesOf(name)
        print(aliases, () => aliases.length === 0
          ? `${name} has no aliases`
          : formatTable([['ALIAS', 'VERSION', 'SINCE'], ...aliases.map(({ alias, version, updatedAt }) => [alias, version, timeOf(updatedAt)])]))
      })
    })
}

function addHistory (parent: Command, { open, print }: RegistryCommandsContext): void {
  parent.command('history')
    .description('list who moved an alias, when, and why; newest first')
    .argument('<name>', 'model name')
    .argument('<alias>', 'alias')
    .action(async (name: string, alias: string) => {
      await withRegistry(open, (registry) => {
        const entries = registry.aliasHistory(name, alias)
        if (entries.length === 0) registry.resolve(`${name}@${alias}`)
        print(entries, () => describeHistory(entries))
      })
    })
}

function describeHistory (entries: readonly AliasHistoryEntry[]): string {
  return formatTable([
    ['WHEN', 'VERSION', 'BEFORE', 'WHO', 'WHY'],
    ...entries.map(({ at, version, previous, actor, reason }) => [timeOf(at), version ?? '(removed)', previous ?? '-', actor, reason])
  ])
}
