import { Option, type Command } from 'commander'
import type { ExportFormat, ExportResult } from '../export.js'
import { parseSeconds, withRegistry, type RegistryCommandsContext } from './context.js'
import { createProgress } from './progress.js'
import { countOf, sizeOf } from './words.js'

interface ExportFlags {
  readonly format?: ExportFormat
  readonly sourceDateEpoch?: number
  readonly force?: boolean
  readonly dryRun?: boolean
  readonly quiet?: boolean
}

/** `gauntlet export`. */
export function addExport (program: Command, { open, print }: RegistryCommandsContext): void {
  program.command('export')
    .description('write a version outside the registry: as an OCI layout with its signatures, or as plain files')
    .argument('<reference>', 'name:version, name@alias or name (its champion)')
    .argument('<target>', 'a folder or file that is not there yet')
    .addOption(new Option('--format <format>', 'oci-archive for a target that ends in .tar, else oci-dir')
      .choices(['oci-dir', 'oci-archive', 'folder']))
    .addOption(new Option('--source-date-epoch <seconds>', 'time of the members of an archive')
      .env('SOURCE_DATE_EPOCH').argParser(parseSeconds))
    .option('--force', 'replace an earlier export')
    .option('--dry-run', 'tell what would be written, and write nothing')
    .option('--quiet', 'print nothing')
    .action(async (reference: string, target: string, flags: ExportFlags) => {
      const { force = false, dryRun = false, quiet = false, sourceDateEpoch } = flags
      const { format = target.endsWith('.tar') ? 'oci-archive' : 'oci-dir' } = flags
      await withRegistry(open, async (registry) => {
        const { name, version } = registry.resolve(reference)
        const result = await registry.export({
          name,
          version,
          target,
          format,
          isForced: force,
          isDryRun: dryRun,
          progress: createProgress({ quiet, json: program.opts<{ json?: true }>().json === true }),
          ...sourceDateEpoch === undefined ? {} : { sourceDateEpoch }
        })
        if (!quiet) print({ name, version, dryRun, ...result }, () => describeExport(`${name}:${version}`, result, dryRun))
      })
    })
}

function describeExport (label: string, result: ExportResult, isDryRun: boolean): string {
  const { target, format, files, bytes, signatures, digest } = result
  const signed = signatures === 0 ? '' : `, ${countOf(signatures, 'signature')}`
  return `${isDryRun ? 'would write' : 'wrote'} ${label} (${digest}) to ${target} as ${format}: ${countOf(files, 'file')}, ${sizeOf(bytes)}${signed}`
}
