import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inject } from 'vitest'

/** Where a compiled file is, given its path in the repository with the ending `.js`. */
export function compiledFile (path: string): string {
  const folder = inject('compiled')
  if (folder === undefined) throw new Error('add this file to those that start processes, by its name or in vitest.config.ts')
  return join(folder, path)
}

/** A module of the product as users run it: the hosts and threads that it starts are compiled too. */
export async function importCompiled<Module> (path: string): Promise<Module> {
  return await import(pathToFileURL(compiledFile(path)).href) as Module
}
