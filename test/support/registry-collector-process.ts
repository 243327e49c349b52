import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { compiledFile } from './compiled.js'

/** A real process that runs `registry-collector.ts`; gone after the test. What it ended with is its code and signal. */
export async function runCollector (...words: readonly string[]): Promise<[code: number | null, signal: string | null]> {
  const child = spawn(process.execPath, [compiledFile('test/support/registry-collector.js'), ...words], { stdio: ['ignore', 'ignore', 'inherit'] })
  onTestFinished(() => { child.kill('SIGKILL') })
  return await once(child, 'exit') as [number | null, string | null]
}
