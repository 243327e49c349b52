import { Option, type Command } from 'commander'
import { CHAMPION } from '../names.js'
import type { PublishRequest } from '../publish.js'
import { passphraseFrom, passphraseOption } from '../signing/commands.js'
import { loadPrivateKey } from '../signing/keys.js'
import { SIGNATURE_POLICIES, stricter, type SignaturePolicy } from '../signing/policies.js'
import { describeReport, UNSIGNED } from '../signing/report.js'
import type { Serving } from '../serving.js'
import { TASKS } from '../serving/words.js'
import { parseSeconds, withRegistry, type RegistryCommandsContext } from './context.js'
import { describeVersion } from './models.js'
import { createProgress } from './progress.js'
import { addSourceOptions, describeOmitted, hubRequestOf, type SourceFlags } from './source-options.js'
import { nameOf } from './words.js'

interface PublishFlags extends SourceFlags {
  readonly name: string
  readonly version: string
  readonly alias?: string
  readonly task?: Serving['task']
  readonly reason?: string
  readonly sourceDateEpoch?: number
  readonly key?: string
  readonly passphraseEnv?: string
  readonly signaturePolicy?: SignaturePolicy
}

/** `gauntlet publish`. The program must not have a `--version` option of its own, which would swallow this one. */
export function addPublish (
  program: Command, { open, inspect, actor, print, warn, signal }: RegistryCommandsContext
): void {
  addSourceOptions(program.command('publish'))
    .description('publish an .onnx file or a folder as an immutable version')
    .argument('<path>', 'an .onnx file, a folder with model.onnx or onnx/model.onnx, or hf:OWNER/NAME[@REVISION]')
    .requiredOption('--name <name>', 'model name, for example team/spam-filter')
    .requiredOption('--version <version>', 'version, for example 1.4.0')
    .option('--alias <alias>', 'alias to point to the version, for example champion')
    .addOption(new Option('--task <task>', 'what the model does, when it cannot be told from its files').choices(TASKS))
    .option('--reason <text>', 'why, for the audit trail')
    .addOption(new Option('--source-date-epoch <seconds>', 'creation time to write into the artifact')
      .env('SOURCE_DATE_EPOCH').argParser(parseSeconds))
    .option('--key <file>', 'sign the version with this private key, PKCS#8 PEM')
    .addOption(passphraseOption())
    .addOption(new Option('--signature-policy <policy>', 'refuse, or warn of, a version without a valid signature')
      .env('GAUNTLET_SIGNATURE_POLICY').choices(SIGNATURE_POLICIES))
    .action(async (path: string, { key, passphraseEnv, revision, ...flags }: PublishFlags) => {
      const hub = await hubRequestOf(path, revision, signal)
      const signing = key === undefined ? {} : { signWith: loadPrivateKey(key, passphraseFrom(passphraseEnv)) }
      await withRegistry(open, async (registry) => {
        const progress = createProgress({ json: program.opts<{ json?: true }>().json === true })
        const source = hub === null ? { path } : { path, hub, progress }
        const request: PublishRequest = { ...source, actor: actor(), ...flags, ...signing }
        const { status, detail, signature = UNSIGNED, omitted } = await registry.publish(request, inspect)
        print({ status, ...detail, signature, omitted }, () => `${status} ${nameOf(detail)}\n${describeVersion(detail, signature)}`)
        const leftOut = describeOmitted(omitted)
        if (leftOut !== null) warn(leftOut)
        const policy = stricter(flags.signaturePolicy ?? 'off', registry.signing.policy())
        if (policy === 'warn' && signature.state !== 'signed') warn(`${nameOf(detail)} is ${describeReport(signature)}`)
        if (registry.alias(detail.name, CHAMPION) === null) {
          warn(`${detail.name} has no champion yet, so it is only called by version; set the alias champion`)
        }
      })
    })
}
