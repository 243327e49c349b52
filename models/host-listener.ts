import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FrameDecoder, type Frame } from './frames.js'

/** A socket path longer than about 107 bytes is refused by the kernel. */
const BASE_BYTES_MAX = 70
/** Takes over a connected host: gets its socket, returns what receives the frames that follow the hello. */
type Accept = (socket: Socket) => (frame: Frame) => void

/**
 * The Unix domain socket that model hosts connect to, in a directory of its own that only this user can enter. Each
 * host shows the token it was started with.
 */
export class HostListener {
  readonly path: string
  readonly #directory: string
  readonly #server: Server
  readonly #expected = new Map<string, Accept>()
  readonly #removeDirectory = (): void => rmSync(this.#directory, { recursive: true, force: true })

  constructor () {
    const base = Buffer.byteLength(tmpdir()) > BASE_BYTES_MAX ? '/tmp' : tmpdir()
    this.#directory = mkdtempSync(join(base, 'gauntlet-hosts-'))
    this.path = join(this.#directory, 'hosts.sock')
    this.#server = createServer((socket) => this.#greet(socket)).listen(this.path)
    process.once('exit', this.#removeDirectory)
  }

  /** A token for one host; `accept` runs when that host connects. */
  expect (accept: Accept): string {
    const token = randomBytes(16).toString('hex')
    this.#expected.set(token, accept)
    return token
  }

  /** Forgets a token whose host will not come. */
  forget (token: string): void {
    this.#expected.delete(token)
  }

  /** Stops listening and, once all hosts are gone, removes the directory. */
  async close (): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve))
    this.#removeDirectory()
    process.off('exit', this.#removeDirectory)
  }

  #greet (socket: Socket): void {
    let receive: ((frame: Frame) => void) | null = null
    const decoder = new FrameDecoder((frame) => {
      if (receive !== null) {
        receive(frame)
        return
      }
      const token = frame.meta.trim()
      const accept = frame.kind === 'hello' ? this.#expected.get(token) : undefined
      if (accept === undefined) throw new RangeError('the first frame is not a hello with a known token')
      this.#expected.delete(token)
      receive = accept(socket)
    })
    socket.on('error', () => {}) // what follows is 'close', which the host's owner acts on
    socket.on('data', (chunk: Buffer) => {
      try {
        decoder.push(chunk)
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }
}
