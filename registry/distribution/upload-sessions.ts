import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const LOCATION_LENGTH_MAX = 16 * 1024

/**
 * Where interrupted uploads can go on: one small file for each blob that is under way, among the temporary files, so
 * that what nobody comes back for is removed like any other after a day. What cannot be read is as good as absent.
 */
export class UploadSessions {
  readonly #folder: string

  constructor (folder: string) {
    this.#folder = folder
  }

  async find (place: string, digest: string): Promise<string | null> {
    const text = await readFile(this.#path(place, digest), 'utf8').catch(() => '')
    return /^\S+$/.test(text) && text.length <= LOCATION_LENGTH_MAX ? text : null
  }

  async save (place: string, digest: string, location: string): Promise<void> {
    const fresh = join(this.#folder, `upload-${randomUUID()}`)
    await mkdir(this.#folder, { recursive: true })
    await writeFile(fresh, location, { mode: 0o600, flag: 'wx' })
    await rename(fresh, this.#path(place, digest))
  }

  async forget (place: string, digest: string): Promise<void> {
    await rm(this.#path(place, digest), { force: true })
  }

  #path (place: string, digest: string): string {
    return join(this.#folder, `upload-${createHash('sha256').update(`${place} ${digest}`).digest('hex')}`)
  }
}
