import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { hostTag, isProcessGone, type TemporaryDirectories } from './temporary.js'

/** What stands for the owner in the name of a folder that nobody works in. */
const IDLE = 'idle'
const KEPT = /^kept-([0-9a-f]{32})-(?:idle|([0-9a-f]{8})-(\d{1,10}))-/

export interface ResumableOptions {
  /** 32 hex digits that say what the work is about: the same key means the same work. */
  readonly key: string
  /** Bytes that all folders of unfinished work may take together; those left longest go first. */
  readonly keptBytesMax: number
  readonly now: () => number
}

/**
 * Runs `work` with the folder that the last unfinished work with this key left behind, or with a fresh one. Never two
 * at once in one folder, not even of two processes: it is taken by renaming it. It is removed when the work is done,
 * and stays when the work fails or its process is killed; from then on it is removed by age as all temporary folders.
 * @param work is told how to say that it still goes on, which keeps its folder young
 */
export async function useResumable<Result> (
  temporary: TemporaryDirectories, { key, keptBytesMax, now }: ResumableOptions,
  work: (directory: string, touch: () => Promise<void>) => Promise<Result>
): Promise<Result> {
  const directory = join(temporary.root, `kept-${key}-${hostTag()}-${process.pid}-${randomUUID()}`)
  if (!await takeOver(temporary.root, key, directory)) await mkdir(directory)
  const touch = async (): Promise<void> => { await utimes(directory, now() / 1000, now() / 1000) }
  try {
    await touch()
    await dropOldest(temporary.root, keptBytesMax)
    const result = await work(directory, touch)
    await rm(directory, { recursive: true, force: true })
    return result
  } catch (error) {
    await rename(directory, join(temporary.root, `kept-${key}-${IDLE}-${randomUUID()}`)).catch(() => {})
    throw error
  }
}

/** A folder without a living owner is free; whoever renames it first has it. */
async function takeOver (root: string, key: string, directory: string): Promise<boolean> {
  for (const name of await freeFolders(root)) {
    if (KEPT.exec(name)?.[1] !== key) continue
    try {
      await rename(join(root, name), directory)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return false
}

async function freeFolders (root: string): Promise<string[]> {
  return (await readdir(root)).filter((name) => {
    const [matched, , host, pid] = KEPT.exec(name) ?? []
    return matched !== undefined && (host === undefined || isProcessGone(host, Number(pid)))
  })
}

async function dropOldest (root: string, bytesMax: number): Promise<void> {
  const folders = await Promise.all((await freeFolders(root)).map(async (name) => {
    const path = join(root, name)
    const found = await stat(path).catch(() => null)
    return { path, at: found?.mtimeMs ?? 0, bytes: await bytesIn(path) }
  }))
  folders.sort((a, b) => b.at - a.at)
  let total = 0
  for (const { path, bytes } of folders) {
    total += bytes
    if (total > bytesMax) await rm(path, { recursive: true, force: true })
  }
}

async function bytesIn (folder: string): Promise<number> {
  let total = 0
  const entries = await readdir(folder, { recursive: true }).catch(() => [])
  for (const entry of entries) {
    const found = await stat(join(folder, entry)).catch(() => null)
    if (found?.isFile() === true) total += found.size
  }
  return total
}
