import { readFileSync, rmSync, statSync, utimesSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TemporaryDirectories } from './temporary.js'

const SCHEMA_VERSION = 1
/** Ten thousand files with long names need less. */
const RECORD_BYTES_MAX = 64 * 1024 ** 2

/** What is remembered about a copy: how large it is, and the stamps under which its bytes were last found right. */
export interface CacheRecord {
  readonly sizeBytes: number
  /** By digest: the blob that the copy was made from. */
  readonly blobs: Readonly<Record<string, string>>
  /** By path in the copy. */
  readonly files: Readonly<Record<string, string>>
}

/** What is remembered; null when there is nothing, or nothing that can be read: then everything is hashed again. */
export function readRecord (path: string): CacheRecord | null {
  try {
    if (statSync(path).size > RECORD_BYTES_MAX) return null
    const { schemaVersion, sizeBytes, blobs, files } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    const isOurs = schemaVersion === SCHEMA_VERSION && typeof sizeBytes === 'number' && isStamps(blobs) && isStamps(files)
    return isOurs ? { sizeBytes, blobs, files } : null
  } catch {
    return null
  }
}

/** Replaces what is remembered. Not made durable: what a power cut takes is hashed again. */
export async function writeRecord (path: string, record: CacheRecord, temporary: TemporaryDirectories): Promise<void> {
  await temporary.use(async (directory) => {
    const file = join(directory, 'record')
    await writeFile(file, JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...record }))
    await rename(file, path)
  })
}

/** Notes that the copy was used; a disk that cannot be written to does not matter. */
export function touchRecord (path: string, now: number): void {
  try {
    utimesSync(path, now / 1000, now / 1000)
  } catch {}
}

/** Forgets what was remembered, if anything. */
export function removeRecord (path: string): void {
  rmSync(path, { force: true })
}

function isStamps (value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((stamp) => typeof stamp === 'string')
}
