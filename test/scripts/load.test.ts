import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createSocketServer, type AddressInfo, type Server as SocketServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { ResponseParser } from '../../scripts/support/http-response.js'
import { runLoad } from '../../scripts/support/load.js'

const open: (Server | SocketServer)[] = []
const HOST = '127.0.0.1'

afterEach(() => {
  for (const server of open.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  }
})

async function listening<S extends Server | SocketServer> (server: S): Promise<{ server: S, port: number }> {
  open.push(server)
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve))
  return { server, port: (server.address() as AddressInfo).port }
}

const serve = (listener: RequestListener) => listening(createServer(listener))

async function bodyOf (request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}

function post (body: string): Buffer {
  return Buffer.from(`POST /echo HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
}

describe('runLoad', () => {
  it('sends exactly as many requests as asked for, each once, over as many sockets as asked for', async () => {
    const bodies: string[] = []
    let sockets = 0
    const { server, port } = await serve((request, response) => {
      bodyOf(request).then((body) => { bodies.push(body); response.end('ok') }, () => response.destroy())
    })
    server.on('connection', () => { sockets++ })

    const result = await runLoad({ host: HOST, port, connections: 4, requests: 101, request: (i) => post(`n${i}`) })

    expect(result).toMatchObject({ requests: 101, errors: 0, non2xx: 0 })
    expect(bodies.sort()).toEqual(Array.from({ length: 101 }, (_, i) => `n${i}`).sort())
    expect(sockets).toBe(4)
    expect(result.latenciesMs).toHaveLength(101)
    expect(result.latenciesMs.every((latency) => latency > 0 && latency <= result.seconds * 1000)).toBe(true)
  })

  it('gives each answer with its status, headers and whole body, chunked ones put together', async () => {
    const big = 'x'.repeat(300_000)
    const { port } = await serve((request, response) => {
      if (request.url === '/chunked') {
        response.write('first ')
        response.write('second ')
        response.end('third')
      } else {
        response.writeHead(503, { 'content-length': big.length, 'x-variant': 'challenger' }).end(big)
      }
    })
    const answers: { status: number, headers: string, body: string }[] = []

    const result = await runLoad({
      host: HOST,
      port,
      connections: 1,
      requests: 2,
      request: (i) => Buffer.from(`GET ${i === 0 ? '/chunked' : '/big'} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`),
      onResponse: (status, headers, body) => answers.push({ status, headers, body: String(body) })
    })

    expect(result.non2xx).toBe(1)
    expect(answers[0]).toMatchObject({ status: 200, body: 'first second third' })
    expect(answers[1]?.status).toBe(503)
    expect(answers[1]?.headers).toContain('x-variant: challenger')
    expect(answers[1]?.body).toBe(big)
  })

  it('ends by itself when its time is over', async () => {
    const { port } = await serve((_, response) => { response.end('ok') })

    const result = await runLoad({ host: HOST, port, connections: 2, durationMs: 150, request: () => post('x') })

    expect(result.requests).toBeGreaterThan(10)
    expect(result.errors).toBe(0)
    expect(result.seconds).toBeGreaterThanOrEqual(0.15)
    expect(result.seconds).toBeLessThan(3)
  })

  it('opens a new connection when the server closes one after an answer', async () => {
    let sockets = 0
    const { server, port } = await serve((_, response) => { response.setHeader('connection', 'close').end('bye') })
    server.on('connection', () => { sockets++ })

    const result = await runLoad({ host: HOST, port, connections: 1, requests: 5, request: () => post('x') })

    expect(result).toMatchObject({ requests: 5, errors: 0 })
    expect(sockets).toBe(5)
  })

  it('counts a cut connection as one error and goes on with the next request', async () => {
    let seen = 0
    const { port } = await serve((request, response) => {
      seen++
      if (seen === 3) request.socket.destroy()
      else response.end('ok')
    })

    const result = await runLoad({ host: HOST, port, connections: 1, requests: 6, reconnectDelayMs: 1, request: () => post('x') })

    expect(result).toMatchObject({ requests: 5, errors: 1 })
  })

  it('gives up an answer that does not come in time', async () => {
    const { port } = await serve((request, response) => { if (request.url !== '/echo') response.end() })

    const result = await runLoad({
      host: HOST, port, connections: 1, requests: 2, requestTimeoutMs: 50, reconnectDelayMs: 1, request: () => post('x')
    })

    expect(result).toMatchObject({ requests: 0, errors: 2 })
    expect(result.seconds).toBeGreaterThanOrEqual(0.1)
  })

  it('stops after too many errors in a row when nobody listens', async () => {
    const { server, port } = await serve(() => {})
    await new Promise((resolve) => server.close(resolve))

    const result = await runLoad({
      host: HOST, port, connections: 3, durationMs: 20_000, errorsInRowMax: 4, reconnectDelayMs: 1, request: () => post('x')
    })

    expect(result).toMatchObject({ requests: 0, errors: 12 })
    expect(result.seconds).toBeLessThan(10)
  })

  it('counts an answer that is not HTTP as an error', async () => {
    const { port } = await listening(createSocketServer((socket) => {
      socket.on('error', () => {})
      socket.write('SSH-2.0-nothing\r\n\r\n')
    }))

    const result = await runLoad({
      host: HOST, port, connections: 1, requests: 1, reconnectDelayMs: 1, request: () => post('x')
    })

    expect(result).toMatchObject({ requests: 0, errors: 1 })
  })

  it('rejects with what a callback throws, and refuses a run without end', async () => {
    const { port } = await serve((_, response) => { response.end('ok') })
    const run = { host: HOST, port, connections: 2, request: () => post('x') }

    await expect(runLoad({ ...run, requests: 10, onResponse: () => { throw new Error('unexpected label') } }))
      .rejects.toThrow('unexpected label')
    await expect(runLoad({ ...run, requests: 10, request: () => { throw new Error('no body') } })).rejects.toThrow('no body')
    expect(() => runLoad(run)).toThrow('needs durationMs or requests')
    expect(() => runLoad({ ...run, requests: 1, connections: 0 })).toThrow('connections must be 1 or more')
  })
})

describe('ResponseParser', () => {
  const bytes = Buffer.from(
    'HTTP/1.1 100 Continue\r\n\r\n' +
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello' +
    'HTTP/1.1 204 No Content\r\nX: y\r\n\r\n' +
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\nA;name=v\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n' +
    'HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nConnection: close\r\n\r\n'
  )

  it.each([1, 2, 3, 7, 50, bytes.length])('finds the same answers when the bytes come %i at a time', (step) => {
    const parser = new ResponseParser()
    const found: [number, string, boolean][] = []

    for (let at = 0; at < bytes.length; at += step) {
      parser.push(bytes.subarray(at, at + step))
      for (let next = parser.next(); next !== null; next = parser.next()) {
        found.push([next.status, String(next.body), next.keepsAlive])
      }
    }

    expect(found).toEqual([[200, 'hello', true], [204, '', true], [200, 'wiki0123456789', true], [500, '', false]])
  })
})
