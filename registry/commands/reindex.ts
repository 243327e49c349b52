import type { Command } from 'commander'
import type { ReindexReport } from '../reindex.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'
import { forceOption, refuseBareForce } from './force.js'
import { countOf, nameOf, shortDigest } from './words.js'

interface ReindexFlags {
  readonly fromBlobs?: boolean
  readonly force?: boolean
  readonly reason: string
  readonly dryRun?: boolean
  readonly quiet?: boolean
}

/** `gauntlet reindex`. */
export function addReindex (program: Command, { open, prove, actor, print, warn }: RegistryCommandsContext): void {
  const command = program.command('reindex')
    .description('make versions, aliases and signatures of what the layout has and the database does not')
    .option('--from-blobs', 'also look for versions that index.json does not name; removed ones may come back')
    .addOption(forceOption())
    .option('--reason <text>', 'why, for the audit trail', 'reindexed')
    .option('--dry-run', 'only tell what would be made')
    .option('--quiet', 'print nothing but warnings')
    .action(async ({ fromBlobs = false, force = false, reason, dryRun = false, quiet = false }: ReindexFlags) => {
      refuseBareForce(command, { force, reason })
      await withRegistry(open, async (registry) => {
        const request = { actor: actor(), reason, prove, fromBlobs, isForced: force, isDryRun: dryRun }
        const report = await registry.reindex(request)
        if (!quiet) print({ dryRun, ...report }, () => describe(report, dryRun))
        for (const { subject, problem } of report.conflicts) warn(`left as it is: ${subject}: ${problem}`)
        for (const { subject, problem } of report.skipped) warn(`no version was made of ${subject}: ${problem}`)
        if (report.versions.length > 0) {
          warn('what only the database knew cannot be made anew: history of aliases, audit trail, rollouts' +
            (report.isFromBlobs ? ', and which versions had been removed' : ', notes of removed versions'))
        }
      })
    })
}

function describe ({ versions, aliases, signatures, unchanged }: ReindexReport, isDryRun: boolean): string {
  return [
    ...versions.map((version) => `version ${nameOf(version)} ${shortDigest(version.digest)}`),
    ...aliases.map(({ name, alias, version }) => `alias ${name}@${alias} is ${version}`),
    `${isDryRun ? 'would make' : 'made'} ${countOf(versions.length, 'version')}, ${
      aliases.length === 1 ? '1 alias' : `${aliases.length} aliases`}, listed ${countOf(signatures, 'signature')}; ${unchanged} were known`
  ].join('\n')
}
