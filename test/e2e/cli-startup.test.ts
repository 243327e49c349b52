import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { Registry } from '../../registry/registry.js'
import { compiledFile } from '../support/compiled.js'

/** The modules that a command loads, as node itself tells. */
function modulesOf (...words: string[]): string[] {
  const environment = { ...process.env, NODE_DEBUG: 'esm', NODE_OPTIONS: '' }
  const { stderr } = spawnSync(process.execPath, [compiledFile('server/main.js'), ...words], { encoding: 'utf8', env: environment, maxBuffer: 64 * 1024 ** 2 })
  return [...new Set(stderr.match(/file:\/\/[^ '"]+\.m?js/g) ?? [])]
}

it('answers help, models, show and the tab key without loading schemas, the query builder, or what runs models', () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'gauntlet-startup-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  Registry.open({ dataDir, now: Date.now }).close()
  const where = ['--data-dir', dataDir]

  const loaded = { help: modulesOf('--help'), models: modulesOf('models', ...where), show: modulesOf('show', 'nobody', ...where), completion: modulesOf('__complete', '--', 'show', ...where, ''), alias: modulesOf('alias', 'list', 'nobody', ...where) }

  const heavy = (modules: string[]) => modules.filter((module) => /typebox|drizzle|fastify|onnxruntime|transformers|registry\/registry\.js/.test(module))
  expect([heavy(loaded.help), heavy(loaded.models), heavy(loaded.show), heavy(loaded.completion)]).toEqual([[], [], [], []])
  expect(loaded.models.some((module) => module.endsWith('/registry/catalogue.js'))).toBe(true)
  expect(heavy(loaded.alias).length).toBeGreaterThan(0)
})
