import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { compiledFile } from './compiled.js'

export interface Transfer {
  readonly kind: 'push' | 'pull'
  readonly dataDir: string
  readonly target: string
  /** Of the version that is pushed. */
  readonly digest?: string
  readonly chunkBytes: number
  /** The step at which the process kills itself. */
  readonly dieAt?: string
}

/** Runs `distribution-driver.ts` in a process of its own to its end: the steps it said, and the signal it died of. */
export async function runTransfer (transfer: Transfer, onLine: (line: string, kill: () => void) => void = () => {}): Promise<{ steps: string[], signal: string | null, code: number | null }> {
  const child = spawn(process.execPath, [compiledFile('test/support/distribution-driver.js'), JSON.stringify(transfer)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const steps: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    steps.push(line)
    onLine(line, () => child.kill('SIGKILL'))
  }
  const [code, signal] = await exited as [number | null, string | null]
  return { steps, code, signal }
}
