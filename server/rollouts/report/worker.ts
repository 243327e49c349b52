import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { RegistryError } from '../../../registry/errors.js'
import { Registry } from '../../../registry/registry.js'
import { pruneReportFiles, writeReportFiles } from './files.js'
import type { FromReporter, ReportWork, ToReporter } from './messages.js'
import { wantsPostMortem } from './post-mortem.js'
import { readReport } from './read.js'

/** Of 0 (as usual) to 19 (least). */
const NICENESS = 10

const port = parentPort!
const { dataDir, keepMax } = workerData as ReportWork
const registry = Registry.open({ dataDir, now: Date.now, heal: false })

// Elsewhere the priority is that of the whole process. Not earlier: opening holds a lock that the gateway may want.
if (process.platform === 'linux') setPriority(NICENESS)

async function write (id: string): Promise<FromReporter> {
  const report = readReport(registry, id, Date.now())
  if (!wantsPostMortem(report.spec, report.ending.cause)) return { kind: 'skipped' }
  await writeReportFiles(dataDir, report)
  await pruneReportFiles(dataDir, keepMax, isRollout)
  return { kind: 'written' }
}

function isRollout (id: string): boolean {
  try {
    return registry.rollouts.get(id).id === id
  } catch (error) {
    if (error instanceof RegistryError) return false
    throw error
  }
}

port.on('message', ({ id }: ToReporter) => {
  const reply = (from: FromReporter): void => { port.postMessage(from) }
  write(id).then(reply, (error: Error) => { reply({ kind: 'failed', message: error.message }) })
})
