/** What one may hold, characters: events of a rollout have a few thousand. */
const EVENT_CHARACTERS_MAX = 4_194_304

/** One event of a stream; `id` is the last one that the stream named, for coming back. */
export interface ServerSentEvent {
  readonly id: string
  readonly event: string
  readonly data: string
}

/**
 * Reads a stream of Server-Sent Events (WHATWG HTML, section 9.2.6), however it is cut into chunks. Comments, and what
 * has no data, give nothing.
 * @throws RangeError when one event does not end
 */
export async function * readServerSentEvents (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let id = ''
  let event = ''
  let data: string[] = []
  for await (const line of linesOf(chunks)) {
    if (line === '') {
      if (data.length > 0) yield { id, event: event === '' ? 'message' : event, data: data.join('\n') }
      event = ''
      data = []
      continue
    }
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!
    if (field === 'data') data.push(value)
    if (field === 'event') event = value
    if (field === 'id' && !value.includes('\0')) id = value
  }
}

/** A line ends with CR, LF or both; what comes behind the last one is no line. */
async function * linesOf (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let begun = ''
  let half = ''
  for await (const chunk of chunks) {
    const text = half + decoder.decode(chunk, { stream: true })
    // A CR at the very end may be half of a line end.
    half = text.endsWith('\r') ? '\r' : ''
    const lines = text.slice(0, text.length - half.length).split(/\r\n|\r|\n/)
    lines[0] = begun + lines[0]!
    begun = lines.pop()!
    if (begun.length > EVENT_CHARACTERS_MAX) {
      throw new RangeError(`a line of events is longer than ${EVENT_CHARACTERS_MAX} characters`)
    }
    yield * lines
  }
}
