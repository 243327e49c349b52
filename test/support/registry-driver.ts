/**
 * A process that works on a registry as its parent says: one JSON action per line of standard input, one JSON line per
 * step and result on standard output, written at once so that a kill loses none. Run by tests only.
 */
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Registry } from '../../registry/registry.js'
import { actOn } from './registry-acts.js'
import { fakeInspect } from './registry-fake-model.js'
import { DiskFaults, type FaultPlan } from './registry-faults.js'
import type { DriverAction } from './registry-process.js'

type IngestAction = Extract<DriverAction, { ingest: unknown }>

let registry: Registry | null = null
let faults: DiskFaults | null = null

function say (line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

function plan (fault: FaultPlan = { at: 0, fault: 'SIGKILL' }): void {
  faults?.plan(fault)
}

async function act (action: DriverAction): Promise<unknown> {
  if ('open' in action) {
    registry?.close()
    say({ step: 'opening' })
    registry = Registry.open({ dataDir: action.open, now: Date.now })
    faults?.uninstall()
    faults = await DiskFaults.install(action.open)
    return 'open'
  }
  if (registry === null) throw new Error('open first')
  if ('ingest' in action) return await ingest(registry, action)
  const dieAt = 'publish' in action ? action.dieAt : undefined
  return await actOn(registry, action, (step) => {
    say({ step })
    if (step === dieAt) process.kill(process.pid, 'SIGKILL')
  })
}

async function ingest (into: Registry, { ingest: { place }, dieAt, nth = 1 }: IngestAction): Promise<unknown> {
  let seen = 0
  return await into.openPlace(place, async ({ reader, artifacts: [artifact] }) => {
    const { status, detail } = await into.ingest({
      digest: artifact!.digest,
      actor: 'driver',
      parallel: 1,
      onStep: (step) => {
        say({ step })
        if (step === dieAt && ++seen === nth) process.kill(process.pid, 'SIGKILL')
      }
    }, reader, fakeInspect)
    return { status, digest: detail.digest }
  })
}

say({ step: 'ready' })
for await (const line of createInterface({ input: process.stdin })) {
  const action = JSON.parse(line) as DriverAction
  try {
    plan(action.fault)
    say({ action, result: await act(action) })
  } catch (error) {
    say({ action, error: (error as { code?: string }).code ?? String(error) })
  }
}
