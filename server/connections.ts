import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

const IDLE_CHECK_MS = 20

/**
 * Lets the server stop as soon as the requests at hand are answered. Node alone would wait a minute for connections
 * on which nothing was ever sent, as browsers and HTTP libraries hold them to be ready, and as long for those whose
 * request is answered after the stop began.
 */
export function stopSoon (app: FastifyInstance): void {
  const { server } = app
  const open = new Set<Socket>()
  let isStopping = false
  server.on('connection', (socket) => {
    if (isStopping) return socket.destroy()
    open.add(socket)
    return socket.once('close', () => { open.delete(socket) })
  })
  app.addHook('preClose', async () => {
    isStopping = true
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
    const timer = setInterval(() => { server.closeIdleConnections() }, IDLE_CHECK_MS)
    server.once('close', () => { clearInterval(timer) })
    if (!server.listening) clearInterval(timer)
  })
}
