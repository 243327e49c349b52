import { ModelsError } from './errors.js'
import { HostListener } from './host-listener.js'
import { HostProcess } from './host-process.js'
import type { Inspection, ModelSource } from './host-spec.js'

export type { Inspection } from './host-spec.js'

const TIMEOUT_MS = 120_000

/**
 * Runs a model host once to learn from the model itself what it takes and gives, and whether requests may be joined.
 * @throws ModelsError LOAD_FAILED when the model cannot be loaded, crashes its host or takes too long
 */
export async function inspectModel (source: ModelSource, timeoutMs = TIMEOUT_MS): Promise<Inspection> {
  const listener = new HostListener()
  let timer: NodeJS.Timeout | undefined
  let host: HostProcess | undefined
  try {
    return await new Promise<Inspection>((resolve, reject) => {
      const fail = (message: string): void => reject(new ModelsError('LOAD_FAILED', message))
      const started = new HostProcess({
        listener,
        label: 'inspection',
        isLowPriority: true,
        onConnect: () => started.send('inspect', 0, source),
        onFrame: (frame) => {
          if (frame.kind === 'inspected') resolve(JSON.parse(frame.meta) as Inspection)
          if (frame.kind === 'loadFailed') fail((JSON.parse(frame.meta) as { message: string }).message)
        },
        onExit: ({ cause, stderr }) => fail(`the host that read the model ended (${cause}): ${stderr}`)
      })
      host = started
      timer = setTimeout(() => fail(`inspecting the model took longer than ${timeoutMs} ms`), timeoutMs)
    })
  } finally {
    clearTimeout(timer)
    await host?.end()
    await listener.close()
  }
}
