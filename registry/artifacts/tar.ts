import { createRequire } from 'node:module'
import type * as Tar from 'tar'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { pathFault } from '../paths.js'

/** Long names and their like. */
const META_BYTES_MAX = 64 * 1024
const FILES: ReadonlySet<string> = new Set(['File', 'OldFile', 'ContiguousFile'])

/** A regular file of an archive whose path is one that a version's file may have. */
export interface TarMember {
  readonly path: string
  readonly sizeBytes: number
  readonly content: AsyncIterable<Uint8Array>
}

type OnFile = (member: TarMember) => Promise<void>

export interface TarBounds {
  /** Of files and folders. */
  readonly membersMax: number
  /** Of all files together. */
  readonly bytesMax: number
}

/**
 * Reads an archive, one file after the other; `onFile` must read each file's content to its end. Folders are only
 * checked.
 * @param label what the archive is called in messages
 * @throws RegistryError SOURCE_INVALID for what is no whole archive, for members that are neither files nor folders
 * (links, devices), for paths that escape, for what occurs twice and for more than the bounds
 */
export async function readTar (
  source: AsyncIterable<Uint8Array>, label: string, bounds: TarBounds, onFile: OnFile
): Promise<void> {
  const { Parser } = createRequire(import.meta.url)('tar') as typeof Tar
  const state = new Reading(label, bounds)
  const parser = new Parser({ strict: true, maxMetaEntrySize: META_BYTES_MAX })
  parser.on('entry', (entry: Tar.ReadEntry) => { state.handle(async () => { await read(entry, state, onFile) }) })
  parser.on('ignoredEntry', (entry: Tar.ReadEntry) => { state.fail(state.unsupported(entry)) })
  parser.on('error', (error: Error) => { state.fail(state.invalid(`is not a whole archive: ${error.message}`)) })
  parser.on('drain', () => { state.wake() })
  parser.on('end', () => { state.wake(true) })
  try {
    await feed(parser, source, state)
  } catch (error) {
    await state.abandon(error as Error)
    throw error
  }
}

async function feed (parser: Tar.Parser, source: AsyncIterable<Uint8Array>, state: Reading): Promise<void> {
  let isFirst = true
  for await (const chunk of source) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    if (isFirst) state.refuseCompressed(bytes)
    isFirst &&= bytes.length === 0
    state.refuseFailed()
    if (bytes.length > 0 && !parser.write(bytes)) await state.woken()
    state.refuseFailed()
  }
  if (isFirst) throw state.invalid('is empty')
  parser.end()
  await state.ended()
}

async function read (entry: Tar.ReadEntry, state: Reading, onFile: OnFile): Promise<void> {
  state.current = entry
  const path = state.admit(entry)
  if (path === null) {
    entry.resume()
    return
  }
  await onFile({ path, sizeBytes: entry.size, content: entry as AsyncIterable<Uint8Array> })
}

/** What was seen of an archive so far, and whether something is wrong with it. */
class Reading {
  /** The member that is being read. */
  current: Tar.ReadEntry | null = null
  readonly #label: string
  readonly #bounds: TarBounds
  readonly #paths = new Set<string>()
  #members = 0
  #bytes = 0
  #fault: Error | null = null
  #isEnded = false
  #work: Promise<void> = Promise.resolve()
  #wake: () => void = () => {}

  constructor (label: string, bounds: TarBounds) {
    this.#label = label
    this.#bounds = bounds
  }

  invalid (problem: string): RegistryError {
    return new RegistryError('SOURCE_INVALID', `${quote(this.#label)} ${problem}`)
  }

  unsupported ({ path, type }: Tar.ReadEntry): RegistryError {
    return this.invalid(`has the member ${quote(path)} of type ${type}; only files and folders may be in it`)
  }

  /** The parser would decompress by itself, without bounds. */
  refuseCompressed (head: Buffer): void {
    const isGzip = head[0] === 0x1f && head[1] === 0x8b
    const isZstd = head[0] === 0x28 && head[1] === 0xb5
    if (isGzip || isZstd) throw this.invalid('is compressed once more than its type says')
  }

  /** The path of a file, or null for a folder. */
  admit (entry: Tar.ReadEntry): string | null {
    this.#members++
    if (this.#members > this.#bounds.membersMax) throw this.invalid(`has more than ${this.#bounds.membersMax} members`)
    const path = entry.path.replace(/^\.\//, '').replace(/\/$/, '')
    if (entry.type === 'Directory') {
      const fault = path === '' || path === '.' ? null : pathFault(path)
      if (fault !== null) throw this.invalid(`has the folder ${quote(entry.path)}, whose path ${fault}`)
      return null
    }
    if (!FILES.has(entry.type)) throw this.unsupported(entry)
    const fault = pathFault(path)
    if (fault !== null) throw this.invalid(`has the member ${quote(entry.path)}, whose path ${fault}`)
    if (this.#paths.has(path)) throw this.invalid(`has the member ${quote(path)} twice`)
    this.#paths.add(path)
    this.#bytes += entry.size
    if (this.#bytes > this.#bounds.bytesMax) throw this.invalid(`unpacks to more than the ${this.#bounds.bytesMax} bytes allowed`)
    return path
  }

  handle (work: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#fault === null) await work()
    }).catch((error: unknown) => { this.fail(error as Error) })
  }

  fail (error: Error): void {
    this.#fault ??= error
    this.#wake()
  }

  wake (isEnded = false): void {
    this.#isEnded ||= isEnded
    this.#wake()
  }

  /** Until the parser wants more, has ended, or something is wrong. */
  async woken (): Promise<void> {
    if (this.#fault !== null) return
    await new Promise<void>((resolve) => { this.#wake = resolve })
    this.#wake = () => {}
  }

  async ended (): Promise<void> {
    while (!this.#isEnded && this.#fault === null) await this.woken()
    if (this.#fault === null) await this.#work
    this.refuseFailed()
  }

  /** Whoever reads a member that will never end is told, so that files are closed. */
  async abandon (error: Error): Promise<void> {
    this.fail(error)
    this.current?.destroy(error)
    await this.#work
  }

  refuseFailed (): void {
    if (this.#fault !== null) throw this.#fault
  }
}
