import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Registry } from '../../registry/registry.js'
import type { RolloutEvent, RolloutState } from '../../registry/rollouts/machine.js'
import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import { openRegistry, publishVersions, START_MS, temporaryFolder } from './registry-fixtures.js'

export const BY = { actor: 'ann', reason: 'because' }

/** Written out by hand, not read from the machine: the agreed life of a rollout. */
export const LEGAL: ReadonlyArray<[RolloutState, RolloutEvent, RolloutState]> = [
  ['pending', 'start', 'warming'],
  ['pending', 'promote', 'promoting'],
  ['pending', 'rollback', 'rolled-back'],
  ['pending', 'fail', 'failed'],
  ['warming', 'warmed', 'progressing'],
  ['warming', 'promote', 'promoting'],
  ['warming', 'rollback', 'rolled-back'],
  ['warming', 'fail', 'failed'],
  ['progressing', 'advance', 'progressing'],
  ['progressing', 'pause', 'paused'],
  ['progressing', 'promote', 'promoting'],
  ['progressing', 'rollback', 'rolled-back'],
  ['progressing', 'fail', 'failed'],
  ['paused', 'pause', 'paused'],
  ['paused', 'resume', 'progressing'],
  ['paused', 'promote', 'promoting'],
  ['paused', 'rollback', 'rolled-back'],
  ['paused', 'fail', 'failed'],
  ['promoting', 'complete', 'promoted'],
  ['promoting', 'rollback', 'rolled-back'],
  ['promoting', 'fail', 'failed']
]

export const EVENTS: readonly RolloutEvent[] = [
  'start', 'warmed', 'advance', 'pause', 'resume', 'promote', 'complete', 'rollback', 'fail'
]

/** Events that lead a new rollout to each state. */
export const PATHS: Readonly<Record<RolloutState, readonly RolloutEvent[]>> = {
  pending: [],
  warming: ['start'],
  progressing: ['start', 'warmed'],
  paused: ['start', 'warmed', 'pause'],
  promoting: ['promote'],
  promoted: ['promote', 'complete'],
  'rolled-back': ['rollback'],
  failed: ['fail']
}

let template: Promise<string> | null = null

/** Publishing three versions once is enough for a file of tests; each works on a copy of its own. */
async function publishTemplate (): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'gauntlet-registry-template-'))
  const registry = Registry.open({ dataDir, now: () => START_MS })
  await publishVersions(registry, ['1', '2', '3'])
  registry.close()
  return dataDir
}

/** For `afterAll` of a file that uses `rolloutIn`. */
export async function removeTemplate (): Promise<void> {
  if (template !== null) rmSync(await template, { recursive: true, force: true })
  template = null
}

/** A registry with versions 1, 2 and 3 of `m`, 1 being the champion, and a rollout of 2 in a given state. */
export async function rolloutIn (state: RolloutState): Promise<ReturnType<typeof openRegistry> & { rollout: RolloutRow }> {
  template ??= publishTemplate()
  const dataDir = temporaryFolder()
  cpSync(await template, dataDir, { recursive: true })
  const opened = openRegistry({ dataDir })
  return { ...opened, rollout: createIn(opened.registry, state) }
}

/** A new rollout of champion 1 against 2, led to a state. */
export function createIn (registry: Registry, state: RolloutState, challenger = '2'): RolloutRow {
  const champion = registry.alias('m', 'champion') ?? ''
  let row = registry.rollouts.create({ model: 'm', champion, challenger, spec: { kind: 'canary' }, salt: 'salt', ...BY })
  for (const event of PATHS[state]) row = registry.rollouts.apply(row.id, event, { epoch: row.epoch, ...BY })
  return row
}
