import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../server/config.js'

describe('loadConfig', () => {
  it('binds loopback and port 8080 by default', () => {
    expect(loadConfig({})).toMatchObject({ host: '127.0.0.1', port: 8080, dataDir: '.gauntlet', queueMax: 1_024 })
  })

  it('takes numbers from the environment, and options above it', () => {
    const config = loadConfig({ GAUNTLET_PORT: '9000', GAUNTLET_QUEUE_MAX: '7' }, { port: '0' })

    expect(config).toMatchObject({ port: 0, queueMax: 7 })
  })

  it('names every wrong setting, with what was expected', () => {
    const load = () => loadConfig({ GAUNTLET_PORT: '99999', GAUNTLET_QUEUE_MAX: 'many', GAUNTLET_LOG_LEVEL: 'loud' })

    expect(load).toThrow('port (GAUNTLET_PORT) is 99999')
    expect(load).toThrow('queueMax (GAUNTLET_QUEUE_MAX) is "many", expected: waiting requests per model host before 503, an integer from 1')
    expect(load).toThrow('logLevel (GAUNTLET_LOG_LEVEL) is "loud"')
  })

  it('cannot be changed', () => {
    expect(Object.isFrozen(loadConfig({}))).toBe(true)
  })
})
