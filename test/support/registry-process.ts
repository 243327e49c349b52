import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import type { ExportFormat } from '../../registry/export.js'
import type { IngestStep } from '../../registry/ingestion.js'
import type { PublishStep } from '../../registry/publish.js'
import { compiledFile } from './compiled.js'
import type { FaultPlan } from './registry-faults.js'

export type DriverAction = { readonly fault?: FaultPlan } & (
  | { readonly open: string }
  | { readonly publish: { path: string, version: string, alias?: string }, readonly dieAt?: PublishStep }
  | { readonly materialise: string }
  | { readonly ingest: { place: string }, readonly dieAt?: IngestStep, readonly nth?: number }
  | { readonly alias: string, readonly to: string, readonly expected?: string | null }
  | { readonly remove: string }
  | { readonly sign: string, readonly key: string }
  | { readonly evict: number }
  | { readonly collect: true }
  | { readonly export: string, readonly to: string, readonly format: ExportFormat }
  | { readonly reindex: true }
)

export interface DriverLine {
  step?: string
  action?: DriverAction
  result?: unknown
  error?: string
}

/** A real process that runs `registry-driver.ts`. */
export class RegistryProcess {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #exited: Promise<unknown[]>

  private constructor (child: ChildProcess, lines: Interface) {
    this.#child = child
    this.#lines = lines[Symbol.asyncIterator]()
    this.#exited = once(child, 'exit')
  }

  /** Ready to take actions; whoever starts it ends it with `kill`. */
  static async start (): Promise<RegistryProcess> {
    const child = spawn(process.execPath, [compiledFile('test/support/registry-driver.js')], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin!.on('error', () => {}) // it may be dead already: that is what is tested
    const started = new RegistryProcess(child, createInterface({ input: child.stdout! }))
    await started.line()
    return started
  }

  send (...actions: readonly DriverAction[]): void {
    this.#child.stdin!.write(actions.map((action) => `${JSON.stringify(action)}\n`).join(''))
  }

  /** The next line it said; null when it has ended. */
  async line (): Promise<DriverLine | null> {
    const next = await this.#lines.next()
    return next.done === true ? null : JSON.parse(next.value) as DriverLine
  }

  /** What one action gave: its result, or its error. */
  async run (action: DriverAction): Promise<DriverLine> {
    this.send(action)
    for (let line = await this.line(); line !== null; line = await this.line()) {
      if (line.action !== undefined) return line
    }
    throw new Error('the process ended')
  }

  kill (): void {
    this.#child.kill('SIGKILL')
  }

  /** The signal it ended by, when it has ended. */
  async ended (): Promise<string | null> {
    const [, signal] = await this.#exited
    return signal as string | null
  }
}
