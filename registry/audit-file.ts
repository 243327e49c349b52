import { once } from 'node:events'
import { createReadStream, createWriteStream, existsSync, renameSync, rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { finished } from 'node:stream/promises'
import type { AuditAnchor, AuditVerification, ChainedEntry } from './audit-chain.js'
import { ChainVerifier } from './audit-chain.js'
import { RegistryError } from './errors.js'
import { quote } from './names.js'

const TEXTS = ['actor', 'action', 'subject', 'reason', 'details', 'previous', 'hash'] as const

/** An entry as one line of an export: the columns as they are stored, so that its hash can be computed again. */
export function lineOf ({ id, at, actor, action, subject, reason, details, previous, hash }: ChainedEntry): string {
  return JSON.stringify({ id, at, actor, action, subject, reason, details, previous, hash })
}

/**
 * Writes entries as JSON Lines, whole or not at all; gives how many.
 * @throws RegistryError TARGET_INVALID when the file exists, or cannot be written
 */
export async function writeEntries (path: string, entries: Iterable<ChainedEntry>): Promise<number> {
  if (existsSync(path)) throw new RegistryError('TARGET_INVALID', `${quote(path)} exists and is not overwritten`)
  const partial = `${path}.part`
  let count = 0
  try {
    const file = createWriteStream(partial, { flags: 'w', mode: 0o600, flush: true })
    await once(file, 'open')
    for (const entry of entries) {
      count++
      if (!file.write(`${lineOf(entry)}\n`)) await once(file, 'drain')
    }
    file.end()
    await finished(file)
    renameSync(partial, path)
    return count
  } catch (error) {
    rmSync(partial, { force: true })
    throw new RegistryError('TARGET_INVALID', `cannot write ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
}

/**
 * Checks an export as `AuditStore.verify` checks the database.
 * @throws RegistryError SOURCE_NOT_FOUND, or SOURCE_INVALID naming the first line that is no entry
 */
export async function verifyFile (path: string, anchors: readonly AuditAnchor[] = []): Promise<AuditVerification> {
  const verifier = new ChainVerifier(anchors)
  const stream = createReadStream(path, 'utf8')
  try {
    await once(stream, 'open')
  } catch (error) {
    throw new RegistryError('SOURCE_NOT_FOUND', `cannot read ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
  let number = 0
  for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
    number++
    if (line !== '') verifier.add(parseLine(line, `line ${number} of ${quote(path)}`))
  }
  return verifier.finish()
}

function parseLine (line: string, label: string): ChainedEntry {
  let entry: Partial<ChainedEntry> | null = null
  try {
    entry = JSON.parse(line) as Partial<ChainedEntry> | null
  } catch { /* told below */ }
  const isWhole = Number.isSafeInteger(entry?.id) && typeof entry?.at === 'number' && TEXTS.every((key) => typeof entry?.[key] === 'string')
  if (isWhole) return entry as ChainedEntry
  throw new RegistryError('SOURCE_INVALID', `${label} is no entry of an audit trail: expected id, at, ${TEXTS.join(', ')}`)
}
