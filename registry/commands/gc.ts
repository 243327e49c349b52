import { Option, type Command } from 'commander'
import type { Eviction } from '../cache-store.js'
import type { Collection } from '../garbage.js'
import { formatTable } from '../table.js'
import { parseDuration, withRegistry, type RegistryCommandsContext } from './context.js'
import { countOf, nameOf, sizeOf } from './words.js'

interface GcFlags {
  readonly cache?: boolean
  readonly dryRun?: boolean
  readonly grace: number
  readonly reason: string
  readonly quiet?: boolean
}

/** `gauntlet gc`. */
export function addGc (program: Command, { open, actor, print }: RegistryCommandsContext): void {
  program.command('gc')
    .description('free blobs that no version needs')
    .option('--dry-run', 'only tell what would be freed')
    .option('--cache', 'also take out of the cache what nobody uses; it is made anew when it is needed')
    .addOption(new Option('--grace <duration>', 'what is younger stays')
      .argParser(parseDuration).default(parseDuration('24h'), '24h'))
    .option('--reason <text>', 'why, for the audit trail', 'collected')
    .option('--quiet', 'print nothing')
    .action(async ({ dryRun = false, cache = false, grace, reason, quiet = false }: GcFlags) => {
      await withRegistry(open, async (registry) => {
        const collection = await registry.collect({ graceMs: grace, isDryRun: dryRun, actor: actor(), reason })
        const eviction = cache ? await registry.evict(0, dryRun) : null
        if (quiet) return
        print({ dryRun, ...collection, ...eviction === null ? {} : { cache: eviction } }, () => [
          describeCollection(collection, dryRun), ...eviction === null ? [] : [describeEviction(eviction, dryRun)]
        ].join('\n'))
      })
    })
}

function describeCollection ({ versions, blobs, bytes, young }: Collection, isDryRun: boolean): string {
  return [
    ...blobs.length === 0
      ? []
      : [formatTable([['BYTES', 'DIGEST'], ...blobs.map(({ digest, sizeBytes }) => [String(sizeBytes), digest])])],
    ...versions.map((version) => `${nameOf(version)} ${isDryRun ? 'could' : 'can'} not be restored any more`),
    `${isDryRun ? 'would free' : 'freed'} ${countOf(blobs.length, 'blob')}, ${bytes} bytes (${sizeOf(bytes)})`,
    ...young.blobs === 0 ? [] : [`${countOf(young.blobs, 'blob')}, ${sizeOf(young.bytes)}, needed by nothing but younger than the grace period`]
  ].join('\n')
}

function describeEviction ({ evicted, kept }: Eviction, isDryRun: boolean): string {
  const bytes = evicted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return `${isDryRun ? 'would take' : 'took'} ${evicted.length} of ${countOf(evicted.length + kept.copies, 'version')}, ` +
    `${sizeOf(bytes)}, out of the cache${kept.copies === 0 ? '' : `; ${sizeOf(kept.bytes)} are in use`}`
}
