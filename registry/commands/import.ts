import { Option, type Command } from 'commander'
import type { ArtifactPlace, PlacedArtifact } from '../artifacts/place.js'
import { KINDS, type Kind } from '../datasets/words.js'
import type { IngestRequest, IngestResult } from '../ingestion.js'
import type { Registry } from '../registry.js'
import type { Serving } from '../serving.js'
import { TASKS } from '../serving/words.js'
import { SIGNATURE_POLICIES, type SignaturePolicy } from '../signing/policies.js'
import { describeReport } from '../signing/report.js'
import { allowDomainOption, allowedBy, type DomainFlags } from './allow-domain.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'
import { forceOption, refuseBareForce } from './force.js'
import { createProgress } from './progress.js'
import { countOf, nameOf } from './words.js'

interface ImportFlags extends DomainFlags {
  readonly name?: string
  readonly version?: string
  readonly alias?: string
  readonly kind?: Kind
  readonly task?: Serving['task']
  readonly model?: string
  readonly exclude?: readonly string[]
  readonly all?: boolean
  readonly force?: boolean
  readonly skipGolden?: boolean
  readonly reason?: string
  readonly signaturePolicy?: SignaturePolicy
  readonly dryRun?: boolean
  readonly quiet?: boolean
}

/** `gauntlet import`. */
export function addImport (program: Command, context: RegistryCommandsContext): void {
  const command = program.command('import')
    .description('make a version of an artifact in an OCI layout: a folder, or an archive')
    .argument('<source>', 'DIR, FILE.tar or FILE.tar.gz, followed by :NAME when there are several; oci: or oci-archive: may stand before it')
    .option('--name <name>', 'model name; what the artifact says unless told')
    .option('--version <version>', 'version; what the artifact says unless told')
    .option('--alias <alias>', 'alias to point to the version; champion only when it loads and passes its golden examples')
    .addOption(forceOption())
    .option('--skip-golden', 'do not run the golden examples now; they are run when the version is loaded')
    .addOption(new Option('--kind <kind>', 'what is wanted of an artifact that has a model and datasets').choices(KINDS))
    .addOption(new Option('--task <task>', 'what the model does, when the artifact does not tell').choices(TASKS))
    .option('--model <file>', 'which file is the model, when the artifact does not tell')
    .option('--exclude <pattern>', 'leave files of a foreign artifact out; may be repeated',
      (pattern: string, before: readonly string[] = []) => [...before, pattern])
    .addOption(allowDomainOption())
    .option('--all', 'import every artifact of the source')
    .option('--reason <text>', 'why, for the audit trail')
    .addOption(new Option('--signature-policy <policy>', 'refuse, or warn of, a version without a valid signature')
      .env('GAUNTLET_SIGNATURE_POLICY').choices(SIGNATURE_POLICIES))
    .option('--dry-run', 'tell what would be imported, and store nothing')
    .option('--quiet', 'print nothing but warnings')
    .action(async (source: string, flags: ImportFlags) => {
      refuseBareForce(command, flags)
      const { chooseArtifact, findPlace } = await import('../artifacts/place.js')
      await withRegistry(context.open, async (registry) => {
        const { path, reference } = await findPlace(source)
        const json = program.opts<{ json?: true }>().json === true
        const results = await registry.openPlace(path, async (place) => {
          const chosen = flags.all === true && reference === null ? place.artifacts : [chooseArtifact(place, reference)]
          return await importAll(registry, place, chosen, requestOf(flags, context, json), context)
        })
        if (flags.quiet !== true) report(results, flags, context)
        warnOf(results, context)
      })
    })
}

type Common = Omit<IngestRequest, 'digest'>

function requestOf (
  { model, quiet = false, all, force = false, ...flags }: ImportFlags,
  { actor, prove, datasetReader }: RegistryCommandsContext,
  json: boolean
): Common {
  return {
    ...flags,
    actor: actor(),
    prove,
    isForced: force,
    ...allowedBy(flags),
    datasetReader,
    progress: createProgress({ json, quiet }),
    ...model === undefined ? {} : { modelFile: model }
  }
}

async function importAll (
  registry: Registry, { reader }: ArtifactPlace, artifacts: readonly PlacedArtifact[], request: Common,
  { inspect }: RegistryCommandsContext
): Promise<IngestResult[]> {
  const results: IngestResult[] = []
  for (const { digest } of artifacts) results.push(await registry.ingest({ ...request, digest }, reader, inspect))
  return results
}

function report (
  results: readonly IngestResult[], { dryRun = false }: ImportFlags, { print }: RegistryCommandsContext
): void {
  const rows = results.map(({ status, detail, converted, signature }) => ({
    status: status === 'published' ? 'imported' as const : status,
    kind: 'dataset' in detail ? 'dataset' as const : 'model' as const,
    name: detail.name,
    version: detail.version,
    digest: detail.digest,
    sizeBytes: detail.sizeBytes,
    aliases: detail.aliases,
    converted,
    signature: signature?.state ?? 'unsigned'
  }))
  print({ dryRun, versions: rows }, () => rows.map((row) => {
    const done = row.kind === 'dataset' ? 'read' : 'served'
    const remark = row.converted ? ` (a new manifest: the artifact did not say how it is ${done})` : ''
    return `${dryRun ? 'would be ' : ''}${row.status} ${nameOf(row)} ${row.digest}${remark}`
  }).join('\n'))
}

function warnOf (results: readonly IngestResult[], { warn }: RegistryCommandsContext): void {
  for (const { detail, signature, signaturesLeft = 0, datasetsLeft = 0 } of results) {
    if (datasetsLeft > 0) warn(`${nameOf(detail)}: ${describeDatasetsLeft(datasetsLeft)}`)
    if (signature?.state === 'invalid') warn(`${nameOf(detail)} is ${describeReport(signature)}`)
    if (signaturesLeft > 0) warn(`${nameOf(detail)} has a new manifest, so ${signaturesLeft} signatures of the old one were left`)
  }
}

/** What is said of datasets that came with a model of another tool. */
export function describeDatasetsLeft (count: number): string {
  return `${countOf(count, 'layer')} of datasets left out; --kind dataset with a --name of its own makes a dataset of what is there`
}
