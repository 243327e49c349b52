import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { onTestFinished } from 'vitest'

/** One block of a stream of Server-Sent Events; `comment` is a line for nobody. */
export interface Block { readonly id?: string, readonly event?: string, readonly data?: string, readonly retry?: string, readonly comment?: string }

/** Follows a stream over a real socket, read block by block; gone after the test. */
export async function followEvents (url: string, headers: Readonly<Record<string, string>> = {}): Promise<{ response: IncomingMessage, next: () => Promise<Block>, take: (count: number) => Promise<Block[]>, rest: () => Promise<Block[]> }> {
  const sent = request(url, { headers: { accept: 'text/event-stream', ...headers }, agent: false })
  sent.on('error', () => {})
  sent.end()
  onTestFinished(() => { sent.destroy() })
  const [response] = await once(sent, 'response') as [IncomingMessage]
  const blocks = blocksOf(response)
  const next = async (): Promise<Block> => {
    const { done, value } = await blocks.next()
    if (done === true) throw new Error('the stream has ended')
    return value
  }
  const take = async (count: number): Promise<Block[]> => {
    const taken: Block[] = []
    while (taken.length < count) {
      const block = await next()
      if (block.event !== undefined) taken.push(block)
    }
    return taken
  }
  const rest = async (): Promise<Block[]> => {
    const taken: Block[] = []
    for await (const block of blocks) taken.push(block)
    return taken
  }
  return { response, next, take, rest }
}

async function * blocksOf (response: IncomingMessage): AsyncGenerator<Block> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    text += chunk as string
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const lines = text.slice(0, end).split('\n').map((line) => /^(\w*): ?(.*)$/s.exec(line)!)
      yield Object.fromEntries(lines.map(([, field, value]) => [field === '' ? 'comment' : field, value]))
    }
  }
}
