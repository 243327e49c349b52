import type { Command } from 'commander'
import type { Finding } from '../findings.js'
import type { FsckReport } from '../fsck.js'
import { formatTable } from '../table.js'
import { dataDirOf, withRegistry, type RegistryCommandsContext } from './context.js'
import { countOf, sizeOf } from './words.js'

interface FsckFlags {
  readonly repair?: true
  readonly quarantine?: true
  readonly dryRun?: true
  readonly quiet?: true
}

/** `gauntlet fsck`. It opens the registry by itself, unhealed: opening it as usual would mend what it looks for. */
export function addFsck (program: Command, { print }: RegistryCommandsContext): void {
  program.command('fsck')
    .description('re-hash every blob and compare references, database, index.json and leftovers')
    .option('--repair', 'rewrite index.json and remove what killed processes left behind')
    .option('--quarantine', 'move blobs with wrong bytes to <data-dir>/corrupt')
    .option('--dry-run', 'change nothing, whatever else is asked')
    .option('--quiet', 'print nothing when nothing is wrong')
    .action(async (flags: FsckFlags, command: Command) => {
      const [{ Registry }, { refuseFindings }] = await Promise.all([import('../registry.js'), import('../fsck.js')])
      const open = async () => Registry.open({ dataDir: dataDirOf(command), now: Date.now, heal: false })
      await withRegistry(open, async (registry) => {
        const { repair = false, quarantine = false, dryRun = false } = flags
        const report = await registry.fsck({ repair: repair && !dryRun, quarantine: quarantine && !dryRun })
        if (flags.quiet !== true || report.findings.length > 0) print(report, () => describeReport(report))
        refuseFindings(report)
      })
    })
}

function describeReport ({ blobs, bytes, durationMs, unneeded, findings }: FsckReport): string {
  const speed = durationMs === 0 ? '' : ` in ${(durationMs / 1000).toFixed(1)} s (${(bytes / 1000 / durationMs).toFixed(0)} MB/s)`
  return [
    ...findings.length === 0 ? [] : [describeFindings(findings), ''],
    `checked ${countOf(blobs, 'blob')}, ${sizeOf(bytes)}${speed}`,
    ...unneeded.blobs === 0 ? [] : [`${countOf(unneeded.blobs, 'blob')}, ${sizeOf(unneeded.bytes)}, needed by nothing; gc frees them in time`],
    ...findings.some(({ kind }) => kind === 'database-damaged')
      ? ['move gauntlet.db away and run reindex, which makes versions and aliases anew from the layout']
      : [],
    findings.length === 0 ? 'nothing is wrong' : `${countOf(findings.length, 'finding')}`
  ].join('\n')
}

function describeFindings (findings: readonly Finding[]): string {
  return formatTable([
    ['FINDING', 'OUTCOME', 'SUBJECT', 'PROBLEM', 'NEEDED BY'],
    ...findings.map(({ kind, outcome, subject, problem, neededBy }) => [kind, outcome, subject, problem, neededBy.join(', ') || '-'])
  ])
}
