import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Inspection } from '../../registry/inspection.js'
import type { RegistryOptions } from '../../registry/options.js'
import { Registry } from '../../registry/registry.js'
import { manualClock } from './clock.js'
import { fakeInspect, modelBytes } from './registry-fake-model.js'

export { FAKE_MODELS, fakeInspect, modelBytes } from './registry-fake-model.js'

export const START_MS = 1_700_000_000_000

/** A folder that is gone after the test. */
export function temporaryFolder (): string {
  const folder = mkdtempSync(join(tmpdir(), 'gauntlet-registry-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes files below a fresh folder. */
export function folderOf (files: Readonly<Record<string, string | Buffer>>): string {
  const folder = temporaryFolder()
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

/** An open registry with a clock, closed after the test. */
export function openRegistry (options: Partial<RegistryOptions> = {}): { registry: Registry, dataDir: string, tick: (ms: number) => void } {
  const { now, tick } = manualClock(START_MS)
  const dataDir = options.dataDir ?? temporaryFolder()
  let nextId = 1
  const registry = Registry.open({ now, newId: () => `r${nextId++}`, ...options, dataDir })
  onTestFinished(() => registry.close())
  return { registry, dataDir, tick }
}

/** Publishes fake models `name:version`, the first of which becomes champion. */
export async function publishVersions (
  registry: Registry, versions: readonly string[], inspection: Partial<Inspection> = {}, name = 'm'
): Promise<void> {
  for (const [index, version] of versions.entries()) {
    const path = folderOf({ 'model.onnx': modelBytes(`${name}:${version}`, inspection) })
    await registry.publish({ path, name, version, actor: 'ann', ...(index === 0 ? { alias: 'champion' } : {}) }, fakeInspect)
  }
}
