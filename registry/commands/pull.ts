import { Option, type Command } from 'commander'
import { KINDS, type Kind } from '../datasets/words.js'
import type { RemoteReference } from '../distribution/remote-reference.js'
import type { IngestResult } from '../ingestion.js'
import { CHAMPION } from '../names.js'
import type { Registry } from '../registry.js'
import type { Serving } from '../serving.js'
import { TASKS } from '../serving/words.js'
import { SIGNATURE_POLICIES, stricter, type SignaturePolicy } from '../signing/policies.js'
import { describeReport, UNSIGNED, type SignatureReport } from '../signing/report.js'
import { allowDomainOption, allowedBy, type DomainFlags } from './allow-domain.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'
import { describeDataset } from './describe-dataset.js'
import { describeDatasetsLeft } from './import.js'
import { describeVersion } from './describe-version.js'
import { forceOption, refuseBareForce } from './force.js'
import { createProgress } from './progress.js'
import { addRemoteOptions, openClient, parseCount, type RemoteFlags } from './remote-options.js'
import { nameOf } from './words.js'

interface PullFlags extends RemoteFlags, DomainFlags {
  readonly name?: string
  readonly version?: string
  readonly alias?: string
  readonly kind?: Kind
  readonly task?: Serving['task']
  readonly reason?: string
  readonly signaturePolicy?: SignaturePolicy
  readonly parallel?: number
  readonly force?: boolean
  readonly dryRun?: boolean
  readonly quiet?: boolean
}

/** `gauntlet pull`. */
export function addPull (program: Command, context: RegistryCommandsContext): void {
  const command = addRemoteOptions(program.command('pull'))
    .description('make a version of an artifact in another registry, with its signatures')
    .argument('<source>', 'host[:port]/repository[:tag|@digest]')
    .option('--name <name>', 'model name here (default: what the artifact says)')
    .option('--version <version>', 'version here (default: what the artifact says)')
    .option('--alias <alias>', 'alias to point to the version; champion only when it loads and passes its golden examples')
    .addOption(forceOption())
    .addOption(new Option('--kind <kind>', 'what is wanted of an artifact that has a model and datasets').choices(KINDS))
    .addOption(new Option('--task <task>', 'what the model does, for an artifact that does not say').choices(TASKS))
    .option('--reason <text>', 'why, for the audit trail')
    .addOption(new Option('--signature-policy <policy>', 'refuse, or warn of, a version without a valid signature')
      .env('GAUNTLET_SIGNATURE_POLICY').choices(SIGNATURE_POLICIES))
    .addOption(allowDomainOption())
    .option('--parallel <number>', 'blobs under way at a time (default: 3)', parseCount)
    .option('--dry-run', 'check what can be checked, and store nothing')
    .option('--quiet', 'print nothing but warnings')
    .action(async (source: string, flags: PullFlags) => {
      refuseBareForce(command, flags)
      const { parseRemoteReference } = await import('../distribution/remote-reference.js')
      const reference = parseRemoteReference(source)
      await withRegistry(context.open, async (registry) => {
        const json = program.opts<{ json?: true }>().json === true
        const result = await ingestFrom(reference, flags, { registry, context, json })
        const { detail, signature = UNSIGNED } = result
        if (flags.quiet !== true) report(source, result, flags, context)
        const policy = stricter(flags.signaturePolicy ?? 'off', registry.signing.policy())
        if (policy === 'warn' && signature.state !== 'signed') {
          context.warn(`${nameOf(detail)} is ${describeReport(signature)}`)
        }
      })
    })
}

/** The version first, then its alias, by the same guards as `alias set`: a champion that fails leaves the version. */
async function ingestFrom (
  reference: RemoteReference, flags: PullFlags,
  { registry, context, json }: { registry: Registry, context: RegistryCommandsContext, json: boolean }
): Promise<IngestResult> {
  const { alias, parallel, name, version, kind, task, signaturePolicy } = flags
  const { force: isForced = false, dryRun = false, quiet = false } = flags
  const { remoteReader, resolveRemote } = await import('../distribution/remote-reader.js')
  const actor = context.actor()
  const client = await openClient(reference.host, flags, context.signal)
  try {
    const digest = await resolveRemote(client, reference)
    const pinned = { ...reference, tag: null, digest }
    const { reason = `pulled from ${reference.host}/${reference.repository}@${digest}` } = flags
    const result = await registry.ingest({
      digest,
      actor,
      reason,
      dryRun,
      progress: createProgress({ quiet, json }),
      ...allowedBy(flags),
      ...name === undefined ? {} : { name },
      ...version === undefined ? {} : { version },
      datasetReader: context.datasetReader,
      ...kind === undefined ? {} : { kind },
      ...task === undefined ? {} : { task },
      ...signaturePolicy === undefined ? {} : { signaturePolicy },
      ...parallel === undefined ? {} : { parallel: Math.max(1, parallel) }
    }, remoteReader(client, pinned), context.inspect)
    if (alias === undefined || dryRun) return result
    const { detail } = result
    const wanted = { name: detail.name, version: detail.version, alias, reason, actor, isForced }
    await registry.moveAlias(wanted, context.prove)
    return { ...result, detail: registry.showEither(detail.name, detail.version) }
  } finally {
    client.close()
  }
}

function report (
  source: string, result: IngestResult, { dryRun = false }: PullFlags, { print, warn }: RegistryCommandsContext
): void {
  const { status, detail, signature = UNSIGNED, converted, signaturesLeft = 0, datasetsLeft = 0 } = result
  const said = status === 'unchanged' ? 'is here already:' : dryRun ? 'would be pulled:' : 'pulled'
  print({ status, dryRun, source, ...detail, signature, converted }, () =>
    `${said} ${nameOf(detail)}\n${describe(detail, signature)}`)
  if (converted) warn(`${source} does not say how it is ${'dataset' in detail ? 'read' : 'served'}, so it was made anew: its digest here is another one`)
  if (signaturesLeft > 0) warn('its signatures were left, as they are about other bytes')
  if (datasetsLeft > 0) warn(describeDatasetsLeft(datasetsLeft))
  if (!dryRun && !('dataset' in detail) && !detail.aliases.includes(CHAMPION) && status === 'published') {
    warn(`${nameOf(detail)} is not the champion; alias set ${detail.name} champion ${detail.version} makes it that`)
  }
}

function describe (detail: IngestResult['detail'], signature: SignatureReport): string {
  return 'dataset' in detail ? describeDataset(detail, signature) : describeVersion(detail, signature)
}
