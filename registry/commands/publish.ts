import { Option, type Command } from 'commander'
import { CHAMPION } from '../names.js'
import type { PublishRequest, PublishResult } from '../publish.js'
import type { Registry } from '../registry.js'
import { passphraseFrom, passphraseOption } from '../signing/commands.js'
import { loadPrivateKey } from '../signing/keys.js'
import { SIGNATURE_POLICIES, stricter, type SignaturePolicy } from '../signing/policies.js'
import { describeReport, UNSIGNED } from '../signing/report.js'
import { allowedBy } from './allow-domain.js'
import { addBaselineOptions, baselineOf, refuseBareBaseline, type BaselineFlags } from './baseline-options.js'
import { dataDirOf, parseSeconds, withRegistry, type RegistryCommandsContext } from './context.js'
import { addDatasetOptions, publishRows, type DatasetFlags } from './dataset.js'
import { describeVersion } from './describe-version.js'
import { forceOption, refuseBareForce } from './force.js'
import { createProgress } from './progress.js'
import { addRemoteSourceOptions, remoteSourceOf, type RemoteFlags } from './remote-source.js'
import { addServingOptions, describeInferred, draftsOf, type ServingFlags } from './serving-options.js'
import { addSourceOptions, describeOmitted, hubRequestOf, type SourceFlags } from './source-options.js'
import { countOf, nameOf } from './words.js'

interface PublishFlags extends SourceFlags, ServingFlags, DatasetFlags, BaselineFlags, RemoteFlags {
  readonly name: string
  readonly version: string
  readonly alias?: string
  readonly reason?: string
  readonly sourceDateEpoch?: number
  readonly key?: string
  readonly passphraseEnv?: string
  readonly signaturePolicy?: SignaturePolicy
  readonly skipGolden?: boolean
  readonly force?: boolean
  readonly dryRun?: boolean
  readonly quiet?: boolean
}

/** `gauntlet publish`. The program must not have a `--version` option of its own, which would swallow this one. */
export function addPublish (program: Command, context: RegistryCommandsContext): void {
  const command = program.command('publish')
    .description('publish a model, or with --kind dataset rows or documents, as an immutable version')
    .argument('<path>', 'an .onnx file, a folder with model.onnx or onnx/model.onnx, hf:OWNER/NAME[@REVISION], or a .yaml or .json file that says which server runs the model; files of rows or documents')
    .requiredOption('--name <name>', 'model name, for example team/spam-filter')
    .requiredOption('--version <version>', 'version, for example 1.4.0')
    .option('--alias <alias>', 'alias to point to the version; champion only when it loads and passes its golden examples')
    .addOption(forceOption())
    .option('--reason <text>', 'why, for the audit trail')
    .addOption(new Option('--source-date-epoch <seconds>', 'creation time to write into the artifact')
      .env('SOURCE_DATE_EPOCH').argParser(parseSeconds))
    .option('--key <file>', 'sign the version with this private key, PKCS#8 PEM')
    .addOption(passphraseOption())
    .addOption(new Option('--signature-policy <policy>', 'refuse, or warn of, a version without a valid signature')
      .env('GAUNTLET_SIGNATURE_POLICY').choices(SIGNATURE_POLICIES))
    .option('--skip-golden', 'do not run the golden examples now; they are run when the version is loaded')
    .option('--dry-run', 'do and refuse all that a publish would, but store nothing')
    .option('--quiet', 'print nothing but warnings')
  addRemoteSourceOptions(addDatasetOptions(addBaselineOptions(addServingOptions(addSourceOptions(command)))))
    .action(async (path: string, flags: PublishFlags) => {
      refuseBareForce(command, flags)
      refuseBareBaseline(command, flags)
      if (flags.kind === 'dataset') return await publishRows(path, { ...flags, ...signingOf(flags) }, context)
      await withRegistry(context.open, async (registry) => {
        const json = program.opts<{ json?: true }>().json === true
        const isQuiet = json || flags.quiet === true
        const baseline = await baselineOf(flags, { read: context.readBaseline, dataDir: dataDirOf(command), isQuiet })
        for (const note of baseline.notes) context.warn(`--baseline: ${note}`)
        const request = withBaseline(await requestOf(path, flags, registry, context, json), baseline)
        const result = await registry.publish(request, context.inspect)
        if (flags.quiet !== true) report(result, flags, context)
        warnOf(result, flags, registry, context)
      })
    })
}

async function requestOf (
  path: string,
  { key, passphraseEnv, revision, dryRun = false, force = false, quiet = false, ...flags }: PublishFlags,
  registry: Registry, context: RegistryCommandsContext, json: boolean
): Promise<PublishRequest> {
  const { actor, prove, signal } = context
  const hub = await hubRequestOf(path, revision, signal)
  const remote = await remoteSourceOf(path, flags, context)
  return {
    path,
    ...hub === null ? {} : { hub },
    ...remote === null ? {} : { remote },
    actor: actor(),
    ...flags,
    drafts: await draftsOf(flags, registry),
    progress: createProgress({ json, quiet }),
    isDryRun: dryRun,
    isForced: force,
    ...allowedBy(flags),
    prove,
    ...signingOf({ ...key !== undefined && { key }, ...passphraseEnv !== undefined && { passphraseEnv } })
  }
}

function withBaseline (
  { drafts = [], ...request }: PublishRequest, { drafts: more, files }: Awaited<ReturnType<typeof baselineOf>>
): PublishRequest {
  return { ...request, drafts: [...more, ...drafts], files }
}

function signingOf ({ key, passphraseEnv }: Pick<PublishFlags, 'key' | 'passphraseEnv'>): Pick<PublishRequest, 'signWith'> {
  return key === undefined ? {} : { signWith: loadPrivateKey(key, passphraseFrom(passphraseEnv)) }
}

function report (
  { status, detail, signature = UNSIGNED, omitted, inferred = [] }: PublishResult, { dryRun = false }: PublishFlags,
  { print }: RegistryCommandsContext
): void {
  const said = dryRun ? status === 'published' ? 'would be published:' : 'is there already:' : status
  print({ status, dryRun, ...detail, signature, omitted, inferred }, () =>
    `${said} ${nameOf(detail)}\n${describeVersion(detail, signature)}\n\n${describeInferred(inferred)}`)
}

function warnOf (
  { detail, signature = UNSIGNED, omitted }: PublishResult, flags: PublishFlags, registry: Registry,
  { warn }: RegistryCommandsContext
): void {
  const leftOut = describeOmitted(omitted)
  if (leftOut !== null) warn(leftOut)
  const { examples } = detail.serving
  if (flags.skipGolden === true && (flags.alias !== CHAMPION || flags.force === true) && examples.length > 0) {
    warn(`${countOf(examples.length, 'golden example')} of ${nameOf(detail)} not run; a version that fails them is not loaded`)
  }
  const policy = stricter(flags.signaturePolicy ?? 'off', registry.signing.policy())
  if (policy === 'warn' && signature.state !== 'signed') warn(`${nameOf(detail)} is ${describeReport(signature)}`)
  if (flags.dryRun !== true && registry.alias(detail.name, CHAMPION) === null) {
    warn(`${detail.name} has no champion yet, so it is only called by version; set the alias champion`)
  }
}
