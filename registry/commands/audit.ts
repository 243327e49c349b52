import { InvalidArgumentError, type Command } from 'commander'
import type { AuditAnchor, AuditVerification, ChainedEntry } from '../audit-chain.js'
import type { AuditRecord } from '../audit.js'
import { RegistryError } from '../errors.js'
import type { Registry } from '../registry.js'
import { formatTable } from '../table.js'
import { dataDirOf, withRegistry, type RegistryCommandsContext } from './context.js'
import { passphraseFrom, passphraseOption } from '../signing/commands.js'
import { parseLimit } from './show-model.js'
import { countOf, timeOf } from './words.js'

interface ListFlags { readonly subject?: string, readonly before?: number, readonly limit: number }
interface VerifyFlags { readonly file?: string, readonly anchor: readonly string[], readonly publicKey?: string }
interface ExportFlags { readonly out?: string }
interface AnchorFlags { readonly key?: string, readonly passphraseEnv?: string }

const LIST_DEFAULT = 100
const BATCH_ENTRIES = 1_000

/** `gauntlet audit …`. Nothing here heals or changes what it reads. */
export function addAudit (program: Command, context: RegistryCommandsContext): void {
  const audit = program.command('audit').description('who did what, when and why, and whether that record is whole')
  addList(audit, context)
  addVerify(audit, context)
  addExport(audit, context)
  addAnchor(audit, context)
}

async function withUnhealed (command: Command, work: (registry: Registry) => Promise<void> | void): Promise<void> {
  const { Registry } = await import('../registry.js')
  await withRegistry(async () => Registry.open({ dataDir: dataDirOf(command), now: Date.now, heal: false }), work)
}

function addList (audit: Command, { print }: RegistryCommandsContext): void {
  audit.command('list')
    .description('entries, newest first')
    .option('--subject <subject>', 'of one subject: name:version, name@alias, the id of a rollout')
    .option('--before <number>', 'only entries before this one, for the next page', parseNumber)
    .option('--limit <count>', 'at most so many', parseLimit, LIST_DEFAULT)
    .action(async ({ subject, before, limit }: ListFlags, command: Command) => {
      await withUnhealed(command, (registry) => {
        const entries = registry.audit().list({
          limit, ...subject === undefined ? {} : { subject }, ...before === undefined ? {} : { before }
        })
        print(entries, () => entries.length === 0 ? 'no entries' : describeEntries(entries))
      })
    })
}

function addVerify (audit: Command, { print }: RegistryCommandsContext): void {
  audit.command('verify')
    .description('check that no entry was edited, removed, inserted or moved')
    .option('--file <path>', 'check an export instead of the registry')
    .option('--anchor <file|number:hash>', 'an entry that was kept elsewhere and must be in the chain; repeatable', collect, [])
    .option('--public-key <file>', 'the anchors must be signed by this key')
    .action(async ({ file, anchor, publicKey }: VerifyFlags, command: Command) => {
      const anchors = await readAnchors(anchor, publicKey)
      const report = (verification: AuditVerification): void => {
        print(verification, () => describeVerification(verification))
        if (verification.ok) return
        throw new RegistryError('AUDIT_BROKEN', `the audit trail is not whole: ${verification.faults[0]!.problem}`)
      }
      if (file !== undefined) {
        const { verifyFile } = await import('../audit-file.js')
        return report(await verifyFile(file, anchors))
      }
      await withUnhealed(command, (registry) => { report(registry.audit().verify(anchors)) })
    })
}

function addExport (audit: Command, { print, warn }: RegistryCommandsContext): void {
  audit.command('export')
    .description('every entry with its hashes, oldest first, as JSON Lines; with --json as one array')
    .option('--out <file>', 'write a file instead of stdout; it must not exist')
    .action(async ({ out }: ExportFlags, command: Command) => {
      const { lineOf, writeEntries } = await import('../audit-file.js')
      await withUnhealed(command, async (registry) => {
        const entries = registry.audit().entries()
        if (out !== undefined) {
          const count = await writeEntries(out, entries)
          return warn(`wrote ${countOf(count, 'line')} to ${out}`)
        }
        if (command.optsWithGlobals<{ json?: true }>().json === true) return print([...entries], () => '')
        for (const batch of batches(entries)) print(batch, () => batch.map(lineOf).join('\n'))
      })
    })
}

function addAnchor (audit: Command, { print }: RegistryCommandsContext): void {
  audit.command('anchor')
    .description('the last entry\'s number and hash, to be kept elsewhere: it shows later whether the end was cut off')
    .option('--key <file>', 'sign it with this private key')
    .addOption(passphraseOption())
    .action(async ({ key, passphraseEnv }: AnchorFlags, command: Command) => {
      const [{ writeAnchor }, { loadPrivateKey }] = await Promise.all([import('../audit-anchor.js'), import('../signing/keys.js')])
      const passphrase = passphraseFrom(passphraseEnv)
      await withUnhealed(command, (registry) => {
        const head = registry.audit().head()
        if (head === null) throw new RegistryError('SOURCE_INVALID', 'the audit trail has no entry yet, so it cannot be anchored')
        const anchor = writeAnchor(head, Date.now(), key === undefined ? null : loadPrivateKey(key, passphrase))
        print(anchor, () => JSON.stringify(anchor))
      })
    })
}

async function readAnchors (anchors: readonly string[], publicKey: string | undefined): Promise<AuditAnchor[]> {
  const [{ readAnchor }, { loadPublicKey }] = await Promise.all([
    import('../audit-anchor.js'), import('../signing/keys.js')
  ])
  const key = publicKey === undefined ? null : loadPublicKey(publicKey)
  return anchors.map((anchor) => {
    const [, id, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(anchor) ?? []
    if (id === undefined) return readAnchor(anchor, key)
    if (key !== null) throw new RegistryError('SIGNATURE_INVALID', `the anchor ${anchor} is not signed; give its file`)
    return { id: Number(id), hash: hash! }
  })
}

function * batches (entries: Iterable<ChainedEntry>): Generator<ChainedEntry[]> {
  let batch: ChainedEntry[] = []
  for (const entry of entries) {
    batch.push(entry)
    if (batch.length < BATCH_ENTRIES) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

function describeEntries (entries: readonly AuditRecord[]): string {
  return formatTable([
    ['ENTRY', 'AT', 'ACTOR', 'ACTION', 'SUBJECT', 'REASON'],
    ...entries.map(({ id, at, ...entry }) => [
      String(id), timeOf(at), entry.actor, entry.action, entry.subject, entry.reason
    ])
  ])
}

function describeVerification ({ ok, entries, head, faults, faultCount }: AuditVerification): string {
  const counted = `${entries} ${entries === 1 ? 'entry' : 'entries'}`
  const place = head === null ? '' : `; the last is ${head.id}:${head.hash}`
  if (ok) return `the audit trail is whole: ${counted}${place}`
  const more = faultCount > faults.length ? [`and ${faultCount - faults.length} more`] : []
  return [
    formatTable([['ENTRY', 'FAULT', 'PROBLEM'], ...faults.map(({ id, kind, problem }) => [String(id), kind, problem])]),
    ...more,
    `${countOf(faultCount, 'fault')} in ${counted}${place}`
  ].join('\n')
}

function collect (value: string, before: readonly string[]): string[] {
  return [...before, value]
}

function parseNumber (text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('expected the number of an entry')
}
