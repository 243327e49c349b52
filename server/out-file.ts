import { open, rename, rm } from 'node:fs/promises'
import { GatewayError } from './errors.js'

/**
 * Writes what `--out` of a command names, aside and then renamed, so that the file is whole or as it was.
 * @throws GatewayError BAD_REQUEST
 */
export async function writeOutFile (path: string, texts: Iterable<string>): Promise<void> {
  const aside = `${path}.${process.pid}.part`
  try {
    const file = await open(aside, 'wx')
    try {
      for (const text of texts) await file.write(text)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(aside, path)
  } catch (error) {
    await rm(aside, { force: true })
    throw new GatewayError('BAD_REQUEST', `--out ${path}: cannot be written: ${(error as Error).message}`, { cause: error })
  }
}
