import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createProgress, describeWork } from '../../registry/commands/progress.js'

/** A stream that says it is a terminal, with what was written to it. */
function terminal (isTTY = true) {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream & PassThrough
  const written: string[] = []
  stream.on('data', (chunk: Buffer) => written.push(chunk.toString()))
  return { stream: Object.assign(stream, { isTTY, columns: 120 }), text: () => written.join('') }
}

describe('the progress of a command', () => {
  it('draws one bar on a terminal for pieces of work that overlap, and wipes it when the last one ends', () => {
    const { stream, text } = terminal()
    let at = 0
    const progress = createProgress({ stream, environment: {}, now: () => at })

    progress.start('model.onnx', 1024)
    progress.start('weights.bin', 3072, 1024)
    progress.add(512)
    at = 1_000
    progress.end()
    const half = text()
    progress.end()

    expect(half).toContain('model.onnx')
    expect(text()).toMatch(/weights\.bin {2}█+░+ +37 % {2}1\.50 KiB of 4\.00 KiB {2}512 bytes\/s {2}5 s left/)
    expect(text().slice(half.length)).toContain('\u001b[2K')
  })

  it.each([
    ['a file or pipe', { isTTY: false }], ['--quiet', { quiet: true }], ['--json', { json: true }],
    ['a terminal that cannot move its cursor', { environment: { TERM: 'dumb' } }]
  ])('is silent for %s', (_, options) => {
    const { stream, text } = terminal('isTTY' in options ? options.isTTY : true)
    const progress = createProgress({ stream, environment: {}, ...options })

    progress.start('model.onnx', 10)
    progress.add(10)
    progress.end()

    expect(text()).toBe('')
  })

  it('says how much is done when nobody knows the total', () => {
    const work = { label: 'a', doneBytes: 3 * 1024 ** 2, totalBytes: null, carriedBytes: 1024 ** 2, startedAt: 0 }
    expect(describeWork(work, 2_000)).toBe('a  3.00 MiB  1.00 MiB/s')
  })

  it('lets no label move the cursor or push the figures away', () => {
    const work = { label: `\u001b[2J${'x'.repeat(100)}.onnx`, doneBytes: 1, totalBytes: 1, carriedBytes: 0, startedAt: 0 }
    expect(describeWork(work, 0)).toBe(`…${'x'.repeat(26)}.onnx  ${'█'.repeat(24)} 100 %  1 bytes of 1 bytes`)
    expect(describeWork({ ...work, label: '\u001b[2J' }, 0)).toMatch(/^\?\[2J {2}/)
  })
})
