import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { startProgress } from '../../../server/evaluation/progress.js'

/** A terminal, or a file, that remembers what was written to it. */
function terminal (isTTY: boolean): { stream: NodeJS.WriteStream, written: () => string } {
  let written = ''
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 80, cursorTo: () => true, clearLine: () => true, moveCursor: () => true })
  stream.on('data', (chunk: Buffer) => { written += chunk.toString() })
  return { stream: stream as unknown as NodeJS.WriteStream, written: () => written }
}

function draw (isTTY: boolean, isJson: boolean, environment: Record<string, string>): string {
  const { stream, written } = terminal(isTTY)
  const progress = startProgress('scoring', { stream, isJson, environment })
  progress.update(0.5)
  progress.stop()
  return written()
}

describe('progress', () => {
  it('is drawn on a terminal, in colour', () => {
    expect(draw(true, false, {})).toMatch(/scoring.*%/s)
    expect(draw(true, false, {})).toContain('\u001B[32m')
  })

  it('has no colour where NO_COLOR asks for none', () => {
    const drawn = draw(true, false, { NO_COLOR: '1' })

    expect(drawn).toContain('scoring')
    expect(drawn).not.toContain('\u001B[32m')
  })

  it.each<[string, boolean, boolean, Record<string, string>]>([
    ['in a file', false, false, {}],
    ['beside JSON', true, true, {}],
    ['on a dumb terminal', true, false, { TERM: 'dumb' }]
  ])('is not there %s', (_where, isTTY, isJson, environment) => {
    expect(draw(isTTY, isJson, environment)).toBe('')
  })
})
