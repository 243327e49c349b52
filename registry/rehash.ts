import { createHash } from 'node:crypto'
import { constants, open } from 'node:fs/promises'

/** Large, so that the disk works while the processor hashes; two of them are all the memory that is used. */
const BUFFER_BYTES = 4 * 1024 ** 2

/**
 * Hashes files as fast as the disk gives them: the next piece is read while the present one is hashed. For tools, not
 * for a server: hashing a piece holds the event loop for milliseconds. One file at a time.
 */
export class Rehasher {
  #front = Buffer.allocUnsafe(BUFFER_BYTES)
  #back = Buffer.allocUnsafe(BUFFER_BYTES)

  /** The digest of a file, without following a symbolic link. O(size) time, O(1) memory. */
  async digestOf (path: string): Promise<string> {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    try {
      const hash = createHash('sha256')
      let position = 0
      let { bytesRead } = await file.read(this.#front, 0, BUFFER_BYTES, position)
      while (bytesRead > 0) {
        position += bytesRead
        const upcoming = file.read(this.#back, 0, BUFFER_BYTES, position)
        hash.update(this.#front.subarray(0, bytesRead))
        bytesRead = (await upcoming).bytesRead
        ;[this.#front, this.#back] = [this.#back, this.#front]
      }
      return `sha256:${hash.digest('hex')}`
    } finally {
      await file.close()
    }
  }
}
