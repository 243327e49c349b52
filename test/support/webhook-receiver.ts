import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { eventually } from './wait.js'

/** A request as it came in. */
export interface Received { readonly path: string, readonly id: string, readonly headers: IncomingHttpHeaders, readonly body: string }

/** How a receiver behaves to one request: a status, with headers, or one that never answers or breaks the connection. */
export type Behaviour = number | 'hang' | 'break' | { readonly status: number, readonly headers: Record<string, string> }

/** A real HTTP server that is told of events: it behaves as `script` says, request by request, and then well. */
export async function startReceiver (script: Behaviour[] = []): Promise<{
  url: string, received: Received[], script: Behaviour[], until: (count: number) => Promise<Received[]>, close: () => Promise<void>
}> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk })
    request.on('end', () => {
      received.push({ path: request.url!, id: String(request.headers['webhook-id']), headers: request.headers, body })
      behave(response, script.shift() ?? 200)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    script,
    until: async (count) => await eventually(`${count} requests`, () => received.length >= count && received),
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}

function behave (response: ServerResponse, behaviour: Behaviour): void {
  if (behaviour === 'hang') return
  if (behaviour === 'break') response.destroy()
  else if (typeof behaviour === 'number') response.writeHead(behaviour).end('told')
  else response.writeHead(behaviour.status, behaviour.headers).end()
}
