import type { BigIntStats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkFile, type BlobCheck } from './layout.js'

/** A file system keeps time in ticks: two changes within one leave the same trace. No tick is longer than this. */
const TICK_MS = 20

/** A check, and the stamp under which it need not be made again; null when the file was too busy to tell. */
export type StampedCheck = BlobCheck & { readonly stamp: string | null }

/**
 * What the file system says of a regular file, as far as it changes whenever the bytes do: inode, size, and the times
 * of the last change of bytes and of anything. Nobody but the kernel sets the last one. Null without such a file.
 */
export async function stampOf (path: string): Promise<string | null> {
  const found = await statOf(path)
  return found === null ? null : describe(found)
}

/** Hashes a file unless it bears the stamp under which it was found right before. */
export async function checkStamped (
  path: string, digest: string, { label, known }: { label: string, known: string | undefined }
): Promise<StampedCheck> {
  if (known !== undefined && await stampOf(path) === known) return { ok: true, stamp: known }
  const before = await quietStamp(path)
  const check = await checkFile(path, digest, label)
  const isQuiet = check.ok && before !== null && await stampOf(path) === before
  return { ...check, stamp: isQuiet ? before : null }
}

/** Of the files that were hashed under these stamps, those that bear them still when a later change would show. */
export async function confirmStamps (stamps: ReadonlyMap<string, string>): Promise<Set<string>> {
  await sleep(TICK_MS)
  const confirmed = new Set<string>()
  for (const [path, stamp] of stamps) if (await quietStamp(path) === stamp) confirmed.add(path)
  return confirmed
}

/** The stamp of a file that has rested for a tick, so that whatever happens to it from now on changes the stamp. */
async function quietStamp (path: string): Promise<string | null> {
  const found = await statOf(path)
  if (found === null) return null
  if (isResting(found)) return describe(found)
  await sleep(TICK_MS)
  const again = await statOf(path)
  return again !== null && isResting(again) && describe(again) === describe(found) ? describe(again) : null
}

/** Also false when the clock of the file system is ahead of ours. */
function isResting ({ ctimeMs }: BigIntStats): boolean {
  return Number(ctimeMs) + TICK_MS <= Date.now()
}

function describe ({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [ino, size, mtimeNs, ctimeNs].join(':')
}

async function statOf (path: string): Promise<BigIntStats | null> {
  try {
    const found = await lstat(path, { bigint: true })
    return found.isFile() ? found : null
  } catch {
    return null
  }
}
