import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { Registry } from '../../registry/registry.js'
import { joinPackages } from '../../scripts/support/join-packages.js'
import { compiledFile } from '../support/compiled.js'

/** The modules that a command loads, as node itself tells. */
function modulesOf (...words: string[]): string[] {
  return modulesLoaded(compiledFile('server/main.js'), words)
}

function modulesLoaded (main: string, words: readonly string[]): string[] {
  const environment = { ...process.env, NODE_DEBUG: 'esm', NODE_OPTIONS: '' }
  const { stderr } = spawnSync(process.execPath, [main, ...words], { encoding: 'utf8', env: environment, maxBuffer: 64 * 1024 ** 2 })
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
  expect(heavy(loaded.alias).length).toBeGreaterThan(100)
})

it('finds packages of many small modules joined into few files, and works with them', async () => {
  const compiled = dirname(dirname(compiledFile('server/main.js')))
  const dist = mkdtempSync(join(dirname(compiled), '.gauntlet-joined-'))
  onTestFinished(() => rmSync(dist, { recursive: true, force: true }))
  cpSync(compiled, dist, { recursive: true })
  const main = join(dist, 'server', 'main.js')
  const words = ['alias', 'list', 'nobody', '--data-dir', join(dist, 'data')]
  const packages = /\/node_modules\/(typebox|drizzle-orm)\//

  await joinPackages(dist)

  const loaded = modulesLoaded(main, words)
  expect(loaded.filter((module) => packages.test(module))).toEqual([])
  expect(loaded.some((module) => module.endsWith('/vendor/typebox.js'))).toBe(true)
  const { status, stderr } = spawnSync(process.execPath, [main, ...words], { encoding: 'utf8' })
  expect([status, stderr]).toEqual([3, 'gauntlet: there is no model "nobody"\n'])
  expect(readdirSync(join(dist, 'vendor', 'licenses', 'typebox'))).toContain('license')
  const { stdout } = spawnSync(process.execPath, ['-e', `import(${JSON.stringify(join(dist, 'server', 'gateway.js'))}).then(() => console.log('loaded'))`], { encoding: 'utf8' })
  expect(stdout).toBe('loaded\n')
})
