import { connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import { encodeFrame, FrameDecoder, type Frame, type FrameKind } from '../frames.js'
import type { HostSpec, ModelSource } from '../host-spec.js'
import { decodeTensors, encodeTensors, type TensorHeader } from '../wire.js'
import { loadModel } from './load.js'
import type { Runner } from './onnx.js'

/** The child process that runs one version. It does what its socket says, and leaves when the socket closes. */

const STATS_INTERVAL_MS = 1000
const ORPHAN_CHECK_MS = 1000
const READ_BUFFER_BYTES = 256 * 1024

process.title = `gauntlet-host ${process.argv[2] ?? ''}`
// Ctrl-C and a stop reach the whole process group; the gateway still has requests to finish then, and needs this host.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

// A model that never returns blocks this thread, which then cannot see its gateway go; another thread can.
new Worker(
  `setInterval(() => process.ppid === ${process.ppid} || process.kill(process.pid, 'SIGKILL'), ${ORPHAN_CHECK_MS})`,
  { eval: true, execArgv: [], env: {}, resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 8 } }
).unref()

const jobs: Frame[] = []
let isWorking = false
let runner: Runner | null = null

const decoder = new FrameDecoder((frame) => {
  jobs.push(frame)
  if (!isWorking) work().catch(fail)
}, { isChunkReused: true })

const socket = connect({
  path: process.env['GAUNTLET_HOST_SOCKET'] ?? '',
  onread: {
    buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
    callback: (bytes, buffer) => {
      decoder.push(buffer.subarray(0, bytes))
      return true
    }
  }
})
socket.on('error', () => process.exit(0))
socket.on('end', () => process.exit(0))
socket.on('close', () => process.exit(0))
socket.write(encodeFrame('hello', 0, process.env['GAUNTLET_HOST_TOKEN'] ?? '')[0] as Uint8Array)

setInterval(() => { if (runner !== null) sendStats() }, STATS_INTERVAL_MS).unref()

function sendStats (): void {
  const { user, system } = process.cpuUsage()
  send('stats', 0, { rssBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 })
}

async function work (): Promise<void> {
  isWorking = true
  for (let frame = jobs.shift(); frame !== undefined; frame = jobs.shift()) await perform(frame)
  isWorking = false
}

async function perform (frame: Frame): Promise<void> {
  if (frame.kind === 'run') return run(frame)
  if (frame.kind === 'load') return load(JSON.parse(frame.meta) as { spec: HostSpec, threads: number })
  if (frame.kind === 'inspect') return inspect(JSON.parse(frame.meta) as ModelSource)
  throw new RangeError(`a gateway does not send ${frame.kind} frames`)
}

async function run (frame: Frame): Promise<void> {
  try {
    if (runner === null) throw new Error('no model is loaded')
    const { inputs, outputs } = JSON.parse(frame.meta) as { inputs: TensorHeader[], outputs: string[] | null }
    const { headers, parts } = encodeTensors(await runner.run(decodeTensors(inputs, frame.payload), outputs))
    send('result', frame.id, { outputs: headers }, parts)
  } catch (error) {
    send('runFailed', frame.id, { message: messageOf(error) })
  }
}

async function load ({ spec, threads }: { spec: HostSpec, threads: number }): Promise<void> {
  try {
    const loaded = await loadModel(spec, threads)
    runner = loaded.runner
    send('ready', 0, { warnings: loaded.warnings })
    sendStats()
  } catch (error) {
    send('loadFailed', 0, { message: messageOf(error) })
  }
}

async function inspect (source: ModelSource): Promise<void> {
  try {
    const { inspectFiles } = await import('./inspection.js')
    send('inspected', 0, await inspectFiles(source))
  } catch (error) {
    send('loadFailed', 0, { message: messageOf(error) })
  }
}

function send (kind: FrameKind, id: number, meta: unknown, payload: readonly Uint8Array[] = []): void {
  const parts = encodeFrame(kind, id, JSON.stringify(meta), payload)
  socket.cork()
  for (const part of parts) socket.write(part)
  socket.uncork()
}

/** Something the protocol does not foresee: the gateway learns it from stderr and starts another host. */
function fail (error: unknown): never {
  console.error(error)
  process.exit(1)
}

function messageOf (error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
