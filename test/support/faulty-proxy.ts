import { once } from 'node:events'
import { createServer, request as send, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Looks at each request first; true when it has answered, or cut it. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean

/** A server between a gateway and its peer that passes everything on, but for what a test makes go wrong. */
export interface FaultyProxy {
  readonly url: string
  readonly port: number
  /** `METHOD path` with the headers of everything it was asked. */
  readonly seen: { readonly call: string, readonly headers: IncomingMessage['headers'] }[]
  /** How many connections were opened to it. */
  connections: number
  fault: Fault | null
  /** Ends all connections and listens no more. */
  close (): Promise<void>
}

/** @param port 0 takes a free one */
export async function startProxy (target: string, port = 0): Promise<FaultyProxy> {
  const seen: FaultyProxy['seen'] = []
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    seen.push({ call: `${method} ${url}`, headers })
    if (proxy.fault?.(request, response) === true) return
    const onward = send(`${target}${url}`, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => { response.destroy() })
    request.pipe(onward)
  })
  server.on('connection', () => { proxy.connections++ })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    seen,
    connections: 0,
    fault: null,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    }
  }
  return proxy
}
