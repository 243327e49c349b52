import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'

/**
 * Starts a module as a thread: from source the thread first learns to read TypeScript.
 * @param entry the compiled module's address, as `new URL('./worker.js', import.meta.url)`
 */
export function startThread (entry: URL, workerData: unknown): Worker {
  if (!import.meta.url.endsWith('.ts')) return new Worker(entry, { workerData })
  const manifest = createRequire(import.meta.url).resolve('tsx/package.json')
  const tsx = new URL('dist/esm/api/index.mjs', pathToFileURL(manifest)).href
  const source = entry.href.replace(/\.js$/, '.ts')
  const bootstrap = `import(${JSON.stringify(tsx)}).then(({ register }) => { register(); return import(${JSON.stringify(source)}) })`
  return new Worker(bootstrap, { eval: true, workerData, execArgv: [] })
}
