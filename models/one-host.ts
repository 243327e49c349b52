import { ModelsError } from './errors.js'
import { HostListener } from './host-listener.js'
import { HostProcess } from './host-process.js'
import type { Frame, FrameKind } from './frames.js'

/** Asks the host something; resolves with its reply. @throws ModelsError LOAD_FAILED, INFERENCE_FAILED */
export type Ask = (kind: FrameKind, meta: unknown, payload?: readonly Uint8Array[]) => Promise<Frame>

export interface OneHostOptions {
  /** Shown in the process title. */
  readonly label: string
  /** What the work is called in messages, for example `inspecting the model`. */
  readonly work: string
  /** Of everything together, from the start of the process on. */
  readonly timeoutMs: number
}

interface Waiter { readonly resolve: (frame: Frame) => void, readonly reject: (error: ModelsError) => void }

/**
 * Runs a model host for one piece of work that asks one thing after the other, and ends it, whatever happens.
 * @throws ModelsError LOAD_FAILED when the host crashes, cannot load the model or takes too long; what `work` throws
 */
export async function withHost<Result> (
  { label, work: what, timeoutMs }: OneHostOptions, work: (ask: Ask) => Promise<Result>
): Promise<Result> {
  const listener = new HostListener()
  let waiter: Waiter | null = null
  let timer: NodeJS.Timeout | undefined
  let host: HostProcess | undefined
  const ask: Ask = (kind, meta, payload = []) => new Promise<Frame>((resolve, reject) => {
    waiter = { resolve, reject }
    if (host?.send(kind, 0, meta, payload) !== true) reject(new ModelsError('LOAD_FAILED', `the host is gone while ${what}`))
  })
  try {
    return await new Promise<Result>((resolve, reject) => {
      const fail = (message: string): void => {
        const error = new ModelsError('LOAD_FAILED', message)
        waiter?.reject(error)
        reject(error)
      }
      host = new HostProcess({
        listener,
        label,
        isLowPriority: true,
        onConnect: () => { work(ask).then(resolve, reject) },
        onFrame: (frame) => { if (frame.kind !== 'stats') settle(frame, waiter) },
        onExit: ({ cause, stderr }) => fail(`the host ended while ${what} (${cause}): ${stderr}`)
      })
      timer = setTimeout(() => fail(`${what} took longer than ${timeoutMs} ms`), timeoutMs)
    })
  } finally {
    clearTimeout(timer)
    await host?.end()
    await listener.close()
  }
}

function settle (frame: Frame, waiter: Waiter | null): void {
  if (frame.kind === 'loadFailed' || frame.kind === 'runFailed') {
    const { message } = JSON.parse(frame.meta) as { message: string }
    waiter?.reject(new ModelsError(frame.kind === 'loadFailed' ? 'LOAD_FAILED' : 'INFERENCE_FAILED', message))
  } else {
    waiter?.resolve(frame)
  }
}
