import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the compiled product, in the projects that have it. */
    compiled?: string
  }
}

const FOLDERS = ['server', 'models', 'registry', 'evaluators', 'scripts/support', 'test/support']
const root = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Compiles the product, and what tests start as processes, once per run: a process from source would compile it again
 * each time. Types are left to `npm run typecheck`. In node_modules, so that packages are found from there.
 */
export default function compile (project: TestProject): () => void {
  const outDir = mkdtempSync(join(root, 'node_modules', '.gauntlet-compiled-'))
  ts.createProgram(FOLDERS.flatMap(sourcesIn), {
    module: ts.ModuleKind.ESNext,
    target: ts.ScriptTarget.ES2023,
    verbatimModuleSyntax: true,
    isolatedModules: true,
    noCheck: true,
    noResolve: true,
    noLib: true,
    types: [],
    rootDir: root,
    outDir
  }).emit()
  cpSync(join(root, 'package.json'), join(outDir, 'package.json'))
  cpSync(join(root, 'registry/migrations'), join(outDir, 'registry/migrations'), { recursive: true })
  project.provide('compiled', outDir)
  return () => { rmSync(outDir, { recursive: true, force: true }) }
}

function sourcesIn (folder: string): string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  return entries.filter((entry) => entry.endsWith('.ts')).map((entry) => join(root, folder, entry))
}
