import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { syncDirectory, writeDurably } from '../../../registry/blobs.js'
import { TemporaryDirectories } from '../../../registry/temporary.js'
import { REPORT_FOLDER, reportPaths } from './post-mortem.js'
import { renderReport } from './read.js'
import type { RolloutReport } from './model.js'

const REPORT_FILE = /^(.+)\.(?:md|html)$/

/**
 * Writes both files of a report, each whole or not at all; one that is there is replaced. Their time is that of the end
 * of the rollout, so that the oldest are those of the rollouts that ended first. The Markdown comes last.
 * @throws RegistryError DISK_FULL, DISK_READ_ONLY; Error when the folder cannot be written
 */
export async function writeReportFiles (dataDir: string, report: RolloutReport): Promise<void> {
  const { markdown, html } = reportPaths(report.rollout)
  const folder = join(dataDir, REPORT_FOLDER)
  await new TemporaryDirectories(join(dataDir, 'tmp')).use(async (directory) => {
    if (await mkdir(folder, { recursive: true }) !== undefined) await syncDirectory(dataDir)
    const at = new Date(report.ending.at)
    for (const [path, text] of [[html, renderReport(report, 'html')], [markdown, renderReport(report, 'md')]] as const) {
      const aside = join(directory, path)
      await mkdir(dirname(aside), { recursive: true })
      await writeDurably(aside, text)
      await utimes(aside, at, at)
      await rename(aside, join(dataDir, path))
    }
    await syncDirectory(folder)
  })
}

/** Removes the reports of the rollouts that ended first, beyond so many rollouts; other files are left alone. */
export async function pruneReportFiles (
  dataDir: string, keepMax: number, isRollout: (id: string) => boolean
): Promise<void> {
  const folder = join(dataDir, REPORT_FOLDER)
  const ends = new Map<string, number>()
  for (const name of await readdir(folder)) {
    const id = REPORT_FILE.exec(name)?.[1]
    if (id === undefined || !isRollout(id)) continue
    const { mtimeMs } = await stat(join(folder, name))
    ends.set(id, Math.max(ends.get(id) ?? 0, mtimeMs))
  }
  const oldestFirst = [...ends].sort(([, one], [, other]) => one - other)
  for (const [id] of oldestFirst.slice(0, Math.max(0, oldestFirst.length - keepMax))) {
    for (const path of Object.values(reportPaths(id))) await rm(join(dataDir, path), { force: true })
  }
}
