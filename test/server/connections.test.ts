import { once } from 'node:events'
import { connect } from 'node:net'
import Fastify from 'fastify'
import { expect, it, onTestFinished } from 'vitest'
import { stopSoon } from '../../server/connections.js'
import { eventually } from '../support/wait.js'

it('a server stops as soon as the requests at hand are answered, whatever connections clients hold on to', async () => {
  const app = Fastify({ forceCloseConnections: 'idle' })
  stopSoon(app)
  let answer: (() => void) | null = null
  app.get('/', async () => await new Promise((resolve) => { answer = () => { resolve('late') } }))
  const url = new URL(await app.listen({ port: 0 }))
  const silent = connect(Number(url.port), url.hostname)
  onTestFinished(() => { silent.destroy() })
  await once(silent, 'connect')
  const asked = fetch(url)
  const late = await eventually('somebody has asked', () => answer)

  const dropped = once(silent, 'close')
  silent.resume()
  const closed = app.close()
  await dropped
  late()

  expect(await (await asked).text()).toBe('late')
  await closed
})
