import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { Option, type Command } from 'commander'
import { withRegistry, type RegistryCommandsContext } from '../commands/context.js'
import { timeOf } from '../commands/words.js'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { formatTable } from '../table.js'
import { CURVE_NAMES, generateKeyFiles, loadPrivateKey, loadPublicKey, refuseKeyFiles, type Curve } from './keys.js'
import { SIGNATURE_POLICIES, type SignaturePolicy } from './policies.js'
import type { KnownKey } from './policy.js'

interface DryFlags { readonly dryRun?: boolean, readonly quiet?: boolean }

interface SignFlags extends DryFlags {
  readonly key?: string
  readonly bundle?: string
  readonly passphraseEnv?: string
  readonly output?: string
  readonly reason?: string
}

/** `--dry-run` and `--quiet`, the same everywhere. */
function withDryRun (command: Command): Command {
  return command
    .option('--dry-run', 'check everything and change nothing')
    .option('--quiet', 'print nothing but warnings')
}

/** Adds sign and keys. Errors are thrown, not printed. Passphrases are read from the environment, by name. */
export function addSigningCommands (program: Command, context: RegistryCommandsContext): void {
  addSign(program, context)
  const keys = program.command('keys').description('keys that sign models, and whose signatures count here')
  addGenerate(keys, context)
  addFingerprint(keys, context)
  addList(keys, context)
  addTrust(keys, context)
  addRevoke(keys, context)
  addPolicy(keys, context)
}

/** `--passphrase-env NAME`, the same everywhere. */
export function passphraseOption (): Option {
  return new Option('--passphrase-env <name>', 'environment variable with the passphrase of the private key')
}

/** The value of the named variable; undefined when none is named. @throws RegistryError KEY_INVALID when it is unset */
export function passphraseFrom (name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  const passphrase = process.env[name]
  if (passphrase !== undefined && passphrase !== '') return passphrase
  throw new RegistryError('KEY_INVALID', `the environment variable ${quote(name)} has no passphrase`)
}

function addSign (program: Command, { open, actor, print, warn }: RegistryCommandsContext): void {
  withDryRun(program.command('sign'))
    .description('sign every file of a version, or keep a signature that was made elsewhere')
    .argument('<reference>', 'name:version, name@alias or name (its champion; of a dataset its newest version)')
    .option('--key <file>', 'private key, PKCS#8 PEM')
    .addOption(new Option('--bundle <file>', 'signature made elsewhere, an OpenSSF Model Signing bundle').conflicts('key'))
    .addOption(passphraseOption())
    .option('--output <file>', 'write the bundle into a new file, too')
    .option('--reason <text>', 'why, for the audit trail')
    .action(async (reference: string, flags: SignFlags, command: Command) => {
      const { key, bundle, output, reason = 'signed', dryRun = false, quiet = false } = flags
      if (key === undefined && bundle === undefined) command.error('error: one of --key and --bundle is needed')
      await withRegistry(open, async (registry) => {
        const { name, version } = registry.resolve(reference)
        const { digest } = registry.showEither(name, version)
        const request = { name, version, digest, actor: actor(), reason, isDryRun: dryRun }
        const result = key === undefined
          ? await registry.signing.attach(request, await readBundle(bundle ?? ''))
          : await registry.signing.sign(request, loadPrivateKey(key, passphraseFrom(flags.passphraseEnv)))
        if (output !== undefined) await writeBundle(output, result.bundle, dryRun)
        const { status, fingerprint } = result
        if (!quiet) {
          print({ status, dryRun, name, version, digest, fingerprint }, () => status === 'signed'
            ? `${dryRun ? 'would be signed:' : 'signed'} ${name}:${version} by ${fingerprint}`
            : `${name}:${version} is signed by ${fingerprint} already`)
        }
        const known = registry.signing.trust.read().keys.find((candidate) => candidate.fingerprint === fingerprint)
        if (known?.status === 'trusted') return
        warn(`this key is not trusted here; trust it with: gauntlet keys trust ${key ?? 'KEY'}.pub --name NAME`)
      })
    })
}

function addGenerate (keys: Command, { print }: RegistryCommandsContext): void {
  withDryRun(keys.command('generate'))
    .description('make a key pair: the private key in FILE, readable by you alone, the public one in FILE.pub')
    .argument('<file>', 'a file that does not exist yet')
    .addOption(new Option('--curve <curve>', 'elliptic curve').choices(CURVE_NAMES).default('P-256'))
    .addOption(passphraseOption())
    .action((file: string, flags: DryFlags & { curve: Curve, passphraseEnv?: string }) => {
      const { curve, passphraseEnv, dryRun = false, quiet = false } = flags
      const passphrase = passphraseFrom(passphraseEnv)
      if (dryRun) {
        refuseKeyFiles(file)
        if (!quiet) print({ dryRun, curve, privateKey: file, publicKey: `${file}.pub` }, () => `would make ${file} and ${file}.pub`)
        return
      }
      const { fingerprint } = generateKeyFiles(file, curve, passphrase)
      if (quiet) return
      print({ fingerprint, curve, privateKey: file, publicKey: `${file}.pub` }, () => formatTable([
        ['fingerprint', fingerprint], ['private key', file], ['public key', `${file}.pub`]
      ]))
    })
}

function addFingerprint (keys: Command, { print }: RegistryCommandsContext): void {
  keys.command('fingerprint')
    .description('print the fingerprint of a public key')
    .argument('<file>', 'public key, PEM')
    .action((file: string) => {
      const { fingerprint, curve } = loadPublicKey(file)
      print({ fingerprint, curve }, () => fingerprint)
    })
}

function addList (keys: Command, { open, print }: RegistryCommandsContext): void {
  keys.command('list')
    .description('list the keys that are trusted or revoked here, and the policy')
    .action(async () => {
      await withRegistry(open, (registry) => {
        const trust = registry.signing.trust.read()
        const listed = trust.keys.map(shown)
        print({ policy: trust.policy, keys: listed }, () => `policy ${trust.policy}\n${listed.length === 0
          ? 'no keys yet; trust one'
          : formatTable([
            ['NAME', 'STATUS', 'CURVE', 'SINCE', 'FINGERPRINT'],
            ...listed.map(({ name, status, curve, at, fingerprint }) => [name, status, curve, timeOf(at), fingerprint])
          ])}`)
      })
    })
}

function addTrust (keys: Command, { open, actor, print }: RegistryCommandsContext): void {
  withDryRun(keys.command('trust'))
    .description('let the signatures of a key count here')
    .argument('<file>', 'public key, PEM')
    .requiredOption('--name <name>', 'what to call the key')
    .option('--reinstate', 'trust a key again that was revoked')
    .option('--reason <text>', 'why, for the audit trail')
    .action(async (file: string, flags: DryFlags & { name: string, reinstate?: true, reason?: string }) => {
      const { name, reinstate, reason = 'trusted', dryRun = false, quiet = false } = flags
      await withRegistry(open, (registry) => {
        const key = loadPublicKey(file)
        const decision = { trust: key, name, isReinstated: reinstate === true }
        registry.signing.decide({ actor: actor(), reason }, decision, dryRun)
        if (quiet) return
        const { fingerprint, curve } = key
        print(dryRun ? { dryRun, name, fingerprint, curve } : shown(registry.signing.trust.find(fingerprint)), () =>
          `${dryRun ? 'would be trusted:' : 'trusted'} ${name} (${fingerprint})`)
      })
    })
}

function addRevoke (keys: Command, { open, actor, print }: RegistryCommandsContext): void {
  withDryRun(keys.command('revoke'))
    .description('let no signature of a key count any more, whenever it was made')
    .argument('<key>', 'name, fingerprint, or the first digits of it')
    .requiredOption('--reason <text>', 'why, for the audit trail')
    .action(async (wanted: string, { reason, dryRun = false, quiet = false }: DryFlags & { reason: string }) => {
      await withRegistry(open, (registry) => {
        const { fingerprint } = registry.signing.trust.find(wanted)
        registry.signing.decide({ actor: actor(), reason }, { revoke: fingerprint }, dryRun)
        if (quiet) return
        const key = registry.signing.trust.find(fingerprint)
        print({ ...shown(key), ...dryRun ? { dryRun } : {} }, () =>
          `${dryRun ? 'would be revoked:' : 'revoked'} ${key.name} (${fingerprint})`)
      })
    })
}

function addPolicy (keys: Command, { open, actor, print }: RegistryCommandsContext): void {
  withDryRun(keys.command('policy'))
    .description('say, or set, what becomes of versions without a valid signature')
    .addArgument(keys.createArgument('[policy]', 'nothing, a warning or a refusal').choices(SIGNATURE_POLICIES))
    .option('--reason <text>', 'why, for the audit trail')
    .action(async (policy: SignaturePolicy | undefined, flags: DryFlags & { reason?: string }) => {
      const { reason = 'set', dryRun = false, quiet = false } = flags
      await withRegistry(open, (registry) => {
        if (policy !== undefined) registry.signing.decide({ actor: actor(), reason }, { policy }, dryRun)
        const present = registry.signing.trust.read().policy
        if (policy !== undefined && quiet) return
        if (policy === undefined || !dryRun) return print({ policy: present }, () => `policy ${present}`)
        print({ policy, previous: present, dryRun }, () => `policy would be ${policy} (is ${present})`)
      })
    })
}

/** A key without its text. */
function shown ({ name, status, curve, at, fingerprint }: KnownKey) {
  return { name, status, curve, at, fingerprint }
}

async function readBundle (path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    throw new RegistryError('SOURCE_NOT_FOUND', `cannot read ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
}

async function writeBundle (path: string, bytes: Buffer, isDryRun: boolean): Promise<void> {
  if (isDryRun && !existsSync(path)) return
  try {
    await writeFile(path, bytes, { flag: 'wx' })
  } catch (error) {
    throw new RegistryError('SOURCE_INVALID', `cannot write ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
}
