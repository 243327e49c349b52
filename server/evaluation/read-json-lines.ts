import { stat } from 'node:fs/promises'
import { GatewayError } from '../errors.js'
import { readLines } from './read-lines.js'
import type { Row, TableOptions } from './row.js'

/**
 * One JSON object per line; blank lines are passed over.
 * @throws GatewayError BAD_REQUEST naming the line that is not a JSON object
 */
export async function * readJsonLines (
  path: string, { lineBytesMax, signal }: TableOptions, onShare: (share: number) => void
): AsyncGenerator<Row> {
  const { size } = await stat(path)
  const onBytes = (bytes: number): void => { onShare(bytes / size) }
  for await (const lines of readLines(path, { lineBytesMax, signal, onBytes })) {
    for (const { number, text } of lines) {
      if (text.trim() !== '') yield { number, fields: parseObject(text, `${path}, line ${number}`) }
    }
  }
}

function parseObject (text: string, place: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new GatewayError('BAD_REQUEST', `${place}: is not JSON: ${(error as Error).message}`, { cause: error })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new GatewayError('BAD_REQUEST', `${place}: expected a JSON object`)
}
