import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readServerSentEvents, type ServerSentEvent } from '../../../server/commands/server-sent-events.js'

async function read (chunks: Iterable<Uint8Array>): Promise<ServerSentEvent[]> {
  const events: ServerSentEvent[] = []
  for await (const event of readServerSentEvents((async function * () { yield * chunks })())) events.push(event)
  return events
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a stream of Server-Sent Events', () => {
  it.each([
    ['the stock ticker of the standard', 'data: YHOO\ndata: +2\ndata: 10\n\n', [{ id: '', event: 'message', data: 'YHOO\n+2\n10' }]],
    ['comments, ids that stay, and one space that goes', ': test\n\nid: 1\ndata: first\n\ndata:second\n\ndata:  third\n\n',
      [{ id: '1', event: 'message', data: 'first' }, { id: '1', event: 'message', data: 'second' }, { id: '1', event: 'message', data: ' third' }]],
    ['an id that is taken back', 'id: 1\ndata: a\n\nid\ndata: b\n\n', [{ id: '1', event: 'message', data: 'a' }, { id: '', event: 'message', data: 'b' }]],
    ['a type for one event only, and none without data', 'event: x\n\nevent: y\ndata: a\n\ndata: b\n\n',
      [{ id: '', event: 'y', data: 'a' }, { id: '', event: 'message', data: 'b' }]],
    ['every line end', 'data: a\r\rdata: b\r\n\r\ndata: c\n\n', ['a', 'b', 'c'].map((data) => ({ id: '', event: 'message', data }))],
    ['fields that mean nothing, and an event that does not end', 'retry: 5\nfoo: bar\ndata: a\n\ndata: lost\n', [{ id: '', event: 'message', data: 'a' }]]
  ])('has %s', async (_name, text, events) => {
    expect(await read([bytes(text)])).toEqual(events)
  })

  it('is the same however it is cut, also within a letter or a line end', async () => {
    const text = 'id: 7\r\nevent: ü\r\ndata: {"a":"€𝄞"}\r\n\r\n: x\rdata: 2\r\rdata: 3\n\n'
    const whole = await read([bytes(text)])
    expect(whole.map(({ data }) => data)).toEqual(['{"a":"€𝄞"}', '2', '3'])

    await fc.assert(fc.asyncProperty(fc.array(fc.nat(bytes(text).length), { maxLength: 12 }), async (cuts) => {
      const places = [0, ...cuts.sort((a, b) => a - b), bytes(text).length]
      expect(await read(places.slice(1).map((end, i) => bytes(text).subarray(places[i], end)))).toEqual(whole)
    }))
  })

  it('is refused when a line does not end', async () => {
    const megabyte = new Uint8Array(1_048_576).fill(120)

    await expect(read(Array.from({ length: 5 }, () => megabyte))).rejects.toThrow(/longer than 4194304 characters/)
  })
})
