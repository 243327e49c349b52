import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { getPriority, setPriority } from 'node:os'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { encodeFrame, type Frame, type FrameKind } from './frames.js'
import type { HostListener } from './host-listener.js'

/** How a host ended. */
export interface HostExit {
  /** `exit code 1`, `signal SIGKILL`, or why it could not be started. */
  readonly cause: string
  /** The last lines it wrote to stderr. */
  readonly stderr: string
}

interface HostProcessOptions {
  readonly listener: HostListener
  /** `name:version`, shown in the process title. */
  readonly label: string
  /** Run below the gateway's priority until `restorePriority`, where the system lets us restore it. */
  readonly isLowPriority: boolean
  readonly onConnect: () => void
  readonly onFrame: (frame: Frame) => void
  /** Called once, when the process has ended and all it sent has been received. */
  readonly onExit: (exit: HostExit) => void
}

const STDERR_CHARACTERS_MAX = 4096
/** How long an idle host may take to leave when its socket closes, before it is killed. */
const LEAVE_MS_MAX = 1000
/** How long stderr may lag behind the end of its process. */
const STDERR_LAG_MS_MAX = 100
const NICENESS_RISE = 10
const NICENESS_MAX = 19

/** All a model host sees of the gateway's environment: no keys, no tokens. */
const INHERITED_VARIABLES = [
  'PATH', 'HOME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TMPDIR', 'TEMP', 'TMP', 'TZ', 'LD_LIBRARY_PATH', 'SYSTEMROOT'
]

/**
 * Makes glibc give freed memory back to the system: onnxruntime's large buffers are mapped one by one and unmapped when
 * freed, and the heap's end is trimmed early. The thresholds work only when set before the process starts.
 */
const MALLOC_VARIABLES = { MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '131072' }

/** One model host: a child process and the socket to it. */
export class HostProcess {
  readonly #options: HostProcessOptions
  readonly #child: ChildProcess
  readonly #token: string
  #socket: Socket | null = null
  #socketError: string | null = null
  #stderr = ''
  #exitCause: string | null = null
  #isReported = false
  #isStderrDone = false
  readonly #ended: Promise<void>

  constructor (options: HostProcessOptions) {
    this.#options = options
    this.#token = options.listener.expect((socket) => this.#adopt(socket))
    const connection = { GAUNTLET_HOST_SOCKET: options.listener.path, GAUNTLET_HOST_TOKEN: this.#token }
    this.#child = spawn(process.execPath, [...hostArguments(), options.label], {
      env: { ...inheritedEnvironment(), ...MALLOC_VARIABLES, ...connection },
      stdio: ['ignore', 'ignore', 'pipe']
    })
    if (options.isLowPriority && this.#child.pid !== undefined && canRaisePriority(this.#child.pid)) {
      setNiceness(this.#child.pid, Math.min(getPriority() + NICENESS_RISE, NICENESS_MAX))
    }
    this.#ended = new Promise((resolve) => this.#watch(resolve))
  }

  get pid (): number | null {
    return this.#exitCause === null ? this.#child.pid ?? null : null
  }

  /** Writes one frame; false when the host is gone. @throws RangeError when the frame is too long */
  send (kind: FrameKind, id: number, meta: unknown, payload: readonly Uint8Array[] = []): boolean {
    const socket = this.#socket
    if (socket === null || socket.destroyed) return false
    const parts = encodeFrame(kind, id, JSON.stringify(meta), payload)
    if (parts.length === 1) return socket.write(parts[0] as Uint8Array) || true
    socket.cork()
    for (const part of parts) socket.write(part)
    socket.uncork()
    return true
  }

  /** Gives the host, with all its threads, the gateway's own priority. */
  restorePriority (): void {
    if (this.#options.isLowPriority && this.pid !== null && canRaisePriority(this.pid)) {
      setNiceness(this.pid, getPriority())
    }
  }

  /** Ends the host at once, whatever it does. */
  kill (): void {
    this.#child.kill('SIGKILL')
  }

  /** Closes the socket, upon which the host leaves; kills it when it does not. Resolves when it is gone. */
  async end (): Promise<void> {
    this.#socket?.destroy()
    if (this.#socket === null) this.kill()
    const timer = setTimeout(() => this.kill(), LEAVE_MS_MAX)
    await this.#ended
    clearTimeout(timer)
  }

  #adopt (socket: Socket): (frame: Frame) => void {
    this.#socket = socket
    socket.once('error', (error) => { this.#socketError = error.message })
    socket.once('close', () => {
      this.#report()
      // Without its socket a host is of no use, whoever closed it.
      if (this.#exitCause === null) setTimeout(() => this.kill(), LEAVE_MS_MAX).unref()
    })
    this.#options.onConnect()
    return this.#options.onFrame
  }

  #watch (resolve: () => void): void {
    const finish = (cause: string): void => {
      if (this.#exitCause !== null) return
      this.#exitCause = cause
      this.#options.listener.forget(this.#token)
      setTimeout(() => {
        this.#isStderrDone = true
        this.#report()
      }, STDERR_LAG_MS_MAX).unref()
      this.#report()
      resolve()
    }
    this.#child.once('error', (error) => finish(error.message))
    this.#child.once('exit', (code, signal) => finish(signal === null ? `exit code ${code}` : `signal ${signal}`))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS_MAX)
    })
    this.#child.stderr?.once('close', () => {
      this.#isStderrDone = true
      this.#report()
    })
  }

  #report (): void {
    const isSocketDone = this.#socket === null || this.#socket.destroyed
    if (this.#isReported || this.#exitCause === null || !isSocketDone || !this.#isStderrDone) return
    this.#isReported = true
    const cause = this.#socketError === null ? this.#exitCause : `${this.#exitCause}, socket: ${this.#socketError}`
    this.#options.onExit({ cause, stderr: this.#stderr.trim() })
  }
}

/** Node's arguments that run the host: compiled as it is, from TypeScript source through tsx. */
function hostArguments (): string[] {
  if (!import.meta.url.endsWith('.ts')) return [fileURLToPath(new URL('./host/main.js', import.meta.url))]
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  return ['--import', loader, fileURLToPath(new URL('./host/main.ts', import.meta.url))]
}

function inheritedEnvironment (): Record<string, string> {
  const environment: Record<string, string> = {}
  for (const name of INHERITED_VARIABLES) {
    const value = process.env[name]
    if (value !== undefined) environment[name] = value
  }
  return environment
}

/**
 * Whether this user may raise a process's priority again after lowering it. Raising it above the present one needs the
 * same right, and where that fails nothing has changed.
 */
function canRaisePriority (pid: number): boolean {
  try {
    const niceness = getPriority(pid)
    setPriority(pid, niceness - 1)
    setPriority(pid, niceness)
    return true
  } catch {
    return false
  }
}

/** Linux keeps niceness per thread, and a thread starts with that of the thread that made it. */
function setNiceness (pid: number, niceness: number): void {
  for (const thread of threadIds(pid)) {
    try {
      setPriority(thread, niceness)
    } catch {
      // The thread has just ended.
    }
  }
}

function threadIds (pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    return [pid]
  }
}
